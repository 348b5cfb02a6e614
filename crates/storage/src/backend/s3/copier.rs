//! Copies between two buckets of one endpoint, which the store makes itself; OpenDAL can copy only within one bucket.

use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::MAX_PARTS;
use super::client::S3Client;
use super::requests::{CopySource, MultipartUpload, UploadedPart};
use crate::copy::CopyItem;
use crate::error::Cause;
use crate::stop::{STOP_GRACE, run_until_stopped};

/// The largest object that S3 copies in one request, in bytes.
const LARGEST_COPY: u64 = 5 << 30;

/// The minimum size of a part, in bytes.
const MIN_PART: u64 = 10 << 20;

/// The maximum size of a part, unless the object needs larger parts; in bytes.
const DEFAULT_PART: u64 = 64 << 20;

/// The number of parts of one object that are copied concurrently.
const CONCURRENT_PARTS: usize = 4;

/// Copies objects from one bucket to another by requests that are signed with the credentials of the target.
pub(crate) struct S3Copier {
    source: Arc<S3Client>,
    target: Arc<S3Client>,
}

impl S3Copier {
    /// Creates a copier between two buckets, which must have the same endpoint.
    pub(crate) fn new(source: &Arc<S3Client>, target: &Arc<S3Client>) -> Self {
        Self { source: Arc::clone(source), target: Arc::clone(target) }
    }

    /// Copies an object, in parts if it has more than `threshold` bytes or more than S3 copies in one request.
    ///
    /// With `etag`, the store copies only an object with this entity tag. Returns the entity tag of the copy.
    pub(crate) async fn copy(
        &self,
        item: &CopyItem,
        etag: Option<&str>,
        threshold: u64,
        stop: &CancellationToken,
    ) -> Result<String, Cause> {
        let threshold = threshold.min(LARGEST_COPY);
        let source = CopySource { client: &self.source, key: &item.from, etag };
        if item.size > threshold {
            return self.copy_in_parts(item, source, part_size(item.size, threshold), stop).await;
        }
        let copy = self.target.copy_object(source, &item.to, item.size);
        run_until_stopped(stop, copy).await.flatten()
    }

    /// Copies an object as a multipart upload, which is aborted on failure.
    async fn copy_in_parts(
        &self,
        item: &CopyItem,
        source: CopySource<'_>,
        part_size: u64,
        stop: &CancellationToken,
    ) -> Result<String, Cause> {
        let target = &self.target;
        let upload = run_until_stopped(stop, target.begin_upload(&item.to)).await.flatten()?;
        let parts =
            run_until_stopped(stop, self.copy_parts(item, source, part_size, &upload)).await.flatten();
        let copied = match parts {
            Ok(parts) => target.complete_upload(&upload, &parts, item.size).await,
            Err(cause) => Err(cause),
        };
        if copied.is_err() {
            let aborted = tokio::time::timeout(STOP_GRACE, target.abort_upload(&upload)).await;
            if !matches!(aborted, Ok(Ok(()))) {
                tracing::warn!(object = %item.to, "an unfinished upload remains in the store");
            }
        }
        copied
    }

    async fn copy_parts(
        &self,
        item: &CopyItem,
        source: CopySource<'_>,
        part_size: u64,
        upload: &MultipartUpload,
    ) -> Result<Vec<UploadedPart>, Cause> {
        let range = |index| index * part_size..item.size.min((index + 1) * part_size);
        let ranges = (0..item.size.div_ceil(part_size)).map(range);
        let copies =
            (1..).zip(ranges).map(|(number, range)| self.target.copy_part(upload, number, source, range));
        stream::iter(copies).buffered(CONCURRENT_PARTS).try_collect().await
    }
}

/// Returns the part size for an object, in bytes: large enough that [`MAX_PARTS`] parts suffice.
fn part_size(size: u64, threshold: u64) -> u64 {
    threshold.clamp(MIN_PART, DEFAULT_PART).max(size.div_ceil(MAX_PARTS))
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
