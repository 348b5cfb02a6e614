//! The lease: the exclusive right of one run to write a directory in a store.
//!
//! A marker file expresses the lease. It is created only if none exists, renewed while the run is active, and read
//! again before anything is committed. After a crash it is not renewed any more, so its age shows that the lease has
//! expired. The begin marker of a backup and the owner file of a restore are such markers.

use std::time::Duration;

use bytes::Bytes;
use model::key::ObjectKey;
use serde::{Deserialize, Serialize};
use storage::{StorageErrorKind, Store};
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::process_identity::ProcessIdentity;
use crate::{Engine, Error};

/// The time between two renewals of a marker.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(20);

/// The age after which a marker has expired; it is long because machines stall for tens of seconds.
const EXPIRY: Duration = Duration::from_secs(LEASE_SECONDS);

/// The time without a sign of life after which a run counts as dead, in seconds.
pub const LEASE_SECONDS: u64 = 180;

/// The content of a marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// The version of the file format: 1.
    pub(crate) format_version: u32,
    /// A random id of the run; the id of the job would not be unique, because callers choose it.
    pub(crate) owner: String,
    /// The host on which the run executes.
    pub(crate) host: String,
    /// The process id of the run.
    pub(crate) pid: u32,
    /// The process beyond its number; `None` where the system does not tell, and in markers of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) process: Option<ProcessIdentity>,
    /// The name and version of the program.
    pub(crate) tool: String,
    /// The time of creation, in milliseconds since 1970.
    pub(crate) started_ms: i64,
    /// The time of the last renewal, in milliseconds since 1970.
    pub(crate) renewed_ms: i64,
    /// Whether the run has ended without completing its work.
    #[serde(default)]
    pub(crate) stopped: bool,
}

impl Marker {
    fn new(engine: &Engine) -> Self {
        let now = now_ms();
        Self {
            format_version: 1,
            owner: uuid::Uuid::new_v4().to_string(),
            host: engine.config.host.clone(),
            pid: std::process::id(),
            process: ProcessIdentity::of(std::process::id()),
            tool: engine.config.tool.clone(),
            started_ms: now,
            renewed_ms: now,
            stopped: false,
        }
    }

    /// Reads a marker; returns `None` if the file does not exist or cannot be parsed.
    pub(crate) async fn read(store: &Store, key: &ObjectKey) -> Result<Option<Self>, Error> {
        match store.read(key).await {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::from(error)),
        }
    }

    /// Returns whether the lease is held: not stopped, renewed within the last 180 seconds, and the run is not known to
    /// have ended on this machine.
    pub(crate) fn is_live(&self) -> bool {
        let age_ms = u64::try_from(now_ms() - self.renewed_ms).unwrap_or_default();
        let has_ended = || self.process.as_ref().is_some_and(|process| process.has_ended(self.pid));
        !self.stopped && Duration::from_millis(age_ms) < EXPIRY && !has_ended()
    }

    /// Creates the error for another run that wants to change the backup of this marker.
    pub(crate) fn running_error(&self, name: &str) -> Error {
        Error::Running {
            name: name.to_owned(),
            owner: format!("process {} on {}", self.pid, self.host),
            seconds: ((now_ms() - self.renewed_ms) / 1000).max(0),
        }
    }

    /// Returns whether the marker in the store exists and belongs to the same run as this one.
    fn has_same_owner(&self, stored: Option<&Self>) -> bool {
        stored.is_some_and(|stored| stored.owner == self.owner)
    }

    fn to_json(&self) -> Bytes {
        // Serializing a struct of numbers and strings does not fail.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// The result of [`Lease::claim`].
#[derive(Debug)]
pub(crate) enum Claimed {
    /// The marker was created, and the caller holds the lease.
    Ours(Lease),
    /// Another file exists under its key.
    Theirs(OtherOwner),
}

impl Claimed {
    fn by_other_run(stored: Option<Marker>) -> Self {
        Self::Theirs(OtherOwner(stored))
    }
}

/// The marker of another run; `None` if the file is not a marker or has vanished.
#[derive(Debug)]
pub(crate) struct OtherOwner(pub(crate) Option<Marker>);

/// A held lease, which is ended by [`Lease::release`] or [`Lease::stop`]; dropping it only ends the renewal.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Store,
    key: ObjectKey,
    marker: Marker,
    ended: CancellationToken,
    renewal: tokio::task::JoinHandle<()>,
}

impl Lease {
    /// Creates the marker and starts its renewal, unless another file exists under its key.
    pub(crate) async fn claim(engine: &Engine, store: &Store, key: &ObjectKey) -> Result<Claimed, Error> {
        let marker = Marker::new(engine);
        let created = store.create_new(key, marker.to_json()).await?;
        // Some stores ignore the condition, so only the marker that is read back decides.
        let stored = Marker::read(store, key).await?;
        if !created || !marker.has_same_owner(stored.as_ref()) {
            return Ok(Claimed::by_other_run(stored));
        }
        let ended = CancellationToken::new();
        let renewal = tokio::spawn(renew_marker(store.clone(), key.clone(), marker.clone(), ended.clone()));
        Ok(Claimed::Ours(Self { store: store.clone(), key: key.clone(), marker, ended, renewal }))
    }

