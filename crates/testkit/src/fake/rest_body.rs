//! The JSON bodies of REST requests, whose types Milvus checks strictly.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::reply::Version;

/// The type of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    /// An object whose values are texts.
    Texts,
    /// A list of lists of texts.
    Lists,
    Numbers,
}

/// A body whose members have the right types.
#[derive(Debug)]
pub(super) struct RequestBody(Map<String, Value>);

impl RequestBody {
    fn member(&self, name: &str) -> Option<&Value> {
        find(&self.0, name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.member(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(super) fn numbers(&self, name: &str) -> Vec<i64> {
        let list = self.member(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_i64).collect()
    }

    pub(super) fn lists(&self, name: &str) -> Vec<Vec<String>> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let list = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect();
        self.member(name).and_then(Value::as_array).into_iter().flatten().map(list).collect()
    }

    pub(super) fn texts(&self, name: &str) -> BTreeMap<String, String> {
        let members = self.member(name).and_then(Value::as_object).into_iter().flatten();
        members.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }
}

/// Finds a member, whatever the case of its name.
fn find<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value).filter(|value| !value.is_null())
}

/// The form of a body.
pub(super) struct BodyForm {
    /// The name of the type to which Go decodes it.
    pub(super) type_name: &'static str,
    /// The members with their types, and whether they are required.
    pub(super) members: &'static [(&'static str, Kind, bool)],
}

/// Reads a body; the error is Milvus's code and message.
pub(super) fn read_body(
    body: &[u8],
    form: &BodyForm,
    version: Version,
) -> Result<RequestBody, (i32, String)> {
    let BodyForm { type_name, members: fields } = form;
    let wrong = |cause: &str| (1801, format!("can only accept json format request, {cause}"));
    let no_body = "the request body should be nil, however {} is valid";
    if body.is_empty() {
        return Err(wrong(no_body));
    }
    let parsed: Result<Value, _> = serde_json::from_slice(body);
    let Ok(Value::Object(members)) = parsed else {
        return Err(wrong(if version < (3, 0, 0) { "error: unexpected EOF" } else { no_body }));
    };
    for (name, kind, _) in *fields {
        if let Some((found, wanted)) = find(&members, name).and_then(|value| mismatch(value, *kind)) {
            let cause = if version < (3, 0, 0) {
                format!(
                    "error: json: cannot unmarshal {found} into Go struct field {type_name}.{name} of type {wanted}"
                )
            } else {
                format!(
                    "error: Mismatch type {wanted} with value {found} \"at index 0: mismatched type with value\""
                )
            };
            return Err(wrong(&cause));
        }
    }
    for (name, kind, required) in *fields {
        let is_given = match find(&members, name) {
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
            None => false,
        };
        if *required && !is_given {
            let mut go_name = name[..1].to_uppercase() + &name[1..];
            if *kind == Kind::Text {
                go_name = go_name.replace("Id", "ID");
            }
            return Err((
                1802,
                format!(
                    "missing required parameters, error: Key: '{type_name}.{go_name}' Error:Field validation for '{go_name}' failed on the 'required' tag"
                ),
            ));
        }
    }
    Ok(RequestBody(members))
}

/// Returns the kind of JSON that a value is and the type that Go wants, if they disagree.
fn mismatch(value: &Value, kind: Kind) -> Option<(&'static str, &'static str)> {
    let found = match value {
        Value::Null => return None,
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let inner = |kind: Kind| move |value: &Value| mismatch(value, kind);
    match (kind, value) {
        (Kind::Text, Value::String(_)) => None,
        (Kind::Text, _) => Some((found, "string")),
        (Kind::Number, Value::Number(number)) if number.is_i64() => None,
        (Kind::Number, _) => Some((found, "int64")),
        (Kind::Texts, Value::Object(members)) => members.values().find_map(inner(Kind::Text)),
        (Kind::Texts, _) => Some((found, "map[string]string")),
        (Kind::Numbers, Value::Array(list)) => list.iter().find_map(inner(Kind::Number)),
        (Kind::Numbers, _) => Some((found, "[]int64")),
        (Kind::Lists, Value::Array(list)) => list.iter().find_map(|value| match value {
            Value::Array(texts) => texts.iter().find_map(inner(Kind::Text)),
            Value::String(_) => Some(("string", "[]string")),
            other => mismatch(other, Kind::Text).map(|(found, _)| (found, "[]string")),
        }),
        (Kind::Lists, _) => Some((found, "[][]string")),
    }
}
