//! Prints the outcome of a command, whether this process or a server produced it.

use wire::{
    BackupReport, CollectionOutcome, DONE, DeletionReport, Failure, FailureKind, Job, JobResult,
    RestoreReport, Reword,
};

use super::session::Session;
use crate::render::{self, CommandTerms, Format};

/// Prints the report of a backup; returns the exit code.
pub(super) fn report_backup(session: &Session<'_>, mut report: BackupReport) -> Result<u8, Failure> {
    report.reword(session.terms());
    session.show(&report, |report| render::text::backup_report(report, session.terms()))?;
    Ok(report.exit_code)
}

/// Prints the report of a deletion, or its plan; returns the exit code.
pub(super) fn report_deletion(session: &Session<'_>, deleted: &DeletionReport) -> Result<u8, Failure> {
    if deleted.dry_run {
        session.show(deleted, render::text::delete_plan)?;
    } else {
        session.show(deleted, render::text::deleted)?;
    }
    Ok(DONE)
}

/// Prints the report of a restore; returns the exit code.
pub(super) fn report_restore(session: &Session<'_>, mut report: RestoreReport) -> Result<u8, Failure> {
    report.reword(session.terms());
    if report.collections.iter().all(|collection| collection.outcome == CollectionOutcome::Done) {
        session.show(&report, render::text::restore_report)?;
    } else {
        session.error(&render::text::restore_failure(&report));
        if session.format() == Format::Json {
            session.print(&render::json::text(&report))?;
        }
    }
    Ok(report.exit_code)
}

/// The description of the result of a job, in the details of the job.
pub(crate) fn describe_result(result: &JobResult, terms: &CommandTerms) -> String {
    match result {
        JobResult::Backup(report) => render::text::backup_report(report, terms),
        JobResult::Delete(outcome) => render::text::deleted(outcome),
        JobResult::Restore(report) => render::text::restored_rows(report),
    }
}

/// Prints the outcome of a job of a server as the command of its kind does; returns the exit code.
pub(super) fn report_job(session: &Session<'_>, job: Job) -> Result<u8, Failure> {
    match (job.result, job.error) {
        (Some(JobResult::Backup(report)), _) => report_backup(session, report),
        (Some(JobResult::Restore(report)), _) => report_restore(session, report),
        (Some(JobResult::Delete(deleted)), _) => report_deletion(session, &deleted),
        (None, Some(error)) => Err(error.into()),
        (None, None) => {
            let kind = match job.state.into() {
                jobs::JobState::Cancelled | jobs::JobState::Interrupted => FailureKind::Interrupted,
                _ => FailureKind::Failed,
            };
            Err(Failure::new(kind, format!("the job is {}", job.state)))
        }
    }
}
