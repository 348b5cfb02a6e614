//! The import jobs of a collection, which read its files in place wherever possible.
//!
//! Milvus 2.2 and 2.3 reads the directory of a partition, so there is one job for each. Later releases read the
//! directories of segments, of which a job may have many.

use super::{
    DataAccess, DeleteEffect, DeleteTreatment, ImportFiles, ImportJob, ImportJobKey, JobSegment,
    MAX_JOB_BYTES, PartitionMethod, PartitionPlan, PrefixFacts, RowRange, TargetFacts,
};
use crate::ids::{PartitionScope, Tso};
use crate::manifest::{PartitionBackup, Segment};
use crate::segment::SegmentKind;

/// Plans a partition into which nothing is imported.
pub(super) fn plan_without_data(partition: &PartitionBackup) -> PartitionPlan {
    PartitionPlan {
        id: partition.id,
        name: partition.name.clone(),
        rows: RowRange::default(),
        method: PartitionMethod::default(),
        files: (0, 0),
    }
}

/// Plans the partitions of a collection and the import jobs for their data.
///
/// Delete entries are imported together with the rows of their segment, so no job waits for another. 2.2 and 2.3 know no
/// other way; from 2.4 on there are jobs of deletes alone, which releases switch off, restrict, or complete without
/// effect.
pub(super) fn plan_partitions(
    partitions: &[&PartitionBackup],
    facts: &TargetFacts,
) -> (Vec<PartitionPlan>, Vec<ImportJob>) {
    let planned = partitions.iter().map(|partition| plan_partition(partition, facts));
    let (partitions, jobs): (_, Vec<Vec<ImportJob>>) = planned.unzip();
    (partitions, jobs.into_iter().flatten().collect())
}

/// Plans one partition and its import jobs.
///
/// Segments without insert binlogs, such as those of a backup that 0.4 made with `--meta_only`, are left out: they
/// have no rows, whatever row count they record. So are segments without rows to restore, if they would be rewritten or
/// truncated.
fn plan_partition(partition: &PartitionBackup, facts: &TargetFacts) -> (PartitionPlan, Vec<ImportJob>) {
    let nothing = PrefixFacts::default();
    let prefix = facts.prefixes.get(&partition.id).unwrap_or(&nothing);
    let mut segments: Vec<PlannedSegment<'_>> = partition
        .segments
        .iter()
        .filter(|s| s.kind.has_rows() && !s.binlogs.is_empty())
        .map(|segment| PlannedSegment::new(segment, prefix, facts.importer.ignores_delete_times))
        .collect();
    let is_rewritten = segments.iter().any(|segment| segment.deletes == DeleteTreatment::Applied);
    segments.retain(|s| {
        s.live_rows() != Some(0) || (s.deletes != DeleteTreatment::Applied && s.until().is_none())
    });
    // A job has one end, and segments of several channels have several.
    segments.sort_by_key(PlannedSegment::until);
    let by_segment = facts.importer.max_segments.is_some();
    let limits = JobLimits {
        bytes: facts.max_job_bytes.unwrap_or(MAX_JOB_BYTES),
        segments: facts.importer.max_segments.unwrap_or(usize::MAX),
    };
    let groups = group_segments(&segments, limits);
    let can_read = facts.access == DataAccess::InPlace && !prefix.foreign && !is_rewritten;
    let readable = can_read && if by_segment { have_own_directories(&segments) } else { groups.len() == 1 };
    let scope = PartitionScope::One(partition.id);
    let jobs = groups.iter().enumerate().map(|(number, SegmentGroup { kind, until, segments })| {
        let job = ImportJob {
            key: ImportJobKey::new(*kind, scope, number),
            scope,
            kind: *kind,
            segments: segments.iter().map(PlannedSegment::of_job).collect(),
            by_segment,
            objects: segments.iter().map(|s| s.segment.objects() as u64).sum(),
            staged_objects: 0,
            files: choose_files(segments, readable),
            bytes: segments.iter().fold(0, |bytes, s| bytes.saturating_add(s.segment.size())),
            until: *until,
            rows: row_range(segments, prefix),
            after: Vec::new(),
        };
        ImportJob { staged_objects: count_staged_objects(&job, segments), ..job }
    });
    let rows = row_range(&segments, prefix);
    let files = segments.iter().fold((0, 0_u64), |(objects, bytes), planned| {
        (objects + planned.segment.objects() as u64, bytes.saturating_add(planned.segment.size()))
    });
    (PartitionPlan { rows, files, ..plan_without_data(partition) }, jobs.collect())
}

