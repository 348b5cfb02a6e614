//! The import jobs of a collection: one for each partition, which reads its prefix in place, wherever possible.

use super::{
    DataAccess, ImportFiles, ImportJob, ImportJobKey, MAX_JOB_BYTES, PartitionPlan, PrefixFacts, RowRange,
    TargetFacts,
};
use crate::ids::PartitionScope;
use crate::manifest::{CollectionBackup, PartitionBackup, Segment};
use crate::segment::SegmentKind;

/// Plans a partition into which nothing is imported.
pub(super) fn plan_without_data(partition: &PartitionBackup) -> PartitionPlan {
    PartitionPlan { id: partition.id, name: partition.name.clone(), rows: RowRange::default(), may_lose: 0 }
}

/// Plans the partitions of a collection and the import jobs for their data.
///
/// Milvus 2.2 and 2.3 imports delete entries only together with the rows of their segment, so no job waits for another.
pub(super) fn plan_partitions(
    backup: &CollectionBackup,
    facts: &TargetFacts,
) -> (Vec<PartitionPlan>, Vec<ImportJob>) {
    let planned = backup.partitions.iter().map(|partition| plan_partition(partition, facts));
    let (partitions, jobs): (_, Vec<Vec<ImportJob>>) = planned.unzip();
    (partitions, jobs.into_iter().flatten().collect())
}

/// Plans one partition and its import jobs.
///
/// Segments without insert binlogs, such as those of a backup that 0.4 made with `--meta_only`, are left out: they
/// have no rows, whatever row count they record.
fn plan_partition(partition: &PartitionBackup, facts: &TargetFacts) -> (PartitionPlan, Vec<ImportJob>) {
    let segments: Vec<&Segment> =
        partition.segments.iter().filter(|s| s.kind.has_rows() && !s.binlogs.is_empty()).collect();
    let nothing = PrefixFacts::default();
    let prefix = facts.prefixes.get(&partition.id).unwrap_or(&nothing);
    let groups = group_segments(&segments, facts.max_job_bytes.unwrap_or(MAX_JOB_BYTES));
    let in_place = facts.access == DataAccess::InPlace && !prefix.foreign && groups.len() == 1;
    let scope = PartitionScope::One(partition.id);
    let jobs = groups.iter().enumerate().map(|(number, SegmentGroup { kind, segments })| ImportJob {
        key: ImportJobKey::new(*kind, scope, number),
        scope,
        kind: *kind,
        files: if in_place {
            ImportFiles::InPlace
        } else {
            ImportFiles::Staged(segments.iter().map(|s| s.id).collect())
        },
        has_deltas: has_deltas(segments),
        objects: segments.iter().map(|s| s.objects() as u64).sum(),
        bytes: segments.iter().fold(0, |bytes, s| bytes.saturating_add(s.size())),
        rows: row_range(segments, prefix),
        after: Vec::new(),
    });
    let rows = row_range(&segments, prefix);
    let may_lose = if facts.loses_insertions { prefix.inserted_again } else { 0 };
    (PartitionPlan { rows, may_lose, ..plan_without_data(partition) }, jobs.collect())
}

/// Segments that one job imports.
struct SegmentGroup<'a> {
    kind: SegmentKind,
    segments: Vec<&'a Segment>,
}

/// Returns how many rows of these segments an import may report: one number if the rows of segments with deletes were
/// read.
///
/// Delete entries are counted per partition: each of them may delete a row of any segment that has delta logs, but no
/// row of another segment.
fn row_range(segments: &[&Segment], prefix: &PrefixFacts) -> RowRange {
    let live =
        |s: &&Segment| if s.delta_logs.is_empty() { Some(s.rows) } else { prefix.live.get(&s.id).copied() };
    let sum = |rows: u64, of_segment: u64| rows.saturating_add(of_segment);
    if let Some(rows) = segments.iter().map(live).try_fold(0, |rows, live| live.map(|live| sum(rows, live))) {
        return RowRange { min: rows, max: rows };
    }
    let max = segments.iter().map(|s| s.rows).fold(0, sum);
    let deletes = if has_deltas(segments) { prefix.deletes } else { 0 };
    RowRange { min: max.saturating_sub(deletes), max }
}

fn has_deltas(segments: &[&Segment]) -> bool {
    segments.iter().any(|s| !s.delta_logs.is_empty())
}

