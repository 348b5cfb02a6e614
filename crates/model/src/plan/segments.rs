//! Assignment of listed files to the segments that Milvus reported.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::ids::{FieldId, LogId, PartitionScope, SegmentId};
use crate::layout::milvus::{DeltaKey, InsertKey};
use crate::manifest::{Binlog, DeltaLog, Schema, Segment};
use crate::segment::{ReportedSegment, SegmentKind, StorageFormat, StorageVersion};

/// A segment whose storage version is unknown, so that nothing can tell which of its files are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "segment {id} has storage version {}, which only the snapshot format can back up (Milvus 3.0.1 and later)",
    .version.0
)]
pub struct UnsupportedSegment {
    /// The id of the segment.
    pub id: SegmentId,
    /// The storage version of the segment.
    pub version: StorageVersion,
}

/// The reason why the listed files of a segment are not complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentProblem {
    /// Milvus reports rows for the segment, but it has no files.
    #[error("segment {id} has {rows} rows but no files")]
    NoFiles {
        /// The segment with the problem.
        id: SegmentId,
        /// The number of rows that Milvus reports.
        rows: u64,
    },
    /// A column of the schema has no files: the listing is incomplete.
    #[error("segment {id} has no files of field {field}")]
    NoColumn {
        /// The segment with the problem.
        id: SegmentId,
        /// The field without files.
        field: FieldId,
    },
    /// The files have other rows than Milvus reports, and which of them do not belong to the segment is not clear.
    #[error("segment {id} has files with {found} rows, but Milvus reports {reported}")]
    OtherRows {
        /// The segment with the problem.
        id: SegmentId,
        /// The number of rows in the files.
        found: u64,
        /// The number of rows that Milvus reports.
        reported: u64,
    },
    /// A file that Milvus names does not exist.
    #[error("segment {id} lacks its file {log}, which Milvus names")]
    Missing {
        /// The segment with the problem.
        id: SegmentId,
        /// The id of the file.
        log: LogId,
    },
    /// A file has no content, because it is being written or removed.
    #[error("segment {id} has an empty file {log}")]
    Empty {
        /// The segment with the problem.
        id: SegmentId,
        /// The id of the empty file.
        log: LogId,
    },
    /// Columns, or groups of columns, have different numbers of files: the listing is incomplete, or a file is not one of the segment's.
    #[error("segment {id} has {count} files of field {field}, but {other_count} of field {other}")]
    Uneven {
        /// The segment with the problem.
        id: SegmentId,
        /// A field of the segment.
        field: FieldId,
        /// The number of files of `field`.
        count: usize,
        /// A field with another number of files.
        other: FieldId,
        /// The number of files of `other`.
        other_count: usize,
    },
}

/// The segments of a collection with their files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedSegments {
    /// The segments in the order in which Milvus reported them, with sorted files.
    pub segments: Vec<Segment>,
    /// The number of files that were left out because Milvus does not name them, though it describes their segments.
    pub unnamed: u64,
    columns: Vec<FieldId>,
    /// For each segment that lacks files that Milvus names, one of them.
    missing: BTreeMap<SegmentId, LogId>,
}

/// Collects the files of a collection's segments from a listing, in any order.
#[derive(Debug)]
pub struct SegmentFiles {
    segments: HashMap<SegmentId, Segment>,
    order: Vec<SegmentId>,
    /// The columns of which every segment of the first storage format has files.
    columns: Vec<FieldId>,
    /// The files that Milvus names, of the segments whose files it describes, as far as they were not found yet.
    named: HashMap<SegmentId, HashSet<LogId>>,
    /// The number of files in the directories of these segments that Milvus does not name.
    unnamed: u64,
}

impl SegmentFiles {
    /// Starts with the segments that Milvus reported for a collection; files of other segments are ignored.
    ///
    /// Fails if a segment has an unknown storage version.
    pub fn new(reported: &[ReportedSegment], schema: &Schema) -> Result<Self, UnsupportedSegment> {
        let unsupported = SegmentKind::Rows { format: StorageFormat::Unsupported };
        if let Some(segment) = reported.iter().find(|segment| segment.kind == unsupported) {
            return Err(UnsupportedSegment { id: segment.id, version: segment.storage_version });
        }
        let segments = reported.iter().map(|s| (s.id, to_segment(s))).collect();
        let order = reported.iter().map(|s| s.id).collect();
        let columns = required_columns(schema);
        Ok(Self { segments, order, columns, named: HashMap::new(), unnamed: 0 })
    }

    /// Names the files of a segment, in any order; other files in its directory are left out.
    pub fn name_files(&mut self, segment: SegmentId, logs: impl IntoIterator<Item = LogId>) {
        self.named.entry(segment).or_default().extend(logs);
    }

