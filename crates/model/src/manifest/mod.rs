//! What a backup holds: databases, collections, partitions, segments and their binlogs.
//!
//! [`json`] reads what any release of Milvus Backup (Go) wrote and writes what all of them read.

mod collection;
pub mod json;
mod rbac;
mod schema;
mod segment;

pub use collection::{CollectionBackup, DatabaseBackup, Index, LoadState, PartitionBackup};
pub use rbac::{Grant, PrivilegeGroup, Rbac, User};
pub use schema::{ConsistencyLevel, DataType, Field, Function, KeyValue, Schema, StructArrayField};
pub use segment::{Binlog, DeltaLog, Segment};

/// The tree of one backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The id of the job that made it.
    pub id: String,
    /// The name its maker gave; the directory's name is what counts.
    pub name: String,
    /// Milliseconds since 1970, where known.
    pub start_time_ms: Option<i64>,
    /// Milliseconds since 1970, where known.
    pub end_time_ms: Option<i64>,
    /// Bytes of all binlogs.
    pub size: u64,
    /// The source's version as it reported it.
    pub milvus_version: String,
    /// How the data lies.
    pub format: Format,
    /// Every selected database; empty in backups of 0.4.
    pub databases: Vec<DatabaseBackup>,
    /// In no particular order.
    pub collections: Vec<CollectionBackup>,
    /// Users, roles and grants, where asked for.
    pub rbac: Option<Rbac>,
    /// One extra object of ours in `backup_meta.json`, for `list`; absent in foreign backups.
    pub summary: Option<Summary>,
}

/// How the data of a backup lies on the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Milvus's binlogs, copied file by file.
    #[default]
    Binlog,
    /// A snapshot bundle exported by Milvus 3.0 and later.
    Snapshot,
    /// A format this version does not know.
    Other(String),
}

/// What `list` shows without reading the tree: the key `mb_summary` of our `backup_meta.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    /// The version of our own files' format; 1.
    pub format_version: u32,
    /// The tool and its version, such as `milvus-backup 0.1.0`.
    pub tool: String,
    /// When the backup was begun, milliseconds since 1970.
    pub taken_ms: i64,
    /// The number of collections.
    pub collections: u64,
    /// Rows including deleted ones.
    pub rows: u64,
    /// Deletes that are not yet applied to `rows`.
    pub deletes: u64,
    /// The number of objects below `binlogs/`.
    pub objects: u64,
}
