//! A column of primary keys, whose rows are looked up in the deleted keys.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BinaryArray, BinaryViewArray, Int64Array, StringArray};
use arrow_schema::DataType;
use model::ids::Tso;

use super::DeleteMap;

/// The primary keys of some rows.
#[derive(Clone, Copy)]
pub(crate) enum KeyColumn<'a> {
    Int64(&'a Int64Array),
    Text(&'a StringArray),
    Bytes(&'a BinaryArray),
    Views(&'a BinaryViewArray),
}

impl<'a> KeyColumn<'a> {
    /// Returns the keys in a column of one of the types that are read; `None` for any other column.
    pub(crate) fn of(column: &'a dyn Array) -> Option<Self> {
        match column.data_type() {
            DataType::Int64 => column.as_primitive_opt::<Int64Type>().map(Self::Int64),
            DataType::Utf8 => column.as_string_opt().map(Self::Text),
            DataType::Binary => column.as_binary_opt().map(Self::Bytes),
            DataType::BinaryView => column.as_binary_view_opt().map(Self::Views),
            _ => None,
        }
    }

    /// Returns the latest deletion of the key of a row; `None` if the map does not have the key.
    pub(crate) fn deletion(self, row: usize, deletes: &DeleteMap) -> Option<Tso> {
        match self {
            Self::Int64(keys) => deletes.deletion_of_int64(keys.value(row)),
            Self::Text(keys) => deletes.deletion_of_text(keys.value(row).as_bytes()),
            Self::Bytes(keys) => deletes.deletion_of_text(keys.value(row)),
            Self::Views(keys) => deletes.deletion_of_text(keys.value(row)),
        }
    }

    /// Returns the latest deletion of the key of a row in any map.
    pub(crate) fn latest_deletion(self, row: usize, deletes: &[Arc<DeleteMap>]) -> Option<Tso> {
        deletes.iter().filter_map(|map| self.deletion(row, map)).max()
    }

    /// Returns whether a row was deleted after it was inserted. A deletion at the same time keeps it: such are the two
    /// halves of an upsert.
    pub(crate) fn is_deleted(self, row: usize, inserted: Tso, deletes: &[Arc<DeleteMap>]) -> bool {
        self.latest_deletion(row, deletes).is_some_and(|deleted| deleted > inserted)
    }

    /// Adds a deletion of the key of a row to a map.
    pub(crate) fn add_to(self, row: usize, deletes: &mut DeleteMap, deletion: Tso) {
        match self {
            Self::Int64(keys) => deletes.add_int64(keys.value(row), deletion.0),
            Self::Text(keys) => deletes.add_text(keys.value(row).as_bytes(), deletion.0),
            Self::Bytes(keys) => deletes.add_text(keys.value(row), deletion.0),
            Self::Views(keys) => deletes.add_text(keys.value(row), deletion.0),
        };
    }
}