/// A segment with rows, and how its deletes are brought to the target.
#[derive(Clone, Copy)]
struct PlannedSegment<'a> {
    segment: &'a Segment,
    /// The effect of delete entries on it; `None` if there are none, or if its rows cannot be read.
    effect: Option<&'a DeleteEffect>,
    deletes: DeleteTreatment,
}

impl<'a> PlannedSegment<'a> {
    fn new(segment: &'a Segment, prefix: &'a PrefixFacts, ignores_delete_times: bool) -> Self {
        let effect = prefix.segments.get(&segment.id);
        let deletes = match effect {
            Some(effect) if ignores_delete_times && effect.has_partly_deleted_keys => {
                DeleteTreatment::Applied
            }
            Some(effect)
                if !effect.own_logs_suffice || (ignores_delete_times && effect.has_reinserted_rows) =>
            {
                DeleteTreatment::Folded
            }
            _ => DeleteTreatment::Unchanged,
        };
        Self { segment, effect, deletes }
    }

    /// Returns the number of delta logs of the segment that the target imports.
    fn delta_logs(&self) -> u64 {
        match self.deletes {
            DeleteTreatment::Unchanged => self.segment.delta_logs.len() as u64,
            DeleteTreatment::Folded => {
                u64::from(self.effect.is_some_and(|effect| effect.live + effect.later < self.segment.rows))
            }
            DeleteTreatment::Applied => 0,
        }
    }

    fn of_job(&self) -> JobSegment {
        JobSegment { id: self.segment.id, deletes: self.deletes, has_deltas: self.delta_logs() > 0 }
    }

    /// Returns the time after which its rows are left out.
    fn until(&self) -> Option<Tso> {
        self.effect.and_then(|effect| effect.until)
    }

    /// Returns the number of rows that an import must report; `None` if it is not known exactly.
    fn live_rows(&self) -> Option<u64> {
        match self.effect {
            Some(effect) => Some(effect.live),
            None => self.segment.delta_logs.is_empty().then_some(self.segment.rows),
        }
    }
}

/// Chooses from where a job reads its files; `readable` tells whether the target can read them in the backup.
fn choose_files(segments: &[PlannedSegment<'_>], readable: bool) -> ImportFiles {
    if !readable {
        ImportFiles::Staged
    } else if segments.iter().any(|segment| segment.deletes == DeleteTreatment::Folded) {
        ImportFiles::InPlaceWithStagedDeletes
    } else {
        ImportFiles::InPlace
    }
}

/// Counts the files of a job that are copied or written to the store of the target first.
fn count_staged_objects(job: &ImportJob, segments: &[PlannedSegment<'_>]) -> u64 {
    let binlogs = |planned: &PlannedSegment<'_>| match job.files {
        ImportFiles::Staged => planned.segment.binlogs.len() as u64,
        ImportFiles::InPlace | ImportFiles::InPlaceWithStagedDeletes => 0,
    };
    let delta_logs = |planned: &PlannedSegment<'_>| {
        if job.stages_deletes_of(&planned.of_job()) { planned.delta_logs() } else { 0 }
    };
    segments.iter().map(|planned| binlogs(planned) + delta_logs(planned)).sum()
}

/// Returns whether each segment has a directory of its own above that with its files, as the Go releases since 0.4 write
/// them: Milvus takes every directory one level below the given one for a segment.
fn have_own_directories(segments: &[PlannedSegment<'_>]) -> bool {
    segments.iter().all(|planned| planned.segment.group_id == Some(planned.segment.id.0))
}

/// The limits of one job.
#[derive(Clone, Copy)]
struct JobLimits {
    bytes: u64,
    segments: usize,
}

/// Segments that one job imports.
struct SegmentGroup<'a> {
    kind: SegmentKind,
    until: Option<Tso>,
    segments: Vec<PlannedSegment<'a>>,
}

