//! Reads single values from the columns of a batch.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use model::ids::FieldId;

use super::cell::Cell;
use super::error::{FilterError, Result};

/// The columns of a batch that a filter reads, in the order of its fields.
pub(super) struct BatchColumns<'a>(Vec<&'a dyn Array>);

impl<'a> BatchColumns<'a> {
    /// Finds the columns by the ids in their metadata, and checks their types.
    pub(super) fn find(batch: &'a RecordBatch, fields: &[FieldId], names: &[String]) -> Result<Self> {
        let find = |(id, name): (&FieldId, &String)| {
            let id = id.to_string();
            let found =
                batch.schema_ref().fields().iter().position(|field| {
                    field.metadata().get("milvus.field_id").is_some_and(|found| *found == id)
                });
            let column = found.and_then(|index| batch.columns().get(index));
            let column = column.ok_or_else(|| FilterError::MissingField(name.clone()))?;
            match column.data_type() {
                found if is_readable(found) => Ok(column.as_ref()),
                DataType::List(item) if is_readable(item.data_type()) => Ok(column.as_ref()),
                found => Err(FilterError::ColumnType { field: name.clone(), found: found.clone() }),
            }
        };
        fields.iter().zip(names).map(find).collect::<Result<_>>().map(Self)
    }

    /// Returns a value; unknown if it is null.
    pub(super) fn cell(&self, column: usize, row: usize) -> Cell<'a> {
        self.0.get(column).map_or(Cell::Unknown, |array| value(*array, row))
    }

    /// Returns the bytes of a text or JSON value; `None` if it is null.
    pub(super) fn bytes(&self, column: usize, row: usize) -> Option<&'a [u8]> {
        bytes(*self.0.get(column)?, row)
    }

    /// Returns one element of an array; unknown if the array is null or shorter.
    pub(super) fn element(&self, column: usize, row: usize, index: usize) -> Cell<'a> {
        let Some(lists) = self.0.get(column).and_then(|array| array.as_list_opt::<i32>()) else {
            return Cell::Unknown;
        };
        if row >= lists.len() || lists.is_null(row) {
            return Cell::Unknown;
        }
        let (start, length) = (lists.value_offsets().get(row), lists.value_length(row));
        match (start.and_then(|start| usize::try_from(*start).ok()), usize::try_from(length)) {
            (Some(start), Ok(length)) if index < length => value(lists.values().as_ref(), start + index),
            _ => Cell::Unknown,
        }
    }
}

fn is_readable(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float32
            | DataType::Float64
            | DataType::Utf8
            | DataType::Binary
            | DataType::Timestamp(TimeUnit::Microsecond, _)
    )
}

fn bytes(array: &dyn Array, row: usize) -> Option<&[u8]> {
    if row >= array.len() || array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Utf8 => Some(array.as_string::<i32>().value(row).as_bytes()),
        DataType::Binary => Some(array.as_binary::<i32>().value(row)),
        _ => None,
    }
}

fn value(array: &dyn Array, row: usize) -> Cell<'_> {
    if row >= array.len() || array.is_null(row) {
        return Cell::Unknown;
    }
    match array.data_type() {
        DataType::Boolean => Cell::Bool(array.as_boolean().value(row)),
        DataType::Int8 => Cell::Int(array.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Cell::Int(array.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Cell::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => Cell::Float(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(_, _) => Cell::Time(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Utf8 | DataType::Binary => {
            bytes(array, row).map_or(Cell::Unknown, |bytes| Cell::Text(Cow::Borrowed(bytes)))
        }
        DataType::List(_) => list(array, row),
        _ => Cell::Unknown,
    }
}

fn list(array: &dyn Array, row: usize) -> Cell<'_> {
    let lists = array.as_list::<i32>();
    let start = lists.value_offsets().get(row).and_then(|start| usize::try_from(*start).ok());
    match (start, usize::try_from(lists.value_length(row))) {
        (Some(start), Ok(length)) => {
            let items = lists.values().as_ref();
            Cell::List((start..start + length).map(|item| value(items, item)).collect())
        }
        _ => Cell::Unknown,
    }
}
