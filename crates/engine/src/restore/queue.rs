//! The order in which the import jobs of a collection are sent.

use std::collections::{HashSet, VecDeque};

use model::plan::restore::{ImportJob, ImportJobKey};

/// The import jobs of a collection that are not completed.
pub(super) struct JobQueue<'a> {
    /// The jobs that were not taken yet, in the order of the plan.
    waiting: VecDeque<&'a ImportJob>,
    /// The keys of all jobs that are not completed, whether taken or not.
    incomplete: HashSet<&'a ImportJobKey>,
}

impl<'a> JobQueue<'a> {
    pub(super) fn new(jobs: &'a [ImportJob]) -> Self {
        Self { waiting: jobs.iter().collect(), incomplete: jobs.iter().map(|job| &job.key).collect() }
    }

    /// Removes and returns the first job whose predecessors are all completed; `None` if there is no such job.
    pub(super) fn take_ready(&mut self) -> Option<&'a ImportJob> {
        let is_ready = |job: &&ImportJob| !job.after.iter().any(|key| self.incomplete.contains(key));
        let ready = self.waiting.iter().position(is_ready)?;
        self.waiting.remove(ready)
    }

    /// Marks a job as completed, so that the jobs after it can be taken.
    pub(super) fn complete(&mut self, key: &ImportJobKey) {
        self.incomplete.remove(key);
    }

    /// Returns the first job that was not taken.
    pub(super) fn first_waiting(&self) -> Option<&'a ImportJob> {
        self.waiting.front().copied()
    }
}

#[cfg(test)]
mod tests {
    use model::ids::{PartitionId, PartitionScope};
    use model::plan::restore::{ImportFiles, RowRange};
    use model::segment::{SegmentKind, StorageFormat};

    use super::*;

    const ROWS: SegmentKind = SegmentKind::Rows { format: StorageFormat::V2 };

    fn job(kind: SegmentKind, partition: i64, after: Vec<ImportJobKey>) -> ImportJob {
        let scope = PartitionScope::from_wire(partition);
        ImportJob {
            key: ImportJobKey::new(kind, scope, 0),
            scope,
            kind,
            segments: vec![],
            files: ImportFiles::InPlace,
            by_segment: false,
            objects: 1,
            staged_objects: 0,
            bytes: 1,
            until: None,
            rows: RowRange::default(),
            after,
        }
    }

    fn key(kind: SegmentKind, partition: i64) -> ImportJobKey {
        ImportJobKey::new(kind, PartitionScope::One(PartitionId(partition)), 0)
    }

    /// Takes all jobs that are ready, and returns their keys.
    fn take_all(queue: &mut JobQueue<'_>) -> Vec<String> {
        std::iter::from_fn(|| queue.take_ready()).map(|job| job.key.to_string()).collect()
    }

    #[test]
    fn jobs_without_predecessors_are_taken_in_the_order_of_the_plan() {
        let jobs = [7, 5, 6].map(|partition| job(ROWS, partition, vec![]));
        let mut queue = JobQueue::new(&jobs);
        assert_eq!(take_all(&mut queue), ["rows/7/0", "rows/5/0", "rows/6/0"]);
        assert!(queue.first_waiting().is_none());
    }

    #[test]
    fn deletes_wait_for_the_rows_to_which_they_apply() {
        let deletes = SegmentKind::Deletes;
        let jobs = [
            job(deletes, -1, vec![key(ROWS, 5), key(ROWS, 6), key(deletes, 5)]),
            job(deletes, 5, vec![key(ROWS, 5)]),
            job(ROWS, 5, vec![]),
            job(ROWS, 6, vec![]),
        ];
        let mut queue = JobQueue::new(&jobs);
        assert_eq!(take_all(&mut queue), ["rows/5/0", "rows/6/0"]);
        queue.complete(&key(ROWS, 6));
        assert!(queue.take_ready().is_none(), "the rows of the other partition are not imported");
        queue.complete(&key(ROWS, 5));
        assert_eq!(take_all(&mut queue), ["deletes/5/0"]);
        queue.complete(&key(deletes, 5));
        assert_eq!(take_all(&mut queue), ["deletes/-1/0"]);
    }

    #[test]
    fn jobs_that_wait_for_each_other_are_never_ready() {
        let jobs = [job(ROWS, 5, vec![key(ROWS, 6)]), job(ROWS, 6, vec![key(ROWS, 5)])];
        let mut queue = JobQueue::new(&jobs);
        assert!(queue.take_ready().is_none());
        assert_eq!(queue.first_waiting().map(|job| &job.key), Some(&key(ROWS, 5)));
    }
}
