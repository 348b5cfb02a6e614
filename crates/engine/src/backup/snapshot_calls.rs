//! The calls with which a backup creates, exports and drops snapshots in Milvus, and the record of what they did.

use std::sync::Arc;
use std::time::Duration;

use milvus::{
    ExportStatus, ExternalStore, Milvus, MilvusError, MilvusErrorKind, SnapshotJobId, SnapshotJobState,
    SnapshotRef,
};

use super::capture_error::is_not_found;
use crate::Error;
use crate::snapshot_record::{RecordedSnapshot, SnapshotLedger};

/// The time for which a snapshot is pinned; an export that has begun holds a pin of its own.
const PIN_TIME: Duration = Duration::from_hours(1);

/// Creates a snapshot and pins it.
///
/// It is recorded first: after a crash, only the record tells which snapshots and pins to remove.
pub(super) async fn create_and_pin(
    milvus: Milvus,
    ledger: Arc<SnapshotLedger>,
    snapshot: SnapshotRef,
    description: String,
) -> Result<(), Error> {
    ledger.add(&snapshot).await?;
    match milvus.create_snapshot(&snapshot, &description).await {
        Ok(()) => {}
        Err(error) if error.kind() == MilvusErrorKind::AlreadyExists => {
            // It belongs to another run or to a user, so it is not dropped.
            ledger.remove(&snapshot).await?;
            let SnapshotRef { collection, name } = snapshot;
            return Err(Error::SnapshotExists { snapshot: name, collection });
        }
        Err(error) => return Err(error.into()),
    }
    let pin = milvus.pin_snapshot(&snapshot, PIN_TIME).await?;
    ledger.set_pin(&snapshot, pin).await
}

/// Begins to export a snapshot; returns the job.
pub(super) async fn begin_export(
    milvus: Milvus,
    ledger: Arc<SnapshotLedger>,
    snapshot: SnapshotRef,
    to: ExternalStore,
) -> Result<SnapshotJobId, Error> {
    let job = milvus.export_snapshot(&snapshot, &to).await?;
    ledger.set_export(&snapshot, job).await?;
    Ok(job)
}

/// The time in which a snapshot is dropped: an export that has just ended holds its pin for some seconds.
pub(super) const DROP_LIMIT: Duration = Duration::from_secs(10);

/// The pause between two attempts to drop a snapshot that is pinned.
const DROP_PAUSE: Duration = Duration::from_millis(500);

/// Removes the pin of a snapshot and drops it within a time; returns the reason if that fails.
pub(super) async fn drop_snapshot(
    milvus: &Milvus,
    recorded: &RecordedSnapshot,
    limit: Duration,
) -> Result<(), String> {
    let (snapshot, mut last) = (recorded.reference(), "Milvus does not answer".to_owned());
    let dropped = async {
        if let Some(pin) = recorded.pin()
            && let Err(error) = milvus.unpin_snapshot(pin).await
        {
            tracing::warn!("{error}");
        }
        loop {
            match milvus.drop_snapshot(&snapshot).await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == MilvusErrorKind::SnapshotPinned => {
                    last = describe_pin(milvus, recorded, &error).await;
                }
                // The collection was dropped, and its snapshots with it.
                Err(error) if is_not_found(&error) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
            tokio::time::sleep(DROP_PAUSE).await;
        }
    };
    match tokio::time::timeout(limit, dropped).await {
        Ok(dropped) => dropped,
        Err(_) => Err(last),
    }
}

/// Describes why a snapshot is still pinned: an export cannot be cancelled and keeps its pin until it ends.
async fn describe_pin(milvus: &Milvus, recorded: &RecordedSnapshot, error: &MilvusError) -> String {
    let Some(job) = recorded.export() else { return error.to_string() };
    match milvus.export_status(job, &ExternalStore::default()).await {
        Ok(ExportStatus {
            state: SnapshotJobState::Pending | SnapshotJobState::Executing, progress, ..
        }) => {
            format!("export job {job} is still running ({progress} %), which Milvus cannot cancel")
        }
        Ok(_) | Err(_) => error.to_string(),
    }
}
