//! Jobs that delete a backup.

use engine::{Advice, Phase};

use super::interrupted::Interrupted;

/// Returns what an interrupted deletion removed, and the advice.
pub(super) fn describe_interruption(job: &Interrupted<'_>) -> (String, Advice) {
    let backup = job.backup.to_owned();
    let result = match (job.progress.phase, job.crash) {
        (None | Some(Phase::Preflight), false) => "nothing was deleted".to_owned(),
        (None | Some(Phase::Preflight), true) => {
            format!("the job had just started; {backup} may be deleted in part")
        }
        (Some(_), false) => format!("{backup} is deleted in part and cannot be restored"),
        (Some(_), true) => format!("{backup} is deleted, at least in part, and cannot be restored"),
    };
    let may_be_gone = job.crash && !matches!(job.progress.phase, None | Some(Phase::Preflight));
    (result, Advice::DeleteAgain { backup, may_be_gone })
}
