//! `delete`: deletes a backup.

use clap::Args;
use engine::DeleteRequest;
use reqwest::Method;
use wire::{DONE, DeletionReport, Failure, parse_delete_request};

use super::args::CommonFlags;
use super::confirm::{can_confirm, confirm};
use super::remote::{JobFlags, Submission};
use super::report::report_deletion;
use super::session::Session;
use crate::remote::query_flag;
use crate::render;
use crate::render::text::delete_question;

/// The note after a deletion that was not confirmed.
const UNCHANGED: &str = "nothing was deleted";

/// Delete backups
///
/// Asks for confirmation on a terminal. Also deletes unfinished and partly deleted backups. Of several backups, deletes
/// one after the other, and ends at the first failure.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup delete nightly
  milvus-backup delete nightly weekly --dry-run
  milvus-backup delete nightly --yes")]
pub(super) struct Arguments {
    /// Select the backups of these names (at least one)
    #[arg(value_name = "NAME", id = "backups")]
    words: Vec<String>,
    /// Select the backup of this name, in addition to the arguments
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
    /// Delete without confirmation
    #[arg(long, short)]
    yes: bool,
    /// Delete even if another run is writing or reading the backup; it then stops with an error
    #[arg(long)]
    force: bool,
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
        let mut names: Vec<_> = self.name.iter().chain(&self.words).map(|name| Some(name.as_str())).collect();
        if names.is_empty() {
            // The error of a missing name.
            names.push(None);
        }
        let mut requests: Vec<DeleteRequest> = Vec::new();
        for name in names {
            let request = parse_delete_request(name, self.force)?;
            if !requests.iter().any(|earlier| earlier.name == request.name) {
                requests.push(request);
            }
        }
        if requests.len() > 1 {
            // What cannot be deleted must be found before the first backup is deleted.
            for request in &requests {
                self.plan(request, session).await?;
            }
        }
        for request in &requests {
            let code = self.delete(request, session).await?;
            if code != DONE {
                return Ok(code);
            }
        }
        Ok(DONE)
    }

    /// Finds a backup to delete; fails if it cannot be deleted.
    async fn plan(&self, request: &DeleteRequest, session: &Session<'_>) -> Result<(), Failure> {
        if let Some(client) = session.server() {
            let path = &["backups", request.name.as_str()];
            let _: DeletionReport = client.plan_deletion(path, self.force).await?;
        } else {
            let planning = session.silent_job()?;
            session.engine()?.plan_delete(request, planning.ctx()).await?;
        }
        Ok(())
    }

    async fn delete(&self, request: &DeleteRequest, session: &Session<'_>) -> Result<u8, Failure> {
        let asks = !self.yes && !self.dry_run && can_confirm();
        if let Some(client) = session.server() {
            let path = &["backups", request.name.as_str()];
            if asks {
                let question = delete_question(&client.plan_deletion(path, self.force).await?);
                if !confirm(session, &question, UNCHANGED, None).await? {
                    return Ok(DONE);
                }
            }
            let submission = Submission {
                method: Method::DELETE,
                path,
                query: &[("dry_run", query_flag(self.dry_run)), ("force", query_flag(self.force))],
                body: None::<&()>,
                plan_text: render::text::delete_plan as fn(&DeletionReport) -> String,
            };
            return self.job.submit(session, client, submission).await;
        }
        self.job.reject_without_server()?;
        let engine = session.engine()?;
        let planning = session.silent_job()?;
        let prepared = engine.plan_delete(request, planning.ctx()).await?;
        let plan = DeletionReport::new(prepared.contents(), true);
        if self.dry_run {
            return report_deletion(session, &plan);
        }
        let cancel = planning.ctx().cancel();
        if asks && !confirm(session, &delete_question(&plan), UNCHANGED, Some(cancel)).await? {
            return Ok(DONE);
        }
        let job = session.shown_job(cancel.clone());
        let deleted = engine.delete(prepared, job.ctx()).await;
        job.display().finish();
        report_deletion(session, &DeletionReport::new(&deleted?, false))
    }
}
