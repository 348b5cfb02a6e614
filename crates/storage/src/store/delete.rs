//! Deleting, in batches.

use futures::stream::{BoxStream, TryStreamExt};
use model::key::ObjectKey;
use opendal::Entry;
use tokio_util::sync::CancellationToken;

use super::Store;
use crate::classify;
use crate::error::{Cause, ErrorKind, Result};
use crate::local;

/// How many objects go into one request; the most that S3 takes.
const BATCH: usize = 1000;

impl Store {
    /// Deletes objects; those that do not exist count as deleted. Directories stay.
    pub async fn delete(&self, keys: &[ObjectKey]) -> Result<()> {
        for batch in keys.chunks(BATCH) {
            self.delete_batch(batch.iter().map(|key| key.as_str().to_owned()).collect()).await?;
        }
        Ok(())
    }

    /// Deletes everything below a prefix, markers of directories and unfinished files too; on a disk also the
    /// emptied directories and the prefix itself. `progress` gets the number deleted so far, batch by batch.
    pub async fn delete_below(
        &self,
        prefix: &ObjectKey,
        cancel: &CancellationToken,
        progress: impl Fn(u64) + Sync,
    ) -> Result<u64> {
        let mut deleted = 0;
        loop {
            let before = deleted;
            let mut entries = self.walk(prefix, true);
            loop {
                let batch = tokio::select! {
                    biased;
                    () = cancel.cancelled() => {
                        return Err(Cause::cancelled().during("delete", self.location().prefix(prefix)));
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
            // A disk may skip files of a directory that shrinks while it is read, so it is read again.
            if deleted == before || !self.is_local() {
                break;
            }
        }
        if self.is_local() {
            let removed = local::remove_empty_dirs(prefix).await;
            removed.map_err(|cause| cause.during("delete", self.location().prefix(prefix)))?;
        }
        Ok(deleted)
    }

    async fn next_batch(&self, entries: &mut BoxStream<'static, Result<Entry>>) -> Result<Vec<String>> {
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let Some(entry) = entries.try_next().await? else { break };
            if !(self.is_local() && entry.metadata().is_dir()) {
                batch.push(entry.path().to_owned());
            }
        }
        Ok(batch)
    }

    async fn delete_batch(&self, keys: Vec<String>) -> Result<()> {
        let first = keys.first().cloned().unwrap_or_default();
        let Err(error) = self.0.operator.delete_iter(keys).await else { return Ok(()) };
        let mut cause = classify::opendal(&error);
        if cause.kind == ErrorKind::Unexpected && !cause.temporary {
            // Where a whole batch is refused OpenDAL drops the store's reasons; one object alone tells them.
            if let Err(error) = self.0.operator.delete(&first).await {
                cause = classify::opendal(&error);
            }
        }
        Err(cause.during("delete", self.location().object(&ObjectKey::new(&first))))
    }
}
