//! What each kind of store does in its own way. OpenDAL does the rest, for all of them alike.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::key::ObjectKey;
use opendal::Operator;

use crate::error::Cause;
use crate::location::StoreLocation;

pub(crate) mod disk;
pub(crate) mod s3;

/// The kind of a store, with the client for the requests that OpenDAL does not offer.
pub(crate) enum Backend {
    Disk,
    S3(Arc<s3::S3Client>),
}

/// The properties of a backend that decide what its callers do.
///
/// A property belongs here if code that serves all backends asks for it; what only one backend does stays in its
/// module. Nothing asks yet whether entity tags are MD5s of the content: a tag counts as one if it has 32 hexadecimal
/// digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreTraits {
    /// Whether objects are named by absolute paths: a root path begins with `/`, and a Milvus server imports files by
    /// their paths on its own disk. Otherwise it imports them by their keys, from the bucket that it uses itself.
    pub absolute_paths: bool,
    /// Whether directories exist by themselves, and remain when the objects in them are deleted.
    pub(crate) has_directories: bool,
}

/// A store as its backend opened it.
pub(crate) struct OpenedStore {
    pub(crate) location: StoreLocation,
    pub(crate) traits: StoreTraits,
    /// Reads, writes, lists and deletes objects of the store.
    pub(crate) operator: Operator,
    pub(crate) backend: Backend,
}

impl Backend {
    /// Removes all empty directories below a prefix, and the directory of the prefix itself if it is empty.
    pub(crate) async fn remove_empty_dirs(&self, prefix: &ObjectKey) -> Result<(), Cause> {
        match self {
            Self::Disk => disk::remove_empty_dirs(prefix).await,
            Self::S3(_) => Ok(()),
        }
    }

    /// Returns whether one request may delete many objects.
    pub(crate) fn deletes_in_bulk(&self) -> bool {
        match self {
            Self::Disk => true,
            Self::S3(client) => client.deletes_in_bulk.load(Ordering::Relaxed),
        }
    }

    /// Remembers that the store refuses requests that delete many objects.
    pub(crate) fn stop_bulk_deletes(&self) {
        match self {
            Self::Disk => {}
            Self::S3(client) => client.deletes_in_bulk.store(false, Ordering::Relaxed),
        }
    }
}
