//! The keys of a backup's tree, from the backup down to its files.
//!
//! Type parameters stand for the parts that differ between reading (compact in memory) and writing (generated while
//! they are written).

use serde::Deserializer;
use serde::de::{Error as _, Visitor};

use super::codec::{Decode, decode_each, object};
use super::rbac::RbacWire;
use crate::ids::{CollectionId, FieldId, LogId, PartitionId, SegmentId, Tso};
use crate::manifest::{
    BackupFormat, Binlog, ConsistencyLevel, DatabaseBackup, DeltaLog, Index, KeyValue, LoadState,
    ManifestSummary, Schema, SnapshotBundle,
};
use crate::segment::StorageVersion;
use std::collections::BTreeMap;

/// The content of `backup_meta.json`, and with collections that of `full_meta.json`.
#[derive(Default)]
pub(super) struct BackupWire<C> {
    pub(super) id: String,
    pub(super) state_code: i32,
    pub(super) start_time: Option<i64>,
    pub(super) end_time: Option<i64>,
    pub(super) name: String,
    pub(super) collections: C,
    pub(super) size: u64,
    pub(super) milvus_version: String,
    pub(super) rbac: Option<RbacWire>,
    pub(super) databases: Vec<DatabaseBackup>,
    pub(super) flush_messages: BTreeMap<String, Vec<u8>>,
    pub(super) control_channel: String,
    pub(super) physical_channels: Vec<String>,
    pub(super) format: BackupFormat,
    pub(super) summary: Option<ManifestSummary>,
}

object!(BackupWire<C> {
    "id" => id,
    "state_code" always => state_code,
    "start_time" => start_time,
    "end_time" => end_time,
    "name" => name,
    "collection_backups" => collections,
    "size" always => size,
    "milvus_version" => milvus_version,
    "rbac_meta" => rbac,
    "database_backups" => databases,
    "flush_all_msgs_base64" => flush_messages,
    "control_channel_name" => control_channel,
    "physical_channel_names" => physical_channels,
    "format" => format,
    "mb_summary" => summary,
});

/// The content of a level file other than `backup_meta.json`.
#[derive(Default)]
pub(super) struct Infos<L> {
    pub(super) infos: L,
}

object!(Infos<L> { "infos" => infos });

#[derive(Default)]
pub(super) struct CollectionWire<P, L> {
    pub(super) backup_id: String,
    pub(super) start_time: Option<i64>,
    pub(super) end_time: Option<i64>,
    pub(super) id: CollectionId,
    pub(super) db_name: String,
    pub(super) name: String,
    pub(super) schema: Schema,
    pub(super) shards: i32,
    pub(super) consistency: ConsistencyLevel,
    pub(super) partitions: P,
    pub(super) backup_timestamp: Option<Tso>,
    pub(super) size: u64,
    pub(super) has_index: bool,
    pub(super) indexes: Vec<Index>,
    pub(super) load_state: LoadState,
    pub(super) seal_time: Option<i64>,
    pub(super) channel_checkpoints: BTreeMap<String, Vec<u8>>,
    pub(super) l0_segments: L,
    pub(super) properties: Vec<KeyValue>,
    pub(super) db_id: i64,
    pub(super) created_timestamp: Tso,
    pub(super) virtual_channels: Vec<String>,
    pub(super) physical_channels: Vec<String>,
    pub(super) aliases: Vec<String>,
    pub(super) snapshot: Option<SnapshotBundle>,
}

object!(SnapshotBundle {
    "metadata_path" => metadata_path,
    "total_files" => total_files,
    "total_bytes" => total_bytes,
});

object!(CollectionWire<P, L> {
    "id" => backup_id,
    "start_time" => start_time,
    "end_time" => end_time,
    "collection_id" => id,
    "db_name" => db_name,
    "collection_name" => name,
    "schema" => schema,
    "shards_num" => shards,
    "consistency_level" => consistency,
    "partition_backups" => partitions,
    "backup_timestamp" => backup_timestamp,
    "size" always => size,
    "has_index" always => has_index,
    "index_infos" => indexes,
    "load_state" => load_state,
    "backup_physical_timestamp" => seal_time,
    "channel_checkpoints" => channel_checkpoints,
    "l0_segments" => l0_segments,
    "properties" => properties,
    "db_id" => db_id,
    "created_timestamp" => created_timestamp,
    "virtual_channel_names" => virtual_channels,
    "physical_channel_names" => physical_channels,
    "aliases" => aliases,
    "snapshot_backup" => snapshot,
});

