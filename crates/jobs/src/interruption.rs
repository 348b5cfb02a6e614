//! Descriptions of interrupted jobs: what they changed before they stopped, and how to continue.

use std::fmt::Write as _;

use engine::{CollectionOutcome, CollectionProgress, FailureKind, Phase};
use model::name::CollectionRef;
use model::plan::restore::{ExistingTargetPolicy, RestoreRequest};

use crate::active_job::StopReason;
use crate::job::{Job, JobFailure, Outcome, Request};
use crate::resume_command::{RestoreFlags, format_resume_instruction};

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

/// Describes a job that stopped before its end: what it changed, and as the hint how to continue.
///
/// `outcome` is the report of the engine, if it returned one.
pub(crate) fn describe_interruption(
    job: &Job,
    outcome: Option<&Outcome>,
    cause: InterruptionCause,
) -> JobFailure {
    let crash = cause == InterruptionCause::Crash;
    let (result, hint) = match &job.request {
        Request::Backup(_) => describe_backup(job, crash),
        Request::Restore(request) => describe_restore(job, request, outcome, crash),
        Request::Delete(_) => describe_deletion(job, crash),
    };
    let stopped = match cause {
        InterruptionCause::Requested(StopReason::Cancelled) => "cancelled",
        InterruptionCause::Requested(StopReason::Shutdown) => "stopped, because the server was shut down",
        InterruptionCause::Crash => "the server ended while it ran",
    };
    JobFailure {
        kind: FailureKind::Interrupted,
        message: format!("{stopped}: {result}"),
        context: job.progress.phase.map(|phase| format!("in phase {}", phase.as_str())),
        hint: Some(hint),
    }
}

/// Describes a job that was cancelled before it started.
pub(crate) fn describe_queue_cancellation() -> JobFailure {
    JobFailure {
        kind: FailureKind::Interrupted,
        message: "cancelled before it began: nothing was changed".to_owned(),
        context: None,
        hint: None,
    }
}

/// Returns what an interrupted backup wrote, and the hint.
fn describe_backup(job: &Job, crash: bool) -> (String, String) {
    let name = job.request.backup();
    let recreate = format!("delete {name} and create it again");
    match (job.progress.phase, crash) {
        (None | Some(Phase::Preflight), false) => {
            ("nothing was written".to_owned(), "create it again".to_owned())
        }
        (None | Some(Phase::Preflight), true) => {
            (format!("it had hardly begun; {name} may be left unfinished"), append_lease_note(&recreate))
        }
        // The commit marker may have reached the store before the job was stopped.
        (Some(Phase::Commit), _) => {
            let hint = format!("look at {name}; if it is unfinished, {recreate}");
            let hint = if crash { append_lease_note(&hint) } else { hint };
            (format!("{name} may be complete, and may be left unfinished"), hint)
        }
        (Some(_), false) => (format!("{name} is left unfinished"), recreate),
        (Some(_), true) => (format!("{name} is left unfinished"), append_lease_note(&recreate)),
    }
}

/// Appends the time at which the lease of a crashed run expires; until then its backup counts as running.
fn append_lease_note(hint: &str) -> String {
    format!("{hint}; it can be deleted three minutes after the server's last sign of life")
}

/// Returns what an interrupted deletion removed, and the hint.
fn describe_deletion(job: &Job, crash: bool) -> (String, String) {
    let name = job.request.backup();
    match (job.progress.phase, crash) {
        (None | Some(Phase::Preflight), false) => {
            ("nothing was deleted".to_owned(), format!("delete {name} again"))
        }
        (None | Some(Phase::Preflight), true) => (
            format!("it had hardly begun; {name} may be deleted in part"),
            format!("delete {name} again: what is gone does not matter"),
        ),
        (Some(_), false) => (
            format!("{name} is deleted in part and cannot be restored any more"),
            format!("delete {name} again: it goes on where it stopped"),
        ),
        (Some(_), true) => (
            format!("{name} is deleted, at least in part, and cannot be restored any more"),
            format!(
                "delete {name} again: it goes on where it stopped; if there is no {name}, all of it is gone"
            ),
        ),
    }
}

