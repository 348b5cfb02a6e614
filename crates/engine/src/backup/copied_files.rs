//! The files of a collection that are copied already.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::ids::LogId;

/// The log ids of the files of a collection that the rounds so far have copied.
#[derive(Default)]
pub(super) struct CopiedFiles(Mutex<HashSet<LogId>>);

impl CopiedFiles {
    pub(super) fn is_empty(&self) -> bool {
        self.lock_logs().is_empty()
    }

    /// Removes a file, so that the next round copies it again.
    pub(super) fn remove(&self, log: LogId) {
        self.lock_logs().remove(&log);
    }

    pub(super) fn contains(&self, log: LogId) -> bool {
        self.lock_logs().contains(&log)
    }

    pub(super) fn insert(&self, log: LogId) {
        self.lock_logs().insert(log);
    }

    fn lock_logs(&self) -> MutexGuard<'_, HashSet<LogId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
