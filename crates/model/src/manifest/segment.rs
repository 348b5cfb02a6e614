//! Segments and their files: ids and sizes, never paths, so that a million objects fit in memory.

use crate::ids::{FieldId, LogId, PartitionScope, SegmentId};

/// One insert binlog: a column of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binlog {
    /// The column, or the column group under storage version 2.
    pub field: FieldId,
    /// The file.
    pub log: LogId,
    /// Bytes; 0 where the maker did not tell.
    pub size: u64,
}

/// One delete log of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeltaLog {
    /// The file.
    pub log: LogId,
    /// Bytes; 0 where the maker did not tell.
    pub size: u64,
}

/// A segment of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its id in the source.
    pub id: SegmentId,
    /// Where it belongs.
    pub partition: PartitionScope,
    /// Rows, deleted ones included; 0 for L0.
    pub rows: u64,
    /// Whether it holds only deletes of other segments.
    pub is_l0: bool,
    /// The directory level above the segment's, absent (0) in old backups.
    pub group_id: Option<i64>,
    /// 1 for binlogs of columns, 2 for column groups; 0 where not told means 1.
    pub storage_version: i64,
    /// Its virtual channel, where known.
    pub v_channel: String,
    /// Sorted by field, then log.
    pub binlogs: Vec<Binlog>,
    /// Sorted by log.
    pub delta_logs: Vec<DeltaLog>,
}

impl Segment {
    /// Bytes of all its files; a damaged manifest may name more than there can be.
    pub fn size(&self) -> u64 {
        let sizes = self.binlogs.iter().map(|b| b.size).chain(self.delta_logs.iter().map(|d| d.size));
        sizes.fold(0, u64::saturating_add)
    }

    /// The number of its files.
    pub fn objects(&self) -> usize {
        self.binlogs.len() + self.delta_logs.len()
    }
}
