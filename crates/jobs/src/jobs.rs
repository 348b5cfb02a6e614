//! The handle on all jobs of a server: submit, get, list, watch, cancel and shut down.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::{Engine, now_ms};
use futures::future::join_all;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::time::timeout;

use crate::active_job::{ActiveJob, StopReason};
use crate::ending::Ending;
use crate::error::JobsError;
use crate::execution;
use crate::job::{JobFilter, JobPage, JobSnapshot, JobState, Submission};
use crate::job_table::{JobCounts, JobLimits, JobTable};
use crate::kind::JobKind;
use crate::retention::remove_expired_jobs_periodically;
use crate::shared_state::SharedState;
use crate::store::{EndRecord, JobStore, PageQuery, RowError, StoredJob, statements};
use crate::watch::watch_job;

/// The largest number of jobs on a page.
const MAX_PAGE_SIZE: usize = 1000;

/// The time that a shutdown waits for the ends of aborted jobs to be stored.
const ABORT_TIMEOUT: Duration = Duration::from_secs(3);

/// The storage and the limits of jobs.
#[derive(Clone, Debug)]
pub struct JobsConfig {
    /// The directory of the job store, which is created if it does not exist; one process at a time can use it.
    pub data_dir: PathBuf,
    /// The number of jobs that run at the same time.
    pub max_running: NonZeroUsize,
    /// The number of further jobs that may wait in the queue.
    pub max_queued: usize,
    /// The time for which finished jobs are stored.
    pub keep: Duration,
    /// The time between two removals of finished jobs that are older than `keep`.
    pub sweep: Duration,
}

/// A handle on the jobs of one data directory, which one engine executes. Clones are handles on the same jobs.
#[derive(Clone, Debug)]
pub struct Jobs {
    shared: Arc<SharedState>,
}

impl Jobs {
    /// Opens the job store of a data directory and starts the queued jobs.
    ///
    /// Jobs that were running when the previous server ended are marked as interrupted. So are the queued jobs of a data
    /// directory that is a copy of another one. Must be called within a Tokio runtime, on which the jobs then run.
    pub fn open(engine: Engine, config: JobsConfig) -> Result<Self, JobsError> {
        let JobsConfig { data_dir, max_running, max_queued, keep, sweep } = config;
        let store = JobStore::open(&data_dir)?;
        let (server, is_copy) = store.identify()?;
        let engine = engine.with_server(server);
        let interrupted = store.write_blocking(|connection| {
            if is_copy {
                end_jobs(connection, JobState::Queued, |_| Ending::in_copied_queue())?;
            }
            end_jobs(connection, JobState::Running, Ending::after_crash)
        })?;
        let (queued, counts, last_backup) = store.read(|connection| {
            Ok((
                statements::select_jobs_in_state(connection, JobState::Queued)?,
                statements::count_jobs(connection)?,
                statements::select_last_backup_end(connection)?,
            ))
        })?;
        let limits = JobLimits { running: max_running, queued: max_queued };
        let mut table = JobTable::new(limits, counts, last_backup);
        for stored in queued {
            table.enqueue(Arc::new(ActiveJob::new(stored)));
        }
        let shared = Arc::new(SharedState::new(engine, store, table, interrupted));
        let closed = shared.closed.clone();
        tokio::spawn(remove_expired_jobs_periodically(Arc::downgrade(&shared), closed, keep, sweep));
        shared.start_queued_jobs();
        Ok(Self { shared })
    }