/// Groups consecutive segments of at most `max_bytes` together; a larger segment is a group of its own.
///
/// A group has one storage format, because Milvus rejects jobs with several.
fn group_segments<'a>(segments: &[&'a Segment], max_bytes: u64) -> Vec<SegmentGroup<'a>> {
    let mut groups: Vec<SegmentGroup<'_>> = Vec::new();
    let mut bytes: u64 = 0;
    for segment in segments {
        bytes = bytes.saturating_add(segment.size());
        match groups.last_mut() {
            Some(group) if bytes <= max_bytes && group.kind == segment.kind => {
                group.segments.push(segment);
            }
            _ => {
                groups.push(SegmentGroup { kind: segment.kind, segments: vec![segment] });
                bytes = segment.size();
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{PartitionId, SegmentId};
    use crate::plan::sample::{self, GIB};
    use crate::segment::StorageFormat;

    fn plan_segments(segments: Vec<Segment>, facts: &TargetFacts) -> (PartitionPlan, Vec<ImportJob>) {
        plan_partition(&sample::partition(2, "_default", segments), facts)
    }

    fn facts(foreign: bool, deletes: u64) -> TargetFacts {
        let prefixes = [(PartitionId(2), PrefixFacts { foreign, deletes, ..PrefixFacts::default() })].into();
        TargetFacts { prefixes, ..sample::facts() }
    }

    /// Returns the segments of every job in order; all jobs must be staged.
    fn staged_segments(jobs: &[ImportJob]) -> Vec<Vec<i64>> {
        let ids = |job: &ImportJob| match &job.files {
            ImportFiles::InPlace => panic!("in place"),
            ImportFiles::Staged(ids) => ids.iter().map(|id| id.0).collect(),
        };
        jobs.iter().map(ids).collect()
    }

    #[test]
    fn the_number_of_rows_is_exact_where_the_rows_of_segments_with_deletes_were_read() {
        let segments = vec![
            sample::segment(3, 100, 10),
            sample::segment_with_deletes(4, 50, 20),
            sample::segment_with_deletes(5, 7, 1),
        ];
        let mut facts = facts(false, 7);
        let live = &mut facts.prefixes.get_mut(&PartitionId(2)).unwrap().live;
        live.insert(SegmentId(4), 48);
        let (plan, _) = plan_segments(segments.clone(), &facts);
        assert_eq!(plan.rows, RowRange { min: 150, max: 157 }, "one segment was not read");
        facts.prefixes.get_mut(&PartitionId(2)).unwrap().live.insert(SegmentId(5), 7);
        let (plan, jobs) = plan_segments(segments, &facts);
        facts.prefixes.get_mut(&PartitionId(2)).unwrap().inserted_again = 2;
        facts.loses_insertions = true;
        let (lossy, _) = plan_segments(vec![sample::segment_with_deletes(4, 50, 20)], &facts);
        assert_eq!([45, 46, 47, 48].map(|counted| lossy.count_lost(counted)), [None, Some(2), Some(1), None]);
        assert_eq!(
            (plan.rows, jobs[0].rows),
            (RowRange { min: 155, max: 155 }, RowRange { min: 155, max: 155 })
        );
    }

    #[test]
    fn a_partition_is_one_job_in_place() {
        let segments = vec![sample::segment(3, 100, 10), sample::segment_with_deletes(4, 50, 20)];
        let (plan, jobs) = plan_segments(segments, &facts(false, 7));
        let scope = PartitionScope::One(PartitionId(2));
        let kind = SegmentKind::Rows { format: StorageFormat::V1 };
        assert_eq!(
            jobs,
            [ImportJob {
                key: ImportJobKey::new(kind, scope, 0),
                scope,
                kind,
                files: ImportFiles::InPlace,
                has_deltas: true,
                objects: 3,
                bytes: 31,
                rows: RowRange { min: 143, max: 150 },
                after: vec![],
            }]
        );
        assert_eq!(plan.rows, RowRange { min: 143, max: 150 });
    }

    #[test]
    fn a_partition_is_staged_if_milvus_cannot_read_it_or_it_has_foreign_files() {
        let segments = vec![sample::segment(3, 100, 10), sample::segment(4, 50, 20)];
        let far = TargetFacts { access: DataAccess::Staged("another bucket".to_owned()), ..facts(false, 0) };
        assert_eq!(staged_segments(&plan_segments(segments.clone(), &far).1), [[3, 4]]);
        assert_eq!(staged_segments(&plan_segments(segments, &facts(true, 0)).1), [[3, 4]]);
    }

    #[test]
    fn a_partition_above_two_gib_is_split_between_segments() {
        let sizes = [GIB, GIB, 1, 3 * GIB, 1, 2 * GIB - 1, 5];
        let segments = (10..).zip(sizes).map(|(id, size)| sample::segment(id, 1, size)).collect();
        let (_, jobs) = plan_segments(segments, &facts(false, 0));
        assert_eq!(staged_segments(&jobs), [vec![10, 11], vec![12], vec![13], vec![14, 15], vec![16]]);
        let keys: Vec<String> = jobs.iter().map(|job| job.key.to_string()).collect();
        assert_eq!(keys, ["rows/2/0", "rows/2/1", "rows/2/2", "rows/2/3", "rows/2/4"]);
    }

    #[test]
    fn the_size_of_a_job_can_be_configured() {
        let segments = (10..13).map(|id| sample::segment(id, 1, 100)).collect();
        let small = TargetFacts { max_job_bytes: Some(200), ..facts(false, 0) };
        assert_eq!(staged_segments(&plan_segments(segments, &small).1), [vec![10, 11], vec![12]]);
    }

    #[test]
    fn segments_of_different_storage_formats_are_not_imported_together() {
        let columns = SegmentKind::Rows { format: StorageFormat::V1 };
        let groups = SegmentKind::Rows { format: StorageFormat::V2 };
        let kinds = [columns, columns, groups, columns];
        let segments =
            (3..).zip(kinds).map(|(id, kind)| Segment { kind, ..sample::segment(id, 1, 1) }).collect();
        let (_, jobs) = plan_segments(segments, &facts(false, 0));
        assert_eq!(staged_segments(&jobs), [vec![3, 4], vec![5], vec![6]]);
        assert_eq!(jobs.iter().map(|job| job.kind).collect::<Vec<_>>(), [columns, groups, columns]);
    }

    #[test]
    fn only_jobs_with_delta_logs_may_report_fewer_rows() {
        let segments = vec![sample::segment(3, 100, 2 * GIB), sample::segment_with_deletes(4, 50, 20)];
        let (plan, jobs) = plan_segments(segments, &facts(false, 60));
        assert_eq!(jobs[0].rows, RowRange { min: 100, max: 100 });
        assert_eq!(jobs[1].rows, RowRange { min: 0, max: 50 });
        assert_eq!(plan.rows, RowRange { min: 90, max: 150 });
    }

    #[test]
    fn segments_without_binlogs_are_not_imported() {
        let bare = Segment { binlogs: vec![], ..sample::segment(3, 100, 10) };
        let deletes_alone = Segment { binlogs: vec![], ..sample::segment_with_deletes(4, 0, 20) };
        let partition = sample::partition(2, "_default", vec![bare, deletes_alone]);
        assert_eq!(plan_partition(&partition, &facts(false, 5)), (plan_without_data(&partition), vec![]));
    }

    proptest! {
        #[test]
        fn every_segment_is_in_exactly_one_job(
            sizes in proptest::collection::vec(prop_oneof![0..=3 * GIB, Just(u64::MAX / 2), 0..100_u64], 0..40),
            deletes in 0..10_u64, foreign: bool, far: bool,
        ) {
            let segments: Vec<Segment> =
                (1_i64..).zip(&sizes).map(|(id, size)| sample::segment(id, 10, *size)).collect();
            let mut facts = facts(foreign, deletes);
            if far {
                facts.access = DataAccess::Staged("far".to_owned());
            }
            let (plan, jobs) = plan_segments(segments.clone(), &facts);
            let in_place = jobs.first().is_some_and(|job| job.files == ImportFiles::InPlace);
            prop_assert_eq!(in_place, jobs.len() == 1 && !foreign && !far);
            if !in_place {
                let all: Vec<i64> = staged_segments(&jobs).concat();
                prop_assert_eq!(all, segments.iter().map(|s| s.id.0).collect::<Vec<_>>());
            }
            for job in &jobs {
                prop_assert!(job.bytes <= MAX_JOB_BYTES || job.objects == 1);
            }
            prop_assert_eq!(jobs.iter().map(|job| job.objects).sum::<u64>(), sizes.len() as u64);
            prop_assert_eq!(plan.rows.max, jobs.iter().map(|job| job.rows.max).sum::<u64>());
            prop_assert!(jobs.iter().map(|job| job.rows.min).sum::<u64>() <= plan.rows.max);
        }

        #[test]
        fn consecutive_segments_share_a_job_if_they_fit(sizes in proptest::collection::vec(0..GIB, 0..40)) {
            let segments = (1_i64..).zip(&sizes).map(|(id, size)| sample::segment(id, 1, *size)).collect();
            let far = TargetFacts { access: DataAccess::Staged("far".to_owned()), ..facts(false, 0) };
            let (_, jobs) = plan_segments(segments, &far);
            let size = |ids: &[SegmentId]| ids.first().and_then(|id| sizes.get(usize::try_from(id.0 - 1).ok()?));
            for pair in jobs.windows(2) {
                let ImportFiles::Staged(next) = &pair[1].files else { panic!("in place") };
                prop_assert!(pair[0].bytes + size(next).unwrap() > MAX_JOB_BYTES);
            }
        }
    }
}
