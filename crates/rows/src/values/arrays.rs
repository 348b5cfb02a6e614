//! Arrays of scalars, which Milvus stores as messages.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::DataType as ArrowType;
use prost::Message;

use super::convert::to_text;
use super::vectors::build_list;
use super::{ValueFault, ValueKind};

/// The largest message that is decoded, in bytes, which is the largest request that Milvus accepts. A decoded message
/// may take several times as much memory.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// Converts a column of arrays.
pub(super) fn convert(element: &ValueKind, column: &BinaryViewArray) -> Result<ArrayRef, ValueFault> {
    let mut elements = Elements::new(element)?;
    let mut lengths = Vec::with_capacity(column.len());
    for (row, value) in column.iter().enumerate() {
        let value = value.unwrap_or_default();
        let wrong = |problem: String| ValueFault::new(row, problem);
        if value.len() > MAX_MESSAGE_BYTES {
            return Err(wrong(format!(
                "an array of {} bytes exceeds {MAX_MESSAGE_BYTES} bytes",
                value.len()
            )));
        }
        let message = ScalarField::decode(value).map_err(|error| wrong(error.to_string()))?;
        let before = elements.len();
        match message.data {
            Some(data) => elements.append(data).map_err(wrong)?,
            None if value.is_empty() => {}
            None => return Err(wrong("an array without elements of a known type".to_owned())),
        }
        lengths.push(elements.len() - before);
    }
    build_list(OffsetBuffer::from_lengths(lengths), elements.finish(element)?, column.nulls())
}

/// The elements of all rows.
enum Elements {
    Bool(Vec<bool>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Text(Vec<Vec<u8>>),
}

impl Elements {
    fn new(element: &ValueKind) -> Result<Self, ValueFault> {
        Ok(match element {
            ValueKind::Same(ArrowType::Boolean) => Self::Bool(Vec::new()),
            ValueKind::Int8 => Self::Int8(Vec::new()),
            ValueKind::Int16 => Self::Int16(Vec::new()),
            ValueKind::Same(ArrowType::Int32) => Self::Int32(Vec::new()),
            ValueKind::Same(ArrowType::Int64) => Self::Int64(Vec::new()),
            ValueKind::Same(ArrowType::Float32) => Self::Float(Vec::new()),
            ValueKind::Same(ArrowType::Float64) => Self::Double(Vec::new()),
            ValueKind::Text { .. } => Self::Text(Vec::new()),
            other => return Err(ValueFault::new(0, format!("arrays cannot contain {other:?}"))),
        })
    }

    fn len(&self) -> usize {
        match self {
            Self::Bool(all) => all.len(),
            Self::Int8(all) => all.len(),
            Self::Int16(all) => all.len(),
            Self::Int32(all) => all.len(),
            Self::Int64(all) => all.len(),
            Self::Float(all) => all.len(),
            Self::Double(all) => all.len(),
            Self::Text(all) => all.len(),
        }
    }

    /// Appends the elements of one row.
    fn append(&mut self, row: Scalars) -> Result<(), String> {
        match (self, row) {
            (Self::Bool(all), Scalars::Bool(row)) => all.extend(row.data),
            (Self::Int8(all), Scalars::Int(row)) => narrow(all, row.data)?,
            (Self::Int16(all), Scalars::Int(row)) => narrow(all, row.data)?,
            (Self::Int32(all), Scalars::Int(row)) => all.extend(row.data),
            (Self::Int64(all), Scalars::Long(row)) => all.extend(row.data),
            (Self::Float(all), Scalars::Float(row)) => all.extend(row.data),
            (Self::Double(all), Scalars::Double(row)) => all.extend(row.data),
            (Self::Text(all), Scalars::Text(row)) => all.extend(row.data),
            // An empty array may have any type.
            (_, row) if row.is_empty() => {}
            (_, _) => return Err("an array with elements of another type".to_owned()),
        }
        Ok(())
    }