#[derive(Default)]
pub(super) struct PartitionWire<S> {
    pub(super) id: PartitionId,
    pub(super) name: String,
    pub(super) collection: CollectionId,
    pub(super) segments: S,
    pub(super) size: u64,
    pub(super) load_state: LoadState,
}

object!(PartitionWire<S> {
    "partition_id" => id,
    "partition_name" => name,
    "collection_id" => collection,
    "segment_backups" => segments,
    "size" always => size,
    "load_state" => load_state,
});

#[derive(Default)]
pub(super) struct SegmentWire<B, D> {
    pub(super) id: SegmentId,
    pub(super) collection: CollectionId,
    /// The id of the partition, or -1 for all partitions.
    pub(super) partition: i64,
    pub(super) rows: u64,
    pub(super) binlogs: B,
    pub(super) delta_logs: D,
    pub(super) size: u64,
    pub(super) group_id: Option<i64>,
    /// Whether the backup contains the segment's files; ignored when reading.
    pub(super) backuped: bool,
    pub(super) is_l0: bool,
    pub(super) virtual_channel: Option<String>,
    pub(super) storage_version: StorageVersion,
}

object!(SegmentWire<B, D> {
    "segment_id" => id,
    "collection_id" => collection,
    "partition_id" => partition,
    "num_of_rows" => rows,
    "binlogs" => binlogs,
    "deltalogs" => delta_logs,
    "size" always => size,
    "group_id" => group_id,
    "backuped" => backuped,
    "is_l0" => is_l0,
    "v_channel" => virtual_channel,
    "storage_version" => storage_version,
});

/// The files of one column.
#[derive(Default)]
pub(super) struct ColumnWire<L> {
    pub(super) field: FieldId,
    pub(super) logs: L,
}

object!(ColumnWire<L> {
    "fieldID" => field,
    "binlogs" => logs,
});

/// One file, with its path in Milvus's storage.
#[derive(Default)]
pub(super) struct LogWire<P> {
    pub(super) path: P,
    pub(super) size: u64,
    pub(super) id: LogId,
}

object!(LogWire<P> {
    "log_path" => path,
    "log_size" always => size,
    "log_id" always => id,
});

impl LogWire<PathId> {
    /// Returns the id of the file, which 0.4 records only as the end of the path.
    fn log_id(&self) -> LogId {
        if self.id == LogId(0) { self.path.0 } else { self.id }
    }
}

/// The number at the end of a path, which is the only part that is stored.
#[derive(Default)]
pub(super) struct PathId(LogId);

impl Decode for PathId {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Last;

        impl Visitor<'_> for Last {
            type Value = PathId;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a path")
            }

            fn visit_str<E>(self, path: &str) -> Result<PathId, E> {
                let last = path.rsplit('/').next().unwrap_or_default();
                Ok(PathId(LogId(last.parse().unwrap_or_default())))
            }
        }
        from.deserialize_str(Last)
    }
}

/// The binlogs of a segment in the compact form of the model.
#[derive(Default)]
pub(super) struct Binlogs(pub(super) Vec<Binlog>);

impl Decode for Binlogs {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut binlogs = Vec::new();
        decode_each(from, |column: ColumnWire<Vec<LogWire<PathId>>>| {
            binlogs.extend(column.logs.iter().map(|log| Binlog {
                field: column.field,
                log: log.log_id(),
                size: log.size,
            }));
        })?;
        if binlogs.iter().any(|binlog| binlog.log == LogId(0)) {
            return Err(D::Error::custom("a binlog has neither log_id nor a log_path that ends with it"));
        }
        binlogs.sort_unstable();
        binlogs.shrink_to_fit();
        Ok(Self(binlogs))
    }
}

/// The delta logs of a segment in the compact form of the model; 0.4 records a file's id as that of its column.
#[derive(Default)]
pub(super) struct DeltaLogs(pub(super) Vec<DeltaLog>);

impl Decode for DeltaLogs {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let binlogs = Binlogs::decode(from)?.0;
        let mut logs: Vec<_> = binlogs.iter().map(|log| DeltaLog { log: log.log, size: log.size }).collect();
        logs.sort_unstable();
        Ok(Self(logs))
    }
}
