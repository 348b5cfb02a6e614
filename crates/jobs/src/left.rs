//! What a job left that was stopped before its end, and how to go on.

use std::fmt::Write as _;

use engine::{CollectionOutcome, CollectionProgress, Kind, Phase};
use model::name::CollectionRef;
use model::plan::restore::{Existing, RestoreRequest};

use crate::again::{RestoreFlags, again};
use crate::job::{Job, JobFailure, Outcome, Request};
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
    let (left, hint) = match &job.request {
        Request::Backup(_) => of_backup(job, crash),
        Request::Restore(request) => of_restore(job, request, outcome, crash),
        Request::Delete(_) => of_delete(job, crash),
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
        // the last of it may have reached the store when it was stopped
        (Some(Phase::Commit), _) => {
            let hint = format!("look at {name}; if it is unfinished, {again}");
            let hint = if crash { alive(&hint) } else { hint };
            (format!("{name} may be complete, and may be left unfinished"), hint)
        }
        (Some(_), false) => (format!("{name} is left unfinished"), again),
        (Some(_), true) => (format!("{name} is left unfinished"), alive(&again)),
    }
}

/// The begin marker of a run that crashed looks like one of a run that lives.
fn alive(hint: &str) -> String {
    format!("{hint}; it can be deleted three minutes after the server's last sign of life")
}

fn of_delete(job: &Job, crash: bool) -> (String, String) {
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

/// How far its collections are is kept a moment after it happened: what a crash left may be a little more than is known.
fn of_restore(
    job: &Job,
    request: &RestoreRequest,
    outcome: Option<&Outcome>,
    crash: bool,
) -> (String, String) {
    let name = &request.name;
    let progress = &job.progress;
    if matches!(progress.phase, None | Some(Phase::Preflight)) {
        let left = if crash {
            "it had hardly begun; no change in Milvus is known"
        } else {
            "nothing was changed in Milvus"
        };
        return (left.to_owned(), format!("restore {name} again"));
    }
    let rest = rest(job, outcome);
    let all = progress.selected.max(job.targets.len());
    let mut left = format!("{} of {all} collections are restored", all - rest.len().min(all));
    let begun = begun(job, outcome);
    if !begun.is_empty() {
        let what = match (request.existing, crash) {
            (Existing::Use, _) => "rows may have come into",
            (_, false) => "left in place and incomplete",
            (_, true) => "left in place and perhaps incomplete",
        };
        // Writing to a String cannot fail.
        let _ = write!(left, ", {what}: {}", names(&begun));
    }
    if crash {
        left.push_str(
            "; it may have come a little further; imports that Milvus had taken may go on there, and staged files are \
             removed by the next restore",
        );
    }
    let again =
        again(job, request, &rest, RestoreFlags::from(request).for_the_rest(crash || !begun.is_empty()));
    let hint = match request.existing {
        _ if rest.is_empty() => "look at the aliases of the collections, some may be missing".to_owned(),
        Existing::Use => format!(
            "importing again brings rows twice that are there already, so empty those collections first; then: {again}"
        ),
        Existing::Refuse | Existing::Drop => format!("restore the rest: {again}"),
    };
    (left, hint)
}

/// The sources and targets that are not known to be done.
fn rest<'a>(job: &'a Job, outcome: Option<&Outcome>) -> Vec<&'a (CollectionRef, CollectionRef)> {
    let done = |(source, target): &(CollectionRef, CollectionRef)| match outcome {
        Some(Outcome::Restore(report)) => {
            report.collections.iter().any(|c| c.target == *target && c.outcome == CollectionOutcome::Done)
        }
        _ => {
            job.progress.collections.get(job.called(source, target)).is_some_and(CollectionProgress::is_done)
        }
    };
    job.targets.iter().filter(|pair| !done(pair)).collect()
}

