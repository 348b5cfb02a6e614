//! The shape of JSON documents: their keys and the types of their values.

use serde_json::Value;
use std::collections::BTreeSet;

/// Returns the paths of the recorded document that ours lacks, or has with another type. All elements of a list share
/// one path.
pub(crate) fn missing_paths(recorded: &Value, ours: &Value) -> Vec<String> {
    let (wanted, known) = (paths(recorded), paths(ours));
    let missing = wanted.into_iter().filter(|path| !known.contains(path));
    missing.map(|(path, kind)| if kind == "null" { format!("{path}.null") } else { path }).collect()
}

/// The end time that 0.5.16 writes for an active job, in seconds since 1970; we omit it, like 0.4.15.
const NO_TIME: i64 = -62_135_596_800;

fn paths(value: &Value) -> BTreeSet<(String, &'static str)> {
    let mut found = BTreeSet::new();
    collect(value, "", &mut found);
    found
}

fn collect(value: &Value, path: &str, found: &mut BTreeSet<(String, &'static str)>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.as_i64() == Some(NO_TIME) => return,
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(elements) => {
            for element in elements {
                collect(element, &format!("{path}[]"), found);
            }
            "list"
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                collect(value, &format!("{path}.{key}"), found);
            }
            "object"
        }
    };
    found.insert((path.to_owned(), kind));
}

#[test]
fn shapes_are_compared_by_keys_and_types() {
    use serde_json::json;
    let none: [&str; 0] = [];
    let ours = json!({"a": 1, "list": [{"b": "x"}, {"c": true}], "more": 1});
    assert_eq!(missing_paths(&json!({"a": 2, "list": [{"b": "", "c": false}]}), &ours), none);
    assert_eq!(missing_paths(&json!({"a": "2", "list": [{"d": 1}]}), &ours), [".a", ".list[].d"]);
    assert_eq!(missing_paths(&json!({"a": null}), &ours), [".a.null"]);
}
