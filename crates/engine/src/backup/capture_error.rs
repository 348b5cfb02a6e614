//! The reason why a collection is not part of a backup.

use milvus::MilvusError;

use crate::Error;

/// The reason why a collection was not captured.
pub(super) enum CaptureError {
    /// The collection was dropped.
    Vanished,
    /// Rows of the collection would be missing, so it is left out and the others are backed up.
    Incomplete(Error),
    /// Any other error, which ends the backup.
    Failed(Error),
}

impl From<MilvusError> for CaptureError {
    fn from(error: MilvusError) -> Self {
        Error::from(error).into()
    }
}

impl From<Error> for CaptureError {
    fn from(error: Error) -> Self {
        match error {
            Error::Milvus(error) if is_not_found(&error) => Self::Vanished,
            other => Self::Failed(other),
        }
    }
}

/// Returns whether Milvus answered that the collection or its database does not exist.
pub(super) fn is_not_found(error: &MilvusError) -> bool {
    matches!(
        error.kind(),
        milvus::MilvusErrorKind::CollectionNotFound | milvus::MilvusErrorKind::DatabaseNotFound
    )
}
