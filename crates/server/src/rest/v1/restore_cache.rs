//! The contents of backups that are being restored, so that polling a restore does not read the manifest each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::task::BackupContents;
use crate::Service;

/// The contents by the id of the restore job.
#[derive(Clone, Default)]
pub(super) struct RestoreCache(Arc<Mutex<HashMap<String, Arc<BackupContents>>>>);

impl RestoreCache {
    /// Returns the contents for a job.
    pub(super) fn get(&self, job: &str) -> Option<Arc<BackupContents>> {
        self.lock().get(job).cloned()
    }

    /// Stores the contents until the job is finished.
    pub(super) fn insert(&self, service: &Service, job: &str, contents: &Arc<BackupContents>) {
        if self.lock().insert(job.to_owned(), Arc::clone(contents)).is_some() {
            return;
        }
        let (cache, service, job) = (self.clone(), service.clone(), job.to_owned());
        tokio::spawn(async move {
            // Even if waiting fails, the entry is no longer needed.
            let _ = service.wait(&job).await;
            cache.lock().remove(&job);
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<BackupContents>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
