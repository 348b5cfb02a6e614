//! The one place where bytes move: permits, pace, retries and the choice of the way.

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

use crate::error::{Cause, ErrorKind, Result, StorageError};
use crate::measure;
use crate::store::Store;
use crate::throttle::Throttle;

/// How often a copy that failed for a passing reason is tried again; the waits add up to half a minute.
const RETRIES: usize = 7;

/// How a mover shall copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyMode {
    /// The cheapest way that works.
    #[default]
    Auto,
    /// Inside the store or the file system only.
    Direct,
    /// Always through this process.
    Streaming,
}

/// How a mover copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyWay {
    /// The store copies by itself.
    ServerSide,
    /// The kernel copies from file to file.
    LocalCopy,
    /// The bytes pass through this process.
    Streamed,
}

/// How a mover works.
#[derive(Clone, Copy, Debug)]
pub struct MoverOptions {
    /// Which way to take.
    pub mode: CopyMode,
    /// How many objects are copied at once by all clones of the mover together; at least one.
    pub concurrency: usize,
    /// From which size on a store copies an object in parts, in bytes; at most 5 GiB, the limit of S3.
    pub multipart_threshold: u64,
    /// A ceiling on what is copied a second, in bytes.
    pub bytes_per_second: Option<u64>,
}

/// One object to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyItem {
    /// Its key in the source.
    pub from: ObjectKey,
    /// Its key in the target.
    pub to: ObjectKey,
    /// Its size in bytes, as the source listed it.
    pub size: u64,
}

/// What is known of an object that was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag in the target, where there is one.
    pub etag: Option<String>,
}

/// A copy that failed for good.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct CopyError {
    /// What was to be copied.
    pub item: CopyItem,
    /// Why it was not.
    pub error: StorageError,
}

impl CopyError {
    /// Whether the object was not there any more: nothing is wrong with the stores, the list was old.
    pub fn source_vanished(&self) -> bool {
        self.error.kind() == ErrorKind::NotFound
    }
}

/// Copies objects from one store to another. Clones are cheap and share their permits and their pace.
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
    way: CopyWay,
    mode: CopyMode,
    /// Set once the store would not copy by itself but the bytes could be streamed.
    refused: AtomicBool,
    concurrency: usize,
    permits: Semaphore,
    /// What streamed copies may hold in memory together, in KiB.
    memory: Semaphore,
    multipart_threshold: u64,
    throttle: Option<Throttle>,
}

impl Mover {
    /// A mover between two stores. Fails where `CopyMode::Direct` is asked of stores that cannot.
    pub fn new(from: Store, to: Store, options: MoverOptions) -> Result<Self> {
        let direct = match (from.bucket(), to.bucket()) {
            (None, None) => Some(CopyWay::LocalCopy),
            (Some(_), Some(_)) if from.same_endpoint(&to) => Some(CopyWay::ServerSide),
            _ => None,
        };
        let way = match (options.mode, direct) {
            (CopyMode::Streaming, _) | (CopyMode::Auto, None) => CopyWay::Streamed,
            (_, Some(way)) => way,
            (CopyMode::Direct, None) => {
                let cause = Cause::new(ErrorKind::Config, "only one endpoint can copy by itself");
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
            refused: AtomicBool::new(false),
            concurrency,
            permits: Semaphore::new(concurrency),
            memory: Semaphore::new(ways::STREAM_MEMORY_KIB),
            multipart_threshold: options.multipart_threshold.min(ways::LARGEST_COPY),
            throttle: options.bytes_per_second.map(Throttle::new),
        })))
    }

    /// How objects are copied; `Streamed` also after a store refused to copy by itself.
    pub fn way(&self) -> CopyWay {
        if self.0.refused.load(Ordering::Relaxed) { CopyWay::Streamed } else { self.0.way }
    }

    /// Copies every item, many at once, and calls `on_copied` as each arrives.
    ///
    /// Items are asked for only as there is room for them. What fails for a passing reason is tried again with
    /// growing waits; the first failure for good, or the cancellation, stops the rest, and the call returns
    /// when what was begun has been taken back. Nothing waits for ever: each request has a deadline that grows
    /// with the bytes it moves, and the tries are counted.
    pub async fn copy_all(
        &self,
        items: impl Iterator<Item = CopyItem> + Send,
        cancel: &CancellationToken,
        on_copied: impl Fn(&CopyItem, &Copied) + Sync,
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
    ) -> Result<(CopyItem, Copied), CopyError> {
        match self.copy_patiently(&item, stop).await {
            Ok(copied) => Ok((item, copied)),
            Err(error) => Err(CopyError { item, error }),
        }
    }

    async fn copy_patiently(&self, item: &CopyItem, stop: &CancellationToken) -> Result<Copied> {
        let cancelled = || Cause::cancelled().during("copy", self.0.pair(item));
        let permit = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(cancelled()),
            permit = self.0.permits.acquire() => permit,
        };
        let _permit = permit.map_err(|_| cancelled())?;
        let mut waits = backoff().build();
        loop {
            let error = match self.copy_once(item, stop).await {
                Err(error) if error.is_temporary() && !stop.is_cancelled() => error,
                done => return done.inspect(|copied| measure::copied(copied.size)),
            };
            let Some(wait) = waits.next() else { return Err(error) };
            tracing::debug!(object = %item.from, %error, "copying again in {wait:?}");
            measure::again("copy");
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(cancelled()),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn copy_once(&self, item: &CopyItem, stop: &CancellationToken) -> Result<Copied> {
        match self.way() {
            CopyWay::LocalCopy => measure::timed("copy", self.0.local(item, stop)).await,
            CopyWay::Streamed => self.0.streamed(item, stop).await,
            CopyWay::ServerSide => match self.0.server_side(item, stop).await {
                Err(error) if self.0.mode == CopyMode::Auto && may_stream_instead(&error) => {
                    // The rights to read here and to write there may belong to two keys, or the store may not
                    // know the request; the bytes can still pass through us. If they cannot, that error is told.
                    let copied = self.0.streamed(item, stop).await?;
                    self.0.refused.store(true, Ordering::Relaxed);
                    tracing::warn!(%error, "the store does not copy by itself; streaming instead");
                    Ok(copied)
                }
                copied => copied,
            },
        }
    }
}

fn may_stream_instead(error: &StorageError) -> bool {
    error.kind() == ErrorKind::PermissionDenied || error.to_string().contains("NotImplemented")
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(RETRIES)
        .with_jitter()
}
