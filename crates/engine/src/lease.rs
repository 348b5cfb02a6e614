//! A lease on a place in a store: who works there, and whether they still live.
//!
//! Its marker is written first and with a condition (no other may exist), renewed while the run lives, and looked at
//! again before anything is committed. A backup's begin marker and a restore's owner file are both such markers: what
//! a crash leaves behind says so by its age.

use std::time::Duration;

use bytes::Bytes;
use model::key::ObjectKey;
use serde::{Deserialize, Serialize};
use storage::{ErrorKind, Store};
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::{Engine, Error};

/// How often a living run renews its marker.
const RENEW: Duration = Duration::from_secs(20);

/// After how long without renewal a run counts as dead; machines stall for tens of seconds.
const STALE_MS: i64 = 180_000;

/// The content of a marker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// The version of this file's format; 1. A later one may tell how to resume.
    pub(crate) format_version: u32,
    /// Unique to the run; not the job's id, which two runs may be given.
    pub(crate) owner: String,
    /// The host it runs on.
    pub(crate) host: String,
    /// Its process there.
    pub(crate) pid: u32,
    /// The tool and its version.
    pub(crate) tool: String,
    /// Milliseconds since 1970.
    pub(crate) started_ms: i64,
    /// Milliseconds since 1970.
    pub(crate) renewed_ms: i64,
    /// Whether the run ended by itself, with its work not done.
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
            tool: engine.config.tool.clone(),
            started_ms: now,
            renewed_ms: now,
            stopped: false,
        }
    }

    /// Reads a marker; one that cannot be understood is nobody's.
    pub(crate) async fn read(store: &Store, key: &ObjectKey) -> Result<Option<Self>, Error> {
        match store.read(key).await {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::from(error)),
        }
    }

    /// Whether the run it tells of lives, as far as can be told.
    pub(crate) fn is_live(&self) -> bool {
        !self.stopped && now_ms() - self.renewed_ms < STALE_MS
    }

    /// The error to give to who wants to touch what a living run makes.
    pub(crate) fn running(&self, name: &str) -> Error {
        Error::Running {
            name: name.to_owned(),
            owner: format!("process {} on {}", self.pid, self.host),
            seconds: ((now_ms() - self.renewed_ms) / 1000).max(0),
        }
    }

    fn is_of(&self, holder: Option<&Self>) -> bool {
        holder.is_some_and(|holder| holder.owner == self.owner)
    }

    fn encode(&self) -> Bytes {
        // a struct of numbers and texts always encodes
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// The result of [`Lease::claim`].
#[derive(Debug)]
pub(crate) enum Claimed {
    /// The marker is ours.
    Ours(Lease),
    /// Another file exists under its key.
    Theirs(OtherOwner),
}

impl Claimed {
    fn by_other(holder: Option<Marker>) -> Self {
        Self::Theirs(OtherOwner(holder))
    }
}

/// Who owns a marker that is not ours; `None` if the file is not a marker or vanished.
#[derive(Debug)]
pub(crate) struct OtherOwner(pub(crate) Option<Marker>);

/// The right to write at a place; given back by [`Lease::release`] or [`Lease::stop`].
#[derive(Debug)]
pub(crate) struct Lease {
    store: Store,
    key: ObjectKey,
    marker: Marker,
    ended: CancellationToken,
    renewal: tokio::task::JoinHandle<()>,
}

impl Lease {
    /// Creates the marker, unless another file exists under its key.
    pub(crate) async fn claim(engine: &Engine, store: &Store, key: &ObjectKey) -> Result<Claimed, Error> {
        let marker = Marker::new(engine);
        let created = store.create_new(key, marker.encode()).await?;
        // some stores ignore the condition: only what is read back counts
        let holder = Marker::read(store, key).await?;
        if !created || !marker.is_of(holder.as_ref()) {
            return Ok(Claimed::by_other(holder));
        }
        let ended = CancellationToken::new();
        let renewal = tokio::spawn(renew(store.clone(), key.clone(), marker.clone(), ended.clone()));
        Ok(Claimed::Ours(Self { store: store.clone(), key: key.clone(), marker, ended, renewal }))
    }

    /// Reads the marker again: the other owner if it is not ours any longer.
    pub(crate) async fn other_owner(&self) -> Result<Option<OtherOwner>, Error> {
        let holder = Marker::read(&self.store, &self.key).await?;
        Ok((!self.marker.is_of(holder.as_ref())).then_some(OtherOwner(holder)))
    }

    /// Ends the lease, the work being done: the marker goes.
    pub(crate) async fn release(mut self) {
        self.end_renewal().await;
        if !self.is_lost().await
            && let Err(error) = self.store.delete(std::slice::from_ref(&self.key)).await
        {
            tracing::warn!("cannot remove {}: {error}", self.store.describe(&self.key));
        }
    }

    /// Ends the lease, the work not being done: the marker stays and says that nobody works here any more.
    pub(crate) async fn stop(mut self) {
        self.end_renewal().await;
        if self.is_lost().await {
            return;
        }
        let marker = Marker { stopped: true, renewed_ms: now_ms(), ..self.marker.clone() };
        if let Err(error) = self.store.write(&self.key, marker.encode()).await {
            // on a full disk nothing can be written, but something removed: nobody shall wait for us
            tracing::warn!("cannot mark {} as stopped: {error}", self.store.describe(&self.key));
            if let Err(error) = self.store.delete(std::slice::from_ref(&self.key)).await {
                tracing::warn!("cannot remove {}: {error}", self.store.describe(&self.key));
            }
        }
    }

    /// Whether the marker is known to belong to another run, which must not be disturbed.
    async fn is_lost(&self) -> bool {
        matches!(self.other_owner().await, Ok(Some(_)))
    }

    /// A renewal under way must not overwrite what comes after it.
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

async fn renew(store: Store, key: ObjectKey, mut marker: Marker, ended: CancellationToken) {
    while ended.run_until_cancelled(tokio::time::sleep(RENEW)).await.is_some() {
        marker.renewed_ms = now_ms();
        let renewed = async {
            // after a stall longer than a marker lives, the place may be somebody else's
            let holder = Marker::read(&store, &key).await?;
            if marker.is_of(holder.as_ref()) {
                store.write(&key, marker.encode()).await?;
            }
            Ok::<_, Error>(())
        };
        // a missed renewal is made up by the next one, well before the marker is stale
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
            tool: "milvus-backup 0.0.1".to_owned(),
            started_ms: 0,
            renewed_ms: 0,
            stopped: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_marker_is_renewed_until_it_is_somebody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreConfig::Local).unwrap();
        let key = ObjectKey::new(dir.path().join("marker.json").to_str().unwrap());
        let (ours, other) = (marker("ours"), marker("other"));
        store.write(&key, ours.encode()).await.unwrap();
        let ended = CancellationToken::new();
        let renewal = tokio::spawn(renew(store.clone(), key.clone(), ours, ended.clone()));
        // between two renewals, so that none is under way
        tokio::time::sleep(RENEW * 5 / 2).await;
        let renewed = Marker::read(&store, &key).await.unwrap().unwrap();
        assert!(renewed.owner == "ours" && renewed.is_live(), "{renewed:?}");

        store.write(&key, other.encode()).await.unwrap();
        tokio::time::sleep(RENEW * 2).await;
        assert_eq!(Marker::read(&store, &key).await.unwrap(), Some(other));
        ended.cancel();
        renewal.await.unwrap();
    }

    #[test]
    fn a_marker_lives_as_long_as_it_is_renewed_and_not_stopped() {
        let now = Marker { renewed_ms: now_ms(), ..marker("ours") };
        assert!(now.is_live());
        assert!(!Marker { stopped: true, ..now.clone() }.is_live());
        assert!(!Marker { renewed_ms: now_ms() - STALE_MS - 1, ..now }.is_live());
    }
}
