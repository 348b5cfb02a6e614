//! The jobs that are not over: in which order they come, which run, and who is at what.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::error::JobsError;
use crate::job::{JobKind, JobState};
use crate::live::Live;
use crate::store::Ended;

/// How many jobs are kept, of each kind in each state.
pub type JobCounts = BTreeMap<(JobKind, JobState), usize>;

/// How many jobs at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// That run.
    pub(crate) running: NonZeroUsize,
    /// That wait because as many run as may.
    pub(crate) queued: usize,
}

/// The jobs that are not over, or whose end is not kept yet.
#[derive(Debug)]
pub(crate) struct Table {
    limits: Limits,
    live: HashMap<String, Arc<Live>>,
    queue: VecDeque<Arc<Live>>,
    running: usize,
    /// Whether the server ends: nothing is taken in or begun any more.
    pub(crate) closed: bool,
    /// All jobs, those over too.
    pub(crate) counts: JobCounts,
    /// The end of the newest backup that did all, milliseconds since 1970.
    pub(crate) last_backup: Option<i64>,
}

impl Table {
    /// An empty one over what is kept.
    pub(crate) fn new(limits: Limits, counts: JobCounts, last_backup: Option<i64>) -> Self {
        Self {
            limits,
            live: HashMap::new(),
            queue: VecDeque::new(),
            running: 0,
            closed: false,
            counts,
            last_backup,
        }
    }

    /// A job of these.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Live>> {
        self.live.get(id)
    }

    /// The jobs that nothing else may disturb: those that wait, those that run.
    pub(crate) fn at_work(&self) -> Vec<Arc<Live>> {
        self.live.values().filter(|live| !live.over.is_cancelled()).cloned().collect()
    }

    /// The jobs that are over and whose end is not kept yet.
    pub(crate) fn unkept(&self) -> Vec<Arc<Live>> {
        self.live.values().filter(|live| live.over.is_cancelled()).cloned().collect()
    }

    /// Refuses a job where none is taken in any more, or as many wait as may.
    pub(crate) fn has_room(&self) -> Result<(), JobsError> {
        if self.closed {
            Err(JobsError::ShuttingDown)
        } else if self.has_turn() || self.queue.len() < self.limits.queued {
            Ok(())
        } else {
            Err(JobsError::QueueFull(self.queue.len()))
        }
    }

    /// Takes a job in, at the end of the queue.
    pub(crate) fn enter(&mut self, live: Arc<Live>) {
        self.live.insert(live.id(), Arc::clone(&live));
        self.queue.push_back(live);
        self.renumber();
    }

    /// The next job that may run.
    pub(crate) fn next(&mut self) -> Option<Arc<Live>> {
        if self.closed || !self.has_turn() {
            return None;
        }
        let live = self.queue.pop_front()?;
        self.running += 1;
        self.renumber();
        Some(live)
    }

    /// Takes a job off the queue, if it waits there.
    pub(crate) fn unqueue(&mut self, id: &str) -> bool {
        let Some(at) = self.queue.iter().position(|live| live.job.borrow().id == id) else { return false };
        self.queue.remove(at);
        self.renumber();
        true
    }

    /// The jobs that run, or are about to.
    pub(crate) fn begun(&self) -> Vec<Arc<Live>> {
        let waits = |live: &Arc<Live>| self.queue.iter().any(|queued| Arc::ptr_eq(queued, live));
        self.at_work().into_iter().filter(|live| !waits(live)).collect()
    }

    /// A job ended that had run.
    pub(crate) fn leave(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// Forgets a job, its end being kept.
    pub(crate) fn forget(&mut self, id: &str) {
        self.live.remove(id);
    }

    /// Counts a job from one state to another.
    pub(crate) fn count(&mut self, kind: JobKind, from: Option<JobState>, to: Option<JobState>) {
        if let Some(count) = from.and_then(|from| self.counts.get_mut(&(kind, from))) {
            *count = count.saturating_sub(1);
        }
        if let Some(to) = to {
            *self.counts.entry((kind, to)).or_default() += 1;
        }
    }

    /// Counts a job that ended.
    pub(crate) fn count_end(&mut self, kind: JobKind, from: JobState, ended: &Ended) {
        self.count(kind, Some(from), Some(ended.state));
        if kind == JobKind::Backup && ended.state == JobState::Succeeded {
            self.last_backup = self.last_backup.max(Some(ended.at_ms));
        }
    }

    fn has_turn(&self) -> bool {
        self.running < self.limits.running.get()
    }

    fn renumber(&self) {
        for (ahead, live) in self.queue.iter().enumerate() {
            live.wait_behind(ahead);
        }
    }
}
