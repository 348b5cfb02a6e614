//! Descriptions of interrupted jobs: what they changed before they stopped, and how to continue.

use std::fmt::Write as _;

use engine::{
    Advice, CollectionOutcome, CollectionProgress, FailureKind, LEASE_SECONDS, Phase, RemainingRestore,
};
use model::name::CollectionRef;
use model::plan::restore::{ExistingTargetPolicy, RestoreRequest};

use crate::active_job::StopReason;
use crate::job::{EngineRequest, JobFailure, JobKind, JobOutcome, JobSnapshot, OtherPlace};

/// The largest number of collections that a message lists.
const MAX_NAMES: usize = 5;

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
    let crash = cause == InterruptionCause::Crash;
    let (result, advice) = match (job.kind, &job.request) {
        (JobKind::Backup, _) => describe_backup(job, crash),
        (JobKind::Restore, Some(EngineRequest::Restore(request))) => {
            describe_restore(job, request, outcome, crash)
        }
        (JobKind::Restore, _) => describe_unknown_restore(&job.backup),
        (JobKind::Delete, _) => describe_deletion(job, crash),
    };
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

/// Returns what an interrupted backup wrote, and the advice.
fn describe_backup(job: &JobSnapshot, crash: bool) -> (String, Advice) {
    let backup = job.backup.clone();
    // Until the lease of a crashed run expires, its backup counts as running.
    let lease_seconds = crash.then_some(LEASE_SECONDS);
    match (job.progress.phase, crash) {
        (None | Some(Phase::Preflight), false) => ("nothing was written".to_owned(), Advice::CreateAgain),
        (None | Some(Phase::Preflight), true) => (
            format!("the job had just started; {backup} may be left unfinished"),
            Advice::DeleteAndCreateAgain { backup, lease_seconds },
        ),
        // The commit marker may have reached the store before the job was stopped.
        (Some(Phase::Commit), _) => (
            format!("{backup} is either complete or left unfinished"),
            Advice::InspectBackup { backup, lease_seconds },
        ),
        (Some(_), _) => {
            (format!("{backup} is left unfinished"), Advice::DeleteAndCreateAgain { backup, lease_seconds })
        }
    }
}

/// Returns what an interrupted deletion removed, and the advice.
fn describe_deletion(job: &JobSnapshot, crash: bool) -> (String, Advice) {
    let backup = job.backup.clone();
    let result = match (job.progress.phase, crash) {
        (None | Some(Phase::Preflight), false) => "nothing was deleted".to_owned(),
        (None | Some(Phase::Preflight), true) => {
            format!("the job had just started; {backup} may be deleted in part")
        }
        (Some(_), false) => format!("{backup} is deleted in part and cannot be restored"),
        (Some(_), true) => format!("{backup} is deleted, at least in part, and cannot be restored"),
    };
    let may_be_gone = crash && !matches!(job.progress.phase, None | Some(Phase::Preflight));
    (result, Advice::DeleteAgain { backup, may_be_gone })
}

/// Returns what a restore changed whose request a later version of this program stored, and the advice.
fn describe_unknown_restore(backup: &str) -> (String, Advice) {
    let result = "the target collections may be incomplete".to_owned();
    (result, Advice::InspectTargets { backup: backup.to_owned() })
}

