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
            "restore {name} again with --drop-exist-collection (drop_exist_collection), with a filter for what is not done"
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
    let begun = |source: &CollectionRef| {
        job.progress.collections.get(source).is_some_and(|state| state.phase.is_some() && !state.is_done())
    };
    job.targets.iter().filter(|(source, _)| begun(source)).map(|(_, target)| target.clone()).collect()
}

/// The first few names, and how many more there are.
pub(crate) fn names(names: &[CollectionRef]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES).map(ToString::to_string).collect();
    match names.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
