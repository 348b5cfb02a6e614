//! `jobs`: the jobs of a server.

use clap::{Args, Subcommand};
use wire::{DONE, Failure, Job, JobPage, Reword};

use super::args::CommonFlags;
use super::remote::{ServerFlags, follow_job};
use super::report::describe_result;
use super::session::Session;
use crate::remote::{Client, SignalAction};
use crate::render;

/// The URL of the server if none is named.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// Show, follow and cancel the jobs of a server
#[derive(Args, Debug)]
#[command(after_help = "\
Without --server and MILVUS_BACKUP_SERVER, the server at http://127.0.0.1:8080 is used.

Examples:
  milvus-backup jobs list --state running,queued
  milvus-backup jobs watch 0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55
  milvus-backup jobs cancel 0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55 --server https://backup.example:8080")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
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
    /// Show only these kinds (comma-separated): backup, restore, delete [default: all]
    #[arg(long, value_name = "KIND,…")]
    kind: Option<String>,
    /// Show only these states (comma-separated): queued, running, succeeded, partial, failed, cancelled, interrupted
    /// [default: all]
    #[arg(long, value_name = "STATE,…")]
    state: Option<String>,
    /// Show only jobs for the backup of this name [default: all]
    #[arg(long, value_name = "NAME")]
    backup: Option<String>,
    /// Show at most N jobs
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = parse_limit, allow_negative_numbers = true)]
    limit: usize,
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    common: CommonFlags,
}

/// Show one job
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup jobs show 0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55")]
struct Show {
    #[command(flatten)]
    job: JobArguments,
}

/// Cancel a job
///
/// A queued job ends immediately. A running job stops at the next safe point.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup jobs cancel 0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55")]
struct Cancel {
    #[command(flatten)]
    job: JobArguments,
}

/// Follow a job until it ends
///
/// Shows the progress and the report of the job. The exit code is that of the command that does the same. Ctrl-C ends
/// this command and leaves the job running.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  milvus-backup jobs watch 0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55")]
struct Watch {
    #[command(flatten)]
    job: JobArguments,
}

/// The arguments of a command for one job.
#[derive(Args, Debug)]
struct JobArguments {
    /// The id of the job, as `jobs list` shows it
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: String,
    #[command(flatten)]
    server: ServerFlags,
    #[command(flatten)]
    common: CommonFlags,
}

/// Accepts any text that can be a segment of a URL's path.
fn parse_id(text: &str) -> Result<String, &'static str> {
    match text {
        "" | "." | ".." => Err("expected the id of a job; to list the jobs: milvus-backup jobs list"),
        id => Ok(id.to_owned()),
    }
}

fn parse_limit(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("expected a number of at least 1")
}

impl Arguments {
    /// The common flags and the server flags of the subcommand.
    pub(super) fn flags(&self) -> (&CommonFlags, &ServerFlags) {
        match &self.command {
            Command::List(List { common, server, .. })
            | Command::Show(Show { job: JobArguments { common, server, .. } })
            | Command::Cancel(Cancel { job: JobArguments { common, server, .. } })
            | Command::Watch(Watch { job: JobArguments { common, server, .. } }) => (common, server),
        }
    }

    /// Runs the command; returns the exit code.
    pub(super) async fn run(&self, session: &Session<'_>) -> Result<u8, Failure> {
        let client = session.server().ok_or_else(|| Failure::usage("no server is named"))?;
        match &self.command {
            Command::List(list) => {
                let mut jobs = list.fetch(client).await?;
                jobs.jobs.iter_mut().for_each(|job| job.reword(session.terms()));
                session.show(&jobs, render::text::jobs)?;
            }
            Command::Show(Show { job: JobArguments { id, .. } }) => {
                let mut job: Job = client.get(&["jobs", id], &[]).await?;
                job.reword(session.terms());
                let result = job.result.as_ref().map(|result| describe_result(result, session.terms()));
                session.show(&job, |job| render::text::job(job, &result.unwrap_or_default()))?;
            }
            Command::Cancel(Cancel { job: JobArguments { id, .. } }) => {
                let job: Job = client.act(&["jobs", &format!("{id}:cancel")]).await?;
                session.show(&job, render::text::cancelled)?;
            }
            Command::Watch(Watch { job: JobArguments { id, .. } }) => {
                let shown = session
                    .watched_job("the job continues on the server; press Ctrl-C again to quit immediately")?;
                return follow_job(session, client, id, shown, SignalAction::StopFollowing).await;
            }
        }
        Ok(DONE)
    }
}

impl List {
    /// Requests the jobs, page by page.
    async fn fetch(&self, client: &Client) -> Result<JobPage, Failure> {
        const PAGE_SIZE: usize = 1000;
        let mut found = JobPage { jobs: Vec::new(), next_page_token: None };
        loop {
            let limit = (self.limit - found.jobs.len()).clamp(1, PAGE_SIZE).to_string();
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
