//! The jobs over an engine: handed in, looked at, watched, cancelled, ended.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::{Engine, now_ms};
use futures::future::join_all;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::time::timeout;

use crate::ending::Ending;
use crate::error::JobsError;
use crate::job::{Job, JobFilter, JobKind, JobPage, JobState, Submission};
use crate::live::{Live, Stop};
use crate::retention;
use crate::run;
use crate::shared::Shared;
use crate::store::{Cause, Ended, Page, Record, Store, rows};
use crate::table::{JobCounts, Limits, Table};
use crate::watching;

/// The most jobs on a page.
const LARGEST_PAGE: usize = 1000;

/// How long, once everything was ended wherever it was, its end may take to be kept.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How the jobs are kept and limited.
#[derive(Clone, Debug)]
pub struct JobsConfig {
    /// The directory of the job store; made where there is none. It serves one process at a time.
    pub data_dir: PathBuf,
    /// How many jobs run at once.
    pub max_running: NonZeroUsize,
    /// How many more wait for their turn.
    pub max_queued: usize,
    /// For how long jobs are kept that are over.
    pub keep: Duration,
    /// How often those over for longer are removed.
    pub sweep: Duration,
}

/// The jobs over an engine. Clones are handles on the same jobs.
#[derive(Clone, Debug)]
pub struct Jobs {
    shared: Arc<Shared>,
}

impl Jobs {
    /// Opens the jobs of a data directory: those that ran when it was left are interrupted, those that waited go on.
    ///
    /// Must be called on a runtime, in which the jobs will run.
    pub fn open(engine: Engine, config: JobsConfig) -> Result<Self, JobsError> {
        let JobsConfig { data_dir, max_running, max_queued, keep, sweep } = config;
        let store = Store::open(&data_dir)?;
        let crashed = store.write_now(interrupt)?;
        let (queued, counts, last_backup) = store.read(|connection| {
            Ok((
                rows::in_state(connection, JobState::Queued)?,
                rows::counts(connection)?,
                rows::last_backup(connection)?,
            ))
        })?;
        let limits = Limits { running: max_running, queued: max_queued };
        let mut table = Table::new(limits, counts, last_backup);
        for record in queued {
            table.enter(Arc::new(Live::new(record)));
        }
        let shared = Arc::new(Shared::new(engine, store, table, crashed));
        tokio::spawn(retention::run(Arc::downgrade(&shared), shared.closed.clone(), keep, sweep));
        shared.turn();
        Ok(Self { shared })
    }

    /// Hands a job in: it is refused at once where it is certain to fail or another job is at the same, else it runs,
    /// or waits for its turn.
    pub async fn submit(&self, submission: Submission) -> Result<Job, JobsError> {
        self.shared.submit(submission).await
    }

    /// A job as it is now.
    pub fn get(&self, id: &str) -> Result<Job, JobsError> {
        self.shared.find(id)?.ok_or_else(|| JobsError::NoSuchJob(id.to_owned()))
    }

    /// The newest job that makes a backup of this name and is not over.
    pub fn by_backup(&self, name: &str) -> Result<Option<Job>, JobsError> {
        let mut makers = self.shared.table().at_work();
        makers.retain(|live| {
            let request = &live.job.borrow().request;
            request.kind() == JobKind::Backup && request.backup() == name
        });
        Ok(makers.into_iter().max_by_key(|live| live.seq).map(|live| live.now()))
    }

    /// A page of the jobs, newest first: `limit` of them at most, from `page` on, or from the newest.
    pub fn list(&self, filter: &JobFilter, page: Option<&str>, limit: usize) -> Result<JobPage, JobsError> {
        let before = page.map(place_of_page).transpose()?;
        let limit = limit.clamp(1, LARGEST_PAGE);
        // one more tells whether there is a next page
        let page = Page { before, limit: limit + 1 };
        let mut kept = self.shared.store.page(filter, page)?;
        let more = kept.len() > limit;
        kept.truncate(limit);
        let next = kept.last().filter(|_| more).map(|(seq, _)| page_after(*seq));
        let mut jobs = Vec::with_capacity(kept.len());
        for (_, job) in kept {
            let live = self.shared.table().get(&job.id).cloned();
            let mut job = live.map_or(job, |live| live.now());
            if job.state.is_over() {
                job = job.listed();
            }
            // what is in memory may be a step further than what is kept
            if filter.states.is_empty() || filter.states.contains(&job.state) {
                jobs.push(job);
            }
        }
        Ok(JobPage { jobs, next })
    }

