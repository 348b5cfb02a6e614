//! Converts the values of a column from the form in which they are stored.

use std::sync::Arc;

use arrow_array::types::{Int8Type, Int16Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, Int32Array,
    Int64Array, ListArray, PrimitiveArray, StringArray, TimestampMicrosecondArray,
};

use super::{ColumnType, ValueFault, ValueKind, arrays, sparse};

impl ColumnType {
    /// Converts values as they were read from a file, in which nulls may only occur if the field allows them.
    pub(crate) fn convert(&self, column: &ArrayRef) -> Result<ArrayRef, ValueFault> {
        if !self.nullable
            && let Some(nulls) = column.nulls().filter(|nulls| nulls.null_count() > 0)
        {
            let row = nulls.iter().position(|valid| !valid).unwrap_or(0);
            return Err(ValueFault::new(row, "null in a field that is not nullable"));
        }
        self.kind.convert(column)
    }
}

impl ValueKind {
    pub(super) fn convert(&self, column: &ArrayRef) -> Result<ArrayRef, ValueFault> {
        Ok(match self {
            Self::Same(_) => Arc::clone(column),
            Self::Int8 => narrow::<Int8Type>(cast(column)?)?,
            Self::Int16 => narrow::<Int16Type>(cast(column)?)?,
            Self::RowTimestamp => {
                let times: &Int64Array = cast(column)?;
                Arc::new(times.unary::<_, arrow_array::types::UInt64Type>(i64::cast_unsigned)) as ArrayRef
            }
            Self::Timestamptz => {
                let times: &Int64Array = cast(column)?;
                let times = TimestampMicrosecondArray::new(times.values().clone(), times.nulls().cloned());
                Arc::new(times.with_timezone("UTC"))
            }
            Self::Text { binary: false } => to_text(&gather(cast(column)?)?)?,
            Self::Text { binary: true } | Self::Bytes => Arc::new(gather(cast(column)?)?),
            Self::Array(element) => arrays::convert(element, cast(column)?)?,
            Self::SparseVector => sparse::convert(cast(column)?)?,
            Self::Vector(vector) => match column.as_any().downcast_ref::<FixedSizeBinaryArray>() {
                Some(fixed) => vector.convert_fixed(fixed)?,
                None => vector.convert_views(cast(column)?)?,
            },
            Self::ArrayOfVector(vector) => match column.as_any().downcast_ref::<ListArray>() {
                Some(lists) => vector.convert_lists(lists)?,
                None => vector.convert_messages(cast(column)?)?,
            },
        })
    }
}

/// Returns the column as an array of the type that its Parquet type implies.
fn cast<T: Array + 'static>(column: &ArrayRef) -> Result<&T, ValueFault> {
    let found = column.data_type();
    column.as_any().downcast_ref().ok_or_else(|| ValueFault::new(0, format!("values of Arrow type {found}")))
}

fn narrow<T: ArrowPrimitiveType>(column: &Int32Array) -> Result<ArrayRef, ValueFault>
where
    T::Native: TryFrom<i32>,
{
    let mut values = Vec::with_capacity(column.len());
    for (row, number) in column.iter().enumerate() {
        let narrow = T::Native::try_from(number.unwrap_or(0));
        values.push(narrow.map_err(|_| {
            ValueFault::new(row, format!("{} exceeds the type of the field", number.unwrap_or(0)))
        })?);
    }
    Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), column.nulls().cloned())))
}

/// Copies bytes from the pages that contain them into one buffer.
fn gather(column: &BinaryViewArray) -> Result<BinaryArray, ValueFault> {
    let total = column.views().iter().map(|view| view_length(*view)).sum();
    let mut bytes = Vec::with_capacity(total);
    let mut offsets = Vec::with_capacity(column.len() + 1);
    offsets.push(0);
    for (row, value) in column.iter().enumerate() {
        bytes.extend_from_slice(value.unwrap_or_default());
        let end = i32::try_from(bytes.len());
        offsets.push(end.map_err(|_| ValueFault::new(row, "the values of a batch exceed 2 GiB"))?);
    }
    let array = BinaryArray::try_new(
        arrow_buffer::OffsetBuffer::new(offsets.into()),
        bytes.into(),
        column.nulls().cloned(),
    );
    array.map_err(|error| ValueFault::new(0, error.to_string()))
}

/// Returns the length of the value that a view refers to, in bytes.
pub(crate) fn view_length(view: u128) -> usize {
    (view & u128::from(u32::MAX)).try_into().unwrap_or(usize::MAX)
}

/// Converts bytes that must be UTF-8 without copying them.
pub(super) fn to_text(bytes: &BinaryArray) -> Result<ArrayRef, ValueFault> {
    let nulls = bytes.nulls().cloned();
    if let Ok(text) = StringArray::try_new(bytes.offsets().clone(), bytes.values().clone(), nulls) {
        return Ok(Arc::new(text));
    }
    let row = bytes.iter().position(|value| value.is_some_and(|value| str::from_utf8(value).is_err()));
    Err(ValueFault::new(row.unwrap_or(0), "the text is not UTF-8; read text as bytes to get it"))
}
