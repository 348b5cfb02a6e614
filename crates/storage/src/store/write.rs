//! Writing of objects: at once, only if none exists, or in pieces.

use bytes::Bytes;
use model::key::ObjectKey;
use opendal::Writer;

use super::Store;
use crate::backend::{Backend, disk, s3};
use crate::classify;
use crate::error::{Result, StorageErrorKind};
use crate::object::clean_etag;

/// The size of the parts in which an object is uploaded, in bytes; up to three parts are in memory at once.
/// An object of unknown size may have up to 10,000 parts, that is, 78 GiB.
pub(crate) const STREAM_PART: usize = 8 << 20;

impl Store {
    /// Writes an object and replaces an existing one. Readers see either the old or the new object, never a mixture.
    pub async fn write(&self, key: &ObjectKey, bytes: Bytes) -> Result<()> {
        let mut writer = self.open_sized_writer(key, Some(bytes.len() as u64)).await?;
        writer.write(bytes).await?;
        writer.close().await.map(drop)
    }

    /// Writes an object if none exists, and returns whether it did.
    ///
    /// On a disk, and on a store that supports `If-None-Match`, at most one of several callers gets `true`. Some
    /// stores silently ignore the condition, so a caller that depends on the result must read the object back. After
    /// a broken connection, `false` may also mean that the first attempt of this call succeeded.
    pub async fn create_new(&self, key: &ObjectKey, bytes: Bytes) -> Result<bool> {
        match self.backend() {
            Backend::Disk => disk::create_new(key, bytes).await.map_err(|cause| self.write_error(key, cause)),
            Backend::S3(_) => self.create_by_condition(key, bytes).await,
        }
    }

    /// Does the same as [`Self::create_new`] in a bucket.
    async fn create_by_condition(&self, key: &ObjectKey, bytes: Bytes) -> Result<bool> {
        let written = self.operator().write_with(key.as_str(), bytes.clone()).if_not_exists(true).await;
        let Err(error) = written else { return Ok(true) };
        match classify::opendal_error(&error) {
            cause if cause.kind == StorageErrorKind::AlreadyExists => Ok(false),
            // For a store that rejects conditions, checking before writing is the best that can be done.
            cause if cause.kind == StorageErrorKind::Unsupported => match self.metadata(key).await? {
                Some(_) => Ok(false),
                None => self.write(key, bytes).await.map(|()| true),
            },
            cause => Err(self.write_error(key, cause)),
        }
    }

    /// Begins to write an object of unknown size, which exists only after [`ObjectWriter::close`].
    pub async fn open_writer(&self, key: &ObjectKey) -> Result<ObjectWriter> {
        self.open_sized_writer(key, None).await
    }

    /// Begins to write an object, with a part size that suits its size in bytes if that is known.
    pub(crate) async fn open_sized_writer(&self, key: &ObjectKey, size: Option<u64>) -> Result<ObjectWriter> {
        let (written_key, writer) = match self.backend() {
            Backend::Disk => {
                let temp = disk::temp_beside(key);
                let writer = self.operator().writer(temp.as_str()).await;
                (temp, writer)
            }
            Backend::S3(_) => {
                let part = usize::try_from(size.unwrap_or_default().div_ceil(s3::MAX_PARTS))
                    .unwrap_or(usize::MAX)
                    .max(STREAM_PART);
                let writer = self.operator().writer_with(key.as_str()).chunk(part).concurrent(2).await;
                (key.clone(), writer)
            }
        };
        let writer = writer.map_err(|error| self.write_error(key, classify::opendal_error(&error)))?;
        Ok(ObjectWriter { store: self.clone(), writer, key: key.clone(), written_key, removed: false })
    }
}

/// Writes an object in pieces. If it is dropped without `close` or `abort`, parts may remain in the store.
pub struct ObjectWriter {
    store: Store,
    writer: Writer,
    key: ObjectKey,
    /// The key under which the bytes are written: on a disk a temporary file, in a bucket `key` itself.
    written_key: ObjectKey,
    /// Whether the partly written object has been removed.
    removed: bool,
}

impl ObjectWriter {
    /// Appends bytes; on an error, removes the partly written object.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let written = self.writer.write(bytes).await;
        self.remove_on_error(written).await
    }

    /// Completes the object and returns its entity tag, if the store reports one.
    pub async fn close(mut self) -> Result<Option<String>> {
        let closed = self.writer.close().await;
        let meta = self.remove_on_error(closed).await?;
        if self.written_key != self.key {
            let renamed = self.store.operator().rename(self.written_key.as_str(), self.key.as_str()).await;
            self.remove_on_error(renamed).await?;
        }
        Ok(meta.etag().map(|tag| clean_etag(tag).to_owned()))
    }

    /// Removes the partly written object. A failure to remove it is only logged, because the caller already has
    /// another error to report.
    pub async fn abort(mut self) {
        self.remove_partial().await;
    }

    /// Converts the result of an operation; on an error, removes the partly written object.
    async fn remove_on_error<T>(&mut self, result: opendal::Result<T>) -> Result<T> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => {
                self.remove_partial().await;
                Err(self.store.write_error(&self.key, classify::opendal_error(&error)))
            }
        }
    }

    async fn remove_partial(&mut self) {
        if std::mem::replace(&mut self.removed, true) {
            return;
        }
        let removed = if self.written_key == self.key {
            self.writer.abort().await
        } else {
            self.store.operator().delete(self.written_key.as_str()).await
        };
        if let Err(error) = removed {
            tracing::warn!(object = %self.store.describe(&self.key), %error, "an unfinished upload remains in the store");
        }
    }
}
