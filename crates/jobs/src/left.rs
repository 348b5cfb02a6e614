//! What a job left that was stopped before its end, and how to go on.

use std::fmt::Write as _;

use engine::{CollectionOutcome, Kind, Phase};
use model::name::CollectionRef;

use crate::job::{Job, JobFailure, JobKind, Outcome};
use crate::live::Stop;

/// How many names a message tells.
const NAMES: usize = 5;

/// What stopped a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// It was told to stop, and did so where it is safe.
    Word(Stop),
    /// The server ended under it, or its work was ended wherever it was.
    Crash,
}

/// Tells what a job left that had begun and was stopped.
pub(crate) fn left(job: &Job, outcome: Option<&Outcome>, by: By) -> JobFailure {
    let crash = by == By::Crash;
    let (left, hint) = match job.request.kind() {
        JobKind::Backup => of_backup(job, crash),
        JobKind::Restore => of_restore(job, outcome, crash),
        JobKind::Delete => of_delete(job),
    };
    let stopped = match by {
        By::Word(Stop::Cancelled) => "cancelled",
        By::Word(Stop::Shutdown) => "stopped, because the server was shut down",
        By::Crash => "the server ended while it ran",
    };
    JobFailure {
        kind: Kind::Interrupted,
        message: format!("{stopped}: {left}"),
        context: job.progress.phase.map(|phase| format!("in phase {}", phase.as_str())),
        hint: Some(hint),
    }
}

/// What a job failed with that was cancelled while it waited.
pub(crate) fn not_begun() -> JobFailure {
    JobFailure {
        kind: Kind::Interrupted,
        message: "cancelled before it began: nothing was changed".to_owned(),
        context: None,
        hint: None,
    }
}

fn of_backup(job: &Job, crash: bool) -> (String, String) {
    let name = job.request.backup();
    let again = format!("delete {name} and create it again");
    match (job.progress.phase, crash) {
        (None | Some(Phase::Preflight), false) => {
            ("nothing was written".to_owned(), "create it again".to_owned())
        }
        (None | Some(Phase::Preflight), true) => {
            (format!("it had hardly begun; {name} may be left unfinished"), alive(&again))
        }
        (Some(Phase::Commit), true) => (
            format!("{name} may be complete, and may be left unfinished"),
            alive(&format!("look at {name}; if it is unfinished, {again}")),
        ),
        (Some(_), false) => (format!("{name} is left unfinished"), again),
        (Some(_), true) => (format!("{name} is left unfinished"), alive(&again)),
    }
}

/// The begin marker of a run that crashed looks like one of a run that lives.
fn alive(hint: &str) -> String {
    format!("{hint}; it can be deleted three minutes after the server's last sign of life")
}

fn of_delete(job: &Job) -> (String, String) {
    let name = job.request.backup();
    match job.progress.phase {
        None | Some(Phase::Preflight) => ("nothing was deleted".to_owned(), format!("delete {name} again")),
        Some(_) => (
            format!("{name} is deleted in part and cannot be restored any more"),
            format!("delete {name} again: it goes on where it stopped"),
        ),
    }
}

fn of_restore(job: &Job, outcome: Option<&Outcome>, crash: bool) -> (String, String) {
    let name = job.request.backup();
    let progress = &job.progress;
    if matches!(progress.phase, None | Some(Phase::Preflight)) {
        return ("nothing was changed in Milvus".to_owned(), format!("restore {name} again"));
    }
    let done = progress.collections.values().filter(|state| state.is_done()).count();
    let all = progress.selected.max(job.targets.len());
    let incomplete = incomplete(job, outcome);
    let mut left = format!("{done} of {all} collections are restored");
    if !incomplete.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(left, ", left in place and incomplete: {}", names(&incomplete));
    }
    if crash {
        left.push_str("; imports that Milvus had taken may go on there, and staged files are removed by the next restore");
    }
    let hint = if incomplete.is_empty() {
        format!("restore the rest of {name} by a filter")
    } else {
        format!(
            "restore {name} again with the same suffix and renames and --drop-exist-collection (existing: drop), with a filter for what is not done"
        )
    };
    (left, hint)
}

