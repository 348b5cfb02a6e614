//! The deleted keys of some delta logs, each with its latest deletion.

use std::collections::HashMap;

use model::ids::Tso;

use super::KeyType;
use super::entry::DeletedKey;

/// The deleted keys, each with the largest timestamp at which it was deleted.
///
/// A map takes about 30 bytes for each integer key, and 60 bytes and its text for each text key.
#[derive(Clone, Debug)]
pub struct DeleteMap {
    keys: Keys,
    entries: u64,
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
        Self { keys, entries: 0 }
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
    pub(super) fn insert(&mut self, key: DeletedKey, time: u64) -> bool {
        let latest = match (&mut self.keys, key) {
            (Keys::Int64(keys), DeletedKey::Int64(key)) => keys.entry(key).or_default(),
            (Keys::VarChar(keys), DeletedKey::VarChar(key)) => {
                keys.entry(key.into_bytes().into()).or_default()
            }
            _ => return false,
        };
        *latest = time.max(*latest);
        self.entries += 1;
        true
    }
}
