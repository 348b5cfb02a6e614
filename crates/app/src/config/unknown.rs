//! Warnings about unknown keys, with the most similar known key.

use super::find::Found;
use super::overrides::Overrides;
use super::schema::Schema;

/// Returns one warning for each key of the file and of `--set` that the schema does not have.
pub(super) fn unknown_keys(schema: Schema, file: Option<&Found>, overrides: &Overrides) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(file) = file {
        for (_, entry) in file.document.entries().filter(|(key, _)| schema.key(key).is_none()) {
            let place = format!("{} line {}", file.path.display(), entry.line);
            warnings.push(format!("{place}: {}", describe(schema, &entry.key)));
        }
    }
    for key in overrides.keys().filter(|key| !is_known(schema, key)) {
        warnings.push(format!("--set: {}", describe(schema, key)));
    }
    warnings
}

/// Whether `--set` accepts the name: that of a key or of its environment variable.
fn is_known(schema: Schema, name: &str) -> bool {
    schema.key(name).is_some() || key_of_variable(schema, name).is_some()
}

fn key_of_variable(schema: Schema, name: &str) -> Option<&'static super::schema::Key> {
    schema.keys().find(|key| key.env.is_some_and(|env| env.eq_ignore_ascii_case(name)))
}

fn describe(schema: Schema, name: &str) -> String {
    let other = schema.other();
    match other.key(name).or_else(|| key_of_variable(other, name)) {
        Some(known) => {
            let replacement = match schema {
                Schema::V2 => known.becomes,
                Schema::V1 => Schema::V1.keys().find(|v1| v1.becomes == Some(known.name)).map(|v1| v1.name),
            };
            let (this, other) = (schema.name(), other.name());
            match (replacement, schema) {
                (Some(replacement), _) => {
                    format!("{other} key {name} is ignored in a {this} configuration; use {replacement}")
                }
                (None, Schema::V1) => {
                    format!(
                        "v2 key {name} is ignored in a v1 configuration; to migrate the file: milvus-backup config migrate"
                    )
                }
                (None, Schema::V2) => format!("v1 key {name} is ignored; v2 has no such key"),
            }
        }
        None => match nearest(schema, name) {
            Some(nearest) => format!("unknown key {name} is ignored; did you mean {nearest}?"),
            None => format!("unknown key {name} is ignored"),
        },
    }
}

/// Returns the most similar known key, by the whole name or its last part, if it is similar enough.
fn nearest(schema: Schema, name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_lowercase();
    schema
        .keys()
        .flat_map(super::schema::Key::names)
        .map(|known| {
            let whole = strsim::damerau_levenshtein(&known.to_lowercase(), &lower);
            let end = strsim::damerau_levenshtein(&last(known), &last(&lower));
            (whole.min(end + 1), whole, known)
        })
        .min()
        .filter(|(distance, ..)| *distance <= 1 + lower.len() / 8)
        .map(|(.., known)| known)
}
