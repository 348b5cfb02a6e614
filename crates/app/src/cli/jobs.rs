//! `jobs`: what a server was asked to do, and how far it is.

use clap::{Args, Subcommand};

use super::Shared;
use super::remote::{ServerFlags, followed};
use super::session::Session;
use crate::remote::OnSignal;
use crate::render;
use wire::{DONE, Failure};
use wire::{Job, JobPage, Reword};

/// The server meant where none is named.
pub(super) const USUAL_SERVER: &str = "http://127.0.0.1:8080";

/// Look at a server's jobs, follow and cancel them
#[derive(Args, Debug)]
#[command(after_help = "\
Without --server and MILVUS_BACKUP_SERVER it is the server on this machine, http://127.0.0.1:8080.

Examples:
  milvus-backup jobs list --state running,queued
  milvus-backup jobs watch 0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55
  milvus-backup jobs cancel 0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55 --server https://backup.example:8080")]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    List(List),
    Show(Show),
    Cancel(Cancel),
    Watch(Watch),
}

/// List jobs, newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup jobs list
  milvus-backup jobs list --kind backup --state failed,interrupted --output json")]
struct List {
    /// Only these kinds: backup, restore, delete; by commas
    #[arg(long, value_name = "KIND,…")]
    kind: Option<String>,
    /// Only these states: queued, running, succeeded, partial, failed, cancelled, interrupted; by commas
    #[arg(long, value_name = "STATE,…")]
    state: Option<String>,
    /// Only jobs about the backup of this name
    #[arg(long, value_name = "NAME")]
    backup: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = some, allow_negative_numbers = true)]
    limit: usize,
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    shared: Shared,
}

/// Show one job
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup jobs show 0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55")]
struct Show {
    #[command(flatten)]
    one: One,
}

/// Ask the server to cancel a job
///
/// A queued job is cancelled at once; one that runs stops at the next safe point.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup jobs cancel 0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55")]
struct Cancel {
    #[command(flatten)]
    one: One,
}

/// Follow a job to its end
///
/// Shows its progress, then what came of it, with the exit code of the verb. Ctrl-C leaves the job alone.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup jobs watch 0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55")]
struct Watch {
    #[command(flatten)]
    one: One,
}

/// Which job.
#[derive(Args, Debug)]
struct One {
    /// The job's id
    #[arg(value_name = "ID", value_parser = id)]
    id: String,
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    shared: Shared,
}

/// An id; what cannot stand in a URL's path is none.
fn id(text: &str) -> Result<String, &'static str> {
    match text {
        "" | "." | ".." => Err("this is no id of a job; `milvus-backup jobs list` shows those there are"),
        id => Ok(id.to_owned()),
    }
}

fn some(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("expected a number from 1 on")
}

impl Arguments {
    /// What its verb shares with others, and where the server is.
    pub(super) fn flags(&self) -> (&Shared, &ServerFlags) {
        match &self.verb {
            Verb::List(List { shared, server, .. })
            | Verb::Show(Show { one: One { shared, server, .. } })
            | Verb::Cancel(Cancel { one: One { shared, server, .. } })
            | Verb::Watch(Watch { one: One { shared, server, .. } }) => (shared, server),
        }
    }

    /// Runs the verb.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let client = session.server().ok_or_else(|| Failure::usage("no server is named"))?;
        match &self.verb {
            Verb::List(list) => {
                let mut jobs = list.jobs(client).await?;
                jobs.jobs.iter_mut().for_each(|job| job.reword(session.terms()));
                session.show(&jobs, render::text::jobs)?;
            }
            Verb::Show(Show { one }) => {
                let mut job: Job = client.get(&["jobs", &one.id], &[]).await?;
                job.reword(session.terms());
                session.show(&job, |job| render::text::job(job, session.terms()))?;
            }
            Verb::Cancel(Cancel { one }) => {
                let job: Job = client.act(&["jobs", &format!("{}:cancel", one.id)]).await?;
                session.report(&job, render::text::cancelled)?;
            }
            Verb::Watch(Watch { one }) => {
                let shown = session.job_there("the job goes on; once more to leave at once")?;
                return followed(session, client, &one.id, shown, OnSignal::Leave).await;
            }
        }
        Ok(DONE)
    }
}

impl List {
    /// The jobs, page by page.
    async fn jobs(&self, client: &crate::remote::Client) -> Result<JobPage, Failure> {
        const PAGE: usize = 1000;
        let mut found = JobPage { jobs: Vec::new(), next_page_token: None };
        loop {
            let limit = (self.limit - found.jobs.len()).clamp(1, PAGE).to_string();
            let filters = [("kind", &self.kind), ("state", &self.state), ("backup", &self.backup)];
            let mut query: Vec<(&str, &str)> =
                filters.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
            query.push(("limit", &limit));
            let token = found.next_page_token.take();
            query.extend(token.as_deref().map(|token| ("page_token", token)));
            let page: JobPage = client.get(&["jobs"], &query).await?;
            found.jobs.extend(page.jobs);
            found.next_page_token = page.next_page_token;
            if found.next_page_token.is_none() || found.jobs.len() >= self.limit {
                return Ok(found);
            }
        }
    }
}
