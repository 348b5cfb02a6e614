//! Access to one store, a bucket or the local disk, by full keys.

mod delete;
mod list;
mod write;

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use model::key::ObjectKey;
use opendal::Operator;

pub use write::ObjectWriter;
pub(crate) use write::STREAM_PART;

use crate::backend::{Backend, OpenedStore, StoreTraits, disk, s3};
use crate::classify;
use crate::config::StoreConfig;
use crate::error::{Cause, Result, StorageError, StorageErrorKind, StoreRole, Subject};
use crate::location::StoreLocation;
use crate::object::ObjectMetadata;

/// A bucket or the local disk. Clones are cheap and share their connections.
#[derive(Clone)]
pub struct Store(Arc<OpenedStore>);

impl Store {
    /// Opens a store without sending a request, so it fails only if the configuration is invalid.
    pub fn open(config: &StoreConfig) -> Result<Self> {
        let opened = match config {
            StoreConfig::Disk => disk::open(),
            StoreConfig::S3(config) => s3::open(config),
        };
        opened.map(|opened| Self(Arc::new(opened)))
    }

    /// Gives a store that was just opened its role in the installation, which its errors name.
    #[must_use]
    pub fn with_role(self, role: StoreRole) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(opened) => Self(Arc::new(OpenedStore { role, ..opened })),
            Err(shared) => Self(shared),
        }
    }

    /// Returns the location, by which stores can be compared.
    pub fn location(&self) -> &StoreLocation {
        &self.0.location
    }

    /// Returns the properties of the backend.
    pub fn traits(&self) -> StoreTraits {
        self.0.traits
    }

    /// Returns whether both stores are used with the same credentials, as far as their configuration tells.
    pub fn has_same_credentials(&self, other: &Self) -> bool {
        match (self.backend(), other.backend()) {
            (Backend::S3(one), Backend::S3(other)) => one.identity == other.identity,
            (Backend::Disk, Backend::Disk) => true,
            (Backend::Disk, Backend::S3(_)) | (Backend::S3(_), Backend::Disk) => false,
        }
    }

    /// Names an object for messages: `s3://bucket/key` or `/path`.
    pub fn describe(&self, key: &ObjectKey) -> String {
        self.location().describe(key)
    }

    /// Returns the metadata of an object, or `None` if it does not exist or is a directory.
    ///
    /// If the store refuses to return the metadata, they are read from a listing.
    pub async fn metadata(&self, key: &ObjectKey) -> Result<Option<ObjectMetadata>> {
        let cause = match self.operator().stat(key.as_str()).await {
            Ok(meta) if meta.is_dir() => return Ok(None),
            Ok(meta) => {
                let meta = ObjectMetadata::from_opendal(&meta);
                // Some proxies remove the date.
                let listed = match meta.modified_ms {
                    Some(_) => None,
                    None => self.find_in_listing(key).await.ok().flatten(),
                };
                return Ok(Some(listed.unwrap_or(meta)));
            }
            Err(error) => classify::opendal_error(&error),
        };
        match cause.kind {
            StorageErrorKind::NotFound => Ok(None),
            StorageErrorKind::PermissionDenied
            | StorageErrorKind::Unsupported
            | StorageErrorKind::Unexpected => {
                let listed = self.find_in_listing(key).await;
                listed.map_err(|_| cause.during("look up", self.object(key)))
            }
            _ => Err(cause.during("look up", self.object(key))),
        }
    }

    /// Returns whether the store keeps the old versions of objects that are deleted, as far as it tells.
    pub async fn keeps_versions(&self) -> bool {
        match self.backend() {
            Backend::Disk => false,
            Backend::S3(client) => client.keeps_versions().await.unwrap_or_else(|cause| {
                tracing::debug!(?cause, "the store does not tell whether it keeps old versions");
                false
            }),
        }
    }

    /// Returns the time by which the store dates its objects, in milliseconds since 1970.
    ///
    /// A probe that is written beside `key` and removed shows it; where none can be written, the dates of the answers
    /// do, although they can be those of a proxy. Returns `None` if the store does not tell.
    pub async fn now_ms(&self, key: &ObjectKey) -> Option<i64> {
        match self.backend() {
            Backend::Disk => disk::now_ms(key).await,
            Backend::S3(client) => self.read_probe_date(key).await.or_else(|| client.now_ms()),
        }
    }

    /// Returns what [`Store::now_ms`] returns as far as it is known without writing to a bucket: the time of its answers.
    pub async fn assumed_now_ms(&self, key: &ObjectKey) -> Option<i64> {
        match self.backend() {
            Backend::Disk => disk::now_ms(key).await,
            Backend::S3(client) => client.now_ms(),
        }
    }

    /// Writes an object beside `key`, reads its date from a listing, and removes it.
    async fn read_probe_date(&self, key: &ObjectKey) -> Option<i64> {
        let probe = disk::temp_beside(key);
        if let Err(error) = self.write(&probe, Bytes::from_static(b"clock")).await {
            tracing::debug!("cannot ask the store for its time: {error}");
            return None;
        }
        let found = self.find_in_listing(&probe).await;
        if let Err(error) = self.delete(std::slice::from_ref(&probe)).await {
            tracing::warn!("cannot remove {}: {error}", self.describe(&probe));
        }
        found.ok().flatten()?.modified_ms
    }

    /// Reads a whole object into memory.
    pub async fn read(&self, key: &ObjectKey) -> Result<Bytes> {
        self.read_beginning(key, usize::MAX).await
    }

    /// Reads an object into memory until more than `limit` bytes have arrived; a smaller one is read whole.
    pub async fn read_beginning(&self, key: &ObjectKey, limit: usize) -> Result<Bytes> {
        let mut stream = self.read_stream(key);
        let mut all = BytesMut::from(stream.try_next().await?.unwrap_or_default());
        while all.len() <= limit
            && let Some(bytes) = stream.try_next().await?
        {
            all.extend_from_slice(&bytes);
        }
        Ok(all.freeze())
    }

    /// Reads some bytes of an object; fails if it is shorter.
    pub async fn read_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes> {
        let read = async { self.operator().reader(key.as_str()).await?.read(range).await }.await;
        read.map(|buffer| buffer.to_bytes()).map_err(|error| self.read_error(key, &error))
    }

    /// Streams the bytes of an object. After a broken connection, the stream continues where it broke.
    pub fn read_stream(&self, key: &ObjectKey) -> BoxStream<'static, Result<Bytes>> {
        let (store, key) = (self.clone(), key.clone());
        let open = async move {
            if matches!(store.backend(), Backend::Disk) {
                // Opening a pipe would never end.
                let is_readable = disk::check_regular_file(&key).await;
                is_readable.map_err(|cause| cause.during("read", store.object(&key)))?;
            }
            let opened = async { store.operator().reader(key.as_str()).await?.into_stream(..).await }.await;
            let stream = opened.map_err(|error| store.read_error(&key, &error))?;
            Ok(stream.map_ok(|buffer| buffer.to_bytes()).map_err(move |error| store.read_error(&key, &error)))
        };
        futures::stream::once(open).try_flatten().boxed()
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.0.backend
    }

    fn operator(&self) -> &Operator {
        &self.0.operator
    }

    /// Names an object as the subject of an error.
    fn object(&self, key: &ObjectKey) -> Subject {
        Subject { text: self.location().describe_object(key), role: self.0.role }
    }

    /// Names a prefix as the subject of an error.
    fn prefix(&self, prefix: &ObjectKey) -> Subject {
        Subject { text: self.location().describe_prefix(prefix), role: self.0.role }
    }

    fn read_error(&self, key: &ObjectKey, error: &opendal::Error) -> StorageError {
        classify::opendal_error(error).during("read", self.object(key))
    }

    fn write_error(&self, key: &ObjectKey, cause: Cause) -> StorageError {
        cause.during("write", self.object(key))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(self.location()).finish()
    }
}
