//! Descriptions of interrupted jobs: what they changed before they stopped, and how to continue.

use engine::FailureKind;

use crate::active_job::StopReason;
use crate::failure::JobFailure;
use crate::job::JobSnapshot;
use crate::kind::{Interrupted, JobOutcome};

/// The cause of an interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InterruptionCause {
    /// The job was requested to stop and stopped at a safe point.
    Requested(StopReason),
    /// The server ended while the job was running, or the job was aborted; it may have stopped at any point.
    Crash,
}

/// Describes a job that stopped before its end: what it changed, and as the advice how to continue.
///
/// `outcome` is the report of the engine, if it returned one.
pub(crate) fn describe_interruption(
    job: &JobSnapshot,
    outcome: Option<&JobOutcome>,
    cause: InterruptionCause,
) -> JobFailure {
    let interrupted = Interrupted {
        backup: &job.backup,
        progress: &job.progress,
        targets: &job.targets,
        is_elsewhere: job.is_elsewhere(),
        crash: cause == InterruptionCause::Crash,
    };
    let (result, advice) = job.kind.describe_interruption(&interrupted, job.request.as_ref(), outcome);
    let stopped = match cause {
        InterruptionCause::Requested(StopReason::Cancelled) => "cancelled",
        InterruptionCause::Requested(StopReason::Shutdown) => "stopped, because the server was shut down",
        InterruptionCause::Crash => "the server ended while the job was running",
    };
    JobFailure {
        kind: FailureKind::Interrupted,
        message: format!("{stopped}: {result}"),
        context: job.progress.phase.map(|phase| format!("in phase {}", phase.as_str())),
        advice: Some(advice),
    }
}

/// Describes a job that was cancelled before it started.
pub(crate) fn describe_queue_cancellation() -> JobFailure {
    JobFailure {
        kind: FailureKind::Interrupted,
        message: "cancelled before it started: nothing was changed".to_owned(),
        context: None,
        advice: None,
    }
}

/// Describes a job that waited in a data directory of which this one is a copy.
pub(crate) fn describe_copied_queue() -> JobFailure {
    JobFailure {
        message: "not started here: the data directory is a copy, and the server of the original may execute the job"
            .to_owned(),
        ..describe_queue_cancellation()
    }
}

#[cfg(test)]
mod tests {
    use engine::{Advice, CollectionPhase, DeleteRequest, Event, Phase, RemainingRestore};
    use model::plan::restore::{ExistingTargetPolicy, RestoreRequest};

    use super::*;
    use crate::kind::EngineRequest;
    use crate::sample::{backup_request, collection, job_after_events};

    fn restore_request() -> EngineRequest {
        EngineRequest::Restore(RestoreRequest::with_defaults("nightly".parse().unwrap()))
    }

    fn describe(job: &JobSnapshot, cause: InterruptionCause) -> (String, Advice) {
        let JobFailure { kind, message, advice, .. } = describe_interruption(job, None, cause);
        assert_eq!(kind, FailureKind::Interrupted);
        (message, advice.unwrap())
    }

    fn describe_remaining(job: &JobSnapshot, cause: InterruptionCause) -> (String, RemainingRestore) {
        match describe(job, cause) {
            (message, Advice::RestoreRemaining(remaining)) => (message, *remaining),
            other => panic!("{other:?}"),
        }
    }

    const CANCELLED: InterruptionCause = InterruptionCause::Requested(StopReason::Cancelled);

    fn nightly() -> String {
        "nightly".to_owned()
    }

    #[test]
    fn a_job_interrupted_in_preflight_has_changed_nothing() {
        for phase in [&[][..], &[Event::Phase(Phase::Preflight)]] {
            assert_eq!(
                describe(&job_after_events(backup_request(), phase), CANCELLED),
                ("cancelled: nothing was written".to_owned(), Advice::CreateAgain)
            );
            assert_eq!(
                describe(&job_after_events(restore_request(), phase), CANCELLED),
                (
                    "cancelled: nothing was changed in Milvus".to_owned(),
                    Advice::RestoreAgain { backup: nightly() }
                )
            );
            let (crashed, _) =
                describe(&job_after_events(restore_request(), phase), InterruptionCause::Crash);
            assert!(crashed.contains("the job had just started; no change in Milvus is known"), "{crashed}");
        }
    }

    #[test]
    fn a_backup_is_unfinished_or_possibly_complete_when_its_commit_was_interrupted() {
        let copying = job_after_events(backup_request(), &[Event::Phase(Phase::Copy)]);
        let (message, advice) = describe(&copying, InterruptionCause::Crash);
        assert!(message.ends_with("nightly is left unfinished"), "{message}");
        assert_eq!(advice, Advice::DeleteAndCreateAgain { backup: nightly() });
        let (_, advice) = describe(&copying, CANCELLED);
        assert_eq!(advice, Advice::DeleteAndCreateAgain { backup: nightly() });
        let committing = job_after_events(backup_request(), &[Event::Phase(Phase::Commit)]);
        for cause in [CANCELLED, InterruptionCause::Crash] {
            let (message, advice) = describe(&committing, cause);
            assert!(message.ends_with("nightly is either complete or left unfinished"), "{message}");
            assert!(matches!(advice, Advice::InspectBackup { .. }));
        }
    }

