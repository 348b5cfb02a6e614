//! Small backups for the tests of the planners.

use super::restore::{RestoreRequest, TargetFacts};
use crate::ids::{CollectionId, FieldId, LogId, PartitionId, PartitionScope, SegmentId, Tso};
use crate::manifest::{
    Binlog, CollectionBackup, ConsistencyLevel, DeltaLog, LoadState, Manifest, PartitionBackup, Schema,
    Segment,
};
use crate::name::CollectionRef;
use crate::segment::{SegmentKind, StorageFormat, StorageVersion};

pub(super) const GIB: u64 = 1 << 30;

/// A segment with one insert binlog of `size` bytes.
pub(super) fn segment(id: i64, rows: u64, size: u64) -> Segment {
    Segment {
        id: SegmentId(id),
        partition: PartitionScope::One(PartitionId(2)),
        kind: SegmentKind::Rows { format: StorageFormat::V1 },
        storage_version: StorageVersion(0),
        virtual_channel: None,
        rows,
        group_id: Some(id),
        binlogs: vec![Binlog { field: FieldId::ROW_ID, log: LogId(id * 1000), size }],
        delta_logs: vec![],
    }
}

/// A segment with one insert binlog of `size` bytes and a delta log of one byte.
pub(super) fn segment_with_deletes(id: i64, rows: u64, size: u64) -> Segment {
    Segment { delta_logs: vec![DeltaLog { log: LogId(id * 1000 + 1), size: 1 }], ..segment(id, rows, size) }
}

/// A partition that is not loaded.
pub(super) fn partition(id: i64, name: &str, segments: Vec<Segment>) -> PartitionBackup {
    PartitionBackup {
        id: PartitionId(id),
        name: name.to_owned(),
        size: segments.iter().map(Segment::size).fold(0, u64::saturating_add),
        segments,
        load_state: LoadState::NotLoad,
    }
}

/// A collection of the default database; its id follows from its name's length.
pub(super) fn collection(name: &str, partitions: Vec<PartitionBackup>) -> CollectionBackup {
    CollectionBackup {
        id: CollectionId(1000 + i64::try_from(name.len()).unwrap()),
        name: self::name(name),
        schema: Schema { name: name.to_owned(), ..Schema::default() },
        shards: 1,
        consistency: ConsistencyLevel(2),
        size: partitions.iter().map(|p| p.size).fold(0, u64::saturating_add),
        partitions,
        shared_segments: vec![],
        indexes: vec![],
        load_state: LoadState::NotLoad,
        backup_timestamp: None,
        seal_time_s: None,
        channel_checkpoints: [].into(),
        start_time_s: None,
        end_time_s: None,
        properties: vec![],
        db_id: 0,
        created_timestamp: Tso(0),
        virtual_channels: vec![],
        physical_channels: vec![],
        aliases: vec![],
        snapshot: None,
    }
}

/// Parses `coll` or `db.coll`.
pub(super) fn name(text: &str) -> CollectionRef {
    let (database, collection) = text.split_once('.').unwrap_or(("", text));
    CollectionRef::new(database, collection)
}

/// A backup of these collections.
pub(super) fn manifest(collections: Vec<CollectionBackup>) -> Manifest {
    Manifest { collections, ..Manifest::default() }
}

/// A request to restore everything, with the default options.
pub(super) fn request() -> RestoreRequest {
    RestoreRequest::with_defaults("nightly".parse().unwrap())
}

/// An empty target that can import from the backup in place.
pub(super) fn facts() -> TargetFacts {
    TargetFacts { databases: ["default".to_owned()].into(), ..TargetFacts::default() }
}
