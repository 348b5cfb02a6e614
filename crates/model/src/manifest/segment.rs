//! Segments and their files, stored as ids and sizes without paths, so that a million objects fit in memory.

use crate::ids::{FieldId, LogId, PartitionScope, SegmentId};
use crate::segment::{SegmentKind, StorageVersion};

/// One insert binlog, which contains rows of one column, or of one group of columns, of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binlog {
    /// The column, or the column group under storage version 2.
    pub field: FieldId,
    /// The id of the file.
    pub log: LogId,
    /// The size in bytes; 0 if the manifest does not record it.
    pub size: u64,
}

/// One delta log of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeltaLog {
    /// The id of the file.
    pub log: LogId,
    /// The size in bytes; 0 if the manifest does not record it.
    pub size: u64,
}

/// A segment in a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The id of the segment in the source.
    pub id: SegmentId,
    /// The partition of the segment, or all partitions of its collection.
    pub partition: PartitionScope,
    /// The contents of the segment.
    pub kind: SegmentKind,
    /// The storage version as Milvus reported it; `kind` has its meaning. 0 in backups of Milvus before 2.6.
    pub storage_version: StorageVersion,
    /// The virtual channel of the segment, where known.
    pub virtual_channel: Option<String>,
    /// The number of rows, deleted ones included; 0 if the segment contains only delete entries.
    pub rows: u64,
    /// The directory level above the segment's, absent (0) in old backups.
    pub group_id: Option<i64>,
    /// The insert binlogs, sorted by field, then by log id.
    pub binlogs: Vec<Binlog>,
    /// The delta logs, sorted by log id.
    pub delta_logs: Vec<DeltaLog>,
}

impl Segment {
    /// Returns the size of all its files in bytes, at most `u64::MAX`: a damaged manifest may record any sizes.
    pub fn size(&self) -> u64 {
        let sizes = self.binlogs.iter().map(|b| b.size).chain(self.delta_logs.iter().map(|d| d.size));
        sizes.fold(0, u64::saturating_add)
    }

    /// Returns the number of insert binlogs of each column, or group of columns, that has some.
    pub fn files_by_column(&self) -> impl Iterator<Item = (FieldId, usize)> {
        let columns = self.binlogs.chunk_by(|a, b| a.field == b.field);
        columns.filter_map(|files| Some((files.first()?.field, files.len())))
    }

    /// Returns the number of its files.
    pub fn objects(&self) -> usize {
        self.binlogs.len() + self.delta_logs.len()
    }
}
