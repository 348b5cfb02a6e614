//! Copying objects between two stores, with limits on concurrency and rate, retries, and the choice of the method.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures::stream::{FuturesUnordered, StreamExt};
use model::key::ObjectKey;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

mod ways;

use crate::error::{Cause, Result, StorageError, StorageErrorKind};
use crate::measure;
use crate::store::Store;
use crate::throttle::Throttle;

/// The number of retries after a temporary failure of a copy; all waits together take about 30 seconds.
const COPY_RETRIES: usize = 7;

/// Restricts the methods by which a mover may copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyMode {
    /// The cheapest method that works: by the store or the kernel if possible, streamed otherwise.
    #[default]
    Auto,
    /// Only by the store or the kernel; copies that would have to be streamed fail.
    Direct,
    /// Always streamed through this process.
    Streaming,
}

/// The method by which a mover copies an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyMethod {
    /// The store copies the object itself, between two buckets of one endpoint.
    ServerSide,
    /// The kernel copies from file to file.
    Kernel,
    /// This process reads the object from one store and writes it to the other.
    Streamed,
}

/// The settings of a mover.
#[derive(Clone, Copy, Debug)]
pub struct MoverOptions {
    /// The methods by which the mover may copy.
    pub mode: CopyMode,
    /// The number of objects that all clones of the mover copy concurrently; 0 means 1.
    pub concurrency: usize,
    /// The size in bytes above which a store copies an object in parts; at most 5 GiB, the limit of S3.
    pub multipart_threshold: u64,
    /// The maximum number of bytes copied per second; `None` for no limit.
    pub bytes_per_second: Option<u64>,
}

/// One object to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyItem {
    /// The key of the object in the source.
    pub from: ObjectKey,
    /// The key of the copy in the target; an existing object is replaced.
    pub to: ObjectKey,
    /// The size in bytes, as listed by the source; a streamed or local copy of another size fails.
    pub size: u64,
}

/// The result of copying one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyResult {
    /// The size of the copy in bytes.
    pub size: u64,
    /// The entity tag of the copy; `None` if the target reports none.
    pub etag: Option<String>,
}

/// The failure of a copy, after all retries.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct CopyError {
    /// The item that was not copied.
    pub item: CopyItem,
    /// The error of the last attempt.
    pub error: StorageError,
}

impl CopyError {
    /// Returns whether the source object no longer exists, so that the list is outdated and the stores are fine.
    pub fn source_vanished(&self) -> bool {
        self.error.kind() == StorageErrorKind::NotFound
    }
}

/// Copies objects from one store to another. Clones are cheap and share the limits on concurrency and rate.
#[derive(Clone)]
pub struct Mover(Arc<Inner>);

impl fmt::Debug for Mover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { from, to, way, .. } = &*self.0;
        f.debug_struct("Mover").field("from", from).field("to", to).field("way", way).finish_non_exhaustive()
    }
}

struct Inner {
    from: Store,
    to: Store,
    way: CopyMethod,
    mode: CopyMode,
    /// Set when the store refused a server-side copy and streaming it succeeded.
    server_copy_refused: AtomicBool,
    concurrency: usize,
    permits: Semaphore,
    /// The memory available to all streamed copies together, in KiB.
    memory: Semaphore,
    multipart_threshold: u64,
    throttle: Option<Throttle>,
}

impl Mover {
    /// Creates a mover between two stores; fails for `CopyMode::Direct` if the stores cannot copy without streaming.
    pub fn new(from: Store, to: Store, options: MoverOptions) -> Result<Self> {
        let direct = match (from.bucket(), to.bucket()) {
            (None, None) => Some(CopyMethod::Kernel),
            (Some(_), Some(_)) if from.same_endpoint(&to) => Some(CopyMethod::ServerSide),
            _ => None,
        };
        let way = match (options.mode, direct) {
            (CopyMode::Streaming, _) | (CopyMode::Auto, None) => CopyMethod::Streamed,
            (_, Some(way)) => way,
            (CopyMode::Direct, None) => {
                let cause = Cause::new(StorageErrorKind::Config, "only one endpoint can copy by itself");
                return Err(
                    cause.during("copy directly", format!("from {} to {}", from.location(), to.location()))
                );
            }
        };
        let concurrency = options.concurrency.max(1);
        Ok(Self(Arc::new(Inner {
            from,
            to,
            way,
            mode: options.mode,
            server_copy_refused: AtomicBool::new(false),
            concurrency,
            permits: Semaphore::new(concurrency),
            memory: Semaphore::new(ways::STREAM_MEMORY_KIB),
            multipart_threshold: options.multipart_threshold.min(ways::LARGEST_COPY),
            throttle: options.bytes_per_second.map(Throttle::new),
        })))
    }

