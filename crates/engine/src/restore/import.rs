//! Sends import jobs to Milvus and follows each to its end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use milvus::{
    ImportJobId, ImportPrefixes, ImportRequest, ImportState, ListedImport, Milvus, MilvusError,
    MilvusErrorKind,
};
use model::name::CollectionRef;
use tokio::sync::Semaphore;

use super::job::ImportTask;
use super::job_history::{FollowedJob, JobHistory, SentJobs};
use super::stage::StagingDirectory;
use crate::outage::MAX_OUTAGE;
use crate::{Activity, EngineLimits, Error};

/// The number of jobs that wait at the server in addition to those that it processes.
///
/// It is large enough that the server never idles, and small enough that no job waits until the deadline of the server
/// (900 s on Milvus 2.2 and 2.3).
const WAITING_JOBS: usize = 2;

/// The first and the longest pause between two requests for the state of a job.
///
/// They are short because the restore waits for the end of the last job, and the server has few jobs at a time.
const POLL_PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(300));

/// The pause between two questions whether a job has arrived whose sending was interrupted.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// The time in which a request can arrive after its connection broke.
const MAX_DELAY: Duration = Duration::from_secs(15);

/// The time for which the server may answer that it does not know a job.
const MAX_UNKNOWN: Duration = Duration::from_secs(20);

/// Sends import jobs and adapts their number to the number that the server processes concurrently.
pub(super) struct Importer {
    milvus: Milvus,
    /// The time without progress after which a job counts as stalled.
    stall: Duration,
    /// The maximum number of jobs at the server.
    max_jobs: usize,
    /// The permits for jobs at the server; they increase when the server processes several jobs.
    window: Semaphore,
    /// The number of permits of the window, used or free.
    width: AtomicUsize,
    /// The number of jobs that the server is processing.
    working: AtomicUsize,
    /// The permits for jobs that are staged or at the server.
    staging_permits: Semaphore,
    /// The time of the last progress of any job.
    last_progress: Mutex<Instant>,
    history: Mutex<JobHistory>,
}

impl Importer {
    /// Creates an importer for a restore with the given number of jobs.
    pub(super) fn new(milvus: Milvus, limits: &EngineLimits, jobs: usize) -> Self {
        let max_jobs = limits.import_jobs.get().min(jobs.max(1));
        let width = WAITING_JOBS.min(max_jobs);
        Self {
            milvus,
            stall: limits.stall,
            max_jobs,
            window: Semaphore::new(width),
            width: AtomicUsize::new(width),
            working: AtomicUsize::new(0),
            staging_permits: Semaphore::new(width + WAITING_JOBS),
            last_progress: Mutex::new(Instant::now()),
            history: Mutex::default(),
        }
    }

    /// Returns the maximum number of jobs at the server.
    pub(super) fn max_jobs(&self) -> usize {
        self.max_jobs
    }

    /// Returns the time without progress after which a job counts as stalled.
    pub(super) fn stall_limit(&self) -> Duration {
        self.stall
    }

    /// Stages and imports one job; returns the number of rows that Milvus reports.
    pub(super) async fn import_job(
        &self,
        task: &ImportTask<'_>,
        staging: Option<&StagingDirectory>,
    ) -> Result<u64, Error> {
        // Acquiring does not fail, because the semaphores are never closed.
        let _staging_permit = self.staging_permits.acquire().await.map_err(|e| Error::Task(e.to_string()))?;
        let source = match staging {
            Some(staging) => staging.stage_job(task).await?,
            None => super::stage::source_in_place(task)?,
        };
        let rows = {
            let _window_permit = self.window.acquire().await.map_err(|e| Error::Task(e.to_string()))?;
            let request = ImportRequest {
                target: task.plan.target.clone(),
                partition: task.partition.map(|partition| partition.name.clone()),
                files: source.prefixes.clone(),
                column_groups: task.has_column_groups(),
                until: task.job.until,
                ezk: task.run.prepared.ezk_of(&task.plan.source.database),
            };
            let id = self.send_job(&request).await?;
            let (key, read) = (&task.job.key, source.prefixes.first().map(|pair| pair.insert.as_str()));
            tracing::debug!(
                "import job {id} ({key}) of {} reads {}",
                task.describe_target(),
                read.unwrap_or_default()
            );
            let job = self.history().begin(&task.plan.target, &id, self.milvus.unreachable_calls());
            let rows = self.follow_job(id, task, &job).await;
            self.history().end(&job);
            rows?
        };
        if let Some(staging) = staging {
            staging.remove_job_files(&source).await;
        }
        Ok(rows)
    }

