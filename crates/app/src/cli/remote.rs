//! `--server`: a verb is carried out by a server, and shown as if it were done here.

use std::cell::RefCell;
use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use engine::Event;
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::create::report_backup;
use super::delete::report_deletion;
use super::restore::report_restore;
use super::session::{Job as Shown, Session};
use crate::config::Environment;
use crate::remote::{Client, OnSignal, Replay, Server, Submitted, follow};
use crate::render::text;
use wire::{Failure, Kind, Reword};
use wire::{Job, JobResult, JobState};

/// How long a job may wait for its turn before that is told, and then how often it is looked whether to tell more.
const WAITS: Duration = Duration::from_secs(1);

/// Where a server is.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ServerFlags {
    /// Its URL.
    #[arg(
        long,
        value_name = "URL",
        help = "Let the server at this URL do it [env: MILVUS_BACKUP_SERVER]",
        value_parser = clap::builder::NonEmptyStringValueParser::new(),
        help_heading = "Server",
        display_order = 90
    )]
    server: Option<String>,
    /// Where its token stands.
    #[arg(
        long = "token-file",
        value_name = "FILE",
        help = "File with the server's token [or env: MILVUS_BACKUP_TOKEN(_FILE)]",
        help_heading = "Server",
        display_order = 91
    )]
    token_file: Option<PathBuf>,
    /// PEM file with the authority of the server's certificate
    #[arg(long = "server-ca", value_name = "FILE", help_heading = "Server", display_order = 92)]
    server_ca: Option<PathBuf>,
}

/// The same for what becomes a job there.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct JobFlags {
    #[command(flatten)]
    pub server: ServerFlags,
    /// Print the job's id and do not follow it
    #[arg(long, help_heading = "Server", display_order = 93)]
    detach: bool,
}

impl ServerFlags {
    /// The server meant, if one is; `usual` stands for one that is not named.
    pub(super) fn server(
        &self,
        usual: Option<&str>,
        environment: &Environment,
    ) -> Result<Option<Server>, Failure> {
        let Some(url) = self.server.as_deref().or_else(|| environment.server_url()).or(usual) else {
            let without = [("--token-file", &self.token_file), ("--server-ca", &self.server_ca)];
            return match without.into_iter().find(|(_, file)| file.is_some()) {
                Some((flag, _)) => Err(Failure::usage(format!("{flag} is given and no server"))
                    .hint("name one with --server URL or MILVUS_BACKUP_SERVER")),
                None => Ok(None),
            };
        };
        let token = match (&self.token_file, environment.server_token()) {
            (Some(path), _) => Some(token_of(path)?),
            (None, Some(token)) => Some(token),
            (None, None) => environment.server_token_file().map(|path| token_of(&path)).transpose()?,
        };
        Ok(Some(Server {
            url: url.to_owned(),
            token,
            token_file: self.token_file.clone(),
            ca: self.server_ca.clone(),
        }))
    }
}

fn token_of(path: &std::path::Path) -> Result<secrecy::SecretString, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read token file {}: {error}", path.display())))?;
    match text.trim() {
        "" => Err(Failure::usage(format!("token file {} is empty", path.display()))),
        token => Ok(token.into()),
    }
}

/// Something to hand in.
pub(super) struct Order<'a, B, P> {
    /// How and where.
    pub to: (Method, &'a [&'a str]),
    /// Parameters.
    pub query: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: Option<&'a B>,
    /// How a plan is told.
    pub plan: fn(&P) -> String,
}

impl JobFlags {
    /// Refuses what only a server can do, where there is none.
    pub(super) fn refuse_alone(&self) -> Result<(), Failure> {
        if self.detach {
            return Err(Failure::usage("--detach is given and no server")
                .hint("name one with --server URL or MILVUS_BACKUP_SERVER"));
        }
        Ok(())
    }

    /// Hands something in, follows the job it becomes unless detached, and prints what came of it; returns the exit code.
    pub(super) async fn carry_out<B: Serialize, P: DeserializeOwned + Serialize>(
        &self,
        session: &Session<'_>,
        client: &Client,
        order: Order<'_, B, P>,
    ) -> Result<u8, Failure> {
        let shown = session.job_there("asking the server to cancel the job; once more to leave it alone")?;
        let (method, path) = order.to;
        let job = match client.submit(method, path, order.query, order.body).await? {
            Submitted::Planned(plan) => {
                shown.finish();
                session.show(&plan, order.plan)?;
                return Ok(wire::DONE);
            }
            Submitted::Accepted(job) => job,
        };
        if self.detach {
            shown.finish();
            session.show(&*job, |job| format!("{}\n", job.id))?;
            session.note(&format!("to follow it: {}", watch_command(session, &job.id)));
            return Ok(wire::DONE);
        }
        followed(session, client, &job.id, shown, OnSignal::Cancel).await
    }
}

/// Follows a job and prints what came of it; returns the exit code.
pub(super) async fn followed(
    session: &Session<'_>,
    client: &Client,
    id: &str,
    shown: Shown,
    means: OnSignal,
) -> Result<u8, Failure> {
    let mut replay = Replay::default();
    let waits = RefCell::new(None);
    let show = |job: &Job| {
        waits.replace((job.state == JobState::Queued).then(|| text::state(job)));
        for event in replay.events(&job.progress) {
            shown.ctx().emit(event);
        }
    };
    let lost = |why: &Failure| {
        shown.ctx().emit(Event::Note(format!("{}; trying again for a minute", why.message)));
    };
    let watch = watch_command(session, id);
    let over = follow(client, id, shown.ctx().cancel(), means, show, lost, &watch);
    let over = tokio::select! {
        over = over => over,
        never = tell_that_it_waits(&waits, &shown) => match never {},
    };
    shown.finish();
    let mut job = over?;
    job.reword(session.terms());
    shown.warn_of(&job.progress.warnings);
    if job.state == JobState::Cancelled && job.result.is_some() {
        // Of what was done till then the report tells, by whatever it was ended.
        session.note("the job was cancelled");
    }
    report(session, job)
}

/// Writes the command that follows a job.
fn watch_command(session: &Session<'_>, id: &str) -> String {
    session.terms().command("jobs watch", &format!(" {id}"))
}

/// Tells how a job waits that does not begin at once, and again when others before it are gone.
async fn tell_that_it_waits(waits: &RefCell<Option<String>>, shown: &Shown) -> Infallible {
    let mut told = None;
    loop {
        tokio::time::sleep(WAITS).await;
        let now = waits.borrow().clone();
        if now != told
            && let Some(state) = &now
        {
            shown.ctx().emit(Event::Note(format!("the job is {state}")));
        }
        told = now;
    }
}

/// Prints what came of a job that is over, as the verb does that does it here; returns the exit code.
fn report(session: &Session<'_>, job: Job) -> Result<u8, Failure> {
    match (job.result, job.error) {
        (Some(JobResult::Backup(report)), _) => report_backup(session, report),
        (Some(JobResult::Restore(report)), _) => report_restore(session, report),
        (Some(JobResult::Delete(deleted)), _) => report_deletion(session, &deleted),
        (None, Some(error)) => Err(error.into()),
        (None, None) => {
            let kind = match job.state.into() {
                jobs::JobState::Cancelled | jobs::JobState::Interrupted => Kind::Interrupted,
                _ => Kind::Failed,
            };
            Err(Failure::new(kind, format!("the job is {}", job.state)))
        }
    }
}

/// Every backup of a server.
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
