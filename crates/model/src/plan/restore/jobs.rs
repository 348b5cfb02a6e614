//! The import jobs of a partition: one job that reads its prefix in place, wherever possible.

use super::{JobData, JobPlan, MAX_JOB_BYTES, PartitionPlan, PrefixSeen, Reach, RowRange, Seen};
use crate::manifest::{PartitionBackup, Segment};

/// Plans a partition into which nothing is imported.
pub(super) fn plan_without_data(partition: &PartitionBackup) -> PartitionPlan {
    PartitionPlan {
        id: partition.id,
        name: partition.name.clone(),
        rows: RowRange::default(),
        jobs: Vec::new(),
    }
}

/// Plans a partition with the import jobs for its data.
///
/// Segments without insert binlogs, such as those of a backup that 0.4 made with `--meta_only`, are left out: they
/// have no rows, whatever row count they record.
pub(super) fn plan_with_data(partition: &PartitionBackup, seen: &Seen) -> PartitionPlan {
    let segments: Vec<&Segment> =
        partition.segments.iter().filter(|s| s.kind.has_rows() && !s.binlogs.is_empty()).collect();
    let prefix = seen.prefixes.get(&partition.id).copied().unwrap_or_default();
    let groups = group_segments(&segments);
    let in_place = seen.reach == Reach::InPlace && !prefix.foreign && groups.len() == 1;
    PartitionPlan {
        rows: row_range(&segments, prefix),
        jobs: groups.iter().map(|group| plan_job(group, in_place, prefix)).collect(),
        ..plan_without_data(partition)
    }
}

fn plan_job(segments: &[&Segment], in_place: bool, prefix: PrefixSeen) -> JobPlan {
    JobPlan {
        data: if in_place {
            JobData::InPlace
        } else {
            JobData::Staged(segments.iter().map(|s| s.id).collect())
        },
        has_deltas: has_deltas(segments),
        objects: segments.iter().map(|s| s.objects() as u64).sum(),
        bytes: segments.iter().fold(0, |bytes, s| bytes.saturating_add(s.size())),
        rows: row_range(segments, prefix),
    }
}

/// Returns how many rows of these segments an import may report.
///
/// Delete entries are counted per partition: each of them may delete a row of any segment that has delta logs, but no
/// row of another segment.
fn row_range(segments: &[&Segment], prefix: PrefixSeen) -> RowRange {
    let max = segments.iter().fold(0, |rows: u64, s| rows.saturating_add(s.rows));
    let deletes = if has_deltas(segments) { prefix.deletes } else { 0 };
    RowRange { min: max.saturating_sub(deletes), max }
}

fn has_deltas(segments: &[&Segment]) -> bool {
    segments.iter().any(|s| !s.delta_logs.is_empty())
}

