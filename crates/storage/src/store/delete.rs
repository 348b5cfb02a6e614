//! Deletion of objects, in batches.

use futures::stream::{BoxStream, TryStreamExt};
use model::key::ObjectKey;
use opendal::Entry;
use tokio_util::sync::CancellationToken;

use super::Store;
use crate::classify;
use crate::error::{Cause, Result, StorageErrorKind};

/// The number of objects in one request; S3 accepts at most this many.
const BATCH_SIZE: usize = 1000;

impl Store {
    /// Deletes objects; objects that do not exist are ignored. Directories of a disk remain.
    pub async fn delete(&self, keys: &[ObjectKey]) -> Result<()> {
        for batch in keys.chunks(BATCH_SIZE) {
            self.delete_batch(batch.iter().map(|key| key.as_str().to_owned()).collect()).await?;
        }
        Ok(())
    }

    /// Deletes all objects below a prefix, and returns their number.
    ///
    /// Directory markers and temporary files are deleted too; on a disk also the empty directories and the prefix
    /// itself. `progress` is called after each batch with the number of objects deleted so far.
    pub async fn delete_below(
        &self,
        prefix: &ObjectKey,
        cancel: &CancellationToken,
        progress: impl Fn(u64) + Sync,
    ) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let before = deleted;
            let mut entries = self.raw_entries(prefix, true);
            loop {
                let batch = tokio::select! {
                    biased;
                    () = cancel.cancelled() => {
                        return Err(Cause::cancelled().during("delete", self.location().describe_prefix(prefix)));
                    }
                    batch = self.next_batch(&mut entries) => batch?,
                };
                if batch.is_empty() {
                    break;
                }
                deleted += batch.len() as u64;
                self.delete_batch(batch).await?;
                progress(deleted);
            }
            // A directory that shrinks while it is read may skip files, so it is read again.
            if deleted == before || !self.traits().has_directories {
                break;
            }
        }
        let removed = self.backend().remove_empty_dirs(prefix).await;
        removed.map_err(|cause| cause.during("delete", self.location().describe_prefix(prefix)))?;
        Ok(deleted)
    }

    /// Collects the keys of the next batch; an empty batch means that no entries remain.
    async fn next_batch(&self, entries: &mut BoxStream<'static, Result<Entry>>) -> Result<Vec<String>> {
        let mut batch = Vec::new();
        while batch.len() < BATCH_SIZE {
            let Some(entry) = entries.try_next().await? else { break };
            if !(self.traits().has_directories && entry.metadata().is_dir()) {
                batch.push(entry.path().to_owned());
            }
        }
        Ok(batch)
    }

    async fn delete_batch(&self, keys: Vec<String>) -> Result<()> {
        let first = keys.first().cloned().unwrap_or_default();
        let Err(error) = self.operator().delete_iter(keys).await else { return Ok(()) };
        let mut cause = classify::opendal_error(&error);
        if cause.kind == StorageErrorKind::Unexpected && !cause.temporary {
            // OpenDAL drops the store's reasons if a whole batch is refused; deleting one object reveals them.
            if let Err(error) = self.operator().delete(&first).await {
                cause = classify::opendal_error(&error);
            }
        }
        Err(cause.during("delete", self.location().describe_object(&ObjectKey::new(&first))))
    }
}
