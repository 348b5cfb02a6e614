//! Import jobs: as many at once as the server works on, each followed to its end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use milvus::{ImportJobId, ImportRequest, ImportState, Milvus};
use tokio::sync::Semaphore;

use super::job::Job;
use super::stage::Staging;
use crate::{Error, Limits};

/// Jobs that wait at the server beyond those it works on: enough that it never idles,
/// few enough that none waits into its own deadline there (900 s on 2.2 and 2.3).
const AHEAD: usize = 2;

/// The first and the longest time between two looks at a job. Few jobs are at the server at once, and what is seen
/// late at the end of the last one is time lost.
const POLL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(300));

/// How long a server may be away before its jobs are given up.
const OUTAGE: Duration = Duration::from_mins(3);

/// How long a server may say that it does not know a job.
const UNKNOWN: Duration = Duration::from_secs(20);

/// Sends import jobs, at most as many at once as the server takes.
pub(super) struct Importer {
    milvus: Milvus,
    stall: Duration,
    most: usize,
    /// Jobs that may be at the server; grows as it shows to work on several.
    window: Semaphore,
    width: AtomicUsize,
    working: AtomicUsize,
    /// Jobs that may be staged or at the server.
    staged: Semaphore,
    progress: Mutex<Instant>,
}

impl Importer {
    pub(super) fn new(milvus: Milvus, limits: &Limits, jobs: usize) -> Self {
        let most = limits.import_jobs.get().min(jobs.max(1));
        let width = AHEAD.min(most);
        Self {
            milvus,
            stall: limits.stall,
            most,
            window: Semaphore::new(width),
            width: AtomicUsize::new(width),
            working: AtomicUsize::new(0),
            staged: Semaphore::new(width + AHEAD),
            progress: Mutex::new(Instant::now()),
        }
    }

    pub(super) fn most(&self) -> usize {
        self.most
    }

    pub(super) fn stall(&self) -> Duration {
        self.stall
    }

    /// Stages and imports one job; returns the rows it brought.
    pub(super) async fn import(&self, job: &Job<'_>, staging: Option<&Staging>) -> Result<u64, Error> {
        // the semaphores are never closed
        let _staged = self.staged.acquire().await.map_err(|e| Error::Task(e.to_string()))?;
        let data = match staging {
            Some(staging) => staging.bring(job).await?,
            None => super::stage::in_place(job),
        };
        let rows = {
            let _slot = self.window.acquire().await.map_err(|e| Error::Task(e.to_string()))?;
            let request = ImportRequest {
                target: job.plan.target.clone(),
                partition: job.partition.name.clone(),
                insert_prefix: data.insert.clone(),
                delta_prefix: data.delta.clone(),
                options: Vec::new(),
            };
            let id = self.milvus.import(&request).await?;
            tracing::debug!("import job {id} of {} reads {}", job.place(), data.insert);
            self.follow(id, job).await?
        };
        if let Some(staging) = staging {
            staging.remove(&data).await;
        }
        Ok(rows)
    }

    /// Looks at a job until it ends or nothing moves any more.
    async fn follow(&self, id: ImportJobId, job: &Job<'_>) -> Result<u64, Error> {
        let mut working = Working { importer: self, counted: false };
        let mut pause = POLL.0;
        let mut last = None;
        let (mut answered, mut away) = (Instant::now(), false);
        self.moved();
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(POLL.1);
            let status = match self.milvus.import_state(id).await {
                Ok(status) => status,
                // one that was sent a moment ago, or before a restart, may not be known yet
                Err(error) if error.kind() == milvus::ErrorKind::NotFound && answered.elapsed() < UNKNOWN => {
                    continue;
                }
                // a restart of Milvus takes a minute, and its jobs go on after it
                Err(error) if error.is_temporary() && answered.elapsed() < OUTAGE => {
                    if !std::mem::replace(&mut away, true) {
                        let seconds = OUTAGE.saturating_sub(answered.elapsed()).as_secs();
                        job.run.ctx.warn(format!(
                            "Milvus does not answer; asking again for up to {seconds} s: {error}"
                        ));
                    }
                    continue;
                }
                Err(error) => {
                    let doing = format!("while waiting for import job {id} of {}", job.place());
                    return Err(Error::from(error).during(doing));
                }
            };
            (answered, away) = (Instant::now(), false);
            match status.state {
                ImportState::Completed => return Ok(status.rows),
                ImportState::Failed(reason) => {
                    return Err(Error::Import { job: id.0, place: job.place(), reason });
                }
                ImportState::Pending => {}
                ImportState::Running => working.count(),
            }
            let seen = Some((status.state.clone(), status.progress, status.rows));
            if seen != last {
                last = seen;
                self.moved();
            }
            if self.since_progress() > self.stall {
                return Err(Error::Stalled { job: id.0, place: job.place(), seconds: self.stall.as_secs() });
            }
        }
    }

    /// One queue serves all jobs, so any job's progress is every job's.
    fn moved(&self) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn since_progress(&self) -> Duration {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Widens the window where the server works on all but the jobs that should wait.
    fn widen(&self) {
        let width = self.width.load(Ordering::Relaxed);
        if width < self.most && self.working.load(Ordering::Relaxed) + AHEAD > width {
            self.width.fetch_add(1, Ordering::Relaxed);
            self.window.add_permits(1);
            self.staged.add_permits(1);
        }
    }
}

/// Counts a job as one the server works on, until it ends.
struct Working<'a> {
    importer: &'a Importer,
    counted: bool,
}

impl Working<'_> {
    fn count(&mut self) {
        if !self.counted {
            self.counted = true;
            self.importer.working.fetch_add(1, Ordering::Relaxed);
            self.importer.widen();
        }
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        if self.counted {
            self.importer.working.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
