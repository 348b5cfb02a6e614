//! Puts listed files to the segments that Milvus named.

use std::collections::HashMap;

use crate::ids::{FieldId, PartitionScope, SegmentId};
use crate::layout::milvus::{DeltaKey, InsertKey};
use crate::manifest::{Binlog, DeltaLog, Segment};

/// A flushed segment as Milvus names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSeen {
    /// Its id.
    pub id: SegmentId,
    /// Where it belongs.
    pub partition: PartitionScope,
    /// Rows, deleted ones included.
    pub rows: u64,
}

/// Why a segment cannot be backed up from what the listing showed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentProblem {
    /// Milvus says it has rows, but none of its files is there.
    #[error("segment {id} has {rows} rows but no files")]
    NoFiles {
        /// The segment.
        id: SegmentId,
        /// Its rows.
        rows: u64,
    },
    /// Its columns do not have equally many files: half-listed, or an orphan lies among them.
    #[error("segment {id} has {count} files of field {field}, but {other_count} of field {other}")]
    Uneven {
        /// The segment.
        id: SegmentId,
        /// A field.
        field: FieldId,
        /// Its number of files.
        count: usize,
        /// Another field.
        other: FieldId,
        /// Its number of files.
        other_count: usize,
    },
}

/// Collects the files of a collection's segments from a listing, in any order.
#[derive(Debug)]
pub struct SegmentFiles {
    segments: HashMap<SegmentId, Segment>,
    order: Vec<SegmentId>,
}

impl SegmentFiles {
    /// Begins with the segments that Milvus named; files of any other are not taken.
    pub fn new(seen: &[SegmentSeen]) -> Self {
        let segments = seen
            .iter()
            .map(|s| {
                let segment = Segment {
                    id: s.id,
                    partition: s.partition,
                    rows: s.rows,
                    is_l0: false,
                    group_id: Some(s.id.0),
                    storage_version: 0,
                    v_channel: String::new(),
                    binlogs: Vec::new(),
                    delta_logs: Vec::new(),
                };
                (s.id, segment)
            })
            .collect();
        Self { segments, order: seen.iter().map(|s| s.id).collect() }
    }

    /// Takes an insert binlog; returns whether a named segment owns it.
    pub fn add_insert(&mut self, key: &InsertKey, size: u64) -> bool {
        self.owner(key.segment, PartitionScope::One(key.partition))
            .map(|segment| segment.binlogs.push(Binlog { field: key.field, log: key.log, size }))
            .is_some()
    }

    /// Takes a delete log; returns whether a named segment owns it.
    pub fn add_delta(&mut self, key: &DeltaKey, size: u64) -> bool {
        self.owner(key.segment, key.partition)
            .map(|segment| segment.delta_logs.push(DeltaLog { log: key.log, size }))
            .is_some()
    }

    fn owner(&mut self, id: SegmentId, partition: PartitionScope) -> Option<&mut Segment> {
        self.segments.get_mut(&id).filter(|segment| segment.partition == partition)
    }

    /// The segments in the order Milvus named them, their files sorted, or what is wrong with them.
    pub fn finish(mut self) -> Result<Vec<Segment>, Vec<SegmentProblem>> {
        let mut problems = Vec::new();
        let mut segments = Vec::with_capacity(self.order.len());
        for id in self.order {
            let Some(mut segment) = self.segments.remove(&id) else { continue };
            segment.binlogs.sort_unstable();
            segment.binlogs.shrink_to_fit();
            segment.delta_logs.sort_unstable();
            segment.delta_logs.shrink_to_fit();
            problems.extend(problem(&segment));
            segments.push(segment);
        }
        if problems.is_empty() { Ok(segments) } else { Err(problems) }
    }
}

fn problem(segment: &Segment) -> Option<SegmentProblem> {
    if segment.binlogs.is_empty() {
        return (segment.rows > 0).then_some(SegmentProblem::NoFiles { id: segment.id, rows: segment.rows });
    }
    let mut counts = segment
        .binlogs
        .chunk_by(|a, b| a.field == b.field)
        .filter_map(|files| Some((files.first()?.field, files.len())));
    let (field, count) = counts.next()?;
    counts.find(|(_, n)| *n != count).map(|(other, other_count)| SegmentProblem::Uneven {
        id: segment.id,
        field,
        count,
        other,
        other_count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CollectionId, LogId, PartitionId};

    fn insert(segment: i64, field: i64, log: i64) -> InsertKey {
        InsertKey {
            collection: CollectionId(1),
            partition: PartitionId(2),
            segment: SegmentId(segment),
            field: FieldId(field),
            log: LogId(log),
        }
    }

    fn seen(id: i64, rows: u64) -> SegmentSeen {
        SegmentSeen { id: SegmentId(id), partition: PartitionScope::One(PartitionId(2)), rows }
    }

    #[test]
    fn files_of_segments_that_milvus_did_not_name_are_left_out() {
        let mut files = SegmentFiles::new(&[seen(3, 10)]);
        assert!(files.add_insert(&insert(3, 100, 7), 5));
        assert!(!files.add_insert(&insert(4, 100, 8), 5));
        let segments = files.finish().unwrap();
        assert_eq!(segments.len(), 1);
        assert_eq!(segments[0].objects(), 1);
    }

    #[test]
    fn a_segment_with_rows_and_without_files_is_named() {
        let problems = SegmentFiles::new(&[seen(3, 10), seen(4, 0)]).finish().unwrap_err();
        assert_eq!(problems, vec![SegmentProblem::NoFiles { id: SegmentId(3), rows: 10 }]);
    }

    #[test]
    fn a_column_with_a_file_too_many_is_named() {
        let mut files = SegmentFiles::new(&[seen(3, 10)]);
        for (field, log) in [(0, 1), (1, 2), (100, 3), (100, 4)] {
            files.add_insert(&insert(3, field, log), 1);
        }
        let problems = files.finish().unwrap_err();
        assert_eq!(problems[0].to_string(), "segment 3 has 1 files of field 0, but 2 of field 100");
    }
}
