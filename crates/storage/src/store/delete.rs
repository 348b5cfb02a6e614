//! Deletion of objects, in batches.

use std::sync::atomic::Ordering;

use futures::stream::{self, BoxStream, TryStreamExt};
use model::key::ObjectKey;
use opendal::Entry;
use tokio_util::sync::CancellationToken;

use super::Store;
use crate::backend::Backend;
use crate::backend::disk;
use crate::backend::s3::S3Client;
use crate::classify;
use crate::error::{Cause, Result, StorageError};

/// The number of objects in one request; S3 accepts at most this many.
const BATCH_SIZE: usize = 1000;

/// The number of objects that are deleted concurrently where each needs a request.
const CONCURRENT_DELETES: usize = 16;

impl Store {
    /// Deletes objects; objects that do not exist are ignored. Directories of a disk remain.
    pub async fn delete(&self, keys: &[ObjectKey]) -> Result<()> {
        match self.backend() {
            Backend::Disk => {
                disk::delete(keys).await.map_err(|(key, cause)| self.delete_error(key.as_str(), cause))
            }
            Backend::S3(client) => {
                for batch in keys.chunks(BATCH_SIZE) {
                    let batch = batch.iter().map(|key| key.as_str().to_owned()).collect();
                    self.delete_batch(client, batch).await?;
                }
                Ok(())
            }
        }
    }

    /// Deletes all objects below a prefix, and returns their number.
    ///
    /// Directory markers and temporary files are deleted too; on a disk also the directories and the prefix itself.
    /// `progress` is called after each batch with the number of objects deleted so far.
    pub async fn delete_below(
        &self,
        prefix: &ObjectKey,
        cancel: &CancellationToken,
        progress: impl Fn(u64) + Sync,
    ) -> Result<u64> {
        let client = match self.backend() {
            Backend::Disk => {
                let deleted = disk::delete_below(prefix, cancel, progress).await;
                return deleted.map_err(|(key, cause)| self.delete_error(key.as_str(), cause));
            }
            Backend::S3(client) => client,
        };
        let mut deleted = 0;
        let mut entries = self.raw_entries(prefix, true);
        loop {
            let batch = tokio::select! {
                biased;
                () = cancel.cancelled() => {
                    return Err(Cause::cancelled().during("delete", self.prefix(prefix)));
                }
                batch = next_batch(&mut entries) => batch?,
            };
            if batch.is_empty() {
                return Ok(deleted);
            }
            deleted += batch.len() as u64;
            self.delete_batch(client, batch).await?;
            progress(deleted);
        }
    }

    /// Deletes up to [`BATCH_SIZE`] objects: with one request, or with one for each if the store refuses that.
    async fn delete_batch(&self, client: &S3Client, mut keys: Vec<String>) -> Result<()> {
        if keys.len() > 1 && client.deletes_in_bulk.load(Ordering::Relaxed) {
            let Err(error) = self.operator().delete_iter(keys.clone()).await else { return Ok(()) };
            let cause = classify::opendal_error(&error);
            if cause.temporary {
                return Err(self.delete_error(&keys[0], cause));
            }
            // Not every store accepts a request for many objects. If one request for one object fails too, its error
            // has the reason, which OpenDAL drops for a batch.
            self.delete_one(&keys.swap_remove(0)).await?;
            tracing::info!(%error, "the store refuses to delete many objects at once; deleting them one by one");
            client.deletes_in_bulk.store(false, Ordering::Relaxed);
        }
        stream::iter(keys.into_iter().map(Ok))
            .try_for_each_concurrent(CONCURRENT_DELETES, async |key| self.delete_one(&key).await)
            .await
    }

    async fn delete_one(&self, key: &str) -> Result<()> {
        let deleted = self.operator().delete(key).await;
        deleted.map_err(|error| self.delete_error(key, classify::opendal_error(&error)))
    }

    fn delete_error(&self, key: &str, cause: Cause) -> StorageError {
        cause.during("delete", self.object(&ObjectKey::new(key)))
    }
}

/// Collects the keys of the next batch; an empty batch means that no entries remain.
async fn next_batch(entries: &mut BoxStream<'static, Result<Entry>>) -> Result<Vec<String>> {
    let mut batch = Vec::new();
    while batch.len() < BATCH_SIZE {
        let Some(entry) = entries.try_next().await? else { break };
        batch.push(entry.path().to_owned());
    }
    Ok(batch)
}