    /// Adds an insert binlog; returns whether it belongs to one of the segments.
    pub fn add_insert(&mut self, key: &InsertKey, size: u64) -> bool {
        self.find_owner(key.segment, PartitionScope::One(key.partition), key.log)
            .map(|segment| segment.binlogs.push(Binlog { field: key.field, log: key.log, size }))
            .is_some()
    }

    /// Adds a delta log; returns whether it belongs to one of the segments.
    pub fn add_delta(&mut self, key: &DeltaKey, size: u64) -> bool {
        self.find_owner(key.segment, key.partition, key.log)
            .map(|segment| segment.delta_logs.push(DeltaLog { log: key.log, size }))
            .is_some()
    }

    fn find_owner(&mut self, id: SegmentId, partition: PartitionScope, log: LogId) -> Option<&mut Segment> {
        let segment = self.segments.get_mut(&id).filter(|segment| segment.partition == partition)?;
        let is_own = self.named.get_mut(&id).is_none_or(|named| named.remove(&log));
        self.unnamed += u64::from(!is_own);
        is_own.then_some(segment)
    }

    /// Returns the segments with the files that were added.
    pub fn finish(mut self) -> ListedSegments {
        let mut segments = Vec::with_capacity(self.order.len());
        for id in self.order {
            let Some(mut segment) = self.segments.remove(&id) else { continue };
            segment.binlogs.sort_unstable();
            segment.binlogs.shrink_to_fit();
            segment.delta_logs.sort_unstable();
            segment.delta_logs.shrink_to_fit();
            segments.push(segment);
        }
        let missing = self.named.into_iter();
        let missing = missing.filter_map(|(id, logs)| Some((id, logs.into_iter().min()?))).collect();
        ListedSegments { segments, columns: self.columns, missing, unnamed: self.unnamed }
    }
}

impl ListedSegments {
    /// Returns all problems with the files of the segments.
    pub fn problems(&self) -> Vec<SegmentProblem> {
        let missing = self.missing.iter().map(|(id, log)| SegmentProblem::Missing { id: *id, log: *log });
        let found = self.segments.iter().filter_map(|segment| find_problem(segment, &self.columns));
        missing.chain(found).collect()
    }
}

/// Returns a reported segment in the form of the manifest, still without files.
fn to_segment(reported: &ReportedSegment) -> Segment {
    Segment {
        id: reported.id,
        partition: reported.partition,
        kind: reported.kind,
        storage_version: reported.storage_version,
        virtual_channel: reported.virtual_channel.clone(),
        rows: reported.rows,
        // the keys of segments of all partitions have no such level
        group_id: (reported.partition != PartitionScope::All).then_some(reported.id.0),
        binlogs: Vec::new(),
        delta_logs: Vec::new(),
    }
}

/// Returns the columns of which every segment of the first storage format has files.
///
/// Milvus does not report the id of the dynamic field, and a nullable field may have been added after a segment was
/// written.
fn required_columns(schema: &Schema) -> Vec<FieldId> {
    let fields = schema.fields.iter().filter(|f| !f.is_dynamic && !f.nullable).map(|f| FieldId(f.id));
    [FieldId::ROW_ID, FieldId::TIMESTAMP].into_iter().chain(fields).collect()
}

