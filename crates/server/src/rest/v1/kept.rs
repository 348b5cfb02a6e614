//! What the backups of running restores hold, so that it is not read anew whenever somebody looks how far one is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::task::Contents;
use crate::Service;

/// By the ids of the restores' jobs.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<HashMap<String, Arc<Contents>>>>);

impl Kept {
    /// What is kept for a job.
    pub(super) fn of(&self, job: &str) -> Option<Arc<Contents>> {
        self.lock().get(job).cloned()
    }

    /// Keeps it until the job is over.
    pub(super) fn keep(&self, service: &Service, job: &str, contents: &Arc<Contents>) {
        if self.lock().insert(job.to_owned(), Arc::clone(contents)).is_some() {
            return;
        }
        let (kept, service, job) = (self.clone(), service.clone(), job.to_owned());
        tokio::spawn(async move {
            // However the waiting ends, nothing is worth keeping any more.
            let _ = service.wait(&job).await;
            kept.lock().remove(&job);
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Contents>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
