//! What is known of the import jobs of a restore: which were sent, how long they take, and which are lost.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use milvus::{ImportJobId, ImportPrefixes};
use model::name::CollectionRef;

/// The time without a change after which a job may count as lost.
const MIN_LOST: Duration = Duration::from_mins(1);

/// The jobs that a restore has sent so far.
#[derive(Default)]
pub(super) struct JobHistory {
    sent: u64,
    /// The number of the newest job that has ended.
    newest_ended: u64,
    /// The longest duration of a job that has ended.
    longest: Duration,
    /// The jobs by their target.
    jobs: HashMap<CollectionRef, SentJobs>,
}

/// The jobs that were sent for one target.
#[derive(Clone, Debug, Default)]
pub(super) struct SentJobs {
    pub(super) ids: Vec<ImportJobId>,
    /// The jobs into a target of this name that existed before.
    pub(super) earlier: HashSet<ImportJobId>,
    /// The number of requests to which no answer has come, so that their jobs may exist under unknown ids.
    pub(super) unanswered: usize,
    /// The files of the jobs that were sent again, because nothing showed that the server had received the request.
    pub(super) sent_again: Vec<Vec<ImportPrefixes>>,
    /// Whether a job was lost. Milvus does not say which rows such a job has brought.
    pub(super) has_lost: bool,
}

impl SentJobs {
    /// Returns whether a job is neither known as one of this restore nor older: the answer to its request may have been
    /// lost, or another client has sent it.
    pub(super) fn is_unknown(&self, job: &ImportJobId) -> bool {
        !self.ids.contains(job) && !self.earlier.contains(job)
    }
}

/// A job that is followed.
pub(super) struct FollowedJob {
    /// The position in the order of submission.
    number: u64,
    sent: Instant,
    /// The number of calls before the job was sent that did not reach Milvus.
    unreachable_before: u64,
}

impl JobHistory {
    /// Records the jobs into a target of this name that exist before any is sent.
    pub(super) fn record_earlier(&mut self, target: &CollectionRef, jobs: impl Iterator<Item = ImportJobId>) {
        self.jobs.entry(target.clone()).or_default().earlier.extend(jobs);
    }

    /// Records that a job is about to be sent.
    pub(super) fn send(&mut self, target: &CollectionRef) {
        self.jobs.entry(target.clone()).or_default().unanswered += 1;
    }

    /// Records the answer to the request for a job, after so many calls that did not reach Milvus.
    pub(super) fn begin(
        &mut self,
        target: &CollectionRef,
        id: &ImportJobId,
        unreachable_before: u64,
    ) -> FollowedJob {
        self.sent += 1;
        let jobs = self.jobs.entry(target.clone()).or_default();
        jobs.unanswered = jobs.unanswered.saturating_sub(1);
        jobs.ids.push(id.clone());
        FollowedJob { number: self.sent, sent: Instant::now(), unreachable_before }
    }

    /// Records the end of a job.
    pub(super) fn end(&mut self, job: &FollowedJob) {
        self.newest_ended = self.newest_ended.max(job.number);
        self.longest = self.longest.max(job.sent.elapsed());
    }

    /// Records that a job with these files is sent again.
    pub(super) fn send_again(&mut self, target: &CollectionRef, files: &[ImportPrefixes]) {
        self.jobs.entry(target.clone()).or_default().sent_again.push(files.to_vec());
    }

    /// Returns whether a job counts as lost whose state has not changed for `unchanged`, after so many calls that did
    /// not reach Milvus.
    ///
    /// A restart of Milvus can lose a job, which then keeps its state for ever. So Milvus must have been unreachable
    /// since the job was sent, the job must be slower than others, and a job that was sent later must have ended.
    pub(super) fn is_lost(&self, job: &FollowedJob, unchanged: Duration, unreachable: u64) -> bool {
        unreachable > job.unreachable_before
            && unchanged > MIN_LOST.max(self.longest * 2)
            && self.newest_ended > job.number
    }

    /// Records that a job for a target was lost.
    pub(super) fn lose(&mut self, target: &CollectionRef) {
        self.jobs.entry(target.clone()).or_default().has_lost = true;
    }

    /// Returns the jobs that were sent for a target.
    pub(super) fn jobs_of(&self, target: &CollectionRef) -> SentJobs {
        self.jobs.get(target).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_lost_after_an_outage_when_it_stands_still_and_a_later_one_has_ended() {
        let target = CollectionRef::new("default", "books");
        let send = |history: &mut JobHistory, unreachable| {
            history.begin(&target, &ImportJobId("1".to_owned()), unreachable)
        };
        let long = Duration::from_secs(61);
        let mut history = JobHistory::default();
        let (early, late) = (send(&mut history, 3), send(&mut history, 3));
        history.end(&late);
        assert!(!history.is_lost(&early, long, 3), "Milvus answered all the time");
        assert!(history.is_lost(&early, long, 4));
        assert!(!history.is_lost(&early, Duration::from_secs(59), 4));
        history.longest = Duration::from_secs(40);
        assert!(!history.is_lost(&early, long, 4), "others took long too");
        assert!(history.is_lost(&early, Duration::from_secs(81), 4));

        let after_the_outage = send(&mut history, 4);
        let newest = send(&mut history, 4);
        history.end(&newest);
        assert!(!history.is_lost(&after_the_outage, Duration::from_hours(1), 4));
        let mut alone = JobHistory::default();
        let only = send(&mut alone, 0);
        assert!(!alone.is_lost(&only, Duration::from_hours(1), 1), "no later job shows that Milvus works");
    }
}
