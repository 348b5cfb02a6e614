//! How a job ended: from what the engine says to a state, an outcome and a failure.

use engine::{BackupReport, CollectionOutcome, Kind, RestoreReport};

use crate::job::{Job, JobFailure, JobState, Outcome};
use crate::left::{self, By};
use crate::live::Stop;

/// How a job ended.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    /// The state it is in for good.
    pub(crate) state: JobState,
    /// What came of it.
    pub(crate) outcome: Option<Outcome>,
    /// Why it did not do all.
    pub(crate) failure: Option<JobFailure>,
}

impl Ending {
    /// It did what it did, or the engine says why not.
    pub(crate) fn of(done: Result<Outcome, engine::Error>, job: &Job, stop: Option<Stop>) -> Self {
        let (outcome, failure) = match done {
            Ok(outcome) => match outcome.failure() {
                None => return Self { state: JobState::Succeeded, outcome: Some(outcome), failure: None },
                Some(failure) => (Some(outcome), failure),
            },
            Err(error) => (None, JobFailure::from(&error)),
        };
        match (failure.kind, stop) {
            (Kind::Interrupted, Some(stop)) => Self::stopped(job, outcome, stop),
            // of the engine's errors only that of rows that differ is of this kind, and nothing was restored then
            (Kind::Partial, _) if outcome.is_some() => {
                Self { state: JobState::Partial, outcome, failure: Some(failure) }
            }
            _ => Self { state: JobState::Failed, outcome, failure: Some(failure) },
        }
    }

    /// It was told to stop and did.
    fn stopped(job: &Job, outcome: Option<Outcome>, stop: Stop) -> Self {
        let state = match stop {
            Stop::Cancelled => JobState::Cancelled,
            Stop::Shutdown => JobState::Interrupted,
        };
        let failure = left::left(job, outcome.as_ref(), By::Word(stop));
        Self { state, outcome, failure: Some(failure) }
    }

    /// The server ended under it.
    pub(crate) fn crashed(job: &Job) -> Self {
        let failure = left::left(job, None, By::Crash);
        Self { state: JobState::Interrupted, outcome: None, failure: Some(failure) }
    }

    /// It was cancelled while it waited.
    pub(crate) fn not_begun() -> Self {
        Self { state: JobState::Cancelled, outcome: None, failure: Some(left::not_begun()) }
    }

    /// It failed for a reason of ours.
    pub(crate) fn failed(failure: JobFailure) -> Self {
        Self { state: JobState::Failed, outcome: None, failure: Some(failure) }
    }
}

impl Outcome {
    /// Why not all was done; `None` where it was.
    fn failure(&self) -> Option<JobFailure> {
        match self {
            Self::Backup(report) => report.kind().map(|kind| backup_failure(report, kind)),
            Self::Restore(report) => report.kind().map(|kind| restore_failure(report, kind)),
            Self::Delete(_) => None,
        }
    }
}

fn backup_failure(report: &BackupReport, kind: Kind) -> JobFailure {
    let mut missing = Vec::new();
    if !report.vanished.is_empty() {
        missing.push(format!("what was dropped while it was read: {}", left::names(&report.vanished)));
    }
    missing.extend(report.failed.iter().map(|failed| format!("{}: {}", failed.collection, failed.reason)));
    JobFailure {
        kind,
        message: format!("{} is complete, but without {}", report.name, missing.join("; ")),
        context: None,
        hint: report.failed.iter().find_map(|failed| failed.hint.clone()),
    }
}

/// The first collection that failed speaks for all; the report has the rest.
fn restore_failure(report: &RestoreReport, kind: Kind) -> JobFailure {
    let done = report.collections.iter().filter(|c| c.outcome == CollectionOutcome::Done).count();
    let failed = report.collections.iter().find_map(|c| match &c.outcome {
        CollectionOutcome::Failed(failure) => Some((&c.target, failure)),
        _ => None,
    });
    let all = report.collections.len();
    let why = failed.map(|(target, failure)| format!("; {target}: {}", failure.message)).unwrap_or_default();
    JobFailure {
        kind,
        message: format!("restored {done} of {all} collections from {}{why}", report.name),
        context: None,
        hint: failed.and_then(|(_, failure)| failure.hint.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine::Error;
    use model::name::CollectionRef;

    use super::*;
    use crate::left::tests::{at, backup};

    fn report(vanished: Vec<CollectionRef>) -> Outcome {
        Outcome::Backup(BackupReport {
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

    fn state(done: Result<Outcome, Error>, stop: Option<Stop>) -> JobState {
        Ending::of(done, &at(backup(), &[]), stop).state
    }

    #[test]
    fn who_was_stopped_is_told_apart_from_who_failed() {
        assert_eq!(state(Err(Error::Cancelled), Some(Stop::Cancelled)), JobState::Cancelled);
        assert_eq!(state(Err(Error::Cancelled), Some(Stop::Shutdown)), JobState::Interrupted);
        assert_eq!(state(Err(Error::Task("panicked".to_owned())), Some(Stop::Cancelled)), JobState::Failed);
        // what was done before the word came is done
        assert_eq!(state(Ok(report(vec![])), Some(Stop::Cancelled)), JobState::Succeeded);
    }

    #[test]
    fn a_part_is_a_part_and_keeps_its_report() {
        let vanished = vec![CollectionRef::new("shop", "orders")];
        let Ending { state, outcome, failure } = Ending::of(Ok(report(vanished)), &at(backup(), &[]), None);
        assert_eq!((state, outcome.is_some()), (JobState::Partial, true));
        let message = failure.unwrap().message;
        assert_eq!(
            message,
            "nightly is complete, but without what was dropped while it was read: shop.orders"
        );
    }
}
