//! `delete`: deletes a backup.

use clap::Args;
use reqwest::Method;
use tokio_util::sync::CancellationToken;
use wire::{DONE, DeletionReport, Failure, parse_delete_request};

use super::args::{BackupFlag, CommonFlags};
use super::confirm::{can_confirm, confirm};
use super::remote::{JobFlags, Submission};
use super::report::report_deletion;
use super::session::Session;
use crate::render;
use crate::render::text::delete_question;

/// Delete a backup
///
/// Asks for confirmation on a terminal. Also deletes unfinished and partly deleted backups.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup delete -n nightly
  milvus-backup delete -n nightly --dry-run
  milvus-backup delete -n nightly --yes")]
pub(super) struct Arguments {
    #[command(flatten)]
    backup: BackupFlag,
    /// Delete without confirmation
    #[arg(long, short)]
    yes: bool,
    /// Show what would be deleted and change nothing
    #[arg(long = "dry-run")]
    dry_run: bool,
    #[command(flatten)]
    pub job: JobFlags,
    #[command(flatten)]
    pub common: CommonFlags,
}

impl Arguments {
    /// Runs the command; returns the exit code.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let request = parse_delete_request(self.backup.name.as_deref())?;
        let asks = !self.yes && !self.dry_run && can_confirm();
        if let Some(client) = session.server() {
            let path = &["backups", request.name.as_str()];
            // Without a job of its own, a signal ends the program.
            let never = CancellationToken::new();
            if asks && !confirm(&delete_question(&client.plan_deletion(path).await?), &never).await? {
                session.note("nothing was deleted");
                return Ok(DONE);
            }
            let submission = Submission {
                method: Method::DELETE,
                path,
                query: &[("dry_run", if self.dry_run { "true" } else { "false" })],
                body: None::<&()>,
                plan_text: render::text::delete_plan as fn(&DeletionReport) -> String,
            };
            return self.job.submit(session, client, submission).await;
        }
        self.job.reject_without_server()?;
        let engine = session.engine()?;
        let planning = session.silent_job()?;
        let prepared = engine.plan_delete(&request, planning.ctx()).await?;
        let plan = DeletionReport::new(prepared.contents(), true);
        if self.dry_run {
            return report_deletion(session, &plan);
        }
        if asks && !confirm(&delete_question(&plan), planning.ctx().cancel()).await? {
            session.note("nothing was deleted");
            return Ok(DONE);
        }
        let job = session.shown_job(planning.ctx().cancel().clone());
        let deleted = engine.delete(prepared, job.ctx()).await;
        job.display().finish();
        report_deletion(session, &DeletionReport::new(&deleted?, false))
    }
}
