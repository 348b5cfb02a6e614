//! The table of active jobs: the queue, the running jobs, the limits, and the counts of all jobs.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::active_job::ActiveJob;
use crate::error::JobsError;
use crate::job::JobState;
use crate::kind::{JobKind, JobSlot};
use crate::store::EndRecord;

/// The number of stored jobs of each kind in each state.
pub type JobCounts = BTreeMap<(JobKind, JobState), usize>;

/// The limits on the number of active jobs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobLimits {
    /// The number of jobs that run at the same time in the slots of each resource.
    pub(crate) running: NonZeroUsize,
    /// The number of further jobs that may wait in the queue.
    pub(crate) queued: usize,
}

/// The jobs that are active, or finished with an end that is not stored yet.
#[derive(Debug)]
pub(crate) struct JobTable {
    limits: JobLimits,
    jobs: HashMap<String, Arc<ActiveJob>>,
    queue: VecDeque<Arc<ActiveJob>>,
    running: Vec<Arc<ActiveJob>>,
    /// Set when the shutdown begins; no job is accepted or started after that.
    pub(crate) closed: bool,
    /// The counts of all jobs, including finished ones.
    pub(crate) counts: JobCounts,
    /// The end of the newest backup that succeeded, in milliseconds since 1970.
    pub(crate) last_backup: Option<i64>,
}

impl JobTable {
    /// Creates a table without active jobs, with the counts and the newest backup that the store reports.
    pub(crate) fn new(limits: JobLimits, counts: JobCounts, last_backup: Option<i64>) -> Self {
        Self {
            limits,
            jobs: HashMap::new(),
            queue: VecDeque::new(),
            running: Vec::new(),
            closed: false,
            counts,
            last_backup,
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<ActiveJob>> {
        self.jobs.get(id)
    }

    /// Returns the queued and running jobs, in no particular order.
    pub(crate) fn active_jobs(&self) -> Vec<Arc<ActiveJob>> {
        self.jobs.values().filter(|job| !job.finished.is_cancelled()).cloned().collect()
    }

    /// Returns the finished jobs whose end is not stored yet.
    pub(crate) fn unsaved_jobs(&self) -> Vec<Arc<ActiveJob>> {
        self.jobs.values().filter(|job| job.finished.is_cancelled()).cloned().collect()
    }

    /// Fails if the server is shutting down or if a new job would have to wait and the queue is full.
    pub(crate) fn check_capacity(&self, kind: JobKind) -> Result<(), JobsError> {
        if self.closed {
            Err(JobsError::ShuttingDown)
        } else if self.has_free_slot(kind.slot()) || self.queue.len() < self.limits.queued {
            Ok(())
        } else {
            Err(JobsError::QueueFull(self.queue.len()))
        }
    }

    /// Adds a job at the end of the queue.
    pub(crate) fn enqueue(&mut self, job: Arc<ActiveJob>) {
        self.jobs.insert(job.id(), Arc::clone(&job));
        self.queue.push_back(job);
        self.update_queue_positions();
    }

    /// Removes the first job that has a free slot from the queue, and counts it as running; `None` if no job can start.
    pub(crate) fn dequeue_next(&mut self) -> Option<Arc<ActiveJob>> {
        if self.closed {
            return None;
        }
        let at = self.queue.iter().position(|job| self.has_free_slot(slot_of(job)))?;
        let job = self.queue.remove(at)?;
        self.running.push(Arc::clone(&job));
        self.update_queue_positions();
        Some(job)
    }

    /// Removes a job from the queue and returns whether it was there.
    pub(crate) fn remove_from_queue(&mut self, id: &str) -> bool {
        let Some(at) = self.queue.iter().position(|queued| queued.job.borrow().id == id) else {
            return false;
        };
        self.queue.remove(at);
        self.update_queue_positions();
        true
    }

    /// Returns the active jobs that have left the queue: they are running or about to run.
    pub(crate) fn dequeued_jobs(&self) -> Vec<Arc<ActiveJob>> {
        let is_queued = |job: &Arc<ActiveJob>| self.queue.iter().any(|queued| Arc::ptr_eq(queued, job));
        self.active_jobs().into_iter().filter(|job| !is_queued(job)).collect()
    }

    /// Gives back the slot of a job that has finished running.
    pub(crate) fn release_slot(&mut self, job: &Arc<ActiveJob>) {
        self.running.retain(|running| !Arc::ptr_eq(running, job));
        self.update_queue_positions();
    }

    /// Removes a job whose end is stored; from then on it is read from the store.
    pub(crate) fn remove_job(&mut self, id: &str) {
        self.jobs.remove(id);
    }

    /// Updates the counts for a job that changed its state; `None` stands for a job before or after its storage.
    pub(crate) fn count_transition(&mut self, kind: JobKind, from: Option<JobState>, to: Option<JobState>) {
        if let Some(count) = from.and_then(|from| self.counts.get_mut(&(kind, from))) {
            *count = count.saturating_sub(1);
        }
        if let Some(to) = to {
            *self.counts.entry((kind, to)).or_default() += 1;
        }
    }

    /// Updates the counts, and the end of the newest backup, for a job that ended.
    pub(crate) fn count_end(&mut self, kind: JobKind, from: JobState, end: &EndRecord) {
        self.count_transition(kind, Some(from), Some(end.state));
        if kind == JobKind::Backup && end.state == JobState::Succeeded {
            self.last_backup = self.last_backup.max(Some(end.at_ms));
        }
    }

    /// Returns the running jobs that use a resource.
    fn running_in(&self, slot: JobSlot) -> impl Iterator<Item = &Arc<ActiveJob>> {
        self.running.iter().filter(move |job| slot_of(job) == slot)
    }

    fn has_free_slot(&self, slot: JobSlot) -> bool {
        self.running_in(slot).count() < self.limits.running.get()
    }

    /// Tells each queued job how many jobs start before it, and for which running jobs it waits.
    fn update_queue_positions(&self) {
        for (at, job) in self.queue.iter().enumerate() {
            let slot = slot_of(job);
            let ahead = self.queue.iter().take(at).filter(|earlier| slot_of(earlier) == slot).count();
            job.set_queue_position(ahead, self.running_in(slot).map(|running| running.describe()).collect());
        }
    }
}

fn slot_of(job: &ActiveJob) -> JobSlot {
    job.job.borrow().kind.slot()
}
