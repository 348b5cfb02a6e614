//! Writing objects: all at once, only where there is none, or piece by piece.

use bytes::Bytes;
use model::key::ObjectKey;
use opendal::Writer;

use super::Store;
use crate::classify;
use crate::error::{ErrorKind, Result};
use crate::local;
use crate::object::clean_etag;

/// The size of the parts in which a store gets an object, in bytes; up to three of them are held at once.
/// An object of unknown size may grow to 10,000 of them, 78 GiB.
pub(crate) const STREAM_PART: usize = 8 << 20;

/// The most parts an upload may have.
const MAX_PARTS: u64 = 10_000;

impl Store {
    /// Writes an object, replacing what was there. Readers see the old bytes or the new ones, nothing between.
    pub async fn write(&self, key: &ObjectKey, bytes: Bytes) -> Result<()> {
        let mut writer = self.writer_of(key, Some(bytes.len() as u64)).await?;
        writer.write(bytes).await?;
        writer.close().await.map(drop)
    }

    /// Writes an object unless there is one, and tells whether it did.
    ///
    /// Two callers cannot both be told `true` by a store that honours `If-None-Match`, or on a disk. Some
    /// stores ignore the condition in silence, so who depends on the answer reads the object back. After a
    /// broken connection `false` may also mean that the first attempt did arrive.
    pub async fn create_new(&self, key: &ObjectKey, bytes: Bytes) -> Result<bool> {
        if self.is_local() {
            let created = local::create_new(key, bytes).await;
            return created.map_err(|cause| self.write_error(key, cause));
        }
        let written = self.0.operator.write_with(key.as_str(), bytes.clone()).if_not_exists(true).await;
        let Err(error) = written else { return Ok(true) };
        match classify::opendal(&error) {
            cause if cause.kind == ErrorKind::AlreadyExists => Ok(false),
            // A store that knows no conditions says so; asking first is the best that is left there.
            cause if cause.reason.contains("NotImplemented") => match self.stat(key).await? {
                Some(_) => Ok(false),
                None => self.write(key, bytes).await.map(|()| true),
            },
            cause => Err(self.write_error(key, cause)),
        }
    }

    /// Begins an object of unknown size. It exists once the writer is closed.
    pub async fn writer(&self, key: &ObjectKey) -> Result<ObjectWriter> {
        self.writer_of(key, None).await
    }

    /// Begins an object, with parts that fit its size where that is known.
    pub(crate) async fn writer_of(&self, key: &ObjectKey, size: Option<u64>) -> Result<ObjectWriter> {
        let place = if self.is_local() { local::temp_beside(key) } else { key.clone() };
        let part = usize::try_from(size.unwrap_or_default().div_ceil(MAX_PARTS))
            .unwrap_or(usize::MAX)
            .max(STREAM_PART);
        let writer = if self.is_local() {
            self.0.operator.writer(place.as_str()).await
        } else {
            self.0.operator.writer_with(place.as_str()).chunk(part).concurrent(2).await
        };
        let writer = writer.map_err(|error| self.write_error(key, classify::opendal(&error)))?;
        Ok(ObjectWriter { store: self.clone(), writer, key: key.clone(), place, removed: false })
    }
}

/// An object being written. Dropped without a call to `close` or `abort`, its parts may stay in the store.
pub struct ObjectWriter {
    store: Store,
    writer: Writer,
    key: ObjectKey,
    /// Where the bytes lie until the end: beside the object on a disk, the object itself in a bucket.
    place: ObjectKey,
    /// Whether what was written has been removed.
    removed: bool,
}

impl ObjectWriter {
    /// Appends bytes. After an error nothing of the object remains.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let written = self.writer.write(bytes).await;
        self.settle(written).await
    }

    /// Completes the object and returns its entity tag, where the store gives one.
    pub async fn close(mut self) -> Result<Option<String>> {
        let closed = self.writer.close().await;
        let meta = self.settle(closed).await?;
        if self.place != self.key {
            let renamed = self.store.0.operator.rename(self.place.as_str(), self.key.as_str()).await;
            self.settle(renamed).await?;
        }
        Ok(meta.etag().map(|tag| clean_etag(tag).to_owned()))
    }

    /// Gives the object up and removes what was written of it. What cannot be removed is only logged:
    /// whoever calls this has something more important to tell.
    pub async fn abort(mut self) {
        self.remove().await;
    }

    async fn settle<T>(&mut self, result: opendal::Result<T>) -> Result<T> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => {
                self.remove().await;
                Err(self.store.write_error(&self.key, classify::opendal(&error)))
            }
        }
    }

    async fn remove(&mut self) {
        if std::mem::replace(&mut self.removed, true) {
            return;
        }
        let removed = if self.place == self.key {
            self.writer.abort().await
        } else {
            self.store.0.operator.delete(self.place.as_str()).await
        };
        if let Err(error) = removed {
            tracing::warn!(object = %self.store.describe(&self.key), %error, "an unfinished upload stays behind");
        }
    }
}
