//! The end of a job: the final state, the outcome and the failure, derived from the result of the engine.

use engine::FailureKind;

use crate::active_job::StopReason;
use crate::failure::JobFailure;
use crate::interruption::{
    InterruptionCause, describe_copied_queue, describe_interruption, describe_queue_cancellation,
};
use crate::job::{JobSnapshot, JobState};
use crate::kind::JobOutcome;

/// The end of a job, without the time and the progress.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// The final state of the job.
    pub(crate) state: JobState,
    /// The outcome; `None` if the engine returned an error or the job was not executed to its end.
    pub(crate) outcome: Option<JobOutcome>,
    /// The failure; `None` if the job succeeded.
    pub(crate) failure: Option<JobFailure>,
}

impl Ending {
    /// Creates the end of a job that the engine has executed.
    pub(crate) fn from_result(
        result: Result<JobOutcome, engine::Error>,
        job: &JobSnapshot,
        stop_reason: Option<StopReason>,
    ) -> Self {
        let (outcome, failure) = match result.map(|outcome| outcome.with_location(job.is_elsewhere())) {
            Ok(outcome) => match outcome.describe_failure() {
                None => return Self { state: JobState::Succeeded, outcome: Some(outcome), failure: None },
                Some(failure) => (Some(outcome), failure),
            },
            Err(error) => (None, JobFailure::from(&error)),
        };
        match (failure.kind, stop_reason) {
            (FailureKind::Interrupted, Some(reason)) => Self::after_stop(job, outcome, reason),
            // An error of this kind without an outcome reports rows that differ; nothing was restored then.
            (FailureKind::Partial, _) if outcome.is_some() => {
                Self { state: JobState::Partial, outcome, failure: Some(failure) }
            }
            _ => Self { state: JobState::Failed, outcome, failure: Some(failure) },
        }
    }

    /// Creates the end of a job that stopped at a safe point on request.
    fn after_stop(job: &JobSnapshot, outcome: Option<JobOutcome>, reason: StopReason) -> Self {
        let state = match reason {
            StopReason::Cancelled => JobState::Cancelled,
            StopReason::Shutdown => JobState::Interrupted,
        };
        let failure = describe_interruption(job, outcome.as_ref(), InterruptionCause::Requested(reason));
        Self { state, outcome, failure: Some(failure) }
    }

    /// Creates the end of a job that was running when the server ended, or that was aborted.
    pub(crate) fn after_crash(job: &JobSnapshot) -> Self {
        let failure = describe_interruption(job, None, InterruptionCause::Crash);
        Self { state: JobState::Interrupted, outcome: None, failure: Some(failure) }
    }

    /// Creates the end of a job that was cancelled before it started.
    pub(crate) fn cancelled_in_queue() -> Self {
        let failure = describe_queue_cancellation();
        Self { state: JobState::Cancelled, outcome: None, failure: Some(failure) }
    }

    /// Creates the end of a job that waited in the queue of a server from whose data directory this one was copied.
    pub(crate) fn in_copied_queue() -> Self {
        let failure = describe_copied_queue();
        Self { state: JobState::Interrupted, outcome: None, failure: Some(failure) }
    }

    /// Creates the end of a job whose request a later version of this program stored, so that it is not executed.
    pub(crate) fn of_unknown_request(job: &JobSnapshot) -> Self {
        let advice = job.kind.advise_again(job.backup.clone());
        Self::from_failure(JobFailure {
            kind: FailureKind::Failed,
            message: "a later version of this program stored the request, so this version cannot execute it"
                .to_owned(),
            context: None,
            advice: Some(advice),
        })
    }

    /// Creates the end of a job that failed before the engine was called.
    pub(crate) fn from_failure(failure: JobFailure) -> Self {
        Self { state: JobState::Failed, outcome: None, failure: Some(failure) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine::{BackupReport, Error};
    use model::name::CollectionRef;

    use super::*;
    use crate::sample::{backup_request, job_after_events};

    fn backup_outcome(vanished: Vec<CollectionRef>) -> JobOutcome {
        JobOutcome::Backup(BackupReport {
            name: "nightly".to_owned(),
            collections: 1,
            rows: 1,
            deletes: 0,
            objects: 1,
            bytes: 1,
            elapsed: Duration::ZERO,
            flush: Duration::ZERO,
            copy: Duration::ZERO,
            cut: None,
            cut_is_cluster_wide: false,
            vanished,
            failed: Vec::new(),
            warnings: vec![],
        })
    }

    fn final_state(result: Result<JobOutcome, Error>, stop_reason: Option<StopReason>) -> JobState {
        Ending::from_result(result, &job_after_events(backup_request(), &[]), stop_reason).state
    }

    #[test]
    fn a_stopped_job_is_distinguished_from_a_failed_one() {
        assert_eq!(final_state(Err(Error::Cancelled), Some(StopReason::Cancelled)), JobState::Cancelled);
        assert_eq!(final_state(Err(Error::Cancelled), Some(StopReason::Shutdown)), JobState::Interrupted);
        assert_eq!(
            final_state(Err(Error::Task("panicked".to_owned())), Some(StopReason::Cancelled)),
            JobState::Failed
        );
        // A job that completes before it notices the request to stop has succeeded.
        assert_eq!(final_state(Ok(backup_outcome(vec![])), Some(StopReason::Cancelled)), JobState::Succeeded);
    }

    #[test]
    fn a_partial_backup_keeps_its_report() {
        let vanished = vec![CollectionRef::new("shop", "orders")];
        let Ending { state, outcome, failure } =
            Ending::from_result(Ok(backup_outcome(vanished)), &job_after_events(backup_request(), &[]), None);
        assert_eq!((state, outcome.is_some()), (JobState::Partial, true));
        let message = failure.unwrap().message;
        assert_eq!(
            message,
            "nightly is complete, but without what was dropped during the backup: shop.orders"
        );
    }
}
