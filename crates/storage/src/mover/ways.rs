//! The three ways to copy an object: by the kernel, by the store, and streamed.

use std::future::Future;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::{CopyItem, CopyResult, Inner};
use crate::error::{Cause, Result, StorageErrorKind};
use crate::local;
use crate::s3_client::S3Client;
use crate::server_copy::s3::{Part, Upload};
use crate::store::{ObjectWriter, STREAM_PART};

/// The largest object that S3 copies in one request, in bytes.
pub(super) const LARGEST_COPY: u64 = 5 << 30;

/// The minimum size of a part in a server-side copy, in bytes.
const MIN_PART: u64 = 10 << 20;

/// The maximum size of a part in a server-side copy, unless the object needs larger parts; in bytes.
const DEFAULT_PART: u64 = 64 << 20;

/// The maximum number of parts of an S3 upload.
const MAX_PARTS: u64 = 10_000;

/// The number of parts of one object that are copied concurrently.
const CONCURRENT_PARTS: usize = 4;

/// The memory available to all streamed copies together, in KiB.
pub(super) const STREAM_MEMORY_KIB: usize = 192 << 10;

/// The time that a request in progress may still take after the copy was stopped.
const STOP_GRACE: Duration = Duration::from_secs(5);

impl Inner {
    /// Copies a file through the kernel.
    pub(super) async fn copy_local(&self, item: &CopyItem, stop: &CancellationToken) -> Result<CopyResult> {
        self.wait_for_rate(item.size, stop).await;
        let size = local::copy(&item.from, &item.to, stop).await;
        let size = size.map_err(|cause| cause.during("copy", self.describe_pair(item)))?;
        self.check_size(item, size)?;
        Ok(CopyResult { size, etag: None })
    }

    /// Requests the copy from the store, in parts if the object is larger than the threshold.
    pub(super) async fn copy_server_side(
        &self,
        item: &CopyItem,
        stop: &CancellationToken,
    ) -> Result<CopyResult> {
        self.wait_for_rate(item.size, stop).await;
        let (Some(source), Some(target)) = (self.from.bucket(), self.to.bucket()) else {
            return Err(Cause::new(StorageErrorKind::Config, "only buckets can")
                .during("copy server-side", self.describe_pair(item)));
        };
        let copied = if item.size <= self.multipart_threshold {
            run_until_stopped(stop, target.copy_object(source, &item.from, &item.to, item.size))
                .await
                .flatten()
        } else {
            copy_in_parts(target, source, item, self.multipart_threshold, stop).await
        };
        match copied {
            Ok(etag) => Ok(CopyResult { size: item.size, etag: Some(etag) }),
            Err(cause) => Err(cause.during("copy", self.describe_pair(item))),
        }
    }

    /// Copies an object through this process; a failed copy is removed from the target.
    pub(super) async fn copy_streamed(
        &self,
        item: &CopyItem,
        stop: &CancellationToken,
    ) -> Result<CopyResult> {
        let memory = usize::try_from(item.size).unwrap_or(usize::MAX).min(3 * STREAM_PART) / 1024;
        let _memory = self.memory.acquire_many(u32::try_from(memory).unwrap_or(u32::MAX)).await;
        let mut writer = self.to.open_sized_writer(&item.to, Some(item.size)).await?;
        match self.stream_bytes(item, &mut writer, stop).await {
            Ok(size) => Ok(CopyResult { size, etag: writer.close().await? }),
            Err(error) => {
                writer.abort().await;
                Err(error)
            }
        }
    }

    /// Reads the object and passes its bytes to the writer; returns the number of bytes.
    async fn stream_bytes(
        &self,
        item: &CopyItem,
        writer: &mut ObjectWriter,
        stop: &CancellationToken,
    ) -> Result<u64> {
        let cancelled = |cause: Cause| cause.during("copy", self.describe_pair(item));
        let mut reader = self.from.read_stream(&item.from);
        let mut size = 0;
        loop {
            let next = run_until_stopped(stop, reader.try_next()).await.map_err(cancelled)??;
            let Some(bytes) = next else { break };
            size += bytes.len() as u64;
            self.wait_for_rate(bytes.len() as u64, stop).await;
            run_until_stopped(stop, writer.write(bytes)).await.map_err(cancelled)??;
        }
        self.check_size(item, size)?;
        Ok(size)
    }

    /// Names source and target of a copy for an error.
    pub(super) fn describe_pair(&self, item: &CopyItem) -> String {
        format!("{} to {}", self.from.describe(&item.from), self.to.location().describe_object(&item.to))
    }

    /// Waits until the rate limit admits `bytes`, or until the copy is stopped.
    async fn wait_for_rate(&self, bytes: u64, stop: &CancellationToken) {
        if let Some(throttle) = &self.throttle {
            tokio::select! {
                () = stop.cancelled() => {}
                () = throttle.wait_for(bytes) => {}
            }
        }
    }

    /// Checks that the source had as many bytes as its listing said.
    fn check_size(&self, item: &CopyItem, size: u64) -> Result<()> {
        if size == item.size {
            return Ok(());
        }
        let reason = format!("the source gave {size} bytes where its listing told {}", item.size);
        Err(Cause::new(StorageErrorKind::Unexpected, reason).during("copy", self.describe_pair(item)))
    }
}

/// Copies a large object as a multipart upload, which is aborted on failure.
async fn copy_in_parts(
    target: &S3Client,
    source: &S3Client,
    item: &CopyItem,
    threshold: u64,
    stop: &CancellationToken,
) -> Result<String, Cause> {
    let upload = run_until_stopped(stop, target.begin_upload(&item.to)).await.flatten()?;
    let copied =
        match run_until_stopped(stop, copy_parts(target, source, item, threshold, &upload)).await.flatten() {
            Ok(parts) => target.complete_upload(&upload, &parts, item.size).await,
            Err(cause) => Err(cause),
        };
    if copied.is_err() {
        let aborted = tokio::time::timeout(STOP_GRACE, target.abort_upload(&upload)).await;
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
    stream::iter(copies).buffered(CONCURRENT_PARTS).try_collect().await
}

/// Returns the part size for an object, in bytes: large enough that [`MAX_PARTS`] parts suffice.
fn part_size(size: u64, threshold: u64) -> u64 {
    threshold.clamp(MIN_PART, DEFAULT_PART).max(size.div_ceil(MAX_PARTS))
}

/// Runs work; after `stop` is cancelled, waits at most [`STOP_GRACE`] for it and then returns the cause "cancelled".
async fn run_until_stopped<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Result<T, Cause> {
    let stopped = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_GRACE).await;
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
    fn part_sizes_respect_the_limits_of_s3() {
        assert_eq!(part_size(30 << 20, 1), MIN_PART);
        assert_eq!(part_size(6 << 30, LARGEST_COPY), DEFAULT_PART);
        let huge: u64 = 5 << 40;
        assert!(huge.div_ceil(part_size(huge, LARGEST_COPY)) <= MAX_PARTS);
        assert!(part_size(huge, LARGEST_COPY) <= LARGEST_COPY);
    }
}
