//! What the import jobs of a restore so far tell about those that are still followed: outages, durations, lost jobs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use milvus::ImportJobId;
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
    /// The number of times that Milvus stopped answering.
    outages: u64,
    is_away: bool,
    /// The jobs by their target.
    jobs: HashMap<CollectionRef, SentJobs>,
}

/// The jobs that were sent for one target.
#[derive(Clone, Debug, Default)]
pub(super) struct SentJobs {
    pub(super) ids: Vec<ImportJobId>,
    /// The number of requests to which no answer has come, so that their jobs may exist under unknown ids.
    pub(super) unanswered: usize,
}

/// A job that is followed.
pub(super) struct FollowedJob {
    /// The position in the order of submission.
    number: u64,
    sent: Instant,
    /// The number of outages before the job was sent.
    outages_before: u64,
}

impl JobHistory {
    /// Records that a job is about to be sent.
    pub(super) fn send(&mut self, target: &CollectionRef) {
        self.jobs.entry(target.clone()).or_default().unanswered += 1;
    }

    /// Records the answer to the request for a job.
    pub(super) fn begin(&mut self, target: &CollectionRef, id: &ImportJobId) -> FollowedJob {
        self.sent += 1;
        let jobs = self.jobs.entry(target.clone()).or_default();
        jobs.unanswered = jobs.unanswered.saturating_sub(1);
        jobs.ids.push(id.clone());
        FollowedJob { number: self.sent, sent: Instant::now(), outages_before: self.outages }
    }

    /// Records the end of a job.
    pub(super) fn end(&mut self, job: &FollowedJob) {
        self.newest_ended = self.newest_ended.max(job.number);
        self.longest = self.longest.max(job.sent.elapsed());
    }

    /// Records that Milvus does not answer; returns whether it answered until now.
    pub(super) fn begin_outage(&mut self) -> bool {
        let is_new = !std::mem::replace(&mut self.is_away, true);
        self.outages += u64::from(is_new);
        is_new
    }

    /// Records an answer of Milvus.
    pub(super) fn end_outage(&mut self) {
        self.is_away = false;
    }

    /// Returns whether a job counts as lost whose state has not changed for `unchanged`.
    ///
    /// A restart of Milvus can lose a job, which then keeps its state for ever. So Milvus must have been unreachable
    /// since the job was sent, the job must be slower than others, and a job that was sent later must have ended.
    pub(super) fn is_lost(&self, job: &FollowedJob, unchanged: Duration) -> bool {
        self.outages > job.outages_before
            && unchanged > MIN_LOST.max(self.longest * 2)
            && self.newest_ended > job.number
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
        let send = |history: &mut JobHistory| history.begin(&target, &ImportJobId("1".to_owned()));
        let long = Duration::from_secs(61);
        let mut history = JobHistory::default();
        let (early, late) = (send(&mut history), send(&mut history));
        history.end(&late);
        assert!(!history.is_lost(&early, long), "Milvus answered all the time");
        assert!(history.begin_outage() && !history.begin_outage());
        history.end_outage();
        assert!(history.is_lost(&early, long));
        assert!(!history.is_lost(&early, Duration::from_secs(59)));
        history.longest = Duration::from_secs(40);
        assert!(!history.is_lost(&early, long), "others took long too");
        assert!(history.is_lost(&early, Duration::from_secs(81)));

        let after_the_outage = send(&mut history);
        let newest = send(&mut history);
        history.end(&newest);
        assert!(!history.is_lost(&after_the_outage, Duration::from_hours(1)));
        let mut alone = JobHistory::default();
        let only = send(&mut alone);
        alone.begin_outage();
        assert!(!alone.is_lost(&only, Duration::from_hours(1)), "no later job shows that Milvus works");
    }
}
