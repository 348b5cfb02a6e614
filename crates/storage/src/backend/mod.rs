//! What each kind of store does in its own way. OpenDAL does the rest, for all of them alike.

use std::sync::Arc;

use opendal::Operator;

use crate::error::StoreRole;
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
}

/// A store as its backend opened it.
pub(crate) struct OpenedStore {
    pub(crate) location: StoreLocation,
    pub(crate) role: StoreRole,
    pub(crate) traits: StoreTraits,
    /// Reads, writes, lists and deletes objects of the store.
    pub(crate) operator: Operator,
    pub(crate) backend: Backend,
}
