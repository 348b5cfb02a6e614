//! The end of a job: the final state, the outcome and the failure, derived from the result of the engine.

use engine::{Advice, BackupReport, CollectionOutcome, FailureKind, RestoreReport};

use crate::active_job::StopReason;
use crate::interruption::{
    InterruptionCause, describe_interruption, describe_queue_cancellation, format_names,
};
use crate::job::{JobFailure, JobKind, JobOutcome, JobSnapshot, JobState, OtherPlace};

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
        let (outcome, failure) = match result.map(|outcome| outcome.at_location(job)) {
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

    /// Creates the end of a job whose request a later version of this program stored, so that it is not executed.
    pub(crate) fn of_unknown_request(job: &JobSnapshot) -> Self {
        let backup = job.backup.clone();
        let advice = match job.kind {
            JobKind::Backup => Advice::CreateAgain,
            JobKind::Restore => Advice::RestoreAgain { backup },
            JobKind::Delete => Advice::DeleteAgain { backup, may_be_gone: false },
        };
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

impl JobOutcome {
    /// Notes in the advice of a restore that its options do not name the location of the backup, where it has another.
    fn at_location(mut self, job: &JobSnapshot) -> Self {
        if let Self::Restore(RestoreReport { remaining: Some(remaining), .. }) = &mut self {
            remaining.options_are_complete &= job.place == OtherPlace::default();
        }
        self
    }

    /// Describes what the job did not do; `None` if it did everything.
    fn describe_failure(&self) -> Option<JobFailure> {
        match self {
            Self::Backup(report) => report.kind().map(|kind| describe_backup_failure(report, kind)),
            Self::Restore(report) => report.kind().map(|kind| describe_restore_failure(report, kind)),
            Self::Delete(_) => None,
        }
    }
}

/// Describes the failure of a backup that is complete but lacks collections.
fn describe_backup_failure(report: &BackupReport, kind: FailureKind) -> JobFailure {
    let mut missing = Vec::new();
    if !report.vanished.is_empty() {
        missing.push(format!("what was dropped during the backup: {}", format_names(&report.vanished)));
    }
    missing.extend(report.failed.iter().map(|failed| format!("{}: {}", failed.collection, failed.reason)));
    JobFailure {
        kind,
        message: format!("{} is complete, but without {}", report.name, missing.join("; ")),
        context: None,
        advice: report.failed.iter().find_map(|failed| failed.advice.clone()),
    }
}

/// Describes the failure of a restore by the first collection that failed; the report contains the others.
fn describe_restore_failure(report: &RestoreReport, kind: FailureKind) -> JobFailure {
    let done = report.collections.iter().filter(|c| c.outcome == CollectionOutcome::Done).count();
    let failed = report.collections.iter().find_map(|c| match &c.outcome {
        CollectionOutcome::Failed(failure) => Some((&c.target, failure)),
        _ => None,
    });
    let total = report.collections.len();
    let cause =
        failed.map(|(target, failure)| format!("; {target}: {}", failure.message)).unwrap_or_default();
    JobFailure {
        kind,
        message: format!("restored {done} of {total} collections from {}{cause}", report.name),
        context: None,
        advice: failed.and_then(|(_, failure)| failure.advice.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine::Error;
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
