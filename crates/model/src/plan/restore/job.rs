//! One import job of a plan.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::RowRange;
use crate::ids::{PartitionScope, SegmentId, Tso};
use crate::segment::SegmentKind;

/// The plan of one import job of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportJob {
    /// The key of the job, unique within the collection.
    pub key: ImportJobKey,
    /// The partition that the files belong to and are imported into, or all partitions.
    pub scope: PartitionScope,
    /// The contents of the files: rows in one storage format, or only delete entries.
    pub kind: SegmentKind,
    /// The segments of the job.
    pub segments: Vec<JobSegment>,
    /// The location from which Milvus reads the files.
    pub files: ImportFiles,
    /// Whether Milvus reads the directory of each segment, instead of that of the whole partition.
    pub by_segment: bool,
    /// The number of files.
    pub objects: u64,
    /// The number of files that are copied or written to the store of the target first.
    pub staged_objects: u64,
    /// The size of the files in bytes.
    pub bytes: u64,
    /// The time after which Milvus leaves out rows and delete entries; `None` for none.
    pub until: Option<Tso>,
    /// The number of rows, or of delete entries for a job of deletes, that Milvus must report.
    pub rows: RowRange,
    /// The jobs that must be completed before this one is sent: deletes apply only to rows that are imported already.
    pub after: Vec<ImportJobKey>,
}

impl ImportJob {
    /// Returns whether the delta logs of a segment are read in the staging directory.
    pub fn stages_deletes_of(&self, segment: &JobSegment) -> bool {
        match self.files {
            ImportFiles::InPlace => false,
            // One directory has the delta logs of all segments of a partition.
            ImportFiles::InPlaceWithStagedDeletes => {
                !self.by_segment || segment.deletes == DeleteTreatment::Folded
            }
            ImportFiles::Staged => true,
        }
    }

    /// Returns the number of segments whose deletes are brought in this way.
    pub fn count(&self, deletes: DeleteTreatment) -> usize {
        self.segments.iter().filter(|segment| segment.deletes == deletes).count()
    }

    /// Returns whether Milvus reads delta logs.
    pub fn has_deltas(&self) -> bool {
        self.segments.iter().any(|segment| segment.has_deltas)
    }
}

/// The location from which an import job reads its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportFiles {
    /// The backup.
    InPlace,
    /// The backup for the rows, and the staging directory for the deletes.
    InPlaceWithStagedDeletes,
    /// The staging directory.
    Staged,
}

/// A segment of an import job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobSegment {
    /// The segment.
    pub id: SegmentId,
    /// How its deletes are brought to the target.
    pub deletes: DeleteTreatment,
    /// Whether Milvus reads delta logs of it.
    pub has_deltas: bool,
}

/// How the deletes of a segment are brought to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteTreatment {
    /// The target imports the segment's own delta logs as they are.
    Unchanged,
    /// A new delta log replaces the segment's own ones. It also contains the entries of L0 segments.
    Folded,
    /// The insert binlogs are rewritten without the deleted rows, and no delta log is imported.
    Applied,
}

/// Identifies an import job within its collection, such as `rows/451/0`; equal plans have equal keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImportJobKey(String);

impl ImportJobKey {
    /// Creates the key of the job with this number among those of the same partition and kind, counted from 0.
    pub fn new(kind: SegmentKind, scope: PartitionScope, number: usize) -> Self {
        let kind = if kind.has_rows() { "rows" } else { "deletes" };
        Self(format!("{kind}/{}/{number}", scope.to_wire()))
    }
}

impl fmt::Display for ImportJobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::PartitionId;
    use crate::segment::StorageFormat;

    #[test]
    fn a_key_names_the_kind_the_partition_and_the_number() {
        let rows = SegmentKind::Rows { format: StorageFormat::V1 };
        let keys = [
            ImportJobKey::new(rows, PartitionScope::One(PartitionId(451)), 2),
            ImportJobKey::new(SegmentKind::Deletes, PartitionScope::One(PartitionId(451)), 0),
            ImportJobKey::new(SegmentKind::Deletes, PartitionScope::All, 0),
        ];
        assert_eq!(keys.each_ref().map(ToString::to_string), ["rows/451/2", "deletes/451/0", "deletes/-1/0"]);
        let text = serde_json::to_string(&keys).unwrap();
        assert_eq!(text, r#"["rows/451/2","deletes/451/0","deletes/-1/0"]"#);
        assert_eq!(serde_json::from_str::<Vec<ImportJobKey>>(&text).unwrap(), keys);
    }
}
