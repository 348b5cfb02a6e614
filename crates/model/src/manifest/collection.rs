//! Databases, collections, partitions and indexes of a backup.

use std::collections::BTreeMap;
use std::fmt;

use super::{ConsistencyLevel, KeyValue, Schema, Segment};
use crate::ids::{CollectionId, PartitionId, Tso};
use crate::name::CollectionRef;

/// A database of a backup.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DatabaseBackup {
    /// The database's name.
    pub name: String,
    /// Milvus's id, where known.
    pub id: i64,
    /// Properties (Milvus 2.4.6 and later).
    pub properties: Vec<KeyValue>,
    /// The encryption zone's key as Milvus exported it; a secret.
    pub ezk: String,
}

impl fmt::Debug for DatabaseBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, id, properties, ezk: _ } = self;
        f.debug_struct("DatabaseBackup")
            .field("name", name)
            .field("id", id)
            .field("properties", properties)
            .finish_non_exhaustive()
    }
}

/// Whether a collection or partition was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadState {
    /// Not loaded, or not known.
    #[default]
    NotLoad,
    /// On its way.
    Loading,
    /// Loaded.
    Loaded,
}

impl LoadState {
    /// The word of the manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotLoad => "NotLoad",
            Self::Loading => "Loading",
            Self::Loaded => "Loaded",
        }
    }

    /// Reads the word of the manifest; anything unknown is not loaded.
    pub fn from_word(word: &str) -> Self {
        match word {
            "Loaded" => Self::Loaded,
            "Loading" => Self::Loading,
            _ => Self::NotLoad,
        }
    }
}

/// A collection of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionBackup {
    /// Its id in the source; part of every object's key.
    pub id: CollectionId,
    /// Its database and name in the source.
    pub name: CollectionRef,
    /// Its schema.
    pub schema: Schema,
    /// The number of shards.
    pub shards: i32,
    /// The consistency level.
    pub consistency: ConsistencyLevel,
    /// Partitions, empty ones included.
    pub partitions: Vec<PartitionBackup>,
    /// Segments of deletes that apply to all partitions (Milvus 2.4 and later).
    pub l0_segments: Vec<Segment>,
    /// Bytes of all its binlogs.
    pub size: u64,
    /// Indexes.
    pub indexes: Vec<Index>,
    /// Whether it was loaded.
    pub load_state: LoadState,
    /// The cut, where a flush told it.
    pub backup_timestamp: Option<Tso>,
    /// When its data was sealed, seconds since 1970.
    pub seal_time_s: Option<i64>,
    /// Each virtual channel's encoded `MsgPosition`, where a flush told it.
    pub channel_checkpoints: BTreeMap<String, Vec<u8>>,
    /// When reading it began, seconds since 1970.
    pub start_time_s: Option<i64>,
    /// When reading it ended, seconds since 1970.
    pub end_time_s: Option<i64>,
    /// The union of the collection's and its schema's properties.
    pub properties: Vec<KeyValue>,
    /// The id of its database, where known.
    pub db_id: i64,
    /// When it was created.
    pub created_timestamp: Tso,
    /// Its virtual channels.
    pub virtual_channels: Vec<String>,
    /// Its physical channels.
    pub physical_channels: Vec<String>,
    /// Aliases.
    pub aliases: Vec<String>,
}

/// A partition of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionBackup {
    /// Its id in the source; part of every object's key.
    pub id: PartitionId,
    /// Its name.
    pub name: String,
    /// Its segments.
    pub segments: Vec<Segment>,
    /// Bytes of all its binlogs.
    pub size: u64,
    /// Whether it was loaded.
    pub load_state: LoadState,
}

/// An index of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// The indexed field.
    pub field_name: String,
    /// The index's name.
    pub name: String,
    /// Such as `HNSW`.
    pub index_type: String,
    /// All parameters, `index_type` and `metric_type` included; nested ones are JSON text.
    pub params: BTreeMap<String, String>,
    /// Milvus's id, where known.
    pub id: i64,
}
