//! The databases, collections, partitions and indexes in a manifest.

use std::collections::BTreeMap;
use std::fmt;

use super::{ConsistencyLevel, KeyValue, Schema, Segment, SnapshotBundle};
use crate::ids::{CollectionId, PartitionId, PartitionScope, Tso};
use crate::name::CollectionRef;

/// A database in a manifest.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DatabaseBackup {
    /// The name of the database in the source.
    pub name: String,
    /// The id of the database in the source, where known.
    pub id: i64,
    /// The properties of the database (Milvus 2.4.6 and later).
    pub properties: Vec<KeyValue>,
    /// The key of the encryption zone as Milvus exported it; a secret.
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

/// The load state of a collection or partition when it was backed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadState {
    /// Not loaded, or not known.
    #[default]
    NotLoad,
    /// Milvus had begun to load it.
    Loading,
    /// Milvus had loaded it completely.
    Loaded,
}

impl LoadState {
    /// Returns the word for this state in a manifest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotLoad => "NotLoad",
            Self::Loading => "Loading",
            Self::Loaded => "Loaded",
        }
    }

    /// Converts the word in a manifest; an unknown word means not loaded.
    pub fn from_word(word: &str) -> Self {
        match word {
            "Loaded" => Self::Loaded,
            "Loading" => Self::Loading,
            _ => Self::NotLoad,
        }
    }
}

/// A collection in a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionBackup {
    /// The id of the collection in the source, which is part of every object's key.
    pub id: CollectionId,
    /// The database and the name of the collection in the source.
    pub name: CollectionRef,
    /// The schema of the collection.
    pub schema: Schema,
    /// The number of shards of the collection.
    pub shards: i32,
    /// The default consistency level of reads.
    pub consistency: ConsistencyLevel,
    /// The partitions, empty ones included.
    pub partitions: Vec<PartitionBackup>,
    /// The segments that belong to all partitions; Milvus 2.4 and later writes such segments of deletes (L0).
    pub shared_segments: Vec<Segment>,
    /// The size of all its files, in bytes.
    pub size: u64,
    /// The indexes of the collection.
    pub indexes: Vec<Index>,
    /// Whether it was loaded in the source.
    pub load_state: LoadState,
    /// The cut, if the flush returned its timestamp.
    pub backup_timestamp: Option<Tso>,
    /// The time at which the flush sealed its segments, in seconds since 1970.
    pub seal_time_s: Option<i64>,
    /// The encoded `MsgPosition` of each virtual channel, if the flush returned them.
    pub channel_checkpoints: BTreeMap<String, Vec<u8>>,
    /// The time at which the backup of the collection started, in seconds since 1970.
    pub start_time_s: Option<i64>,
    /// The time at which the backup of the collection ended, in seconds since 1970.
    pub end_time_s: Option<i64>,
    /// The union of the collection's and its schema's properties.
    pub properties: Vec<KeyValue>,
    /// The id of its database, where known.
    pub db_id: i64,
    /// The time at which the collection was created in the source.
    pub created_timestamp: Tso,
    /// The names of its virtual channels.
    pub virtual_channels: Vec<String>,
    /// The names of its physical channels.
    pub physical_channels: Vec<String>,
    /// The aliases of the collection.
    pub aliases: Vec<String>,
    /// The exported snapshot with its rows, in a backup of snapshot format.
    pub snapshot: Option<SnapshotBundle>,
}

impl CollectionBackup {
    /// Returns whether Milvus makes the partitions and assigns rows to them: by a partition key, or by namespaces.
    pub fn distributes_rows(&self) -> bool {
        let is_mode = |property: &KeyValue| property.key == "namespace.mode" && property.value == "partition";
        let by_namespace = self.schema.enable_namespace && !self.properties.iter().any(is_mode);
        self.schema.has_partition_key() || by_namespace
    }

    /// Returns the segments that belong to one partition, or to all partitions.
    pub fn segments_of(&self, scope: PartitionScope) -> &[Segment] {
        match scope {
            PartitionScope::All => &self.shared_segments,
            PartitionScope::One(id) => {
                self.partitions.iter().find(|p| p.id == id).map_or(&[], |partition| &partition.segments)
            }
        }
    }
}

/// A partition in a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionBackup {
    /// The id of the partition in the source, which is part of every object's key.
    pub id: PartitionId,
    /// The name of the partition.
    pub name: String,
    /// The segments of the partition.
    pub segments: Vec<Segment>,
    /// The size of all its files, in bytes.
    pub size: u64,
    /// Whether it was loaded in the source.
    pub load_state: LoadState,
}

/// An index of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// The name of the indexed field.
    pub field_name: String,
    /// The name of the index.
    pub name: String,
    /// The type of the index, such as `HNSW`.
    pub index_type: String,
    /// All parameters, including `index_type` and `metric_type`; nested parameters are JSON texts.
    pub params: BTreeMap<String, String>,
    /// The id of the index in the source, where known.
    pub id: i64,
    /// What Milvus keeps of the index in etcd; only backups of the Go tool with `--backup_index_extra` contain it.
    pub details: IndexDetails,
}

/// The details of an index that Milvus keeps in etcd and no call returns. They are kept in copies of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexDetails {
    /// The id of the indexed field.
    pub field_id: i64,
    /// The time at which the index was created.
    pub create_time: Tso,
    /// The type parameters of the field.
    pub type_params: Vec<KeyValue>,
    /// The parameters with which the index is built.
    pub index_params: Vec<KeyValue>,
    /// The parameters that the user gave.
    pub user_index_params: Vec<KeyValue>,
    /// Whether Milvus chose the type of the index.
    pub is_auto_index: bool,
    /// The lowest version of the index format.
    pub min_index_version: i32,
    /// The highest version of the index format.
    pub max_index_version: i32,
}

impl Index {
    /// Returns whether both index the same values: those of a field, or of a path within a JSON field.
    pub fn indexes_same(&self, other: &Self) -> bool {
        const PATH: &str = "json_path";
        self.field_name == other.field_name && self.params.get(PATH) == other.params.get(PATH)
    }
}