    fn finish(self, element: &ValueKind) -> Result<ArrayRef, ValueFault> {
        Ok(match self {
            Self::Bool(all) => Arc::new(BooleanArray::from(all)),
            Self::Int8(all) => Arc::new(Int8Array::from(all)),
            Self::Int16(all) => Arc::new(Int16Array::from(all)),
            Self::Int32(all) => Arc::new(Int32Array::from(all)),
            Self::Int64(all) => Arc::new(Int64Array::from(all)),
            Self::Float(all) => Arc::new(Float32Array::from(all)),
            Self::Double(all) => Arc::new(Float64Array::from(all)),
            Self::Text(all) => {
                let bytes = BinaryArray::from_iter_values(&all);
                match element {
                    ValueKind::Text { binary: false } => to_text(&bytes)?,
                    _ => Arc::new(bytes),
                }
            }
        })
    }
}

fn narrow<T: TryFrom<i32>>(all: &mut Vec<T>, row: Vec<i32>) -> Result<(), String> {
    for number in row {
        all.push(T::try_from(number).map_err(|_| format!("{number} exceeds the type of the array"))?);
    }
    Ok(())
}

macro_rules! messages {
    ($($name:ident $kind:tt $rust:ty;)*) => {$(
        #[derive(Clone, PartialEq, Message)]
        struct $name {
            #[prost($kind, repeated, tag = "1")]
            data: Vec<$rust>,
        }
    )*};
}

messages! {
    Bools bool bool;
    Ints int32 i32;
    Longs int64 i64;
    Floats float f32;
    Doubles double f64;
}

/// Texts that need not be UTF-8.
#[derive(Clone, PartialEq, Message)]
struct Texts {
    #[prost(bytes = "vec", repeated, tag = "1")]
    data: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct ScalarField {
    #[prost(oneof = "Scalars", tags = "1, 2, 3, 4, 5, 6")]
    data: Option<Scalars>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Scalars {
    #[prost(message, tag = "1")]
    Bool(Bools),
    #[prost(message, tag = "2")]
    Int(Ints),
    #[prost(message, tag = "3")]
    Long(Longs),
    #[prost(message, tag = "4")]
    Float(Floats),
    #[prost(message, tag = "5")]
    Double(Doubles),
    #[prost(message, tag = "6")]
    Text(Texts),
}

impl Scalars {
    fn is_empty(&self) -> bool {
        match self {
            Self::Bool(row) => row.data.is_empty(),
            Self::Int(row) => row.data.is_empty(),
            Self::Long(row) => row.data.is_empty(),
            Self::Float(row) => row.data.is_empty(),
            Self::Double(row) => row.data.is_empty(),
            Self::Text(row) => row.data.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int8Type;

    use super::*;

    fn bytes_of(data: Scalars) -> Vec<u8> {
        ScalarField { data: Some(data) }.encode_to_vec()
    }

    fn ints(data: &[i32]) -> Vec<u8> {
        bytes_of(Scalars::Int(Ints { data: data.to_vec() }))
    }

    #[test]
    fn empty_arrays_of_any_form_are_empty() {
        let rows = [ints(&[-128, 127]), vec![0x32, 0], vec![0x0a, 0], Vec::new()];
        let column = convert(&ValueKind::Int8, &BinaryViewArray::from_iter_values(rows)).unwrap();
        let lists = column.as_list::<i32>();
        assert_eq!(lists.value(0).as_primitive::<Int8Type>().values(), &[-128, 127]);
        assert!((1..4).all(|row| lists.value_length(row) == 0));
    }

    #[test]
    fn elements_of_another_type_or_range_are_refused_by_row() {
        let other = bytes_of(Scalars::Long(Longs { data: vec![1] }));
        for invalid in [ints(&[128]), other, vec![0x3a, 1, 0], vec![0x12, 5, 1], vec![0xff; 11]] {
            let column = BinaryViewArray::from_iter_values([ints(&[1]), invalid.clone()]);
            let Err(fault) = convert(&ValueKind::Int8, &column) else { panic!("{invalid:?}") };
            assert_eq!(fault.row, 1, "{invalid:?}");
        }
    }
}
