//! Jobs that create a backup.

use engine::{Advice, BackupReport, Phase};

use super::interrupted::{Interrupted, format_names};
use crate::failure::JobFailure;

/// Returns what an interrupted backup wrote, and the advice.
pub(super) fn describe_interruption(job: &Interrupted<'_>) -> (String, Advice) {
    let backup = job.backup.to_owned();
    match (job.progress.phase, job.crash) {
        (None | Some(Phase::Preflight), false) => ("nothing was written".to_owned(), Advice::CreateAgain),
        (None | Some(Phase::Preflight), true) => (
            format!("the job had just started; {backup} may be left unfinished"),
            Advice::DeleteAndCreateAgain { backup },
        ),
        // The commit marker may have reached the store before the job was stopped.
        (Some(Phase::Commit), _) => {
            (format!("{backup} is either complete or left unfinished"), Advice::InspectBackup { backup })
        }
        (Some(_), _) => (format!("{backup} is left unfinished"), Advice::DeleteAndCreateAgain { backup }),
    }
}

/// Describes what a complete backup lacks; `None` if it lacks nothing.
pub(super) fn describe_failure(report: &BackupReport) -> Option<JobFailure> {
    let kind = report.kind()?;
    let mut missing = Vec::new();
    if !report.vanished.is_empty() {
        missing.push(format!("what was dropped during the backup: {}", format_names(&report.vanished)));
    }
    missing.extend(report.failed.iter().map(|failed| format!("{}: {}", failed.collection, failed.reason)));
    Some(JobFailure {
        kind,
        message: format!("{} is complete, but without {}", report.name, missing.join("; ")),
        context: None,
        advice: report.failed.iter().find_map(|failed| failed.advice.clone()),
    })
}
