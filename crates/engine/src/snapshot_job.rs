//! A job of Milvus that exports or restores a snapshot, and the limit on its time without progress.

use std::fmt;
use std::time::Duration;

use milvus::{MilvusError, SnapshotJobId, SnapshotJobState};
use model::name::CollectionRef;
use tokio::time::Instant;

use crate::{Activity, Error};

/// The first and the longest pause between two requests for the state of a job.
const POLL_PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

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
    /// Requests the state of the job until it is completed, and returns the last answer.
    ///
    /// Passes each answer to `show`. Fails if the job fails, or if the answers do not change for longer than `limit`.
    pub(crate) async fn follow<T, F>(
        &self,
        limit: Duration,
        request: impl Fn() -> F,
        mut show: impl FnMut(&T),
    ) -> Result<T, Error>
    where
        T: PartialEq,
        F: Future<Output = Result<(SnapshotJobState, T), MilvusError>>,
    {
        let mut last = None;
        let mut changed = Instant::now();
        let mut pause = POLL_PAUSES.0;
        loop {
            let answer = request().await;
            let seen =
                answer.map_err(|error| Error::from(error).with_context(Activity::Snapshot(self.clone())))?;
            show(&seen.1);
            match &seen.0 {
                SnapshotJobState::Completed => return Ok(seen.1),
                SnapshotJobState::Failed(reason) => return Err(self.failure(reason)),
                SnapshotJobState::Pending | SnapshotJobState::Executing => {}
            }
            if last.as_ref() != Some(&seen) {
                last = Some(seen);
                changed = Instant::now();
            } else if changed.elapsed() > limit {
                return Err(Error::SnapshotJobStalled { job: self.clone(), seconds: limit.as_secs() });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(POLL_PAUSES.1);
        }
    }

    /// Creates the error of a job that failed.
    pub(crate) fn failure(&self, reason: &str) -> Error {
        let reason = if reason.is_empty() { "Milvus gave no reason" } else { reason };
        Error::SnapshotJobFailed { job: self.clone(), reason: reason.to_owned() }
    }
}