/// Returns the first problem with the files of a segment.
fn find_problem(segment: &Segment, columns: &[FieldId]) -> Option<SegmentProblem> {
    let id = segment.id;
    let required_columns: &[FieldId] = match segment.kind {
        SegmentKind::Rows { format: StorageFormat::V1 } => columns,
        // the groups of columns depend on the data, and delete entries have no columns
        SegmentKind::Rows { format: StorageFormat::V2 | StorageFormat::Unsupported }
        | SegmentKind::Deletes => &[],
    };
    let sizes = segment.binlogs.iter().map(|b| (b.log, b.size));
    let mut sizes = sizes.chain(segment.delta_logs.iter().map(|d| (d.log, d.size)));
    if let Some((log, _)) = sizes.find(|(_, size)| *size == 0) {
        return Some(SegmentProblem::Empty { id, log });
    }
    if segment.binlogs.is_empty() {
        return (segment.rows > 0).then_some(SegmentProblem::NoFiles { id, rows: segment.rows });
    }
    let has = |field: &FieldId| segment.binlogs.binary_search_by_key(field, |b| b.field).is_ok();
    if let Some(field) = required_columns.iter().find(|field| !has(field)) {
        return Some(SegmentProblem::NoColumn { id, field: *field });
    }
    let mut counts = segment.files_by_column();
    let (field, count) = counts.next()?;
    counts.find(|(_, n)| *n != count).map(|(other, other_count)| SegmentProblem::Uneven {
        id,
        field,
        count,
        other,
        other_count,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{CollectionId, PartitionId};
    use crate::manifest::Field;
    use crate::segment::{SegmentLevel, SegmentState};

    fn insert(segment: i64, field: i64, log: i64) -> InsertKey {
        InsertKey {
            collection: CollectionId(1),
            partition: PartitionId(2),
            segment: SegmentId(segment),
            field: FieldId(field),
            log: LogId(log),
        }
    }

    fn delta(segment: i64, partition: PartitionScope, log: i64) -> DeltaKey {
        DeltaKey { collection: CollectionId(1), partition, segment: SegmentId(segment), log: LogId(log) }
    }

    fn reported(id: i64, rows: u64) -> ReportedSegment {
        ReportedSegment {
            id: SegmentId(id),
            partition: PartitionScope::One(PartitionId(2)),
            state: SegmentState::Flushed,
            rows,
            kind: SegmentKind::Rows { format: StorageFormat::V1 },
            level: SegmentLevel::Legacy,
            is_sorted: false,
            storage_version: StorageVersion(0),
            virtual_channel: None,
        }
    }

    fn reported_with_version(version: i64) -> ReportedSegment {
        let storage_version = StorageVersion(version);
        let kind = SegmentKind::new(false, storage_version);
        ReportedSegment { kind, storage_version, ..reported(3, 10) }
    }

    /// A primary key, a dynamic field, and a field that was added later.
    fn schema() -> Schema {
        let field = |id| Field { id, ..Field::default() };
        let fields = vec![
            field(100),
            Field { is_dynamic: true, ..field(101) },
            Field { nullable: true, ..field(102) },
        ];
        Schema { fields, ..Schema::default() }
    }

    fn finish_segment(files: &[(i64, i64)]) -> Result<Vec<Segment>, Vec<SegmentProblem>> {
        finish_reported(reported(3, 10), files)
    }

    /// Finishes segment 3 with these files, given as (field, log).
    fn finish_reported(
        segment: ReportedSegment,
        files: &[(i64, i64)],
    ) -> Result<Vec<Segment>, Vec<SegmentProblem>> {
        let mut all = SegmentFiles::new(&[segment], &schema()).unwrap();
        for (field, log) in files {
            all.add_insert(&insert(3, *field, *log), 1);
        }
        let listed = all.finish();
        let problems = listed.problems();
        if problems.is_empty() { Ok(listed.segments) } else { Err(problems) }
    }

    fn first_problem(files: &[(i64, i64)]) -> String {
        finish_segment(files).unwrap_err()[0].to_string()
    }

    #[test]
    fn files_of_segments_that_milvus_did_not_report_are_ignored() {
        let mut files = SegmentFiles::new(&[reported(3, 10)], &schema()).unwrap();
        for field in [0, 1, 100] {
            assert!(files.add_insert(&insert(3, field, 7), 5));
        }
        assert!(!files.add_insert(&insert(4, 100, 8), 5));
        let elsewhere = InsertKey { partition: PartitionId(9), ..insert(3, 100, 9) };
        assert!(!files.add_insert(&elsewhere, 5), "a segment lies in one partition");
        assert!(!files.add_delta(&delta(3, PartitionScope::All, 9), 5));
        let segments = files.finish().segments;
        assert_eq!((segments.len(), segments[0].objects()), (1, 3));
        assert_eq!(segments[0].group_id, Some(3));
    }

    #[test]
    fn files_that_milvus_does_not_name_are_left_out_and_named_ones_must_exist() {
        let mut files = SegmentFiles::new(&[reported(3, 10)], &schema()).unwrap();
        files.name_files(SegmentId(3), [7, 8, 9, 10].map(LogId));
        for (field, log) in [(0, 7), (1, 8), (100, 9), (100, 77)] {
            assert_eq!(files.add_insert(&insert(3, field, log), 5), log != 77);
        }
        let listed = files.finish();
        assert_eq!((listed.segments[0].objects(), listed.unnamed), (3, 1));
        let problem = listed.problems().remove(0).to_string();
        assert_eq!(problem, "segment 3 lacks its file 10, which Milvus names");
    }

    #[test]
    fn deletes_of_all_partitions_have_no_group() {
        let deletes =
            ReportedSegment { partition: PartitionScope::All, kind: SegmentKind::Deletes, ..reported(3, 0) };
        let mut files = SegmentFiles::new(&[deletes], &schema()).unwrap();
        assert!(files.add_delta(&delta(3, PartitionScope::All, 9), 5));
        let segments = files.finish().segments;
        assert_eq!((segments[0].kind, segments[0].group_id), (SegmentKind::Deletes, None));
    }

    #[test]
    fn deletes_of_one_partition_stay_in_it() {
        let deletes = ReportedSegment { kind: SegmentKind::Deletes, ..reported(3, 0) };
        let partition = deletes.partition;
        let mut files = SegmentFiles::new(&[deletes], &schema()).unwrap();
        assert!(files.add_delta(&delta(3, partition, 9), 5));
        let segment = files.finish().segments.remove(0);
        assert_eq!((segment.kind, segment.partition), (SegmentKind::Deletes, partition));
        assert_eq!(segment.group_id, Some(3));
    }

    #[test]
    fn what_milvus_reports_about_a_segment_is_kept() {
        let channel = || Some("dml_0_1v0".to_owned());
        let segment = ReportedSegment { virtual_channel: channel(), ..reported_with_version(2) };
        let found = finish_reported(segment, &[(0, 1), (1, 2)]).unwrap().remove(0);
        assert_eq!((found.storage_version, found.virtual_channel), (StorageVersion(2), channel()));
        assert_eq!(found.kind, SegmentKind::Rows { format: StorageFormat::V2 });
    }

    #[test]
    fn groups_of_columns_need_no_file_of_each_field_but_equally_many_files() {
        assert!(finish_reported(reported_with_version(2), &[(0, 1), (101, 2)]).is_ok());
        let problems = finish_reported(reported_with_version(2), &[(0, 1), (0, 2), (101, 3)]).unwrap_err();
        assert_eq!(problems[0].to_string(), "segment 3 has 2 files of field 0, but 1 of field 101");
    }

    #[test]
    fn an_unknown_storage_version_is_refused_by_its_number() {
        let error = SegmentFiles::new(&[reported(2, 10), reported_with_version(3)], &schema()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "segment 3 has storage version 3, which only the snapshot format can back up (Milvus 3.0.1 and later)"
        );
    }

    #[test]
    fn a_segment_with_rows_and_without_files_is_named() {
        let problems =
            SegmentFiles::new(&[reported(3, 10), reported(4, 0)], &schema()).unwrap().finish().problems();
        assert_eq!(problems, vec![SegmentProblem::NoFiles { id: SegmentId(3), rows: 10 }]);
    }

    #[test]
    fn a_column_with_a_file_too_many_is_named() {
        let problem = first_problem(&[(0, 1), (1, 2), (100, 3), (100, 4)]);
        assert_eq!(problem, "segment 3 has 1 files of field 0, but 2 of field 100");
    }

    #[test]
    fn a_column_without_files_is_named() {
        assert_eq!(first_problem(&[(0, 1), (1, 2)]), "segment 3 has no files of field 100");
        assert_eq!(first_problem(&[(1, 2), (100, 3)]), "segment 3 has no files of field 0");
        assert!(finish_segment(&[(0, 1), (1, 2), (100, 3)]).is_ok(), "a field added later may have none");
    }

    #[test]
    fn an_empty_file_is_named() {
        let mut files = SegmentFiles::new(&[reported(3, 10)], &schema()).unwrap();
        for (field, size) in [(0, 5), (1, 0), (100, 5)] {
            files.add_insert(&insert(3, field, field + 7), size);
        }
        assert_eq!(files.finish().problems()[0].to_string(), "segment 3 has an empty file 8");
    }

    proptest! {
        #[test]
        fn the_order_of_a_listing_does_not_matter(
            mut files in Just([0, 1, 100, 101]).prop_flat_map(|fields| {
                let all: Vec<(i64, i64, i64)> = (3..6_i64)
                    .flat_map(|segment| fields.map(|field| (segment, field)))
                    .flat_map(|(segment, field)| [1, 2].map(|n| (segment, field, segment * 1000 + field * 2 + n)))
                    .collect();
                Just(all).prop_shuffle()
            }),
        ) {
            let collect = |files: &[(i64, i64, i64)]| {
                let mut all = SegmentFiles::new(&[reported(5, 1), reported(3, 1), reported(4, 1)], &schema()).unwrap();
                for (segment, field, log) in files {
                    prop_assert!(all.add_insert(&insert(*segment, *field, *log), 1));
                }
                Ok(all.finish().segments)
            };
            let shuffled = collect(&files)?;
            files.sort_unstable();
            prop_assert_eq!(&shuffled, &collect(&files)?);
            prop_assert_eq!(shuffled.iter().map(|s| s.id.0).collect::<Vec<_>>(), [5, 3, 4]);
            prop_assert!(shuffled.iter().all(|s| s.binlogs.is_sorted() && s.objects() == 8));
        }
    }
}
