//! The deleted keys of some delta logs, each with its latest deletion.

use std::collections::HashMap;

use model::ids::Tso;

use super::entry::RowKey;
use super::{DeleteEntry, KeyType};

/// The deleted keys, each with the largest timestamp at which it was deleted.
///
/// A map takes about 30 bytes for each integer key, and 60 bytes and its text for each text key.
#[derive(Clone, Debug)]
pub struct DeleteMap {
    keys: Keys,
    entries: u64,
    has_uncommon_form: bool,
}

#[derive(Clone, Debug)]
enum Keys {
    Int64(HashMap<i64, u64>),
    VarChar(HashMap<Box<[u8]>, u64>),
}

impl DeleteMap {
    /// Creates an empty map for keys of this type.
    pub fn new(key_type: KeyType) -> Self {
        let keys = match key_type {
            KeyType::Int64 => Keys::Int64(HashMap::new()),
            KeyType::VarChar => Keys::VarChar(HashMap::new()),
        };
        Self { keys, entries: 0, has_uncommon_form: false }
    }

    /// Returns the type of the keys.
    pub fn key_type(&self) -> KeyType {
        match self.keys {
            Keys::Int64(_) => KeyType::Int64,
            Keys::VarChar(_) => KeyType::VarChar,
        }
    }

    /// Returns the number of different keys.
    pub fn len(&self) -> usize {
        match &self.keys {
            Keys::Int64(keys) => keys.len(),
            Keys::VarChar(keys) => keys.len(),
        }
    }

    /// Returns whether no key is deleted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of entries that were read, repeated keys included.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Returns whether the logs include one in a form that not every release of Milvus imports: with keys and
    /// timestamps in two columns, or with several events.
    pub fn has_uncommon_form(&self) -> bool {
        self.has_uncommon_form
    }

    /// Returns the latest deletion of an integer key.
    pub fn deletion_of_int64(&self, key: i64) -> Option<Tso> {
        match &self.keys {
            Keys::Int64(keys) => keys.get(&key).copied().map(Tso),
            Keys::VarChar(_) => None,
        }
    }

    /// Returns the latest deletion of a text key.
    pub fn deletion_of_text(&self, key: &[u8]) -> Option<Tso> {
        match &self.keys {
            Keys::Int64(_) => None,
            Keys::VarChar(keys) => keys.get(key).copied().map(Tso),
        }
    }

    /// Adds an entry; returns `false` if its key has another type than the map.
    pub(super) fn insert(&mut self, key: RowKey, time: u64) -> bool {
        match key {
            RowKey::Int64(key) => self.add_int64(key, time),
            RowKey::VarChar(key) => self.add_text(key.as_bytes(), time),
        }
    }

    /// Adds an entry for an integer key; returns `false` if the map has text keys.
    pub(super) fn add_int64(&mut self, key: i64, time: u64) -> bool {
        let Keys::Int64(keys) = &mut self.keys else { return false };
        let latest = keys.entry(key).or_default();
        *latest = time.max(*latest);
        self.entries += 1;
        true
    }

    /// Adds an entry for a text key; returns `false` if the map has integer keys.
    pub(super) fn add_text(&mut self, key: &[u8], time: u64) -> bool {
        let Keys::VarChar(keys) = &mut self.keys else { return false };
        match keys.get_mut(key) {
            Some(latest) => *latest = time.max(*latest),
            None => drop(keys.insert(key.into(), time)),
        }
        self.entries += 1;
        true
    }

    /// Records that a log has another form than the one that every release of Milvus imports.
    pub(super) fn mark_uncommon(&mut self) {
        self.has_uncommon_form = true;
    }

    /// Returns whether a key of another map is in this one.
    pub(super) fn has_key_of(&self, other: &Self) -> bool {
        match (&self.keys, &other.keys) {
            (Keys::Int64(keys), Keys::Int64(others)) => others.keys().any(|key| keys.contains_key(key)),
            (Keys::VarChar(keys), Keys::VarChar(others)) => others.keys().any(|key| keys.contains_key(key)),
            _ => false,
        }
    }

    /// Returns one entry for each key, sorted by key.
    pub(super) fn sorted_entries(&self) -> Vec<DeleteEntry> {
        let mut entries: Vec<DeleteEntry> = match &self.keys {
            Keys::Int64(keys) => keys
                .iter()
                .map(|(key, time)| DeleteEntry { key: RowKey::Int64(*key), time: Tso(*time) })
                .collect(),
            Keys::VarChar(keys) => keys
                .iter()
                .map(|(key, time)| {
                    // Delete entries are JSON, so a deleted key is text.
                    let key = String::from_utf8_lossy(key).into_owned();
                    DeleteEntry { key: RowKey::VarChar(key), time: Tso(*time) }
                })
                .collect(),
        };
        entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        entries
    }
}