    /// Returns the engine that executes the jobs; it knows the interrupted runs of earlier servers of the data directory.
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }

    /// Submits a job, which starts at once or waits in the queue.
    ///
    /// Fails without creating a job if the job is certain to fail, if it conflicts with an active job, or if the queue
    /// is full.
    pub async fn submit(&self, submission: Submission) -> Result<JobSnapshot, JobsError> {
        self.shared.submit(submission).await
    }

    /// Returns the current state of a job.
    pub fn get(&self, id: &str) -> Result<JobSnapshot, JobsError> {
        self.shared.find_job(id)?.ok_or_else(|| JobsError::NoSuchJob(id.to_owned()))
    }

    /// Returns the newest active job that creates a backup with this name.
    pub fn by_backup(&self, name: &str) -> Result<Option<JobSnapshot>, JobsError> {
        let mut backups = self.shared.lock_table().active_jobs();
        backups.retain(|active| {
            let job = active.job.borrow();
            job.kind == JobKind::Backup && job.backup == name
        });
        Ok(backups.into_iter().max_by_key(|active| active.seq).map(|active| active.snapshot()))
    }

    /// Returns a page of the jobs, newest first.
    ///
    /// `page` is the `next` of the previous page, or `None` for the first one. `limit` is clamped to 1 to 1000.
    pub fn list(&self, filter: &JobFilter, page: Option<&str>, limit: usize) -> Result<JobPage, JobsError> {
        let before = page.map(parse_page_token).transpose()?;
        let limit = limit.clamp(1, MAX_PAGE_SIZE);
        // One more job than requested shows whether there is a next page.
        let query = PageQuery { before, limit: limit + 1 };
        let mut stored = self.shared.store.read_page(filter, query)?;
        let has_more = stored.len() > limit;
        stored.truncate(limit);
        let next = stored.last().filter(|_| has_more).map(|(seq, _)| format_page_token(*seq));
        let mut jobs = Vec::with_capacity(stored.len());
        for (_, job) in stored {
            let active = self.shared.lock_table().get(&job.id).cloned();
            let mut job = active.map_or(job, |active| active.snapshot());
            if job.state.is_over() {
                job = job.into_list_entry();
            }
            // The state in memory may be newer than the stored state, which the query has filtered.
            if filter.states.is_empty() || filter.states.contains(&job.state) {
                jobs.push(job);
            }
        }
        Ok(JobPage { jobs, next })
    }

    /// Cancels a job: a queued job is finished at once, a running job stops at a safe point.
    ///
    /// Returns the job, which may still be stopping. Fails if the job is finished.
    pub fn cancel(&self, id: &str) -> Result<JobSnapshot, JobsError> {
        let (active, was_queued) = {
            let mut table = self.shared.lock_table();
            (table.get(id).cloned(), table.remove_from_queue(id))
        };
        let Some(active) = active else {
            let JobSnapshot { id, state, .. } = self.get(id)?;
            return Err(JobsError::Over { id, state });
        };
        let state = active.state();
        if state.is_over() {
            return Err(JobsError::Over { id: active.id(), state });
        }
        active.request_stop(StopReason::Cancelled);
        if was_queued {
            let end = execution::create_end_record(&active, Ending::cancelled_in_queue());
            let saved =
                self.shared.store.write_blocking(|connection| statements::update_end(connection, &end));
            execution::finish_job(&self.shared, &active, end, saved.is_ok(), false);
        }
        Ok(active.snapshot())
    }

    /// Returns a stream of the job: its current state, then its changes, at most four a second.
    ///
    /// The last item is the finished job. If the server shuts down before the job has started, the last item is a
    /// queued job.
    pub fn watch(&self, id: &str) -> Result<BoxStream<'static, JobSnapshot>, JobsError> {
        let active = self.shared.lock_table().get(id).cloned();
        Ok(match active {
            Some(active) => watch_job(active, self.shared.closed.clone()).boxed(),
            None => stream::iter([self.get(id)?]).boxed(),
        })
    }

    /// Waits until the job is finished and returns it.
    ///
    /// Fails with `JobsError::ShuttingDown` if the server shuts down before the job has started.
    pub async fn wait(&self, id: &str) -> Result<JobSnapshot, JobsError> {
        let active = self.shared.lock_table().get(id).cloned();
        let Some(active) = active else { return self.get(id) };
        tokio::select! {
            () = active.finished.cancelled() => Ok(active.snapshot()),
            () = self.shared.closed.cancelled() => {
                let job = active.snapshot();
                if job.state.is_over() { Ok(job) } else { Err(JobsError::ShuttingDown) }
            }
        }
    }

    /// Returns the number of stored jobs of each kind in each state.
    pub fn counts(&self) -> JobCounts {
        self.shared.lock_table().counts.clone()
    }

    /// Returns the end of the newest backup that succeeded, in milliseconds since 1970.
    pub fn last_backup(&self) -> Option<i64> {
        self.shared.lock_table().last_backup
    }

    /// Registers a callback for finished jobs, which must not block.
    ///
    /// It is called at once with each job that was interrupted by the end of the previous server, and later with each
    /// job that ends.
    pub fn on_end(&self, call: impl Fn(&JobSnapshot) + Send + Sync + 'static) {
        self.shared.add_end_listener(call);
    }

    /// Shuts the jobs down: no job is accepted or started any more, and queued jobs stay stored for the next start.
    ///
    /// Running jobs stop at a safe point. Those that have not stopped after `deadline` are aborted.
    pub async fn shutdown(&self, deadline: Duration) {
        let running = {
            let mut table = self.shared.lock_table();
            table.closed = true;
            table.dequeued_jobs()
        };
        for active in &running {
            active.request_stop(StopReason::Shutdown);
        }
        let all_finished = || join_all(running.iter().map(|active| active.finished.cancelled()));
        if timeout(deadline, all_finished()).await.is_err() {
            for active in &running {
                active.abort.cancel();
            }
            if timeout(ABORT_TIMEOUT, all_finished()).await.is_err() {
                tracing::error!("jobs did not end; the next start finds them interrupted");
            }
        }
        execution::save_unsaved_ends(&self.shared).await;
        self.shared.closed.cancel();
    }
}

/// Ends the jobs in a state that no server continues, and returns them.
fn end_jobs(
    connection: &mut rusqlite::Connection,
    in_state: JobState,
    ending: impl Fn(&JobSnapshot) -> Ending,
) -> Result<Vec<JobSnapshot>, RowError> {
    let transaction = connection.transaction()?;
    let mut ended = Vec::new();
    for StoredJob { job, .. } in statements::select_jobs_in_state(&transaction, in_state)? {
        let Ending { state, outcome, failure } = ending(&job);
        if let Some(failure) = &failure {
            tracing::warn!(job = job.id, "{}", failure.message);
        }
        let at_ms = now_ms();
        let job = JobSnapshot { state, ended_ms: Some(at_ms), outcome, failure, ..job };
        let JobSnapshot { id, progress, outcome, failure, .. } = job.clone();
        statements::update_end(&transaction, &EndRecord { id, state, at_ms, outcome, failure, progress })?;
        ended.push(job);
    }
    transaction.commit()?;
    Ok(ended)
}

/// Formats the token of the page that follows the job with this position in the order of submission.
fn format_page_token(seq: i64) -> String {
    let mut token = String::from("before-");
    // Writing to a String cannot fail.
    let _ = write!(token, "{seq:x}");
    token
}

fn parse_page_token(token: &str) -> Result<i64, JobsError> {
    let seq = token.strip_prefix("before-").and_then(|digits| i64::from_str_radix(digits, 16).ok());
    seq.ok_or_else(|| JobsError::BadPage(token.to_owned()))
}
