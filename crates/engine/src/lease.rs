//! The lease: the right of one run to use a directory in a store.
//!
//! A marker file expresses the lease. It is created only if none exists, renewed while the run is active, and read
//! again before anything is committed. After a crash it is not renewed any more, so its age shows that the lease has
//! expired. The begin marker of a backup, the reader mark of a restore and the owner file of a staging directory are
//! such markers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use model::key::ObjectKey;
use storage::Store;
use tokio::sync::SetOnce;
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::marker::{Marker, MarkerUse};
use crate::{Engine, Error};

/// The time between two renewals of a marker.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(20);

/// The time in which other runs that replace the same marker must have written theirs.
const TAKE_OVER_PAUSE: Duration = Duration::from_millis(500);

/// The largest difference between the date of an object and the time when it was written: stores date by seconds.
const DATE_RESOLUTION: Duration = Duration::from_secs(1);

/// A held lease, which is ended by [`Lease::release`] or [`Lease::stop`]; dropping it only ends the renewal.
#[derive(Debug)]
pub(crate) struct Lease {
    store: Store,
    key: ObjectKey,
    marker: Marker,
    state: Arc<LeaseState>,
    ended: CancellationToken,
    /// The renewal; `None` after its end.
    renewal: Option<tokio::task::JoinHandle<()>>,
}

/// What is known about the marker of a held lease.
#[derive(Debug)]
struct LeaseState {
    /// The last time at which the marker was seen in the store.
    confirmed: Mutex<Instant>,
    /// Set when the lease is lost: the marker of the other run, or `None` if the marker has vanished or cannot be read.
    lost: SetOnce<Option<Marker>>,
}

impl LeaseState {
    fn confirmed(&self) -> Instant {
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records what was read at a time: whether the marker is there, or to whom it belongs.
    fn record(&self, at: Instant, own: &Marker, stored: Option<Marker>) {
        if own.has_same_owner(stored.as_ref()) {
            *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = at;
        } else {
            // Ignored: whoever found it first has set it.
            let _ = self.lost.set(stored);
        }
    }
}

impl Lease {
    /// Creates the marker and starts its renewal; returns `None` if another file exists under its key.
    pub(crate) async fn claim(
        engine: &Engine,
        store: &Store,
        key: &ObjectKey,
        usage: MarkerUse,
    ) -> Result<Option<Self>, Error> {
        let marker = Marker::new(engine, usage);
        let confirmed = Mutex::new(Instant::now());
        let created = store.create_new(key, marker.to_json()).await?;
        // Some stores ignore the condition, so only the marker that is read back decides.
        let stored = Marker::read(store, key).await?;
        let is_own = created && marker.has_same_owner(stored.as_ref());
        Ok(is_own.then(|| Self::hold(store, key, marker, confirmed)))
    }

    /// Replaces the marker of a run that has ended, and starts the renewal.
    ///
    /// Of several runs that do so at the same time, the last to write holds the lease, and the others fail.
    pub(crate) async fn take_over(
        engine: &Engine,
        store: &Store,
        key: &ObjectKey,
        usage: MarkerUse,
    ) -> Result<Self, Error> {
        let marker = Marker::new(engine, usage);
        let confirmed = Mutex::new(Instant::now());
        store.write(key, marker.to_json()).await?;
        tokio::time::sleep(TAKE_OVER_PAUSE).await;
        let lease = Self::hold(store, key, marker, confirmed);
        lease.confirm().await?;
        Ok(lease)
    }

    /// Starts the renewal of a marker that belongs to this run.
    fn hold(store: &Store, key: &ObjectKey, marker: Marker, confirmed: Mutex<Instant>) -> Self {
        let ended = CancellationToken::new();
        let state = Arc::new(LeaseState { confirmed, lost: SetOnce::new() });
        let renewal = renew_marker(store.clone(), key.clone(), marker.clone(), state.clone(), ended.clone());
        let renewal = Some(tokio::spawn(renewal));
        Self { store: store.clone(), key: key.clone(), marker, state, ended, renewal }
    }

