//! The error of this crate: where reading failed, and why.

use std::fmt;

use model::ids::{CollectionId, FieldId, PartitionScope, SegmentId};
use model::manifest::DataType;
use storage::StorageError;

use crate::segment::SegmentFiles;

/// The result of reading rows.
pub(crate) type Result<T, E = RowsError> = std::result::Result<T, E>;

/// A failure to read rows: the place, with the reason as its source.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {place}")]
pub struct RowsError {
    place: Box<Place>,
    #[source]
    reason: Box<Reason>,
}

impl RowsError {
    pub(crate) fn new(place: Place, reason: impl Into<Reason>) -> Self {
        Self { place: Box::new(place), reason: Box::new(reason.into()) }
    }

    /// Returns where reading failed.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Returns why reading failed.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Returns the error of the store, if the store failed.
    pub fn storage_error(&self) -> Option<&StorageError> {
        match &*self.reason {
            Reason::Storage(error) => Some(error),
            _ => None,
        }
    }
}

/// The part of a collection's files at which reading failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The collection.
    pub collection: CollectionId,
    /// The partition, or all partitions for delta logs that apply to all.
    pub partition: PartitionScope,
    /// The segment.
    pub segment: SegmentId,
    /// The field, where one is concerned; of a file that failed as a whole, the field or the column group.
    pub field: Option<FieldId>,
    /// The file as the store names it, where one is concerned.
    pub file: Option<String>,
    /// The offset in the file, in bytes; within a column, that of its current page.
    pub offset: Option<u64>,
}

impl Place {
    /// Creates the place of a whole segment.
    pub(crate) fn segment(collection: CollectionId, partition: PartitionScope, segment: SegmentId) -> Self {
        Self { collection, partition, segment, field: None, file: None, offset: None }
    }

    /// Creates the place of the segment that these files belong to.
    pub(crate) fn of_segment(files: &SegmentFiles) -> Self {
        Self::segment(files.collection, PartitionScope::One(files.partition), files.segment)
    }

    pub(crate) fn with_field(mut self, field: FieldId) -> Self {
        self.field = Some(field);
        self
    }

    pub(crate) fn with_file(mut self, file: String) -> Self {
        self.file = Some(file);
        self
    }

    pub(crate) fn with_offset(mut self, offset: impl Into<Option<u64>>) -> Self {
        self.offset = offset.into();
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = self.field {
            write!(f, "column {field} of ")?;
        }
        write!(f, "segment {} (collection {}, ", self.segment, self.collection)?;
        match self.partition {
            PartitionScope::All => write!(f, "all partitions)")?,
            PartitionScope::One(id) => write!(f, "partition {id})")?,
        }
        if let Some(file) = &self.file {
            write!(f, " in {file}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        Ok(())
    }
}

/// The reason why rows cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The bytes of a file do not have the structure that they must have.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The file is intact, but its format or type is one that cannot be decoded.
    #[error("{0}")]
    Unsupported(Unsupported),
    /// The files of a segment contradict each other, the schema, or what is known about the segment.
    #[error("{0}")]
    Inconsistent(String),
    /// A value is invalid for the type of its field.
    #[error("the value in row {row} of the file is invalid: {problem}")]
    Value {
        /// The row, counted from 0 at the beginning of the file.
        row: u64,
        /// What is wrong with the value.
        problem: String,
    },
    /// The request does not fit the schema.
    #[error("{0}")]
    Request(String),
    /// The decoder panicked, which is a defect in it; the message is for its authors.
    #[error("the decoder failed unexpectedly: {0}")]
    Panicked(String),
}

impl Reason {
    pub(crate) fn damaged(problem: impl Into<String>) -> Self {
        Self::Damaged(problem.into())
    }

    pub(crate) fn inconsistent(problem: impl Into<String>) -> Self {
        Self::Inconsistent(problem.into())
    }

    pub(crate) fn other_key_type() -> Self {
        Self::Request("the delete entries have keys of another type than the primary key".to_owned())
    }
}

/// A format or a type that is recognised and cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// A binlog that Milvus's cipher plugin encrypted.
    #[error("the file is encrypted with a key of encryption zone {}", .zone.map_or("(unknown)".to_owned(), |zone| zone.to_string()))]
    Encrypted {
        /// The id of the encryption zone, if the file records it.
        zone: Option<i64>,
    },
    /// A Parquet file with an encrypted footer (storage version 2).
    #[error("the file is encrypted (Parquet modular encryption)")]
    EncryptedParquet,
    /// A file of storage version 3.
    #[error("the file belongs to storage version 3 ({0}), which cannot be read")]
    StorageV3(&'static str),
    /// A type of which no decoder exists.
    #[error("values of type {0} cannot be decoded")]
    Type(DataType),
    /// A Parquet encoding that no Milvus release writes.
    #[error("Parquet encoding {0} is not supported")]
    Encoding(i64),
}

impl From<Unsupported> for Reason {
    fn from(unsupported: Unsupported) -> Self {
        Self::Unsupported(unsupported)
    }
}
