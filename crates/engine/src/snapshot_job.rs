//! A job of Milvus that exports or restores a snapshot, and the limit on its time without progress.

use std::fmt;
use std::time::Duration;

use milvus::{MilvusError, SnapshotJobId};
use model::name::CollectionRef;
use tokio::time::Instant;

use crate::{Activity, Error};

/// What a job does with a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotJobKind {
    /// It copies the files of a snapshot into a backup.
    Export,
    /// It creates a collection from the files in a backup.
    Restore,
}

/// A job of Milvus that exports or restores a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotJob {
    /// What the job does.
    pub kind: SnapshotJobKind,
    /// The id of the job in Milvus.
    pub id: SnapshotJobId,
    /// The exported collection, or the target of the restore.
    pub collection: CollectionRef,
}

impl fmt::Display for SnapshotJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, id, collection } = self;
        match kind {
            SnapshotJobKind::Export => write!(f, "export job {id} of {collection}"),
            SnapshotJobKind::Restore => write!(f, "snapshot restore job {id} of {collection}"),
        }
    }
}

impl SnapshotJob {
    /// Creates the error of a job that failed.
    pub(crate) fn failure(&self, reason: String) -> Error {
        let reason = if reason.is_empty() { "Milvus gave no reason".to_owned() } else { reason };
        Error::SnapshotJobFailed { job: self.clone(), reason }
    }

    /// Adds the job to an error of a question for its state.
    pub(crate) fn add_context(&self, error: MilvusError) -> Error {
        Error::from(error).with_context(Activity::Snapshot(self.clone()))
    }
}

/// The progress of a job: what was seen of it, and when it changed last.
pub(crate) struct Progress<T> {
    limit: Duration,
    seen: Option<T>,
    changed: Instant,
}

impl<T: PartialEq> Progress<T> {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, seen: None, changed: Instant::now() }
    }

    /// Fails if what is seen of a job has not changed for longer than the limit.
    pub(crate) fn check(&mut self, job: &SnapshotJob, seen: T) -> Result<(), Error> {
        if self.seen.as_ref() != Some(&seen) {
            self.seen = Some(seen);
            self.changed = Instant::now();
        } else if self.changed.elapsed() > self.limit {
            return Err(Error::SnapshotJobStalled { job: job.clone(), seconds: self.limit.as_secs() });
        }
        Ok(())
    }
}
