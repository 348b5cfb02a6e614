//! The manifest: the tree of databases, collections, partitions, segments and files that a backup contains.
//!
//! [`json`] reads the files of every release of Milvus Backup (Go), and writes files that all of them read.

mod collection;
mod field_steps;
pub mod json;
pub mod object_list;
mod rbac;
mod schema;
mod segment;
mod snapshot;

pub use collection::{CollectionBackup, DatabaseBackup, Index, IndexDetails, LoadState, PartitionBackup};
pub use field_steps::FieldSteps;
pub use rbac::{Grant, PrivilegeGroup, Rbac, User};
pub use schema::{
    ConsistencyLevel, DYNAMIC_FIELD, DataType, Field, Function, KeyValue, Schema, StructArrayField,
};
pub use segment::{Binlog, DeltaLog, Segment};
pub use snapshot::{InvalidMetadataPath, SnapshotBundle};

use std::collections::BTreeMap;

/// The tree of one backup, with facts about the backup as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The id of the job that made the backup.
    pub id: String,
    /// The name that the manifest records; the name of the directory has priority.
    pub name: String,
    /// The start of the backup in milliseconds since 1970, where known.
    pub start_time_ms: Option<i64>,
    /// The end of the backup in milliseconds since 1970, where known.
    pub end_time_ms: Option<i64>,
    /// The size of all binlogs and delta logs, in bytes.
    pub size: u64,
    /// The version of Milvus that the source reported.
    pub milvus_version: String,
    /// The format in which the rows are stored.
    pub format: BackupFormat,
    /// The selected databases; empty in backups of 0.4.
    pub databases: Vec<DatabaseBackup>,
    /// The selected collections, in no particular order.
    pub collections: Vec<CollectionBackup>,
    /// Users, roles and grants, if the backup includes them.
    pub rbac: Option<Rbac>,
    /// The flush of the whole cluster, if the backup made one.
    pub cluster_flush: Option<ClusterFlush>,
    /// The object in `backup_meta.json` that this program adds for `list`; absent in backups of the Go tool.
    pub summary: Option<ManifestSummary>,
}

/// What Milvus reported about a flush of the whole cluster (2.6.11 and later).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterFlush {
    /// The encoded `ImmutableMessage` with which each physical channel was flushed, by channel name.
    pub messages: BTreeMap<String, Vec<u8>>,
    /// The name of the control channel.
    pub control_channel: String,
    /// The names of the physical channels.
    pub physical_channels: Vec<String>,
}

/// The format in which a backup stores rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BackupFormat {
    /// Milvus's binlogs, copied file by file.
    #[default]
    Binlog,
    /// A snapshot bundle exported by Milvus 3.0 and later.
    Snapshot,
    /// A format this version does not know.
    Other(String),
}

/// The facts that `list` shows without reading the tree, stored under the key `mb_summary` of `backup_meta.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ManifestSummary {
    /// The version of the format of this program's own files: 1.
    pub format_version: u32,
    /// The tool and its version, such as `milvus-backup 0.1.0`.
    pub tool: String,
    /// The start of the backup, in milliseconds since 1970.
    pub taken_ms: i64,
    /// The number of collections in the backup.
    pub collections: u64,
    /// The number of rows, deleted ones included.
    pub rows: u64,
    /// The number of delete entries, which are not subtracted from `rows`.
    pub deletes: u64,
    /// The number of objects below `binlogs/`, or of the files of snapshots.
    pub objects: u64,
    /// The size of snapshots in bytes, which the size of the backup does not contain; 0 in binlog format.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub snapshot_bytes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