    fn collection_event(name: &str, phase: CollectionPhase) -> Event {
        Event::Collection { collection: collection(name), phase }
    }

    fn importing_events() -> Vec<Event> {
        vec![
            Event::Phase(Phase::Import),
            collection_event("books", CollectionPhase::Done),
            collection_event("tags", CollectionPhase::Importing),
        ]
    }

    #[test]
    fn a_deletion_continues_where_it_stopped() {
        let request =
            || EngineRequest::Delete(DeleteRequest { name: "nightly".parse().unwrap(), force: false });
        let deleting = job_after_events(request(), &[Event::Phase(Phase::Delete)]);
        let (message, advice) = describe(&deleting, InterruptionCause::Requested(StopReason::Shutdown));
        assert!(message.ends_with("nightly is deleted in part and cannot be restored"), "{message}");
        assert_eq!(advice, Advice::DeleteAgain { backup: nightly(), may_be_gone: false });
        let (_, advice) = describe(&deleting, InterruptionCause::Crash);
        assert_eq!(advice, Advice::DeleteAgain { backup: nightly(), may_be_gone: true });
        let (message, _) = describe(&job_after_events(request(), &[]), CANCELLED);
        assert!(message.contains("nothing was deleted"), "{message}");
        let (message, _) = describe(&job_after_events(request(), &[]), InterruptionCause::Crash);
        assert!(message.contains("may be deleted in part"), "{message}");
    }

    #[test]
    fn a_restore_lists_incomplete_targets_and_the_collections_that_remain() {
        let job = job_after_events(restore_request(), &importing_events());
        let (message, remaining) = describe_remaining(&job, InterruptionCause::Crash);
        let result = "1 of 3 collections are restored, left in place and possibly incomplete: default.tags_copy; the \
                      restore may have progressed further; imports";
        assert!(message.contains(result), "{message}");
        let targets: Vec<_> = remaining.collections.iter().map(|c| c.target.to_string()).collect();
        assert_eq!(targets, ["default.tags_copy", "default.pens_copy"]);
        assert_eq!(
            (remaining.options.existing, remaining.rows_may_repeat),
            (ExistingTargetPolicy::Drop, false)
        );
        assert!(remaining.options_are_complete);
        // No collection was created for the remaining ones, so none has to be dropped.
        let job = job_after_events(restore_request(), &importing_events()[..2]);
        let (message, remaining) = describe_remaining(&job, CANCELLED);
        assert_eq!(message, "cancelled: 1 of 3 collections are restored");
        assert_eq!(remaining.options.existing, ExistingTargetPolicy::Refuse);
    }

    #[test]
    fn collections_that_existed_before_are_not_dropped() {
        let mut request = RestoreRequest::with_defaults("nightly".parse().unwrap());
        request.options.existing = ExistingTargetPolicy::Use;
        let job = job_after_events(EngineRequest::Restore(request), &importing_events());
        let (message, remaining) = describe_remaining(&job, InterruptionCause::Crash);
        assert!(message.contains("rows may have been imported into: default.tags_copy;"), "{message}");
        assert_eq!(
            (remaining.options.existing, remaining.rows_may_repeat),
            (ExistingTargetPolicy::Use, true)
        );
    }

    #[test]
    fn options_do_not_express_a_restore_from_another_location() {
        let mut job = job_after_events(restore_request(), &importing_events());
        job.place.root = Some("elsewhere".to_owned());
        assert!(!describe_remaining(&job, InterruptionCause::Crash).1.options_are_complete);
    }

    #[test]
    fn only_aliases_may_be_missing_when_all_collections_are_restored() {
        let all = importing_events()
            .into_iter()
            .chain(["tags", "pens"].map(|name| collection_event(name, CollectionPhase::Done)));
        let job = job_after_events(restore_request(), &all.collect::<Vec<_>>());
        let (message, advice) = describe(&job, InterruptionCause::Crash);
        assert!(message.contains("3 of 3 collections are restored; "), "{message}");
        assert_eq!(advice, Advice::InspectAliases);
    }

    #[test]
    fn a_restore_with_an_unknown_request_asks_to_inspect_its_targets() {
        let job = JobSnapshot { request: None, ..job_after_events(restore_request(), &importing_events()) };
        let message = "the server ended while the job was running: the target collections may be incomplete";
        assert_eq!(
            describe(&job, InterruptionCause::Crash),
            (message.to_owned(), Advice::InspectTargets { backup: nightly() })
        );
    }
}
