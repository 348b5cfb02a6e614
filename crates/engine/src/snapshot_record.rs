//! The record of the snapshots that a backup has in Milvus: the file `meta/mb_snapshots.json`.
//!
//! A snapshot is recorded before it is created, and its pin before anything else is done with it. No call of Milvus
//! lists pins, so after a crash only the record tells what to remove. It is empty again when the backup is complete.

use std::sync::Arc;

use bytes::Bytes;
use milvus::{SnapshotJobId, SnapshotPinId, SnapshotRef};
use model::key::ObjectKey;
use model::name::CollectionRef;
use serde::{Deserialize, Serialize};
use storage::{StorageErrorKind, Store};
use tokio::sync::{Mutex, OwnedRwLockReadGuard, RwLock};

use crate::Error;

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SnapshotRecord {
    /// The version of the file format: 1.
    pub(crate) format_version: u32,
    /// The host and port of the Milvus that has the snapshots.
    pub(crate) milvus_address: String,
    /// The snapshots that were not dropped yet.
    pub(crate) snapshots: Vec<RecordedSnapshot>,
}

/// A snapshot that may exist in Milvus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedSnapshot {
    /// The database of its collection.
    pub(crate) database: String,
    /// The name of its collection.
    pub(crate) collection: String,
    /// The name of the snapshot.
    pub(crate) name: String,
    /// The pin of the backup, if it is pinned.
    #[serde(default)]
    pub(crate) pin_id: Option<i64>,
    /// The job that exports it, if it has begun.
    #[serde(default)]
    pub(crate) export_job: Option<i64>,
}

impl RecordedSnapshot {
    pub(crate) fn reference(&self) -> SnapshotRef {
        let collection = CollectionRef::new(self.database.as_str(), self.collection.as_str());
        SnapshotRef { collection, name: self.name.clone() }
    }

    pub(crate) fn pin(&self) -> Option<SnapshotPinId> {
        self.pin_id.map(SnapshotPinId)
    }

    pub(crate) fn export(&self) -> Option<SnapshotJobId> {
        self.export_job.map(SnapshotJobId)
    }

    fn is(&self, snapshot: &SnapshotRef) -> bool {
        self.reference() == *snapshot
    }
}

impl SnapshotRecord {
    /// Reads the file; returns `None` if there is none, or if it cannot be parsed.
    pub(crate) async fn read(store: &Store, key: &ObjectKey) -> Result<Option<Self>, Error> {
        match store.read(key).await {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::from(error)),
        }
    }

    /// Describes each snapshot for a warning, where it is not known whether Milvus still has it.
    pub(crate) fn describe_remaining(&self) -> impl Iterator<Item = String> + '_ {
        self.snapshots.iter().map(|snapshot| {
            let (snapshot, address) = (snapshot.reference(), &self.milvus_address);
            format!("snapshot {snapshot} may remain in Milvus at {address}; drop it there")
        })
    }
}

/// The record of a running backup; every change is written before it returns.
#[derive(Debug)]
pub(crate) struct SnapshotLedger {
    store: Store,
    key: ObjectKey,
    record: Mutex<SnapshotRecord>,
    /// Shared by the calls that are changing snapshots.
    calls: Arc<RwLock<()>>,
}

impl SnapshotLedger {
    /// Creates an empty record, which is not written yet.
    pub(crate) fn new(store: Store, key: ObjectKey, milvus_address: String) -> Self {
        let record = SnapshotRecord { format_version: 1, milvus_address, snapshots: Vec::new() };
        Self { store, key, record: Mutex::new(record), calls: Arc::default() }
    }

    /// Registers calls that change snapshots, until the guard is dropped.
    pub(crate) async fn begin_calls(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.calls).read_owned().await
    }

    /// Waits until no call that changes snapshots is running.
    pub(crate) async fn wait_for_calls(&self) {
        drop(self.calls.write().await);
    }

    /// Records a snapshot that is about to be created.
    pub(crate) async fn add(&self, snapshot: &SnapshotRef) -> Result<(), Error> {
        self.change(|snapshots| {
            snapshots.push(RecordedSnapshot {
                database: snapshot.collection.database.clone(),
                collection: snapshot.collection.collection.clone(),
                name: snapshot.name.clone(),
                pin_id: None,
                export_job: None,
            });
        })
        .await
    }

    /// Records the pin of a snapshot.
    pub(crate) async fn set_pin(&self, snapshot: &SnapshotRef, pin: SnapshotPinId) -> Result<(), Error> {
        self.change(|snapshots| {
            for recorded in snapshots.iter_mut().filter(|recorded| recorded.is(snapshot)) {
                recorded.pin_id = Some(pin.0);
            }
        })
        .await
    }

    /// Records the job that exports a snapshot.
    pub(crate) async fn set_export(&self, snapshot: &SnapshotRef, job: SnapshotJobId) -> Result<(), Error> {
        self.change(|snapshots| {
            for recorded in snapshots.iter_mut().filter(|recorded| recorded.is(snapshot)) {
                recorded.export_job = Some(job.0);
            }
        })
        .await
    }

    /// Removes a snapshot that was dropped.
    pub(crate) async fn remove(&self, snapshot: &SnapshotRef) -> Result<(), Error> {
        self.change(|snapshots| snapshots.retain(|recorded| !recorded.is(snapshot))).await
    }

    /// Returns the snapshots that may exist.
    pub(crate) async fn snapshots(&self) -> Vec<RecordedSnapshot> {
        self.record.lock().await.snapshots.clone()
    }

    /// Changes the list and writes it; the file is removed with the last snapshot.
    async fn change(&self, change: impl FnOnce(&mut Vec<RecordedSnapshot>)) -> Result<(), Error> {
        let mut record = self.record.lock().await;
        change(&mut record.snapshots);
        if record.snapshots.is_empty() {
            return Ok(self.store.delete(std::slice::from_ref(&self.key)).await?);
        }
        // Serializing numbers and strings does not fail.
        let bytes: Bytes = serde_json::to_vec(&*record).unwrap_or_default().into();
        Ok(self.store.write(&self.key, bytes).await?)
    }
}

#[cfg(test)]
mod tests {
    use storage::StoreConfig;

    use super::*;

    #[tokio::test]
    async fn the_file_names_each_snapshot_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let key = ObjectKey::new(dir.path().join("mb_snapshots.json").to_str().unwrap());
        let store = Store::open(&StoreConfig::Disk).unwrap();
        let ledger = SnapshotLedger::new(store.clone(), key.clone(), "db:19530".to_owned());
        let snapshot = |name: &str| SnapshotRef {
            collection: CollectionRef::new("shop", name),
            name: "mbk_a".to_owned(),
        };
        ledger.add(&snapshot("books")).await.unwrap();
        ledger.add(&snapshot("tags")).await.unwrap();
        ledger.set_pin(&snapshot("tags"), SnapshotPinId(7)).await.unwrap();
        let read = || async { SnapshotRecord::read(&store, &key).await.unwrap() };
        let record = read().await.unwrap();
        let pins: Vec<_> = record.snapshots.iter().map(|s| (s.reference(), s.pin())).collect();
        assert_eq!(pins, [(snapshot("books"), None), (snapshot("tags"), Some(SnapshotPinId(7)))]);
        assert_eq!(record.milvus_address, "db:19530");
        for name in ["books", "tags"] {
            ledger.remove(&snapshot(name)).await.unwrap();
        }
        assert_eq!(read().await, None);
    }
}
