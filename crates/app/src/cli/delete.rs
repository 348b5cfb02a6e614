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
use crate::config::Usage;
use crate::remote::{Client, query_flag};
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
        match session.server() {
            Some(client) => self.delete_on_server(client, &requests, session).await,
            None => self.delete_here(&requests, session).await,
        }
    }

    /// Returns whether a person is asked before each deletion.
    fn asks(&self) -> bool {
        !self.yes && !self.dry_run && can_confirm()
    }

    async fn delete_on_server(
        &self,
        client: &Client,
        requests: &[DeleteRequest],
        session: &Session<'_>,
    ) -> Result<u8, Failure> {
        let mut questions = Vec::new();
        // What cannot be deleted must be found before the first backup is deleted.
        if self.asks() || requests.len() > 1 {
            for request in requests {
                let path = &["backups", request.name.as_str()];
                questions.push(delete_question(&client.plan_deletion(path, self.force).await?));
            }
        }
        for (number, request) in requests.iter().enumerate() {
            let question = questions.get(number).filter(|_| self.asks());
            if let Some(question) = question
                && !confirm(session, question, UNCHANGED, None).await?
            {
                continue;
            }
            let submission = Submission {
                method: Method::DELETE,
                path: &["backups", request.name.as_str()],
                query: &[("dry_run", query_flag(self.dry_run)), ("force", query_flag(self.force))],
                body: None::<&()>,
                plan_text: render::text::delete_plan as fn(&DeletionReport) -> String,
            };
            let code = self.job.submit(session, client, submission).await?;
            if code != DONE {
                return Ok(code);
            }
        }
        Ok(DONE)
    }

    async fn delete_here(&self, requests: &[DeleteRequest], session: &Session<'_>) -> Result<u8, Failure> {
        self.job.reject_without_server()?;
        let engine = session.engine(Usage::Backups)?;
        let planning = session.silent_job()?;
        // What cannot be deleted must be found before the first backup is deleted.
        let mut planned = Vec::with_capacity(requests.len());
        for request in requests {
            planned.push(engine.plan_delete(request, planning.ctx()).await?);
        }
        let cancel = planning.ctx().cancel();
        for prepared in planned {
            let plan = DeletionReport::new(prepared.contents(), true);
            let code = if self.dry_run {
                report_deletion(session, &plan)?
            } else if self.asks()
                && !confirm(session, &delete_question(&plan), UNCHANGED, Some(cancel)).await?
            {
                DONE
            } else {
                let job = session.shown_job(cancel.clone());
                let deleted = engine.delete(prepared, job.ctx()).await;
                job.display().finish();
                report_deletion(session, &DeletionReport::new(&deleted?, false))?
            };
            if code != DONE {
                return Ok(code);
            }
        }
        Ok(DONE)
    }
}
