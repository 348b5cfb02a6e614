//! The fields of a message as a list, for comparing answers and for replacing recorded ids in requests.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{DynamicMessage, Value};

/// The number of digits from which a number is an id or a timestamp.
const ID_DIGITS: usize = 15;

/// The set fields of a message, each with its path and its value as text; list positions are not part of paths.
pub(super) fn flatten(message: &DynamicMessage) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    flatten_into(message, "", &mut fields);
    fields
}

fn flatten_into(message: &DynamicMessage, path: &str, fields: &mut Vec<(String, String)>) {
    for (field, value) in message.fields() {
        let path = if path.is_empty() { field.name().to_owned() } else { format!("{path}.{}", field.name()) };
        add_value(value, &path, fields);
    }
}

fn add_value(value: &Value, path: &str, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Message(message) => flatten_into(message, path, fields),
        Value::List(list) => {
            for value in list {
                add_value(value, &format!("{path}[]"), fields);
            }
        }
        Value::Map(map) => {
            // Maps have no order.
            let sorted: BTreeMap<String, &Value> =
                map.iter().map(|(key, value)| (format!("{key:?}"), value)).collect();
            for (key, value) in sorted {
                fields.push((format!("{path}.key"), key));
                add_value(value, &format!("{path}.value"), fields);
            }
        }
        Value::String(text) => fields.push((path.to_owned(), text.clone())),
        Value::I64(number) => fields.push((path.to_owned(), number.to_string())),
        Value::U64(number) => fields.push((path.to_owned(), number.to_string())),
        Value::I32(number) | Value::EnumNumber(number) => fields.push((path.to_owned(), number.to_string())),
        other => fields.push((path.to_owned(), format!("{other:?}"))),
    }
}

/// The recorded ids, each with the one that the replaying server gave in its place.
#[derive(Debug, Default)]
pub(super) struct Ids(BTreeMap<String, String>);

impl Ids {
    /// Learns ids from two answers: those of each field that both have equally often.
    pub(super) fn learn(&mut self, recorded: &[(String, String)], actual: &[(String, String)]) {
        let paths: BTreeSet<&String> = recorded.iter().map(|(path, _)| path).collect();
        for path in paths {
            let values = |fields: &[(String, String)]| -> Vec<String> {
                let of_path = fields.iter().filter(|(other, _)| other == path);
                of_path.map(|(_, value)| value.clone()).collect()
            };
            let (recorded, actual) = (values(recorded), values(actual));
            if recorded.len() != actual.len() {
                continue;
            }
            for (recorded, actual) in recorded.into_iter().zip(actual) {
                if recorded != actual && is_id(&recorded) && is_id(&actual) {
                    self.0.insert(recorded, actual);
                }
            }
        }
    }

    /// Replaces the known ids in a message, also within texts.
    pub(super) fn replace_in(&self, message: &mut DynamicMessage) {
        let fields: Vec<_> = message.fields().map(|(field, value)| (field, value.clone())).collect();
        for (field, mut value) in fields {
            self.replace_in_value(&mut value);
            message.set_field(&field, value);
        }
    }

    fn replace_in_value(&self, value: &mut Value) {
        match value {
            Value::Message(message) => self.replace_in(message),
            Value::List(list) => list.iter_mut().for_each(|value| self.replace_in_value(value)),
            Value::Map(map) => map.values_mut().for_each(|value| self.replace_in_value(value)),
            Value::I64(number) => self.replace_number(number),
            Value::U64(number) => self.replace_number(number),
            Value::String(text) => *text = self.replace_in_text(text),
            _ => {}
        }
    }

    fn replace_in_text(&self, text: &str) -> String {
        if let Some(actual) = self.0.get(text) {
            return actual.clone();
        }
        let is_end =
            |(_, pair): &(usize, &[char])| matches!(pair, [a, b] if a.is_ascii_digit() != b.is_ascii_digit());
        let characters: Vec<char> = text.chars().collect();
        let ends = characters.windows(2).enumerate().filter(is_end).map(|(position, _)| position + 1);
        let mut replaced = String::new();
        let mut start = 0;
        for end in ends.chain([characters.len()]) {
            let part: String = characters.get(start..end).unwrap_or_default().iter().collect();
            replaced.push_str(self.0.get(&part).unwrap_or(&part));
            start = end;
        }
        replaced
    }

    fn replace_number<N: ToString + std::str::FromStr>(&self, number: &mut N) {
        let actual = self.0.get(&number.to_string()).and_then(|actual| actual.parse().ok());
        if let Some(actual) = actual {
            *number = actual;
        }
    }
}

/// Returns whether a text is a number as long as an id, or the hash of a password, which servers salt.
fn is_id(text: &str) -> bool {
    text.starts_with("$2a$") || text.len() >= ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Decodes a message with the fields that our protocol files have; others are kept and not shown.
pub(super) fn decode(descriptor: prost_reflect::MessageDescriptor, bytes: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(descriptor.clone(), bytes).unwrap_or_else(|_| DynamicMessage::new(descriptor))
}

/// Returns the outcome that an answer states: the fields of its status, which may be the whole answer.
pub(super) fn status_of(message: &DynamicMessage) -> DynamicMessage {
    let status = ["status", "alter_status"].into_iter().find_map(|name| message.get_field_by_name(name));
    match status.map(std::borrow::Cow::into_owned) {
        Some(Value::Message(status)) => status,
        _ => message.clone(),
    }
}

/// Returns a field of a status as text.
pub(super) fn field(message: &DynamicMessage, name: &str) -> String {
    match message.get_field_by_name(name).as_deref() {
        Some(Value::String(text)) => text.clone(),
        Some(Value::I32(number) | Value::EnumNumber(number)) => number.to_string(),
        _ => String::new(),
    }
}
