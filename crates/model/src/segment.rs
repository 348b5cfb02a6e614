//! What a segment contains, in which format, and what Milvus reports about it.

use crate::ids::{PartitionScope, SegmentId};

/// The contents of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// Rows in insert binlogs, and the delete entries for them in delta logs.
    Rows {
        /// The format of the insert binlogs.
        format: StorageFormat,
    },
    /// Only delete entries, for the rows of other segments (an L0 segment, Milvus 2.4 and later).
    Deletes,
}

impl SegmentKind {
    /// Derives the kind from whether a segment contains only delete entries, and from its storage version.
    pub const fn new(only_deletes: bool, version: StorageVersion) -> Self {
        if only_deletes { Self::Deletes } else { Self::Rows { format: version.format() } }
    }

    /// Returns whether the segment contains rows.
    pub const fn has_rows(self) -> bool {
        match self {
            Self::Rows { .. } => true,
            Self::Deletes => false,
        }
    }
}

/// How insert binlogs contain the columns of a segment. Delta logs have the same format in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StorageFormat {
    /// Each file contains one column; its directory is the id of the field.
    V1,
    /// Each file contains a group of columns; its directory is the id of the group (Milvus 2.6 and later).
    V2,
    /// A format that can be neither backed up nor restored, such as that of storage version 3.
    Unsupported,
}

/// The number of a storage format, as Milvus reports it and manifests record it; 0 where none is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageVersion(pub i64);

impl StorageVersion {
    /// Returns the format; versions before 2.6 report no number and write the first format.
    pub const fn format(self) -> StorageFormat {
        match self.0 {
            ..=1 => StorageFormat::V1,
            2 => StorageFormat::V2,
            3.. => StorageFormat::Unsupported,
        }
    }
}

/// A segment as Milvus lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedSegment {
    /// The id of the segment, which is part of the keys of its files.
    pub id: SegmentId,
    /// The partition of the segment, or all partitions of its collection.
    pub partition: PartitionScope,
    /// How much of the segment is in the store.
    pub state: SegmentState,
    /// The number of rows, deleted ones included; final when the segment is flushed (0 in some sealed segments).
    pub rows: u64,
    /// The contents of the segment, derived from the level, the partition and the storage version.
    pub kind: SegmentKind,
    /// The level of the segment, reported since Milvus 2.4.7.
    pub level: SegmentLevel,
    /// Whether the rows are sorted by primary key, reported since Milvus 2.5.
    pub is_sorted: bool,
    /// The storage version, reported since Milvus 2.6.
    pub storage_version: StorageVersion,
    /// The virtual channel through which the segment received its rows; `None` if the call does not report it.
    pub virtual_channel: Option<String>,
}

impl ReportedSegment {
    /// Returns whether the segment contains rows, all of which are in the store.
    pub fn has_flushed_rows(&self) -> bool {
        self.state == SegmentState::Flushed && self.kind.has_rows()
    }
}

/// The state of a segment between receiving rows and being in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// The segment receives rows.
    Growing,
    /// The segment receives no more rows, and its files are being written.
    Sealed,
    /// The files are being registered; `GetFlushState` already counts the segment as flushed (2.2 to 3.0).
    Flushing,
    /// All files of the segment are in the store.
    Flushed,
    /// The segment belongs to an import job that is not finished.
    Importing,
    /// The segment was dropped, or replaced by compaction.
    Dropped,
}

/// How far compaction has processed a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentLevel {
    /// Rows, from a Milvus without levels.
    Legacy,
    /// Only delete entries for other segments.
    L0,
    /// Rows that are not clustered.
    L1,
    /// Rows that clustering compaction has sorted by a clustering key.
    L2,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_follows_from_the_storage_version() {
        use StorageFormat::{Unsupported, V1, V2};
        let formats = [0, 1, 2, 3, 4].map(|version| StorageVersion(version).format());
        assert_eq!(formats, [V1, V1, V2, Unsupported, Unsupported]);
    }

    #[test]
    fn a_segment_of_deletes_has_no_format_whatever_its_storage_version() {
        assert_eq!(SegmentKind::new(true, StorageVersion(2)), SegmentKind::Deletes);
        assert_eq!(
            SegmentKind::new(false, StorageVersion(2)),
            SegmentKind::Rows { format: StorageFormat::V2 }
        );
    }
}