/// Returns what an interrupted restore changed, and the hint.
///
/// The progress of collections is stored with a delay, so after a crash more may have been changed than is known.
fn describe_restore(
    job: &Job,
    request: &RestoreRequest,
    outcome: Option<&Outcome>,
    crash: bool,
) -> (String, String) {
    let name = &request.name;
    let progress = &job.progress;
    if matches!(progress.phase, None | Some(Phase::Preflight)) {
        let result = if crash {
            "it had hardly begun; no change in Milvus is known"
        } else {
            "nothing was changed in Milvus"
        };
        return (result.to_owned(), format!("restore {name} again"));
    }
    let remaining = find_remaining(job, outcome);
    let total = progress.selected.max(job.targets.len());
    let mut result = format!("{} of {total} collections are restored", total - remaining.len().min(total));
    let incomplete = find_incomplete_targets(job, outcome);
    if !incomplete.is_empty() {
        let condition = match (request.existing, crash) {
            (ExistingTargetPolicy::Use, _) => "rows may have come into",
            (_, false) => "left in place and incomplete",
            (_, true) => "left in place and perhaps incomplete",
        };
        // Writing to a String cannot fail.
        let _ = write!(result, ", {condition}: {}", format_names(&incomplete));
    }
    if crash {
        result.push_str(
            "; it may have come a little further; imports that Milvus had taken may go on there, and staged files are \
             removed by the next restore",
        );
    }
    let flags = RestoreFlags::from(request).for_the_rest(crash || !incomplete.is_empty());
    let instruction = format_resume_instruction(job, request, &remaining, flags);
    let hint = match request.existing {
        _ if remaining.is_empty() => "look at the aliases of the collections, some may be missing".to_owned(),
        ExistingTargetPolicy::Use => format!(
            "importing again brings rows twice that are there already, so empty those collections first; then: {instruction}"
        ),
        ExistingTargetPolicy::Refuse | ExistingTargetPolicy::Drop => {
            format!("restore the rest: {instruction}")
        }
    };
    (result, hint)
}

