//! Flushes a collection, or the whole cluster.

use std::time::{Duration, Instant};

use milvus::{FlushedCluster, MilvusError};
use model::name::CollectionRef;
use model::plan::backup::ResolvedFlush;

use super::BackupRun;
use super::capture_error::CaptureError;
use super::settle::{Cut, WAIT_NOTE_INTERVAL};
use crate::{Error, Event};

/// A flush of the whole cluster.
pub(super) struct ClusterCut {
    pub(super) flushed: FlushedCluster,
    /// The duration of the flush.
    pub(super) duration: Duration,
}

impl BackupRun<'_> {
    /// Flushes a collection and measures the duration.
    pub(super) async fn flush_collection(&self, name: &CollectionRef) -> Result<Cut, CaptureError> {
        let started = Instant::now();
        let milvus = &self.prepared.source.milvus;
        let flushed = self.await_flush(&name.to_string(), milvus.flush(name)).await?;
        let ids_remain_valid = milvus.capabilities().flush_keeps_ids;
        Ok(Cut::new(flushed, started.elapsed(), ids_remain_valid))
    }

    /// Flushes the whole cluster if the backup does that, and measures the duration.
    pub(super) async fn flush_cluster(&self) -> Result<Option<ClusterCut>, Error> {
        if self.prepared.flush != ResolvedFlush::Bulk {
            return Ok(None);
        }
        let started = Instant::now();
        let flush = self.prepared.source.milvus.flush_cluster();
        let flushed = self.await_flush("all collections", flush).await?;
        Ok(Some(ClusterCut { flushed, duration: started.elapsed() }))
    }

    /// Awaits a flush and tells from time to time that it is awaited.
    async fn await_flush<T>(
        &self,
        what: &str,
        flush: impl Future<Output = Result<T, MilvusError>>,
    ) -> Result<T, MilvusError> {
        let started = Instant::now();
        let mut flush = std::pin::pin!(flush);
        loop {
            if let Ok(flushed) = tokio::time::timeout(WAIT_NOTE_INTERVAL, flush.as_mut()).await {
                return flushed;
            }
            let seconds = started.elapsed().as_secs();
            self.ctx.emit(Event::Note(format!("{what}: waiting for {seconds} s for Milvus to flush")));
        }
    }
}