/// The targets that were begun and are not done.
fn incomplete(job: &Job, outcome: Option<&Outcome>) -> Vec<CollectionRef> {
    if let Some(Outcome::Restore(report)) = outcome {
        let left = report.collections.iter().filter(|c| c.created && c.outcome != CollectionOutcome::Done);
        return left.map(|c| c.target.clone()).collect();
    }
    let begun = |(source, target): &&(CollectionRef, CollectionRef)| {
        let state = job.progress.collections.get(job.called(source, target));
        state.is_some_and(|state| state.phase.is_some() && !state.is_done())
    };
    job.targets.iter().filter(begun).map(|(_, target)| target.clone()).collect()
}

/// The first few names, and how many more there are.
pub(crate) fn names(names: &[CollectionRef]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES).map(ToString::to_string).collect();
    match names.len().saturating_sub(NAMES) {
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

    /// A job that these events have happened to.
    pub(crate) fn at(request: Request, events: &[Event]) -> Job {
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

    /// Of a backup.
    pub(crate) fn backup() -> Request {
        Request::Backup(BackupRequest::of("nightly".parse().unwrap()))
    }

    fn restore() -> Request {
        Request::Restore(RestoreRequest::of("nightly".parse().unwrap()))
    }

    fn told(job: &Job, by: By) -> String {
        let JobFailure { kind, message, hint, .. } = left(job, None, by);
        assert_eq!(kind, Kind::Interrupted);
        format!("{message}\n{}", hint.unwrap())
    }

    const CANCELLED: By = By::Word(Stop::Cancelled);

    #[test]
    fn before_anything_was_done_nothing_is_left() {
        for phase in [&[][..], &[Event::Phase(Phase::Preflight)]] {
            assert_eq!(
                told(&at(backup(), phase), CANCELLED),
                "cancelled: nothing was written\ncreate it again"
            );
            let restored = told(&at(restore(), phase), By::Crash);
            assert_eq!(
                restored,
                "the server ended while it ran: nothing was changed in Milvus\nrestore nightly again"
            );
        }
    }

    #[test]
    fn a_backup_is_unfinished_and_after_a_crash_in_its_commit_perhaps_not() {
        let copying = at(backup(), &[Event::Phase(Phase::Copy)]);
        assert!(
            told(&copying, By::Crash)
                .contains("nightly is left unfinished\ndelete nightly and create it again; ")
        );
        let committing = at(backup(), &[Event::Phase(Phase::Commit)]);
        assert!(
            told(&committing, By::Crash)
                .contains("nightly may be complete, and may be left unfinished\nlook at")
        );
        assert!(told(&committing, CANCELLED).contains("nightly is left unfinished\n"));
    }

    #[test]
    fn a_restore_tells_which_targets_are_incomplete() {
        let phase = |name: &str, phase| Event::Collection { collection: collection(name), phase };
        let events = [
            Event::Phase(Phase::Import),
            phase("books", CollectionPhase::Done),
            phase("tags", CollectionPhase::Importing),
        ];
        let crashed = told(&at(restore(), &events), By::Crash);
        let left =
            "1 of 3 collections are restored, left in place and incomplete: default.tags_copy; imports";
        assert!(crashed.contains(left), "{crashed}");
        assert!(
            crashed.contains(
                "restore nightly again with the same suffix and renames and --drop-exist-collection"
            ),
            "{crashed}"
        );
        let one = told(&at(restore(), &events[..2]), CANCELLED);
        assert_eq!(
            one,
            "cancelled: 1 of 3 collections are restored\nrestore the rest of nightly by a filter"
        );
    }

    #[test]
    fn a_deletion_goes_on_where_it_stopped() {
        let request = || Request::Delete(DeleteRequest { name: "nightly".parse().unwrap(), dry_run: false });
        let deleting = told(&at(request(), &[Event::Phase(Phase::Delete)]), By::Word(Stop::Shutdown));
        assert!(deleting.ends_with("delete nightly again: it goes on where it stopped"), "{deleting}");
        assert!(told(&at(request(), &[]), By::Crash).contains("nothing was deleted"));
    }

    #[test]
    fn many_names_are_not_all_told() {
        let many: Vec<_> = (0..7).map(|n| collection(&format!("c{n}"))).collect();
        assert!(names(&many).ends_with("default.c4 and 2 more"));
    }
}