/// Groups consecutive segments of at most [`MAX_JOB_BYTES`] together; a larger segment is a group of its own.
fn group_segments<'a>(segments: &[&'a Segment]) -> Vec<Vec<&'a Segment>> {
    let mut groups: Vec<Vec<&Segment>> = Vec::new();
    let mut bytes: u64 = 0;
    for segment in segments {
        bytes = bytes.saturating_add(segment.size());
        match groups.last_mut() {
            Some(group) if bytes <= MAX_JOB_BYTES => group.push(segment),
            _ => {
                groups.push(vec![segment]);
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

    fn plan_partition(segments: Vec<Segment>, seen: &Seen) -> PartitionPlan {
        plan_with_data(&sample::partition(2, "_default", segments), seen)
    }

    fn seen(foreign: bool, deletes: u64) -> Seen {
        let prefixes = [(PartitionId(2), PrefixSeen { foreign, deletes })].into();
        Seen { prefixes, ..sample::seen() }
    }

    /// Returns the segments of every job in order; all jobs must be staged.
    fn staged_segments(plan: &PartitionPlan) -> Vec<Vec<i64>> {
        let ids = |job: &JobPlan| match &job.data {
            JobData::InPlace => panic!("in place"),
            JobData::Staged(ids) => ids.iter().map(|id| id.0).collect(),
        };
        plan.jobs.iter().map(ids).collect()
    }

    #[test]
    fn a_partition_is_one_job_in_place() {
        let segments = vec![sample::segment(3, 100, 10), sample::segment_with_deletes(4, 50, 20)];
        let plan = plan_partition(segments, &seen(false, 7));
        assert_eq!(
            plan.jobs,
            [JobPlan {
                data: JobData::InPlace,
                has_deltas: true,
                objects: 3,
                bytes: 31,
                rows: RowRange { min: 143, max: 150 }
            }]
        );
        assert_eq!(plan.rows, RowRange { min: 143, max: 150 });
    }

    #[test]
    fn a_partition_is_staged_if_milvus_cannot_read_it_or_it_has_foreign_files() {
        let segments = vec![sample::segment(3, 100, 10), sample::segment(4, 50, 20)];
        let far = Seen { reach: Reach::Staged("another bucket".to_owned()), ..seen(false, 0) };
        assert_eq!(staged_segments(&plan_partition(segments.clone(), &far)), [[3, 4]]);
        assert_eq!(staged_segments(&plan_partition(segments, &seen(true, 0))), [[3, 4]]);
    }

    #[test]
    fn a_partition_above_two_gib_is_split_between_segments() {
        let sizes = [GIB, GIB, 1, 3 * GIB, 1, 2 * GIB - 1, 5];
        let segments = (10..).zip(sizes).map(|(id, size)| sample::segment(id, 1, size)).collect();
        let plan = plan_partition(segments, &seen(false, 0));
        assert_eq!(staged_segments(&plan), [vec![10, 11], vec![12], vec![13], vec![14, 15], vec![16]]);
    }

    #[test]
    fn only_jobs_with_delta_logs_may_report_fewer_rows() {
        let segments = vec![sample::segment(3, 100, 2 * GIB), sample::segment_with_deletes(4, 50, 20)];
        let plan = plan_partition(segments, &seen(false, 60));
        assert_eq!(plan.jobs[0].rows, RowRange { min: 100, max: 100 });
        assert_eq!(plan.jobs[1].rows, RowRange { min: 0, max: 50 });
        assert_eq!(plan.rows, RowRange { min: 90, max: 150 });
    }

    #[test]
    fn segments_without_binlogs_are_not_imported() {
        let bare = Segment { binlogs: vec![], ..sample::segment(3, 100, 10) };
        let deletes_alone = Segment { binlogs: vec![], ..sample::segment_with_deletes(4, 0, 20) };
        let partition = sample::partition(2, "_default", vec![bare, deletes_alone]);
        assert_eq!(plan_with_data(&partition, &seen(false, 5)), plan_without_data(&partition));
    }

    proptest! {
        #[test]
        fn every_segment_is_in_exactly_one_job(
            sizes in proptest::collection::vec(prop_oneof![0..=3 * GIB, Just(u64::MAX / 2), 0..100_u64], 0..40),
            deletes in 0..10_u64, foreign: bool, far: bool,
        ) {
            let segments: Vec<Segment> =
                (1_i64..).zip(&sizes).map(|(id, size)| sample::segment(id, 10, *size)).collect();
            let mut seen = seen(foreign, deletes);
            if far {
                seen.reach = Reach::Staged("far".to_owned());
            }
            let plan = plan_partition(segments.clone(), &seen);
            let in_place = plan.jobs.first().is_some_and(|job| job.data == JobData::InPlace);
            prop_assert_eq!(in_place, plan.jobs.len() == 1 && !foreign && !far);
            if !in_place {
                let all: Vec<i64> = staged_segments(&plan).concat();
                prop_assert_eq!(all, segments.iter().map(|s| s.id.0).collect::<Vec<_>>());
            }
            for job in &plan.jobs {
                prop_assert!(job.bytes <= MAX_JOB_BYTES || job.objects == 1);
            }
            prop_assert_eq!(plan.jobs.iter().map(|job| job.objects).sum::<u64>(), sizes.len() as u64);
            prop_assert_eq!(plan.rows.max, plan.jobs.iter().map(|job| job.rows.max).sum::<u64>());
            prop_assert!(plan.jobs.iter().map(|job| job.rows.min).sum::<u64>() <= plan.rows.max);
        }

        #[test]
        fn consecutive_segments_share_a_job_if_they_fit(sizes in proptest::collection::vec(0..GIB, 0..40)) {
            let segments = (1_i64..).zip(&sizes).map(|(id, size)| sample::segment(id, 1, *size)).collect();
            let far = Seen { reach: Reach::Staged("far".to_owned()), ..seen(false, 0) };
            let jobs = plan_partition(segments, &far).jobs;
            let size = |ids: &[SegmentId]| ids.first().and_then(|id| sizes.get(usize::try_from(id.0 - 1).ok()?));
            for pair in jobs.windows(2) {
                let JobData::Staged(next) = &pair[1].data else { panic!("in place") };
                prop_assert!(pair[0].bytes + size(next).unwrap() > MAX_JOB_BYTES);
            }
        }
    }
}
