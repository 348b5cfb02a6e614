//! The three ways an object is copied.

use std::future::Future;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::{Copied, CopyItem, Inner};
use crate::error::{Cause, ErrorKind, Result};
use crate::local;
use crate::s3_client::S3Client;
use crate::server_copy::s3::{Part, Upload};
use crate::store::{ObjectWriter, STREAM_PART};

/// The largest object that S3 copies in one request, in bytes.
pub(super) const LARGEST_COPY: u64 = 5 << 30;

/// The smallest part of a copy in parts, in bytes.
const SMALLEST_PART: u64 = 10 << 20;

/// The usual part of a copy in parts, in bytes.
const USUAL_PART: u64 = 64 << 20;

/// The most parts that S3 takes.
const MAX_PARTS: u64 = 10_000;

/// How many parts of one object are copied at once.
const PARTS_AT_ONCE: usize = 4;

/// What streamed copies may hold in memory together, in KiB.
pub(super) const STREAM_MEMORY_KIB: usize = 192 << 10;

/// How long a request that was sent may still take once the work has been stopped.
const GRACE: Duration = Duration::from_secs(5);

impl Inner {
    /// Lets the kernel copy from file to file.
    pub(super) async fn local(&self, item: &CopyItem, stop: &CancellationToken) -> Result<Copied> {
        self.pace(item.size, stop).await;
        let size = local::copy(&item.from, &item.to, stop).await;
        let size = size.map_err(|cause| cause.during("copy", self.pair(item)))?;
        self.same_size(item, size)?;
        Ok(Copied { size, etag: None })
    }

    /// Lets the store copy by itself, in parts where the object is large.
    pub(super) async fn server_side(&self, item: &CopyItem, stop: &CancellationToken) -> Result<Copied> {
        self.pace(item.size, stop).await;
        let (Some(source), Some(target)) = (self.from.bucket(), self.to.bucket()) else {
            return Err(
                Cause::new(ErrorKind::Config, "only buckets can").during("copy server-side", self.pair(item))
            );
        };
        let copied = if item.size <= self.multipart_threshold {
            unless_stopped(stop, target.copy(source, &item.from, &item.to, item.size)).await.flatten()
        } else {
            in_parts(target, source, item, self.multipart_threshold, stop).await
        };
        match copied {
            Ok(etag) => Ok(Copied { size: item.size, etag: Some(etag) }),
            Err(cause) => Err(cause.during("copy", self.pair(item))),
        }
    }

    /// Reads here and writes there.
    pub(super) async fn streamed(&self, item: &CopyItem, stop: &CancellationToken) -> Result<Copied> {
        let memory = usize::try_from(item.size).unwrap_or(usize::MAX).min(3 * STREAM_PART) / 1024;
        let _memory = self.memory.acquire_many(u32::try_from(memory).unwrap_or(u32::MAX)).await;
        let mut writer = self.to.writer_of(&item.to, Some(item.size)).await?;
        match self.pump(item, &mut writer, stop).await {
            Ok(size) => Ok(Copied { size, etag: writer.close().await? }),
            Err(error) => {
                writer.abort().await;
                Err(error)
            }
        }
    }

    async fn pump(
        &self,
        item: &CopyItem,
        writer: &mut ObjectWriter,
        stop: &CancellationToken,
    ) -> Result<u64> {
        let cancelled = |cause: Cause| cause.during("copy", self.pair(item));
        let mut reader = self.from.reader(&item.from);
        let mut size = 0;
        loop {
            let next = unless_stopped(stop, reader.try_next()).await.map_err(cancelled)??;
            let Some(bytes) = next else { break };
            size += bytes.len() as u64;
            self.pace(bytes.len() as u64, stop).await;
            unless_stopped(stop, writer.write(bytes)).await.map_err(cancelled)??;
        }
        self.same_size(item, size)?;
        Ok(size)
    }

    /// Both ends of a copy, as an error names them.
    pub(super) fn pair(&self, item: &CopyItem) -> String {
        format!("{} to {}", self.from.describe(&item.from), self.to.location().object(&item.to))
    }

    async fn pace(&self, bytes: u64, stop: &CancellationToken) {
        if let Some(throttle) = &self.throttle {
            tokio::select! {
                () = stop.cancelled() => {}
                () = throttle.take(bytes) => {}
            }
        }
    }

    fn same_size(&self, item: &CopyItem, size: u64) -> Result<()> {
        if size == item.size {
            return Ok(());
        }
        let reason = format!("the source gave {size} bytes where its listing told {}", item.size);
        Err(Cause::new(ErrorKind::Unexpected, reason).during("copy", self.pair(item)))
    }
}

async fn in_parts(
    target: &S3Client,
    source: &S3Client,
    item: &CopyItem,
    threshold: u64,
    stop: &CancellationToken,
) -> Result<String, Cause> {
    let upload = unless_stopped(stop, target.begin(&item.to)).await.flatten()?;
    let copied =
        match unless_stopped(stop, copy_parts(target, source, item, threshold, &upload)).await.flatten() {
            Ok(parts) => target.complete(&upload, &parts, item.size).await,
            Err(cause) => Err(cause),
        };
    if copied.is_err() {
        let aborted = tokio::time::timeout(GRACE, target.abort(&upload)).await;
        if !matches!(aborted, Ok(Ok(()))) {
            tracing::warn!(object = %item.to, "an unfinished upload stays behind in the store");
        }
    }
    copied
}

async fn copy_parts(
    target: &S3Client,
    source: &S3Client,
    item: &CopyItem,
    threshold: u64,
    upload: &Upload,
) -> Result<Vec<Part>, Cause> {
    let part = part_size(item.size, threshold);
    let ranges = (0..item.size.div_ceil(part)).map(|index| index * part..item.size.min((index + 1) * part));
    let copies =
        (1..).zip(ranges).map(|(number, range)| target.copy_part(upload, number, source, &item.from, range));
    stream::iter(copies).buffered(PARTS_AT_ONCE).try_collect().await
}

/// The size of the parts of a copy: never so small that there are too many.
fn part_size(size: u64, threshold: u64) -> u64 {
    threshold.clamp(SMALLEST_PART, USUAL_PART).max(size.div_ceil(MAX_PARTS))
}

/// Waits for work, but once stopped no longer than the grace.
async fn unless_stopped<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Result<T, Cause> {
    let stopped = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    if stop.is_cancelled() {
        return Err(Cause::cancelled());
    }
    tokio::select! {
        biased;
        done = work => Ok(done),
        () = stopped => Err(Cause::cancelled()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_neither_too_small_nor_too_many() {
        assert_eq!(part_size(30 << 20, 1), SMALLEST_PART);
        assert_eq!(part_size(6 << 30, LARGEST_COPY), USUAL_PART);
        let huge: u64 = 5 << 40;
        assert!(huge.div_ceil(part_size(huge, LARGEST_COPY)) <= MAX_PARTS);
        assert!(part_size(huge, LARGEST_COPY) <= LARGEST_COPY);
    }
}
