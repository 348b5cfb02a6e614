//! Copying objects between two stores, with limits on concurrency and rate, retries, and the choice of the method.

mod attempt;
mod copier;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::copier::Copier;
pub use self::copier::{CopyMethod, CopyMode};
use crate::copy::{CopyError, CopyItem, CopyResult};
use crate::error::{Cause, Result, StorageErrorKind};
use crate::measure;
use crate::store::Store;
use crate::throttle::Throttle;

/// The number of retries after a temporary failure of a copy; all waits together take about 30 seconds.
const COPY_RETRIES: usize = 7;

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

/// Copies objects from one store to another. Clones are cheap and share the limits on concurrency and rate.
#[derive(Clone)]
pub struct Mover(Arc<MoverState>);

impl fmt::Debug for Mover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MoverState { from, to, .. } = &*self.0;
        f.debug_struct("Mover")
            .field("from", from)
            .field("to", to)
            .field("method", &self.copy_method())
            .finish_non_exhaustive()
    }
}

struct MoverState {
    from: Store,
    to: Store,
    copier: Copier,
    mode: CopyMode,
    /// Whether the store refused a server-side copy and streaming it succeeded; from then on, all objects are streamed.
    refused: AtomicBool,
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
        let copier = match (options.mode, Copier::between(&from, &to)) {
            (CopyMode::Streaming, _) => Copier::Streamed,
            (CopyMode::Direct, Copier::Streamed) => {
                let cause = Cause::new(
                    StorageErrorKind::Config,
                    "a server-side copy needs one endpoint for both stores",
                );
                return Err(
                    cause.during("copy directly", format!("from {} to {}", from.location(), to.location()))
                );
            }
            (_, copier) => copier,
        };
        let concurrency = options.concurrency.max(1);
        Ok(Self(Arc::new(MoverState {
            from,
            to,
            copier,
            mode: options.mode,
            refused: AtomicBool::new(false),
            concurrency,
            permits: Semaphore::new(concurrency),
            memory: Semaphore::new(attempt::STREAM_MEMORY_KIB),
            multipart_threshold: options.multipart_threshold,
            throttle: options.bytes_per_second.map(Throttle::new),
        })))
    }

    /// Returns the method by which objects are copied; it becomes `Streamed` after a store refused a server-side copy.
    pub fn copy_method(&self) -> CopyMethod {
        self.copier().method()
    }

    fn copier(&self) -> &Copier {
        if self.0.refused.load(Ordering::Relaxed) { &Copier::Streamed } else { &self.0.copier }
    }

    /// Copies all items concurrently and calls `on_copied` after each copy.
    ///
    /// An item may carry further data of the caller beside its `CopyItem`. The next item is requested only when fewer
    /// copies than the limit are running. Temporary failures are retried with growing waits. The first permanent
    /// failure or a cancellation stops all other copies, and the call returns after the unfinished ones are removed.
    /// Each request has a time limit that grows with its bytes, and the number of retries is limited, so the call
    /// always ends.
    pub async fn copy_all<I: Borrow<CopyItem> + Send + Sync>(
        &self,
        items: impl Iterator<Item = I> + Send,
        cancel: &CancellationToken,
        on_copied: impl Fn(&I, &CopyResult) + Sync,
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

    async fn copy_item<I: Borrow<CopyItem>>(
        &self,
        item: I,
        stop: &CancellationToken,
    ) -> Result<(I, CopyResult), CopyError> {
        match self.copy_with_retries(item.borrow(), stop).await {
            Ok(copied) => Ok((item, copied)),
            Err(error) => Err(CopyError { item: item.borrow().clone(), error }),
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
        let state = &*self.0;
        match self.copier() {
            Copier::Kernel => measure::record_if_ok("copy", state.copy_by_kernel(item, stop)).await,
            Copier::Streamed => state.copy_streamed(item, stop).await,
            Copier::ServerSide(copier) => match state.copy_server_side(copier, item, stop).await {
                Err(error) if state.mode == CopyMode::Auto && copier::is_refusal(&error) => {
                    // If streaming fails too, its error is the one to report.
                    let copied = state.copy_streamed(item, stop).await?;
                    if !state.refused.swap(true, Ordering::Relaxed) {
                        tracing::warn!(%error, "the store cannot copy objects itself; streaming them instead");
                    }
                    Ok(copied)
                }
                copied => copied,
            },
        }
    }
}

fn retry_backoff() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(COPY_RETRIES)
        .with_jitter()
}