    /// Reads the marker again; returns its owner if another run has replaced it.
    pub(crate) async fn other_owner(&self) -> Result<Option<OtherOwner>, Error> {
        let stored = Marker::read(&self.store, &self.key).await?;
        Ok((!self.marker.has_same_owner(stored.as_ref())).then_some(OtherOwner(stored)))
    }

    /// Ends the lease after the work is done, and removes the marker.
    pub(crate) async fn release(mut self) {
        self.end_renewal().await;
        if !self.is_lost().await
            && let Err(error) = self.store.delete(std::slice::from_ref(&self.key)).await
        {
            tracing::warn!("cannot remove {}: {error}", self.store.describe(&self.key));
        }
    }

    /// Ends the lease before the work is done, and marks the marker as stopped.
    pub(crate) async fn stop(mut self) {
        self.end_renewal().await;
        if self.is_lost().await {
            return;
        }
        let marker = Marker { stopped: true, renewed_ms: now_ms(), ..self.marker.clone() };
        if let Err(error) = self.store.write(&self.key, marker.to_json()).await {
            // On a full disk a file can be removed but not written. Without a marker, other runs need not wait.
            tracing::warn!("cannot mark {} as stopped: {error}", self.store.describe(&self.key));
            if let Err(error) = self.store.delete(std::slice::from_ref(&self.key)).await {
                tracing::warn!("cannot remove {}: {error}", self.store.describe(&self.key));
            }
        }
    }

    /// Returns whether the marker is known to belong to another run, so that it must not be changed.
    async fn is_lost(&self) -> bool {
        matches!(self.other_owner().await, Ok(Some(_)))
    }

    /// Ends the renewal and waits for it, so that a running renewal cannot overwrite a later change.
    async fn end_renewal(&mut self) {
        self.ended.cancel();
        if let Err(error) = (&mut self.renewal).await {
            tracing::warn!("the renewal of {} ended: {error}", self.store.describe(&self.key));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// Renews the marker until the token is cancelled.
async fn renew_marker(store: Store, key: ObjectKey, mut marker: Marker, ended: CancellationToken) {
    while ended.run_until_cancelled(tokio::time::sleep(RENEWAL_INTERVAL)).await.is_some() {
        marker.renewed_ms = now_ms();
        let renewed = async {
            // If this process stalled until the lease expired, another run may have claimed it.
            let stored = Marker::read(&store, &key).await?;
            if marker.has_same_owner(stored.as_ref()) {
                store.write(&key, marker.to_json()).await?;
            }
            Ok::<_, Error>(())
        };
        // After a failed renewal, the next one still comes well before the marker expires.
        if let Some(Err(error)) = ended.run_until_cancelled(renewed).await {
            tracing::warn!("cannot renew {}: {error}", store.describe(&key));
        }
    }
}

#[cfg(test)]
mod tests {
    use storage::StoreConfig;

    use super::*;

    fn marker(owner: &str) -> Marker {
        Marker {
            format_version: 1,
            owner: owner.to_owned(),
            host: "here".to_owned(),
            pid: 1,
            process: None,
            tool: "milvus-backup 0.0.1".to_owned(),
            started_ms: 0,
            renewed_ms: 0,
            stopped: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_marker_is_renewed_until_another_run_replaces_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreConfig::Disk).unwrap();
        let key = ObjectKey::new(dir.path().join("marker.json").to_str().unwrap());
        let (ours, other) = (marker("ours"), marker("other"));
        store.write(&key, ours.to_json()).await.unwrap();
        let ended = CancellationToken::new();
        let renewal = tokio::spawn(renew_marker(store.clone(), key.clone(), ours, ended.clone()));
        // Wait until a time between two renewals, so that none is running.
        tokio::time::sleep(RENEWAL_INTERVAL * 5 / 2).await;
        let renewed = Marker::read(&store, &key).await.unwrap().unwrap();
        assert!(renewed.owner == "ours" && renewed.is_live(), "{renewed:?}");

        store.write(&key, other.to_json()).await.unwrap();
        tokio::time::sleep(RENEWAL_INTERVAL * 2).await;
        assert_eq!(Marker::read(&store, &key).await.unwrap(), Some(other));
        ended.cancel();
        renewal.await.unwrap();
    }

    #[test]
    fn a_marker_is_live_until_it_expires_or_is_stopped() {
        let now = Marker { renewed_ms: now_ms(), ..marker("ours") };
        assert!(now.is_live());
        assert!(!Marker { stopped: true, ..now.clone() }.is_live());
        assert!(!Marker { renewed_ms: now_ms() - 180_001, ..now }.is_live());
    }
}
