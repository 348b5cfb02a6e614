//! Delete entries: the delta logs that contain them, and which rows they delete.

mod entry;
mod fold;
mod keys;
mod map;
mod read;
mod write;

use model::ids::{CollectionId, PartitionScope, SegmentId, Tso};
use model::key::ObjectKey;
use model::manifest::{DataType, DeltaLog, Schema};

pub use entry::RowKey;
pub use fold::SegmentDeletes;
pub(crate) use keys::KeyColumn;
pub use map::DeleteMap;
pub use read::count_delete_entries;
pub use write::{DeleteEntry, encode_delta_log};

/// The type of a collection's primary key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// 64-bit integers.
    Int64,
    /// Text.
    VarChar,
}

impl KeyType {
    /// Returns the type of a schema's primary key; `None` if the schema has no valid one.
    pub fn of(schema: &Schema) -> Option<Self> {
        match schema.fields.iter().find(|field| field.is_primary_key)?.data_type {
            DataType::INT64 => Some(Self::Int64),
            DataType::VARCHAR | DataType::STRING => Some(Self::VarChar),
            _ => None,
        }
    }
}

/// The delta logs of one segment: of rows, or of deletes alone (L0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaFiles {
    /// The collection that the segment belongs to.
    pub collection: CollectionId,
    /// The partition whose rows the entries delete, or all of the collection.
    pub partition: PartitionScope,
    /// The segment.
    pub segment: SegmentId,
    /// The files, in any order.
    pub files: Vec<DeltaFile>,
    /// The time after which entries are ignored, if any.
    pub until: Option<Tso>,
}

/// One delta log in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaFile {
    /// The key of the file.
    pub key: ObjectKey,
    /// The id of the file, and its size if that is known.
    pub log: DeltaLog,
}