    /// Returns the method by which objects are copied; it becomes `Streamed` after a store refused a server-side copy.
    pub fn copy_method(&self) -> CopyMethod {
        if self.0.server_copy_refused.load(Ordering::Relaxed) { CopyMethod::Streamed } else { self.0.way }
    }

    /// Copies all items concurrently and calls `on_copied` after each copy.
    ///
    /// The next item is requested only when fewer copies than the limit are running. Temporary failures are retried
    /// with growing waits. The first permanent failure or a cancellation stops all other copies, and the call
    /// returns after the unfinished ones are removed. Each request has a time limit that grows with its bytes, and
    /// the number of retries is limited, so the call always ends.
    pub async fn copy_all(
        &self,
        items: impl Iterator<Item = CopyItem> + Send,
        cancel: &CancellationToken,
        on_copied: impl Fn(&CopyItem, &CopyResult) + Sync,
    ) -> Result<(), CopyError> {
        let stop = cancel.child_token();
        let mut items = items.fuse();
        let mut running = FuturesUnordered::new();
        let mut failed = None;
        loop {
            while failed.is_none() && running.len() < self.0.concurrency {
                let Some(item) = items.next() else { break };
                running.push(self.copy_item(item, &stop));
            }
            match running.next().await {
                None => return failed.map_or(Ok(()), Err),
                Some(Ok((item, copied))) => on_copied(&item, &copied),
                Some(Err(error)) => {
                    stop.cancel();
                    failed.get_or_insert(error);
                }
            }
        }
    }

    async fn copy_item(
        &self,
        item: CopyItem,
        stop: &CancellationToken,
    ) -> Result<(CopyItem, CopyResult), CopyError> {
        match self.copy_with_retries(&item, stop).await {
            Ok(copied) => Ok((item, copied)),
            Err(error) => Err(CopyError { item, error }),
        }
    }

    /// Waits for a permit, then copies the item and retries temporary failures.
    async fn copy_with_retries(&self, item: &CopyItem, stop: &CancellationToken) -> Result<CopyResult> {
        let cancelled = || Cause::cancelled().during("copy", self.0.describe_pair(item));
        let permit = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(cancelled()),
            permit = self.0.permits.acquire() => permit,
        };
        let _permit = permit.map_err(|_| cancelled())?;
        let mut waits = retry_backoff().build();
        loop {
            let error = match self.copy_once(item, stop).await {
                Err(error) if error.is_temporary() && !stop.is_cancelled() => error,
                done => return done.inspect(|copied| measure::count_copied(copied.size)),
            };
            let Some(wait) = waits.next() else { return Err(error) };
            tracing::debug!(object = %item.from, %error, "copying again in {wait:?}");
            measure::count_retry("copy");
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(cancelled()),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Makes one attempt; in `CopyMode::Auto`, streams the object if the store refuses to copy it.
    async fn copy_once(&self, item: &CopyItem, stop: &CancellationToken) -> Result<CopyResult> {
        match self.copy_method() {
            CopyMethod::Kernel => measure::record_if_ok("copy", self.0.copy_local(item, stop)).await,
            CopyMethod::Streamed => self.0.copy_streamed(item, stop).await,
            CopyMethod::ServerSide => match self.0.copy_server_side(item, stop).await {
                Err(error) if self.0.mode == CopyMode::Auto && may_stream_instead(&error) => {
                    // Reading and writing may need different credentials, or the store may not support the request.
                    // Streaming can still work; if it does not, its error is the one to report.
                    let copied = self.0.copy_streamed(item, stop).await?;
                    self.0.server_copy_refused.store(true, Ordering::Relaxed);
                    tracing::warn!(%error, "the store does not copy by itself; streaming instead");
                    Ok(copied)
                }
                copied => copied,
            },
        }
    }
}

/// Returns whether streaming may succeed although the store refused a server-side copy with this error.
fn may_stream_instead(error: &StorageError) -> bool {
    error.kind() == StorageErrorKind::PermissionDenied || error.to_string().contains("NotImplemented")
}

fn retry_backoff() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(COPY_RETRIES)
        .with_jitter()
}
