//! Deletes by key.

use proto::common::ErrorCode;
use proto::milvus as wire;
use proto::schema::{IDs, LongArray, StringArray, i_ds};

use super::cell::{Deletion, Key, user_columns};
use super::external::refuse_external;
use super::reply::Refusal;
use super::segment::ALL_PARTITIONS;
use super::segments::PendingDelete;
use super::state::FakeState;

/// An expression that selects rows to delete.
enum Selection {
    /// `key in [..]`.
    Keys(Vec<Key>),
    /// `key == x`.
    Key(Key),
    /// Another expression, which needs a loaded collection.
    Other,
    Nonsense,
}

impl FakeState {
    pub(super) fn delete(&mut self, request: &wire::DeleteRequest) -> Result<wire::MutationResult, Refusal> {
        let version = self.version;
        let held = self.collection(&request.db_name, &request.collection_name).map_err(|refusal| {
            let database = if request.db_name.is_empty() { "default" } else { &request.db_name };
            let name = &request.collection_name;
            let text = format!(
                "Failed to get collection id: collection not found[database={database}][collection={name}]"
            );
            if version < (2, 3, 0) {
                refusal
            } else {
                Refusal::new(100, ErrorCode::CollectionNotExists, text)
            }
        })?;
        refuse_external(&held.schema, "delete")?;
        let partition = match request.partition_name.as_str() {
            "" => ALL_PARTITIONS,
            name => {
                let found = held.partition(name);
                found.map_err(|_| Refusal::worded("delete.no_partition", &[name]))?.id
            }
        };
        let columns = user_columns(held, version);
        let key = columns.iter().find(|column| column.is_key).map_or("", |column| column.name.as_str());
        let collection = held.id;
        let keys = match parse(&request.expr, key) {
            Selection::Keys(keys) => keys,
            Selection::Key(key) if version >= (2, 3, 0) => vec![key],
            selection => return Err(refuse(&selection, &request.expr, collection)),
        };
        let time = self.next_timestamp();
        let held = self.collection(&request.db_name, &request.collection_name)?;
        let pending = |key: &Key| PendingDelete { partition, deletion: Deletion { key: key.clone(), time } };
        held.history.deletes.extend(keys.iter().map(pending));
        let delete_cnt = i64::try_from(keys.len()).unwrap_or_default();
        // Only 2.2 returns the keys.
        let ids = if version < (2, 3, 0) { IDs { id_field: Some(to_ids(keys)) } } else { IDs::default() };
        Ok(wire::MutationResult { i_ds: Some(ids), delete_cnt, ..Default::default() })
    }
}

fn refuse(selection: &Selection, expression: &str, collection: i64) -> Refusal {
    match selection {
        Selection::Nonsense => {
            let at = expression.rfind('?').unwrap_or_default();
            Refusal::worded("delete.nonsense", &[expression, &at.to_string()])
        }
        _ if expression.is_empty() => Refusal::worded("delete.empty", &[&collection.to_string()]),
        _ => Refusal::worded("delete.other", &[&collection.to_string()]),
    }
}

fn parse(expression: &str, key: &str) -> Selection {
    if expression.contains('?') {
        return Selection::Nonsense;
    }
    let Some(rest) = expression.trim().strip_prefix(key).map(str::trim) else { return Selection::Other };
    if let Some(value) = rest.strip_prefix("==").and_then(parse_key) {
        return Selection::Key(value);
    }
    rest.strip_prefix("in").and_then(parse_keys).map_or(Selection::Other, Selection::Keys)
}

/// Parses a list of literals of keys in brackets.
pub(super) fn parse_keys(list: &str) -> Option<Vec<Key>> {
    let list = list.trim();
    if let Ok(texts) = serde_json::from_str::<Vec<String>>(list) {
        return Some(texts.into_iter().map(Key::Text).collect());
    }
    list.strip_prefix('[')?.strip_suffix(']')?.split(',').map(parse_key).collect()
}

/// Parses a literal of a key: a number, or a text in quotes.
pub(super) fn parse_key(text: &str) -> Option<Key> {
    let text = text.trim();
    if let Ok(text) = serde_json::from_str(text) {
        return Some(Key::Text(text));
    }
    match text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        Some(text) => Some(Key::Text(text.to_owned())),
        None => text.parse().ok().map(Key::Int),
    }
}

fn to_ids(keys: Vec<Key>) -> i_ds::IdField {
    let (mut ints, mut texts) = (Vec::new(), Vec::new());
    for key in keys {
        match key {
            Key::Int(key) => ints.push(key),
            Key::Text(key) => texts.push(key),
        }
    }
    if texts.is_empty() {
        i_ds::IdField::IntId(LongArray { data: ints })
    } else {
        i_ds::IdField::StrId(StringArray { data: texts })
    }
}