    /// Returns the jobs that were sent for a target.
    pub(super) fn jobs_of(&self, target: &CollectionRef) -> SentJobs {
        self.history().jobs_of(target)
    }

    fn history(&self) -> MutexGuard<'_, JobHistory> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the jobs that exist before this restore sends any for a target.
    pub(super) async fn record_earlier_jobs(&self, target: &CollectionRef) {
        // Without an answer, only a job whose sending is interrupted is affected.
        let jobs = self.milvus.list_imports(target).await.unwrap_or_default();
        self.history().record_earlier(target, jobs.into_iter().map(|job| job.id));
    }

    /// Sends a job. If Milvus becomes unreachable meanwhile, waits for it and sends the job again unless it has arrived.
    async fn send_job(&self, request: &ImportRequest) -> Result<ImportJobId, Error> {
        let target = &request.target;
        self.history().send(target);
        let started = Instant::now();
        loop {
            let error = match self.milvus.import(request).await {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            let may_arrive = !error.was_never_executed();
            wait_out(started, error).map_err(Error::ImportRefused)?;
            let job = self
                .find_arrived_job(request, if may_arrive { MAX_DELAY } else { Duration::ZERO }, started)
                .await?;
            if let Some(job) = job {
                return Ok(job);
            }
            self.history().send_again(target, &request.files);
        }
    }

    /// Looks for a job that was sent although no answer came; a proxy may have passed the request on with a delay.
    async fn find_arrived_job(
        &self,
        request: &ImportRequest,
        delay: Duration,
        started: Instant,
    ) -> Result<Option<ImportJobId>, Error> {
        let mut answered: Option<Instant> = None;
        loop {
            match self.milvus.list_imports(&request.target).await {
                Ok(jobs) => {
                    let own = self.jobs_of(&request.target);
                    if let Some(job) = find_unknown_job(jobs, &own, std::slice::from_ref(&request.files)) {
                        return Ok(Some(job));
                    }
                    if answered.get_or_insert_with(Instant::now).elapsed() >= delay {
                        return Ok(None);
                    }
                }
                Err(error) => wait_out(started, error)?,
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Fails if a request that was sent again was executed twice, so that the target has its rows twice.
    pub(super) async fn check_sent_again(&self, target: &CollectionRef) -> Result<(), Error> {
        let own = self.jobs_of(target);
        if own.sent_again.is_empty() {
            return Ok(());
        }
        let jobs = self.milvus.list_imports(target).await?;
        match find_unknown_job(jobs, &own, &own.sent_again) {
            Some(job) => Err(Error::ImportedTwice { job, target: target.clone() }),
            None => Ok(()),
        }
    }

    /// Requests the state of a job until it ends; fails if the job is lost, if no job makes progress, or if the server is
    /// away for too long.
    async fn follow_job(
        &self,
        id: ImportJobId,
        task: &ImportTask<'_>,
        job: &FollowedJob,
    ) -> Result<u64, Error> {
        let mut working = WorkingJob { importer: self, counted: false };
        let mut pause = POLL_PAUSES.0;
        let mut last = None;
        let (mut last_answer, mut last_change) = (Instant::now(), Instant::now());
        self.record_progress();
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(POLL_PAUSES.1);
            let status = match self.milvus.import_state(&id).await {
                Ok(status) => status,
                // Milvus may not know a new job, or any job after a restart, for a moment.
                Err(error)
                    if error.kind() == MilvusErrorKind::NotFound && last_answer.elapsed() < MAX_UNKNOWN =>
                {
                    continue;
                }
                // A restart of Milvus takes a minute, and it continues its jobs afterwards.
                Err(error) if error.is_temporary() && last_answer.elapsed() < MAX_OUTAGE => continue,
                Err(error) => {
                    let activity = Activity::Import { job: id.clone(), place: task.describe_target() };
                    return Err(Error::from(error).with_context(activity));
                }
            };
            last_answer = Instant::now();
            match status.state {
                ImportState::Completed => return Ok(status.rows),
                ImportState::Failed(reason) => {
                    return Err(Error::Import { job: id, place: task.describe_target(), reason });
                }
                ImportState::Pending => {}
                ImportState::Running => working.mark_as_working(),
            }
            let current = Some((status.state.clone(), status.progress, status.rows));
            if current != last {
                last = current;
                last_change = Instant::now();
                self.record_progress();
            }
            let unchanged = last_change.elapsed();
            if self.history().is_lost(job, unchanged, self.milvus.unreachable_calls()) {
                self.history().lose(&task.plan.target);
                return Err(Error::JobLost {
                    job: id,
                    place: task.describe_target(),
                    seconds: unchanged.as_secs(),
                });
            }
            if self.time_since_progress() > self.stall {
                return Err(Error::Stalled {
                    job: id,
                    place: task.describe_target(),
                    seconds: self.stall.as_secs(),
                });
            }
        }
    }

    /// Records progress of all jobs: Milvus serves them from one queue, so a waiting job depends on the others.
    fn record_progress(&self) {
        *self.last_progress.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn time_since_progress(&self) -> Duration {
        self.last_progress.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Adds a permit to the window if fewer jobs wait at the server than should.
    fn widen_window(&self) {
        let width = self.width.load(Ordering::Relaxed);
        if width < self.max_jobs && self.working.load(Ordering::Relaxed) + WAITING_JOBS > width {
            self.width.fetch_add(1, Ordering::Relaxed);
            self.window.add_permits(1);
            self.staging_permits.add_permits(1);
        }
    }
}

/// Finds a job that reads the files of one of these requests and whose id was never learned.
fn find_unknown_job(
    jobs: Vec<ListedImport>,
    own: &SentJobs,
    requests: &[Vec<ImportPrefixes>],
) -> Option<ImportJobId> {
    let reads_one = |job: &ListedImport| requests.iter().any(|files| job.may_read(files));
    jobs.into_iter().find(|job| own.is_unknown(&job.id) && reads_one(job)).map(|job| job.id)
}

/// Fails if an error does not mean that Milvus is unreachable or does not answer, or if that has lasted for too long.
pub(super) fn wait_out(since: Instant, error: MilvusError) -> Result<(), MilvusError> {
    if is_outage(&error) && since.elapsed() < MAX_OUTAGE { Ok(()) } else { Err(error) }
}

/// Returns whether an error means that Milvus is unreachable or does not answer.
pub(super) fn is_outage(error: &MilvusError) -> bool {
    matches!(error.kind(), MilvusErrorKind::Unreachable | MilvusErrorKind::Timeout)
}

/// A job that is followed; once marked, it counts as processed by the server until this guard is dropped.
struct WorkingJob<'a> {
    importer: &'a Importer,
    counted: bool,
}

impl WorkingJob<'_> {
    fn mark_as_working(&mut self) {
        if !self.counted {
            self.counted = true;
            self.importer.working.fetch_add(1, Ordering::Relaxed);
            self.importer.widen_window();
        }
    }
}

impl Drop for WorkingJob<'_> {
    fn drop(&mut self) {
        if self.counted {
            self.importer.working.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