/// The targets that were begun and are not done, so that something may be in them.
fn begun(job: &Job, outcome: Option<&Outcome>) -> Vec<CollectionRef> {
    if let Some(Outcome::Restore(report)) = outcome {
        let used = matches!(&job.request, Request::Restore(request) if request.existing == Existing::Use);
        let left = report.collections.iter().filter(|c| match c.outcome {
            CollectionOutcome::Done | CollectionOutcome::NotBegun => false,
            CollectionOutcome::Failed(_) => c.created || used,
        });
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
            assert_eq!(
                told(&at(restore(), phase), CANCELLED),
                "cancelled: nothing was changed in Milvus\nrestore nightly again"
            );
            let crashed = told(&at(restore(), phase), By::Crash);
            assert!(crashed.contains("it had hardly begun; no change in Milvus is known"), "{crashed}");
        }
    }

    #[test]
    fn a_backup_is_unfinished_and_where_its_commit_was_stopped_perhaps_not() {
        let copying = at(backup(), &[Event::Phase(Phase::Copy)]);
        let crashed = told(&copying, By::Crash);
        assert!(
            crashed.contains("nightly is left unfinished\ndelete nightly and create it again; "),
            "{crashed}"
        );
        assert!(
            told(&copying, CANCELLED)
                .ends_with("nightly is left unfinished\ndelete nightly and create it again")
        );
        let committing = at(backup(), &[Event::Phase(Phase::Commit)]);
        for by in [CANCELLED, By::Crash] {
            let told = told(&committing, by);
            assert!(told.contains("nightly may be complete, and may be left unfinished\nlook at"), "{told}");
        }
    }

    fn phase(name: &str, phase: CollectionPhase) -> Event {
        Event::Collection { collection: collection(name), phase }
    }

    fn importing() -> Vec<Event> {
        vec![
            Event::Phase(Phase::Import),
            phase("books", CollectionPhase::Done),
            phase("tags", CollectionPhase::Importing),
        ]
    }

    #[test]
    fn a_restore_tells_what_is_incomplete_and_the_command_that_goes_on() {
        let crashed = told(&at(restore(), &importing()), By::Crash);
        let left = "1 of 3 collections are restored, left in place and perhaps incomplete: default.tags_copy; it may \
                    have come a little further; imports";
        assert!(crashed.contains(left), "{crashed}");
        let line = "\nrestore the rest: milvus-backup restore -n nightly --filter default.pens,default.tags --rename \
                    default.tags:default.tags_copy,default.pens:default.pens_copy --drop-exist-collection";
        assert!(crashed.ends_with(line), "{crashed}");
        // nothing of theirs was made, so there is nothing to drop
        let one = told(&at(restore(), &importing()[..2]), CANCELLED);
        let line = "cancelled: 1 of 3 collections are restored\nrestore the rest: milvus-backup restore -n nightly \
                    --filter default.pens,default.tags --rename default.tags:default.tags_copy,\
                    default.pens:default.pens_copy";
        assert_eq!(one, line);
    }

    #[test]
    fn what_was_there_before_is_not_dropped() {
        let mut request = RestoreRequest::of("nightly".parse().unwrap());
        request.existing = Existing::Use;
        let told = told(&at(Request::Restore(request), &importing()), By::Crash);
        assert!(told.contains("rows may have come into: default.tags_copy;"), "{told}");
        assert!(told.contains("empty those collections first; then: milvus-backup restore"), "{told}");
        assert!(told.ends_with("--skip-create-collection"), "{told}");
    }

    #[test]
    fn what_no_command_can_say_is_said_in_words() {
        let several = || {
            let mut job = at(restore(), &importing());
            job.targets =
                vec![(collection("books"), collection("x")), (collection("books"), collection("y"))];
            job
        };
        let elsewhere = || {
            let mut job = at(restore(), &importing());
            job.place.root = Some("elsewhere".to_owned());
            job
        };
        for job in [several(), elsewhere()] {
            let told = told(&job, By::Crash);
            assert!(
                told.ends_with(
                    "restore the rest: restore nightly again with the same suffix and renames, with a filter for what \
                     is not done, and with --drop-exist-collection (existing: drop)"
                ),
                "{told}"
            );
        }
        let all =
            importing().into_iter().chain(["tags", "pens"].map(|name| phase(name, CollectionPhase::Done)));
        let told = told(&at(restore(), &all.collect::<Vec<_>>()), By::Crash);
        assert!(told.contains("3 of 3 collections are restored; "), "{told}");
        assert!(told.contains("\nlook at the aliases"), "{told}");
    }

    #[test]
    fn a_deletion_goes_on_where_it_stopped() {
        let request = || Request::Delete(DeleteRequest { name: "nightly".parse().unwrap() });
        let deleting = at(request(), &[Event::Phase(Phase::Delete)]);
        let stopped = told(&deleting, By::Word(Stop::Shutdown));
        assert!(stopped.ends_with("delete nightly again: it goes on where it stopped"), "{stopped}");
        let crashed = told(&deleting, By::Crash);
        assert!(crashed.ends_with("if there is no nightly, all of it is gone"), "{crashed}");
        assert!(told(&at(request(), &[]), By::Word(Stop::Cancelled)).contains("nothing was deleted"));
        assert!(told(&at(request(), &[]), By::Crash).contains("may be deleted in part"));
    }

    #[test]
    fn many_names_are_not_all_told() {
        let many: Vec<_> = (0..7).map(|n| collection(&format!("c{n}"))).collect();
        assert!(names(&many).ends_with("default.c4 and 2 more"));
    }
}
