//! One object to copy, and the result of copying it.

use model::key::ObjectKey;

use crate::error::{StorageError, StorageErrorKind};

/// One object to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyItem {
    /// The key of the object in the source.
    pub from: ObjectKey,
    /// The key of the copy in the target; an existing object is replaced.
    pub to: ObjectKey,
    /// The size in bytes, as listed by the source; a streamed or local copy of another size fails.
    pub size: u64,
}

/// The result of copying one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyResult {
    /// The size of the copy in bytes.
    pub size: u64,
    /// The entity tag of the copy; `None` if the target reports none.
    pub etag: Option<String>,
}

/// The failure of a copy, after all retries.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct CopyError {
    /// The item that was not copied.
    pub item: CopyItem,
    /// The error of the last attempt.
    pub error: StorageError,
}

impl CopyError {
    /// Returns whether the source object no longer exists, so that the list is outdated and the stores are fine.
    pub fn source_vanished(&self) -> bool {
        self.error.kind() == StorageErrorKind::NotFound
    }
}
