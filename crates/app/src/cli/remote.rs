//! `--server`: a server runs the command, and its job is shown like a local one.

use std::cell::RefCell;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reqwest::Method;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wire::{Failure, Job, JobState, Reword};

use super::report::report_job;
use super::session::{Session, ShownJob};
use crate::config::Environment;
use crate::remote::{Client, Server, SignalAction, Submitted, follow};
use crate::render::text;

/// The time in the queue after which it is reported, and the interval between two looks at the queue.
const QUEUE_REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The flags that name a server.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ServerFlags {
    /// The URL of the server.
    #[arg(
        long,
        value_name = "URL",
        help = "Run the command on the server at URL [env: MILVUS_BACKUP_SERVER]",
        value_parser = clap::builder::NonEmptyStringValueParser::new(),
        help_heading = "Server",
        display_order = 90
    )]
    server: Option<String>,
    /// The path of a file with the token.
    #[arg(
        long = "token-file",
        value_name = "FILE",
        help = "Read the token for the server from this file [env: MILVUS_BACKUP_TOKEN or MILVUS_BACKUP_TOKEN_FILE]",
        help_heading = "Server",
        display_order = 91
    )]
    token_file: Option<PathBuf>,
    /// Trust the certificate authority in this PEM file [default: those of the system]
    #[arg(long = "server-ca", value_name = "FILE", help_heading = "Server", display_order = 92)]
    server_ca: Option<PathBuf>,
}

/// The flags of a command that becomes a job on a server.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct JobFlags {
    #[command(flatten)]
    pub server: ServerFlags,
    /// Print the id of the job and do not wait for its end
    #[arg(long, help_heading = "Server", display_order = 93)]
    detach: bool,
}

impl ServerFlags {
    /// The server to use, if any: that of the flag, of the environment, or at `default_url`.
    pub(super) fn server(
        &self,
        default_url: Option<&str>,
        environment: &Environment,
    ) -> Result<Option<Server>, Failure> {
        let Some(url) = self.server.as_deref().or_else(|| environment.server_url()).or(default_url) else {
            let without = [("--token-file", &self.token_file), ("--server-ca", &self.server_ca)];
            return match without.into_iter().find(|(_, file)| file.is_some()) {
                Some((flag, _)) => Err(needs_server(flag)),
                None => Ok(None),
            };
        };
        let token = match (&self.token_file, environment.server_token()) {
            (Some(path), _) => Some(read_token(path)?),
            (None, Some(token)) => Some(token),
            (None, None) => environment.server_token_file().map(|path| read_token(&path)).transpose()?,
        };
        Ok(Some(Server {
            url: url.to_owned(),
            token,
            token_file: self.token_file.clone(),
            ca: self.server_ca.clone(),
        }))
    }
}

fn needs_server(flag: &str) -> Failure {
    Failure::usage(format!("{flag} needs a server"))
        .hint("name the server with --server URL or MILVUS_BACKUP_SERVER")
}

fn read_token(path: &Path) -> Result<SecretString, Failure> {
    let unusable = |reason: &str| {
        Failure::usage(format!("cannot read a token from {}: {reason}", path.display()))
            .hint("--token-file or MILVUS_BACKUP_TOKEN_FILE sets the path")
    };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(&error.to_string()))?;
    match text.trim() {
        "" => Err(unusable("the file is empty")),
        token => Ok(token.into()),
    }
}

/// A request that a server answers with a job, or with a plan if it is a dry run.
pub(super) struct Submission<'a, B, P> {
    pub method: Method,
    /// The segments of the path below `/api/v2`.
    pub path: &'a [&'a str],
    pub query: &'a [(&'a str, &'a str)],
    pub body: Option<&'a B>,
    /// Renders the plan of a dry run.
    pub plan_text: fn(&P) -> String,
}

impl JobFlags {
    /// Rejects the flags that need a server.
    pub(super) fn reject_without_server(&self) -> Result<(), Failure> {
        if self.detach { Err(needs_server("--detach")) } else { Ok(()) }
    }

    /// Submits a request and follows the job to its end, unless detached; returns the exit code.
    pub(super) async fn submit<B: Serialize, P: DeserializeOwned + Serialize>(
        &self,
        session: &Session<'_>,
        client: &Client,
        submission: Submission<'_, B, P>,
    ) -> Result<u8, Failure> {
        let notice = "asking the server to cancel the job; press Ctrl-C again to quit and leave it running";
        let shown = session.followed_job(notice)?;
        let Submission { method, path, query, body, plan_text } = submission;
        let job = match client.submit(method, path, query, body).await? {
            Submitted::Planned(plan) => {
                shown.display().finish();
                session.show(&plan, plan_text)?;
                return Ok(wire::DONE);
            }
            Submitted::Accepted(job) => job,
        };
        if self.detach {
            shown.display().finish();
            session.show(&*job, |job| format!("{}\n", job.id))?;
            session.note(&format!("to follow the job: {}", watch_command(session, &job.id)));
            return Ok(wire::DONE);
        }
        follow_job(session, client, &job.id, shown, SignalAction::CancelJob).await
    }
}

/// Follows a job to its end and prints its outcome; returns the exit code.
pub(super) async fn follow_job(
    session: &Session<'_>,
    client: &Client,
    id: &str,
    shown: ShownJob,
    action: SignalAction,
) -> Result<u8, Failure> {
    let queue_state = RefCell::new(None);
    let show = |job: &Job| {
        queue_state.replace((job.state == JobState::Queued).then(|| text::state(job)));
        shown.display().show(&job.progress);
    };
    let lost = |reason: &Failure| {
        shown.display().warn(&format!("{}; retrying for a minute", reason.message));
    };
    let watch = watch_command(session, id);
    let ended = tokio::select! {
        ended = follow(client, id, shown.ctx().cancel(), action, show, lost, &watch) => ended,
        never = report_queue(&queue_state, &shown) => match never {},
    };
    shown.display().finish();
    let mut job = ended?;
    job.reword(session.terms());
    if job.state == JobState::Cancelled && job.result.is_some() {
        // The report describes what was done before, but not why the job ended.
        session.note("the job was cancelled");
    }
    report_job(session, job)
}

/// The command that follows a job.
fn watch_command(session: &Session<'_>, id: &str) -> String {
    session.terms().command("jobs watch", &format!(" {id}"))
}

/// Reports the position of a job that stays in the queue, and each change of it.
async fn report_queue(state: &RefCell<Option<String>>, shown: &ShownJob) -> Infallible {
    let mut reported = None;
    loop {
        tokio::time::sleep(QUEUE_REPORT_INTERVAL).await;
        let now = state.borrow().clone();
        if now != reported
            && let Some(state) = &now
        {
            shown.display().note(&format!("the job is {state}"));
        }
        reported = now;
    }
}

/// Requests all backups of a server, page by page.
pub(super) async fn all_backups(client: &Client) -> Result<Vec<wire::BackupSummary>, Failure> {
    let mut backups = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let mut query = vec![("limit", "1000")];
        query.extend(token.as_deref().map(|token| ("page_token", token)));
        let page: wire::BackupPage = client.get(&["backups"], &query).await?;
        backups.extend(page.backups);
        match page.next_page_token {
            Some(next) => token = Some(next),
            None => return Ok(backups),
        }
    }
}