    /// Awaits a future until it ends or the lease is lost, which drops the future at any await point.
    pub(crate) async fn run<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            biased;
            lost = self.state.lost.wait() => Err(self.lost_error(lost.as_ref())),
            done = future => done,
        }
    }

    /// Reads the marker again; fails if it has vanished or belongs to another run.
    pub(crate) async fn confirm(&self) -> Result<(), Error> {
        let at = Instant::now();
        self.state.record(at, &self.marker, Marker::read(&self.store, &self.key).await?);
        self.state.lost.get().map_or(Ok(()), |lost| Err(self.lost_error(lost.as_ref())))
    }

    fn lost_error(&self, owner: Option<&Marker>) -> Error {
        Error::LeaseLost { marker: self.store.describe(&self.key), owner: owner.map(Marker::describe_owner) }
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

    /// Removes what this run has written below `dir` since the marker was last seen there, if the marker has vanished.
    ///
    /// Returns whether objects were removed. Nothing is removed if another run holds the lease: the directory is its
    /// own now, it copies every file itself, and it removes those that it does not expect.
    pub(crate) async fn remove_later_objects(&self, dir: &ObjectKey) -> Result<bool, Error> {
        if !matches!(self.state.lost.get(), Some(None)) {
            return Ok(false);
        }
        let written_for = self.state.confirmed().elapsed() + DATE_RESOLUTION;
        let mut later = Vec::new();
        let mut has_earlier = false;
        let now = self.store.now_ms(&dir.join("clock")).await.unwrap_or_else(now_ms);
        let mut entries = self.store.list(dir);
        while let Some(entry) = entries.try_next().await? {
            let age_ms = now.saturating_sub(entry.meta.modified_ms.unwrap_or_default());
            if age_ms <= i64::try_from(written_for.as_millis()).unwrap_or(i64::MAX) {
                later.push(entry.key);
            } else {
                has_earlier = true;
            }
        }
        if has_earlier {
            self.store.delete(&later).await?;
        } else {
            // Removes the directories of a disk too.
            self.store.delete_below(dir, &CancellationToken::new(), |_| {}).await?;
        }
        Ok(!later.is_empty())
    }

    /// Returns whether the lease was found to be lost.
    pub(crate) fn was_lost(&self) -> bool {
        self.state.lost.get().is_some()
    }

    /// Returns whether the marker is known to belong to another run, so that it must not be changed.
    async fn is_lost(&self) -> bool {
        matches!(self.confirm().await, Err(Error::LeaseLost { .. }))
    }

    /// Ends the renewal and waits for it, so that a running renewal cannot overwrite a later change.
    pub(crate) async fn end_renewal(&mut self) {
        self.ended.cancel();
        if let Some(renewal) = self.renewal.take()
            && let Err(error) = renewal.await
        {
            tracing::warn!("the renewal of {} ended: {error}", self.store.describe(&self.key));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// Renews the marker until the token is cancelled or the lease is lost.
async fn renew_marker(
    store: Store,
    key: ObjectKey,
    mut marker: Marker,
    state: Arc<LeaseState>,
    ended: CancellationToken,
) {
    while state.lost.get().is_none()
        && ended.run_until_cancelled(tokio::time::sleep(RENEWAL_INTERVAL)).await.is_some()
    {
        marker.renewed_ms = now_ms();
        let renewed = async {
            // If this process stalled until the lease expired, another run may have claimed it.
            let at = Instant::now();
            state.record(at, &marker, Marker::read(&store, &key).await?);
            if state.lost.get().is_none() {
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
    use crate::marker::sample_marker;

    #[tokio::test(start_paused = true)]
    async fn a_marker_is_renewed_until_another_run_replaces_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreConfig::Disk).unwrap();
        let key = ObjectKey::new(dir.path().join("marker.json").to_str().unwrap());
        let (ours, other) = (sample_marker("ours"), sample_marker("other"));
        store.write(&key, ours.to_json()).await.unwrap();
        let ended = CancellationToken::new();
        let state = Arc::new(LeaseState { confirmed: Mutex::new(Instant::now()), lost: SetOnce::new() });
        let renewal = renew_marker(store.clone(), key.clone(), ours, state.clone(), ended.clone());
        let renewal = tokio::spawn(renewal);
        // Wait until a time between two renewals, so that none is running.
        tokio::time::sleep(RENEWAL_INTERVAL * 5 / 2).await;
        let renewed = Marker::read(&store, &key).await.unwrap().unwrap();
        assert!(renewed.owner == "ours" && renewed.renewed_ms > 0, "{renewed:?}");
        assert!(state.lost.get().is_none());

        store.write(&key, other.to_json()).await.unwrap();
        renewal.await.unwrap();
        assert_eq!(Marker::read(&store, &key).await.unwrap(), Some(other.clone()));
        assert_eq!(state.lost.get(), Some(&Some(other)));
    }
}
