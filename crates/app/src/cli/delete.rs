//! `delete`: deletes a backup.

use std::io::{IsTerminal, Write};

use clap::Args;
use reqwest::Method;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use wire::{DONE, DeletionReport, Failure, FailureKind, parse_delete_request};

use super::args::{BackupFlag, CommonFlags};
use super::remote::{JobFlags, Submission};
use super::report::report_deletion;
use super::session::Session;
use crate::render;

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
        let asks = !self.yes && !self.dry_run && std::io::stdin().is_terminal();
        if let Some(client) = session.server() {
            let path = &["backups", request.name.as_str()];
            // Without a job of its own, a signal ends the program.
            let never = CancellationToken::new();
            if asks && !confirm(&client.plan_deletion(path).await?, &never).await? {
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
        if asks && !confirm(&plan, planning.ctx().cancel()).await? {
            session.note("nothing was deleted");
            return Ok(DONE);
        }
        let job = session.shown_job(planning.ctx().cancel().clone());
        let deleted = engine.delete(prepared, job.ctx()).await;
        job.display().finish();
        report_deletion(session, &DeletionReport::new(&deleted?, false))
    }
}

/// Asks for confirmation on the terminal; every answer but `y` and `yes` means no.
///
/// Fails if `cancel` is cancelled before there is an answer.
async fn confirm(plan: &DeletionReport, cancel: &CancellationToken) -> Result<bool, Failure> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{} [y/N] ", render::text::delete_question(plan))?;
    stderr.flush()?;
    let (sender, answer) = oneshot::channel();
    // A blocked read cannot be interrupted, so it must not belong to the runtime, whose end would wait for it.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line).map(|_| line);
        // After an interruption, the answer has no receiver.
        let _ = sender.send(read);
    });
    tokio::select! {
        answer = answer => {
            let answer = answer.map_err(std::io::Error::other)??;
            Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
        }
        () = cancel.cancelled() => Err(Failure::new(FailureKind::Interrupted, "interrupted")),
    }
}
