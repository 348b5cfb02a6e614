//! The state that all handles on the jobs share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::Engine;
use tokio_util::sync::CancellationToken;

use crate::job::JobSnapshot;
use crate::job_table::JobTable;
use crate::store::JobStore;

/// A callback that receives each job that ends.
type EndListener = Arc<dyn Fn(&JobSnapshot) + Send + Sync>;

/// The state that all handles on the jobs share.
pub(crate) struct SharedState {
    pub(crate) engine: Engine,
    pub(crate) store: JobStore,
    /// Held while a submission is checked for conflicts and stored, so that the checked state cannot change.
    pub(crate) submission_lock: tokio::sync::Mutex<()>,
    /// Cancelled at the end of the shutdown, when no job is running and none will be started.
    pub(crate) closed: CancellationToken,
    table: Mutex<JobTable>,
    /// The jobs that were running when the previous server ended, as they were marked at the start of this one.
    interrupted_at_start: Vec<JobSnapshot>,
    end_listeners: Mutex<Vec<EndListener>>,
}

impl SharedState {
    pub(crate) fn new(
        engine: Engine,
        store: JobStore,
        table: JobTable,
        interrupted_at_start: Vec<JobSnapshot>,
    ) -> Self {
        Self {
            engine,
            store,
            submission_lock: tokio::sync::Mutex::default(),
            closed: CancellationToken::new(),
            table: Mutex::new(table),
            interrupted_at_start,
            end_listeners: Mutex::default(),
        }
    }

    /// Locks the table of active jobs; the caller must not wait for anything while it holds the lock.
    pub(crate) fn lock_table(&self) -> MutexGuard<'_, JobTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the listener with each job that was interrupted at the start, then registers it for later ends.
    pub(crate) fn add_end_listener(&self, listener: impl Fn(&JobSnapshot) + Send + Sync + 'static) {
        self.interrupted_at_start.iter().for_each(&listener);
        self.end_listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(listener));
    }

    /// Calls all registered listeners with a finished job.
    pub(crate) fn announce_end(&self, job: &JobSnapshot) {
        // The lock is released before the calls, so that a listener can use the jobs.
        let listeners = self.end_listeners.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners {
            listener(job);
        }
    }
}

impl fmt::Debug for SharedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedState").field("store", &self.store).finish_non_exhaustive()
    }
}
