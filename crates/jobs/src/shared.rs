//! What every handle on the jobs shares.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::Engine;
use tokio_util::sync::CancellationToken;

use crate::job::Job;
use crate::store::Store;
use crate::table::Table;

/// Called with each job that ends.
type OnEnd = Arc<dyn Fn(&Job) + Send + Sync>;

/// What every handle on the jobs shares.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) store: Store,
    /// Held while a job is taken in, so that what was looked at stays so.
    pub(crate) entrance: tokio::sync::Mutex<()>,
    /// Pulled once nothing runs any more and nothing will.
    pub(crate) closed: CancellationToken,
    table: Mutex<Table>,
    /// Jobs that the server before this one left running.
    crashed: Vec<Job>,
    on_end: Mutex<Vec<OnEnd>>,
}

impl Shared {
    pub(crate) fn new(engine: Engine, store: Store, table: Table, crashed: Vec<Job>) -> Self {
        Self {
            engine,
            store,
            entrance: tokio::sync::Mutex::default(),
            closed: CancellationToken::new(),
            table: Mutex::new(table),
            crashed,
            on_end: Mutex::default(),
        }
    }

    /// The jobs in memory. Whoever holds them waits for nothing.
    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn on_end(&self, call: impl Fn(&Job) + Send + Sync + 'static) {
        self.crashed.iter().for_each(&call);
        self.on_end.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(call));
    }

    pub(crate) fn tell_ended(&self, job: &Job) {
        // not called under the lock, so that one may ask for jobs
        let calls = self.on_end.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for call in calls {
            call(job);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("store", &self.store).finish_non_exhaustive()
    }
}
