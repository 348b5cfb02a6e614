//! The fields of a message as a list, for comparing answers and for replacing recorded ids in requests.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{DynamicMessage, ReflectMessage, Value};

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

/// The recorded ids, each with the one that the replaying server gave in its place; and the storage directory likewise.
#[derive(Debug, Default)]
pub(super) struct Ids(BTreeMap<String, String>, Option<[String; 2]>);

impl Ids {
    /// Knows no ids, but the storage directories of the recorded and of the replaying server.
    pub(super) fn with_roots(recorded: &str, actual: &str) -> Self {
        let roots = (!actual.is_empty()).then(|| [recorded.to_owned(), actual.to_owned()]);
        Self(BTreeMap::new(), roots)
    }

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

    /// Replaces the known ids in a JSON value.
    pub(super) fn replace_in_json(&self, value: &mut serde_json::Value) {
        use serde_json::Value as Json;
        match value {
            Json::Number(number) => {
                let actual = self.0.get(&number.to_string()).and_then(|actual| actual.parse::<i64>().ok());
                if let Some(actual) = actual {
                    *number = actual.into();
                }
            }
            Json::String(text) => *text = self.replace_in_text(text),
            Json::Array(list) => list.iter_mut().for_each(|value| self.replace_in_json(value)),
            Json::Object(members) => members.values_mut().for_each(|value| self.replace_in_json(value)),
            Json::Null | Json::Bool(_) => {}
        }
    }

    /// Remembers that the replaying server gave `actual` in place of `recorded`.
    pub(super) fn insert(&mut self, recorded: &str, actual: &str) {
        self.0.insert(recorded.to_owned(), actual.to_owned());
    }

    pub(super) fn replace_in_text(&self, text: &str) -> String {
        if let Some(actual) = self.0.get(text) {
            return actual.clone();
        }
        if let Some((before, [_, root], after)) = self.1.as_ref().and_then(|roots| {
            let (before, after) = text.split_once(roots.first()?.as_str())?;
            Some((before, roots, after))
        }) {
            // The directory may itself contain numbers.
            return format!("{before}{root}{}", self.replace_in_text(after));
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

/// Sorts the segments in a list by what they contain, so that the ids of equal ones are learned in pairs. `ids` replaces
/// the recorded partitions.
pub(super) fn sort_segments(message: &mut DynamicMessage, ids: &Ids) {
    let Some(field) = message.descriptor().get_field_by_name("infos") else { return };
    let Value::List(mut infos) = message.get_field(&field).into_owned() else { return };
    infos.sort_by_key(|info| segment_values(info, ids));
    message.set_field(&field, Value::List(infos));
}

/// Returns what a segment is: its partition, its rows, its level, its form.
fn segment_values(info: &Value, ids: &Ids) -> String {
    let Value::Message(info) = info else { return String::new() };
    let text = |name: &str| {
        let value = info.get_field_by_name(name).map(|value| format!("{:?}", *value)).unwrap_or_default();
        ids.replace_in_text(&value)
    };
    ["partitionID", "num_rows", "level", "state", "is_sorted", "storage_version"].map(text).join(" ")
}

/// Returns the values of an answer that are compared beside its shape, in any order: those of segments, of counts, and
/// of import jobs.
pub(super) fn telling_values(message: &DynamicMessage) -> Vec<String> {
    let name = message.descriptor().name().to_owned();
    let value = |message: &DynamicMessage, field: &str| {
        message.get_field_by_name(field).map(|value| format!("{:?}", *value)).unwrap_or_default()
    };
    let mut values = Vec::new();
    match name.as_str() {
        "GetPersistentSegmentInfoResponse" => {
            let Some(Value::List(infos)) = message.get_field_by_name("infos").as_deref().cloned() else {
                return values;
            };
            for info in infos {
                if let Value::Message(info) = info {
                    let all = value(&info, "partitionID") == "I64(-1)";
                    let fields = ["num_rows", "level", "state", "is_sorted", "storage_version"];
                    values.push(format!("{all} {}", fields.map(|field| value(&info, field)).join(" ")));
                }
            }
        }
        "GetCollectionStatisticsResponse" => values.push(value(message, "stats")),
        "GetImportStateResponse" => {
            values.extend(["state", "row_count"].map(|field| value(message, field)));
        }
        _ => {}
    }
    values.sort();
    values
}
