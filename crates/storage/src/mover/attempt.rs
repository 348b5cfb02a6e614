//! One attempt to copy an object: by the kernel, by the store, or streamed.

use futures::stream::TryStreamExt;
use tokio_util::sync::CancellationToken;

use super::MoverState;
use super::copier::ServerSideCopier;
use crate::backend::disk;
use crate::copy::{CopyItem, CopyResult};
use crate::error::{Cause, Result, StorageErrorKind};
use crate::stop::run_until_stopped;
use crate::store::{ObjectWriter, STREAM_PART};

/// The memory available to all streamed copies together, in KiB.
pub(super) const STREAM_MEMORY_KIB: usize = 192 << 10;

impl MoverState {
    /// Copies a file through the kernel.
    pub(super) async fn copy_by_kernel(
        &self,
        item: &CopyItem,
        stop: &CancellationToken,
    ) -> Result<CopyResult> {
        self.wait_for_rate(item.size, stop).await;
        let size = disk::copy(&item.from, &item.to, stop).await;
        let size = size.map_err(|cause| cause.during("copy", self.describe_pair(item)))?;
        self.check_size(item, size)?;
        Ok(CopyResult { size, etag: None })
    }

    /// Requests the copy from the store, in parts if the object is larger than the threshold.
    pub(super) async fn copy_server_side(
        &self,
        copier: &ServerSideCopier,
        item: &CopyItem,
        stop: &CancellationToken,
    ) -> Result<CopyResult> {
        let expected = self.find_expected_etag(item).await?;
        self.wait_for_rate(item.size, stop).await;
        let copied = match copier.copy(item, expected.as_deref(), self.multipart_threshold, stop).await {
            Ok(etag) if expected.as_deref().is_some_and(|expected| is_other_content(expected, &etag)) => {
                Err(found_another_object())
            }
            Err(cause) if expected.is_some() && cause.kind == StorageErrorKind::AlreadyExists => {
                Err(found_another_object())
            }
            copied => copied,
        };
        match copied {
            Ok(etag) => Ok(CopyResult { size: item.size, etag: Some(etag) }),
            Err(cause) => Err(cause.during("copy", self.describe_pair(item))),
        }
    }

    /// Returns the entity tag that the source must have for the credentials of the target, which read it for a
    /// server-side copy and may reach the bucket of another owner; `None` if the credentials are the same.
    async fn find_expected_etag(&self, item: &CopyItem) -> Result<Option<String>> {
        if self.from.has_same_credentials(&self.to) {
            return Ok(None);
        }
        let found = self.from.metadata(&item.from).await?;
        let missing = || Cause::new(StorageErrorKind::NotFound, "the object does not exist");
        let etag = found.ok_or_else(missing).and_then(|metadata| {
            let unknown = "the source has no entity tag that would prove the copy";
            metadata.etag.ok_or_else(|| Cause::new(StorageErrorKind::Unsupported, unknown))
        });
        etag.map(Some).map_err(|cause| cause.during("copy", self.describe_pair(item)))
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
        let reason = format!("the source returned {size} bytes, but its listing showed {}", item.size);
        Err(Cause::new(StorageErrorKind::Unexpected, reason).during("copy", self.describe_pair(item)))
    }
}

/// Returns the failure of a server-side copy that read another object than the source.
fn found_another_object() -> Cause {
    let reason = "the store reads another object under this name, in a bucket of another owner";
    Cause::new(StorageErrorKind::NotFound, reason)
}

/// Returns whether two entity tags show different content, which only those of objects written in one part do.
fn is_other_content(one: &str, other: &str) -> bool {
    let is_md5 = |etag: &str| etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_md5(one) && is_md5(other) && !one.eq_ignore_ascii_case(other)
}