/// Returns the sources and targets that are not known to be restored.
fn find_remaining<'a>(job: &'a Job, outcome: Option<&Outcome>) -> Vec<&'a (CollectionRef, CollectionRef)> {
    let is_done = |(source, target): &(CollectionRef, CollectionRef)| match outcome {
        Some(Outcome::Restore(report)) => {
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
fn find_incomplete_targets(job: &Job, outcome: Option<&Outcome>) -> Vec<CollectionRef> {
    if let Some(Outcome::Restore(report)) = outcome {
        let uses_existing = matches!(&job.request, Request::Restore(request) if request.existing == ExistingTargetPolicy::Use);
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
pub(crate) mod tests {
    use engine::{CollectionPhase, DeleteRequest, Event, Progress};
    use model::plan::backup::BackupRequest;
    use model::plan::restore::RestoreRequest;

    use super::*;
    use crate::job::{JobState, OtherPlace, Request};

    fn collection(name: &str) -> CollectionRef {
        CollectionRef::new("default", name)
    }

    /// Creates a running job with the progress that these events add up to.
    pub(crate) fn job_after_events(request: Request, events: &[Event]) -> Job {
        let mut progress = Progress::default();
        for event in events {
            progress.take(event, 0);
        }
        let pair = |name: &str| (collection(name), collection(&format!("{name}_copy")));
        Job {
            id: "1".into(),
            request,
            place: OtherPlace::default(),
            by: "alice".into(),
            state: JobState::Running,
            cancelling: false,
            ahead: None,
            created_ms: 0,
            started_ms: Some(0),
            ended_ms: None,
            milvus_version: None,
            targets: vec![pair("books"), pair("tags"), pair("pens")],
            progress,
            outcome: None,
            failure: None,
        }
    }

    /// Creates the request for a backup named `nightly`.
    pub(crate) fn backup_request() -> Request {
        Request::Backup(BackupRequest::with_defaults("nightly".parse().unwrap()))
    }

    fn restore_request() -> Request {
        Request::Restore(RestoreRequest::with_defaults("nightly".parse().unwrap()))
    }

    fn describe(job: &Job, cause: InterruptionCause) -> String {
        let JobFailure { kind, message, hint, .. } = describe_interruption(job, None, cause);
        assert_eq!(kind, FailureKind::Interrupted);
        format!("{message}\n{}", hint.unwrap())
    }

    const CANCELLED: InterruptionCause = InterruptionCause::Requested(StopReason::Cancelled);

    #[test]
    fn a_job_interrupted_in_preflight_has_changed_nothing() {
        for phase in [&[][..], &[Event::Phase(Phase::Preflight)]] {
            assert_eq!(
                describe(&job_after_events(backup_request(), phase), CANCELLED),
                "cancelled: nothing was written\ncreate it again"
            );
            assert_eq!(
                describe(&job_after_events(restore_request(), phase), CANCELLED),
                "cancelled: nothing was changed in Milvus\nrestore nightly again"
            );
            let crashed = describe(&job_after_events(restore_request(), phase), InterruptionCause::Crash);
            assert!(crashed.contains("it had hardly begun; no change in Milvus is known"), "{crashed}");
        }
    }

    #[test]
    fn a_backup_is_unfinished_or_perhaps_complete_when_its_commit_was_interrupted() {
        let copying = job_after_events(backup_request(), &[Event::Phase(Phase::Copy)]);
        let crashed = describe(&copying, InterruptionCause::Crash);
        assert!(
            crashed.contains("nightly is left unfinished\ndelete nightly and create it again; "),
            "{crashed}"
        );
        assert!(
            describe(&copying, CANCELLED)
                .ends_with("nightly is left unfinished\ndelete nightly and create it again")
        );
        let committing = job_after_events(backup_request(), &[Event::Phase(Phase::Commit)]);
        for cause in [CANCELLED, InterruptionCause::Crash] {
            let description = describe(&committing, cause);
            assert!(
                description.contains("nightly may be complete, and may be left unfinished\nlook at"),
                "{description}"
            );
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
    fn a_restore_lists_incomplete_targets_and_the_command_that_resumes_it() {
        let crashed =
            describe(&job_after_events(restore_request(), &importing_events()), InterruptionCause::Crash);
        let result = "1 of 3 collections are restored, left in place and perhaps incomplete: default.tags_copy; it may \
                    have come a little further; imports";
        assert!(crashed.contains(result), "{crashed}");
        let command = "\nrestore the rest: milvus-backup restore -n nightly --filter default.pens,default.tags --rename \
                    default.tags:default.tags_copy,default.pens:default.pens_copy --drop-exist-collection";
        assert!(crashed.ends_with(command), "{crashed}");
        // No collection was created for the remaining ones, so none has to be dropped.
        let stopped = describe(&job_after_events(restore_request(), &importing_events()[..2]), CANCELLED);
        let expected = "cancelled: 1 of 3 collections are restored\nrestore the rest: milvus-backup restore -n nightly \
                    --filter default.pens,default.tags --rename default.tags:default.tags_copy,\
                    default.pens:default.pens_copy";
        assert_eq!(stopped, expected);
    }

    #[test]
    fn collections_that_existed_before_are_not_dropped() {
        let mut request = RestoreRequest::with_defaults("nightly".parse().unwrap());
        request.existing = ExistingTargetPolicy::Use;
        let description = describe(
            &job_after_events(Request::Restore(request), &importing_events()),
            InterruptionCause::Crash,
        );
        assert!(description.contains("rows may have come into: default.tags_copy;"), "{description}");
        assert!(
            description.contains("empty those collections first; then: milvus-backup restore"),
            "{description}"
        );
        assert!(description.ends_with("--skip-create-collection"), "{description}");
    }

    #[test]
    fn a_restore_that_no_command_can_resume_gets_a_sentence() {
        let several = || {
            let mut job = job_after_events(restore_request(), &importing_events());
            job.targets =
                vec![(collection("books"), collection("x")), (collection("books"), collection("y"))];
            job
        };
        let elsewhere = || {
            let mut job = job_after_events(restore_request(), &importing_events());
            job.place.root = Some("elsewhere".to_owned());
            job
        };
        for job in [several(), elsewhere()] {
            let description = describe(&job, InterruptionCause::Crash);
            assert!(
                description.ends_with(
                    "restore the rest: restore nightly again with the same suffix and renames, with a filter for what \
                     is not done, and with --drop-exist-collection (existing: drop)"
                ),
                "{description}"
            );
        }
        let all = importing_events()
            .into_iter()
            .chain(["tags", "pens"].map(|name| collection_event(name, CollectionPhase::Done)));
        let description = describe(
            &job_after_events(restore_request(), &all.collect::<Vec<_>>()),
            InterruptionCause::Crash,
        );
        assert!(description.contains("3 of 3 collections are restored; "), "{description}");
        assert!(description.contains("\nlook at the aliases"), "{description}");
    }

    #[test]
    fn a_deletion_continues_where_it_stopped() {
        let request = || Request::Delete(DeleteRequest { name: "nightly".parse().unwrap() });
        let deleting = job_after_events(request(), &[Event::Phase(Phase::Delete)]);
        let stopped = describe(&deleting, InterruptionCause::Requested(StopReason::Shutdown));
        assert!(stopped.ends_with("delete nightly again: it goes on where it stopped"), "{stopped}");
        let crashed = describe(&deleting, InterruptionCause::Crash);
        assert!(crashed.ends_with("if there is no nightly, all of it is gone"), "{crashed}");
        assert!(
            describe(&job_after_events(request(), &[]), InterruptionCause::Requested(StopReason::Cancelled))
                .contains("nothing was deleted")
        );
        assert!(
            describe(&job_after_events(request(), &[]), InterruptionCause::Crash)
                .contains("may be deleted in part")
        );
    }

    #[test]
    fn a_long_list_of_names_is_shortened() {
        let many: Vec<_> = (0..7).map(|n| collection(&format!("c{n}"))).collect();
        assert!(format_names(&many).ends_with("default.c4 and 2 more"));
    }
}