    /// Tells a job to stop. One that waits is over at once, one that runs stops where it is safe.
    pub fn cancel(&self, id: &str) -> Result<Job, JobsError> {
        let (live, waited) = {
            let mut table = self.shared.table();
            (table.get(id).cloned(), table.unqueue(id))
        };
        let Some(live) = live else {
            let Job { id, state, .. } = self.get(id)?;
            return Err(JobsError::Over { id, state });
        };
        let state = live.state();
        if state.is_over() {
            return Err(JobsError::Over { id: live.id(), state });
        }
        live.stop(Stop::Cancelled);
        if waited {
            let ended = run::ended(&live, Ending::not_begun());
            let kept = self.shared.store.write_now(|connection| rows::end(connection, &ended));
            run::conclude(&self.shared, &live, ended, kept.is_ok(), false);
        }
        Ok(live.now())
    }

    /// The job as it is now, then as it changes, four times a second at most; the last item is over.
    ///
    /// Where the server ends before the job has begun, the stream ends with a job that still waits.
    pub fn watch(&self, id: &str) -> Result<BoxStream<'static, Job>, JobsError> {
        let live = self.shared.table().get(id).cloned();
        Ok(match live {
            Some(live) => watching::watch(live, self.shared.closed.clone()).boxed(),
            None => stream::iter([self.get(id)?]).boxed(),
        })
    }

    /// The job once it is over.
    pub async fn wait(&self, id: &str) -> Result<Job, JobsError> {
        let live = self.shared.table().get(id).cloned();
        let Some(live) = live else { return self.get(id) };
        tokio::select! {
            () = live.over.cancelled() => Ok(live.now()),
            () = self.shared.closed.cancelled() => {
                let job = live.now();
                if job.state.is_over() { Ok(job) } else { Err(JobsError::ShuttingDown) }
            }
        }
    }

    /// How many jobs are kept, of each kind in each state.
    pub fn counts(&self) -> JobCounts {
        self.shared.table().counts.clone()
    }

    /// The end of the newest backup that did all, milliseconds since 1970.
    pub fn last_backup(&self) -> Option<i64> {
        self.shared.table().last_backup
    }

    /// Has `call` called with each job that a crash had ended before, and with each that ends from now on; it must not
    /// block.
    pub fn on_end(&self, call: impl Fn(&Job) + Send + Sync + 'static) {
        self.shared.on_end(call);
    }

    /// Ends the jobs: none is taken in or begun any more, those that run stop where it is safe, those that wait stay
    /// for the next start. What has not stopped after `deadline` is ended wherever it is.
    pub async fn shutdown(&self, deadline: Duration) {
        let running = {
            let mut table = self.shared.table();
            table.closed = true;
            table.begun()
        };
        for live in &running {
            live.stop(Stop::Shutdown);
        }
        let all_over = || join_all(running.iter().map(|live| live.over.cancelled()));
        if timeout(deadline, all_over()).await.is_err() {
            for live in &running {
                live.abort.cancel();
            }
            if timeout(LAST_WORDS, all_over()).await.is_err() {
                tracing::error!("jobs did not end; the next start finds them interrupted");
            }
        }
        run::keep_last(&self.shared).await;
        self.shared.closed.cancel();
    }
}

/// Notes of the jobs that ran when the store was left how they ended, and returns them.
fn interrupt(connection: &mut rusqlite::Connection) -> Result<Vec<Job>, Cause> {
    let transaction = connection.transaction()?;
    let mut crashed = Vec::new();
    for Record { job, .. } in rows::in_state(&transaction, JobState::Running)? {
        let Ending { state, outcome, failure } = Ending::crashed(&job);
        if let Some(failure) = &failure {
            tracing::warn!(job = job.id, "{}", failure.message);
        }
        let at_ms = now_ms();
        let job = Job { state, ended_ms: Some(at_ms), outcome, failure, ..job };
        let Job { id, progress, outcome, failure, .. } = job.clone();
        rows::end(&transaction, &Ended { id, state, at_ms, outcome, failure, progress })?;
        crashed.push(job);
    }
    transaction.commit()?;
    Ok(crashed)
}

/// The name of the page after a job.
fn page_after(seq: i64) -> String {
    let mut name = String::from("before-");
    // Writing to a String cannot fail.
    let _ = write!(name, "{seq:x}");
    name
}

fn place_of_page(name: &str) -> Result<i64, JobsError> {
    let place = name.strip_prefix("before-").and_then(|digits| i64::from_str_radix(digits, 16).ok());
    place.ok_or_else(|| JobsError::BadPage(name.to_owned()))
}