/// Returns what an interrupted restore changed, and the advice.
///
/// The progress of collections is stored with a delay, so after a crash more may have been changed than is known.
fn describe_restore(
    job: &JobSnapshot,
    request: &RestoreRequest,
    outcome: Option<&JobOutcome>,
    crash: bool,
) -> (String, Advice) {
    let progress = &job.progress;
    if matches!(progress.phase, None | Some(Phase::Preflight)) {
        let result = if crash {
            "the job had just started; no change in Milvus is known"
        } else {
            "nothing was changed in Milvus"
        };
        return (result.to_owned(), Advice::RestoreAgain { backup: request.name.to_string() });
    }
    let remaining = find_remaining(job, outcome);
    let total = progress.selected.max(job.targets.len());
    let mut result = format!("{} of {total} collections are restored", total - remaining.len().min(total));
    let incomplete = find_incomplete_targets(job, outcome);
    if !incomplete.is_empty() {
        let condition = match (request.options.existing, crash) {
            (ExistingTargetPolicy::Use, _) => "rows may have been imported into",
            (_, false) => "left in place and incomplete",
            (_, true) => "left in place and possibly incomplete",
        };
        // Writing to a String cannot fail.
        let _ = write!(result, ", {condition}: {}", format_names(&incomplete));
    }
    if crash {
        result.push_str(
            "; the restore may have progressed further; imports that Milvus had accepted may continue there, and the \
             next restore removes staged files",
        );
    }
    if remaining.is_empty() {
        return (result, Advice::InspectAliases);
    }
    let may_exist = crash || !incomplete.is_empty();
    let remaining = RemainingRestore::new(request, remaining.into_iter().map(|(s, t)| (s, t)), may_exist);
    let options_are_complete = remaining.options_are_complete && job.place == OtherPlace::default();
    (result, Advice::RestoreRemaining(Box::new(RemainingRestore { options_are_complete, ..remaining })))
}

/// Returns the sources and targets that are not known to be restored.
fn find_remaining<'a>(
    job: &'a JobSnapshot,
    outcome: Option<&JobOutcome>,
) -> Vec<&'a (CollectionRef, CollectionRef)> {
    let is_done = |(source, target): &(CollectionRef, CollectionRef)| match outcome {
        Some(JobOutcome::Restore(report)) => {
            report.collections.iter().any(|c| c.target == *target && c.outcome == CollectionOutcome::Done)
        }
        _ => job
            .progress
            .collections
            .get(job.display_name(source, target))
            .is_some_and(CollectionProgress::is_done),
    };
    job.targets.iter().filter(|pair| !is_done(pair)).collect()
}

/// Returns the targets whose restore was started but not completed, so that they may contain some of the data.
fn find_incomplete_targets(job: &JobSnapshot, outcome: Option<&JobOutcome>) -> Vec<CollectionRef> {
    if let Some(JobOutcome::Restore(report)) = outcome {
        let uses_existing = matches!(&job.request, Some(EngineRequest::Restore(request)) if request.options.existing == ExistingTargetPolicy::Use);
        let incomplete = report.collections.iter().filter(|c| match c.outcome {
            CollectionOutcome::Done | CollectionOutcome::NotBegun => false,
            CollectionOutcome::Failed(_) => c.created || uses_existing,
        });
        return incomplete.map(|c| c.target.clone()).collect();
    }
    let is_incomplete = |(source, target): &&(CollectionRef, CollectionRef)| {
        let progress = job.progress.collections.get(job.display_name(source, target));
        progress.is_some_and(|progress| progress.phase.is_some() && !progress.is_done())
    };
    job.targets.iter().filter(is_incomplete).map(|(_, target)| target.clone()).collect()
}

/// Formats the first five names and the number of the others.
pub(crate) fn format_names(names: &[CollectionRef]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(ToString::to_string).collect();
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use engine::{CollectionPhase, DeleteRequest, Event};

    use super::*;
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
        let lease_seconds = Some(LEASE_SECONDS);
        assert_eq!(advice, Advice::DeleteAndCreateAgain { backup: nightly(), lease_seconds });
        let (_, advice) = describe(&copying, CANCELLED);
        assert_eq!(advice, Advice::DeleteAndCreateAgain { backup: nightly(), lease_seconds: None });
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
    fn a_deletion_continues_where_it_stopped() {
        let request = || EngineRequest::Delete(DeleteRequest { name: "nightly".parse().unwrap() });
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
    fn a_restore_with_an_unknown_request_asks_to_inspect_its_targets() {
        let job = JobSnapshot { request: None, ..job_after_events(restore_request(), &importing_events()) };
        let message = "the server ended while the job was running: the target collections may be incomplete";
        assert_eq!(
            describe(&job, InterruptionCause::Crash),
            (message.to_owned(), Advice::InspectTargets { backup: nightly() })
        );
    }

    #[test]
    fn a_long_list_of_names_is_shortened() {
        let many: Vec<_> = (0..7).map(|n| collection(&format!("c{n}"))).collect();
        assert!(format_names(&many).ends_with("default.c4 and 2 more"));
    }
}