/// Returns how many rows of these segments an import may report: one number if the rows of segments with deletes were
/// read.
///
/// Delete entries are counted per partition: each of them may delete a row of any segment that has delta logs, but no
/// row of another segment.
fn row_range(segments: &[PlannedSegment<'_>], prefix: &PrefixFacts) -> RowRange {
    let sum = |rows: u64, of_segment: u64| rows.saturating_add(of_segment);
    let live = segments.iter().map(PlannedSegment::live_rows);
    if let Some(rows) = live.clone().try_fold(0, |rows, live| live.map(|live| sum(rows, live))) {
        return RowRange { min: rows, max: rows };
    }
    let max = segments.iter().map(|s| s.segment.rows).fold(0, sum);
    let deletes = if segments.iter().any(|segment| segment.delta_logs() > 0) { prefix.deletes } else { 0 };
    RowRange { min: max.saturating_sub(deletes), max }
}

/// Groups consecutive segments within the limits together; a larger segment is a group of its own.
///
/// A group has one storage format, because Milvus rejects jobs with several.
fn group_segments<'a>(segments: &[PlannedSegment<'a>], limits: JobLimits) -> Vec<SegmentGroup<'a>> {
    let mut groups: Vec<SegmentGroup<'_>> = Vec::new();
    let mut bytes: u64 = 0;
    for planned in segments {
        let (kind, until) = (planned.segment.kind, planned.until());
        bytes = bytes.saturating_add(planned.segment.size());
        match groups.last_mut() {
            Some(group)
                if bytes <= limits.bytes
                    && group.segments.len() < limits.segments
                    && (group.kind, group.until) == (kind, until) =>
            {
                group.segments.push(*planned);
            }
            _ => {
                groups.push(SegmentGroup { kind, until, segments: vec![*planned] });
                bytes = planned.segment.size();
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
    use crate::plan::restore::ImporterFacts;
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
        assert!(jobs.iter().all(|job| job.files == ImportFiles::Staged), "{jobs:?}");
        segments_of(jobs)
    }

    fn segments_of(jobs: &[ImportJob]) -> Vec<Vec<i64>> {
        jobs.iter().map(|job| job.segments.iter().map(|segment| segment.id.0).collect()).collect()
    }

    #[test]
    fn the_number_of_rows_is_exact_where_the_rows_of_segments_with_deletes_were_read() {
        let segments = vec![
            sample::segment(3, 100, 10),
            sample::segment_with_deletes(4, 50, 20),
            sample::segment_with_deletes(5, 7, 1),
        ];
        let mut facts = facts(false, 7);
        let read = |live| DeleteEffect { live, own_logs_suffice: true, ..DeleteEffect::default() };
        let effects = |facts: &mut TargetFacts, id, live| {
            let prefix = facts.prefixes.get_mut(&PartitionId(2)).unwrap();
            prefix.segments.insert(SegmentId(id), read(live));
        };
        effects(&mut facts, 4, 48);
        let (plan, _) = plan_segments(segments.clone(), &facts);
        assert_eq!(plan.rows, RowRange { min: 150, max: 157 }, "one segment was not read");
        effects(&mut facts, 5, 7);
        let (plan, jobs) = plan_segments(segments, &facts);
        assert_eq!(
            (plan.rows, jobs[0].rows),
            (RowRange { min: 155, max: 155 }, RowRange { min: 155, max: 155 })
        );
        assert_eq!(jobs[0].files, ImportFiles::InPlace);
    }

    /// Plans two segments: the second, of 50 rows and with delta logs of its own, has these effects.
    fn plan_effect(effect: DeleteEffect, ignores_delete_times: bool) -> Vec<ImportJob> {
        let importer = ImporterFacts { ignores_delete_times, ..ImporterFacts::default() };
        let mut facts = TargetFacts { importer, ..facts(false, 0) };
        facts.prefixes.get_mut(&PartitionId(2)).unwrap().segments.insert(SegmentId(4), effect);
        plan_segments(vec![sample::segment(3, 100, 10), sample::segment_with_deletes(4, 50, 20)], &facts).1
    }

    /// Returns from where a job reads its files, and how the deletes of its last segment are brought.
    fn treatment(job: &ImportJob) -> (ImportFiles, Option<DeleteTreatment>) {
        (job.files, job.segments.last().map(|segment| segment.deletes))
    }

    #[test]
    fn deletes_are_folded_where_the_own_logs_do_not_have_their_effect() {
        let foreign = DeleteEffect { live: 40, ..DeleteEffect::default() };
        for ignores_delete_times in [false, true] {
            let jobs = plan_effect(foreign, ignores_delete_times);
            let folded = (ImportFiles::InPlaceWithStagedDeletes, Some(DeleteTreatment::Folded));
            assert_eq!((treatment(&jobs[0]), jobs[0].has_deltas()), (folded, true));
            assert_eq!((jobs[0].objects, jobs[0].staged_objects), (3, 1), "the new delta log");
            assert_eq!(jobs[0].rows, RowRange { min: 140, max: 140 });
        }
        let without_effect = DeleteEffect { live: 50, ..DeleteEffect::default() };
        assert!(!plan_effect(without_effect, false)[0].has_deltas(), "the delta logs are left out");
    }

    #[test]
    fn a_target_that_ignores_the_times_of_deletes_gets_no_entry_for_a_live_row() {
        let own = DeleteEffect { live: 40, own_logs_suffice: true, ..DeleteEffect::default() };
        let again = DeleteEffect { has_reinserted_rows: true, ..own };
        let partly = DeleteEffect { has_partly_deleted_keys: true, ..again };
        let of = |effect, ignores_delete_times| treatment(&plan_effect(effect, ignores_delete_times)[0]);
        let unchanged = (ImportFiles::InPlace, Some(DeleteTreatment::Unchanged));
        for effect in [own, again, partly] {
            assert_eq!(of(effect, false), unchanged);
        }
        assert_eq!(of(own, true), unchanged);
        let folded = (ImportFiles::InPlaceWithStagedDeletes, Some(DeleteTreatment::Folded));
        assert_eq!(of(again, true), folded);
        assert_eq!(of(partly, true), (ImportFiles::Staged, Some(DeleteTreatment::Applied)));
        let jobs = plan_effect(partly, true);
        assert_eq!((jobs[0].has_deltas(), jobs[0].rows), (false, RowRange { min: 140, max: 140 }));
        let none_left = DeleteEffect { live: 0, ..partly };
        assert_eq!(staged_segments(&plan_effect(none_left, true)), [[3]], "the other one is left out");
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
                segments: [(3, false), (4, true)]
                    .map(|(id, has_deltas)| JobSegment {
                        id: SegmentId(id),
                        deletes: DeleteTreatment::Unchanged,
                        has_deltas,
                    })
                    .to_vec(),
                files: ImportFiles::InPlace,
                by_segment: false,
                objects: 3,
                staged_objects: 0,
                bytes: 31,
                until: None,
                rows: RowRange { min: 143, max: 150 },
                after: vec![],
            }]
        );
        assert_eq!(plan.rows, RowRange { min: 143, max: 150 });
    }

    #[test]
    fn jobs_of_segments_are_in_place_also_where_a_partition_is_split() {
        let importer = ImporterFacts { max_segments: Some(2), ..ImporterFacts::default() };
        let facts = TargetFacts { importer, ..facts(false, 0) };
        let own = |id| Segment { group_id: Some(id), ..sample::segment(id, 10, 1) };
        let (_, jobs) = plan_segments((3..8).map(own).collect(), &facts);
        assert_eq!(segments_of(&jobs), [vec![3, 4], vec![5, 6], vec![7]]);
        assert!(jobs.iter().all(|job| job.files == ImportFiles::InPlace && job.by_segment));
        // A directory that segments share would be read for each of them.
        let shared = |id| Segment { group_id: Some(3), ..sample::segment(id, 10, 1) };
        assert_eq!(staged_segments(&plan_segments(vec![shared(3), shared(4)], &facts).1), [[3, 4]]);
        let none = |id| Segment { group_id: None, ..sample::segment(id, 10, 1) };
        assert_eq!(staged_segments(&plan_segments(vec![none(3)], &facts).1), [[3]]);
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
                prop_assert!(job.bytes <= MAX_JOB_BYTES || job.segments.len() == 1);
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
            let size = |segments: &[JobSegment]| {
                segments.first().and_then(|segment| sizes.get(usize::try_from(segment.id.0 - 1).ok()?))
            };
            for pair in jobs.windows(2) {
                prop_assert!(pair[0].bytes + size(&pair[1].segments).unwrap() > MAX_JOB_BYTES);
            }
        }
    }
}
