//! Dense vectors, alone and in arrays.

use std::sync::Arc;

use arrow_array::types::{Float16Type, Float32Type, Int8Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray, FixedSizeBinaryArray, FixedSizeListArray,
    ListArray, PrimitiveArray,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as ArrowType;
use model::manifest::{DataType, Field};
use prost::Message;

use super::{ValueFault, item};
use crate::error::{Reason, Unsupported};

/// The largest dimension that Milvus allows for any vector; binary ones may have eight times as many bits.
const MAX_DIM: usize = 32_768 * 8;

/// The type of a dense vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VectorType {
    element: Element,
    dim: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Bit,
    Float,
    Float16,
    BFloat16,
    Int8,
}

impl VectorType {
    /// Derives the type of vectors from their data type and the parameter `dim` of their field.
    pub(super) fn new(data_type: DataType, field: &Field) -> Result<Self, Reason> {
        let element = match data_type {
            DataType::BINARY_VECTOR => Element::Bit,
            DataType::FLOAT_VECTOR => Element::Float,
            DataType::FLOAT16_VECTOR => Element::Float16,
            DataType::BFLOAT16_VECTOR => Element::BFloat16,
            DataType::INT8_VECTOR => Element::Int8,
            other => return Err(Unsupported::Type(other).into()),
        };
        let dim = field.type_params.iter().find(|param| param.key == "dim").map(|param| param.value.as_str());
        let parsed = dim.and_then(|dim| dim.parse().ok()).filter(|dim| (1..=MAX_DIM).contains(dim));
        match parsed {
            Some(dim) if element != Element::Bit || dim % 8 == 0 => Ok(Self { element, dim }),
            _ => Err(Reason::Request(format!(
                "the schema has no valid dimension for field {:?}: {:?}",
                field.name,
                dim.unwrap_or_default()
            ))),
        }
    }

    pub(super) fn dim(self) -> usize {
        self.dim
    }

    /// Returns the size of a vector in bytes.
    pub(crate) fn width(self) -> usize {
        match self.element {
            Element::Bit => self.dim / 8,
            Element::Float => self.dim * 4,
            Element::Float16 | Element::BFloat16 => self.dim * 2,
            Element::Int8 => self.dim,
        }
    }

    /// Returns Arrow's type: a list of numbers, or bytes where Arrow has no such number.
    pub(super) fn to_arrow(self) -> ArrowType {
        let list = |number| ArrowType::FixedSizeList(item(number), to_i32(self.dim));
        match self.element {
            Element::Float => list(ArrowType::Float32),
            Element::Float16 => list(ArrowType::Float16),
            Element::Int8 => list(ArrowType::Int8),
            Element::Bit | Element::BFloat16 => ArrowType::FixedSizeBinary(to_i32(self.width())),
        }
    }

    /// Makes an array of vectors from their bytes, one after the other, with any bytes for nulls.
    fn build(self, bytes: Buffer, nulls: Option<NullBuffer>) -> Result<ArrayRef, ValueFault> {
        let count = bytes.len() / self.width();
        let internal = |error: arrow_schema::ArrowError| ValueFault::new(0, error.to_string());
        let values: ArrayRef = match self.element {
            Element::Float => numbers::<Float32Type>(bytes),
            Element::Float16 => numbers::<Float16Type>(bytes),
            Element::Int8 => numbers::<Int8Type>(bytes),
            Element::Bit | Element::BFloat16 => {
                let array = FixedSizeBinaryArray::try_new_with_len(to_i32(self.width()), bytes, nulls, count);
                return Ok(Arc::new(array.map_err(internal)?));
            }
        };
        let list = FixedSizeListArray::try_new_with_length(
            item(values.data_type().clone()),
            to_i32(self.dim),
            values,
            nulls,
            count,
        );
        Ok(Arc::new(list.map_err(internal)?))
    }

    /// Converts a column of fixed width.
    pub(super) fn convert_fixed(self, column: &FixedSizeBinaryArray) -> Result<ArrayRef, ValueFault> {
        let bytes = column.values().slice_with_length(0, column.len() * self.width());
        self.build(bytes, column.nulls().cloned())
    }

    /// Converts a column without a fixed width, in which every value must have that of the type.
    pub(super) fn convert_views(self, column: &BinaryViewArray) -> Result<ArrayRef, ValueFault> {
        let mut bytes = Vec::with_capacity(column.len() * self.width());
        for (row, value) in column.iter().enumerate() {
            match value {
                Some(value) if value.len() == self.width() => bytes.extend_from_slice(value),
                None => bytes.resize(bytes.len() + self.width(), 0),
                Some(value) => {
                    let problem = format!("a vector of {} bytes instead of {}", value.len(), self.width());
                    return Err(ValueFault::new(row, problem));
                }
            }
        }
        self.build(Buffer::from_vec(bytes), column.nulls().cloned())
    }

    /// Converts lists of vectors.
    pub(super) fn convert_lists(self, column: &ListArray) -> Result<ArrayRef, ValueFault> {
        let first = column.value_offsets().first().copied().unwrap_or(0);
        let last = column.value_offsets().last().copied().unwrap_or(0);
        let elements = column.values().slice(to_usize(first), to_usize(last - first));
        let vectors = elements.as_any().downcast_ref::<FixedSizeBinaryArray>();
        let vectors = vectors.ok_or_else(|| ValueFault::new(0, "not a list of vectors"))?;
        if vectors.null_count() > 0 {
            return Err(ValueFault::new(0, "a vector in an array is null"));
        }
        let offsets = column.value_offsets().iter().map(|offset| offset - first).collect();
        build_list(OffsetBuffer::new(offsets), self.convert_fixed(vectors)?, column.nulls())
    }

    /// Converts arrays of vectors that are stored as messages (Milvus 2.6.0 and 2.6.1).
    pub(super) fn convert_messages(self, column: &BinaryViewArray) -> Result<ArrayRef, ValueFault> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut lengths = Vec::with_capacity(column.len());
        for (row, value) in column.iter().enumerate() {
            let wrong = |problem: String| ValueFault::new(row, problem);
            let before = bytes.len();
            let message = VectorField::decode(value.unwrap_or_default());
            match message.map_err(|error| wrong(error.to_string()))?.data {
                None => {}
                Some(Vectors::Float(FloatArray { data })) if self.element == Element::Float => {
                    bytes.extend(data.into_iter().flat_map(f32::to_le_bytes));
                }
                Some(Vectors::Binary(data)) if self.element == Element::Bit => bytes.extend(data),
                Some(Vectors::Float16(data)) if self.element == Element::Float16 => bytes.extend(data),
                Some(Vectors::BFloat16(data)) if self.element == Element::BFloat16 => bytes.extend(data),
                Some(Vectors::Int8(data)) if self.element == Element::Int8 => bytes.extend(data),
                Some(_) => return Err(wrong("vectors of another type".to_owned())),
            }
            let added = bytes.len() - before;
            if !added.is_multiple_of(self.width()) {
                return Err(wrong(format!("{added} bytes are no multiple of {}", self.width())));
            }
            lengths.push(added / self.width());
        }
        let offsets = OffsetBuffer::from_lengths(lengths);
        build_list(offsets, self.build(Buffer::from_vec(bytes), None)?, column.nulls())
    }
}

/// Makes lists of the elements between the offsets.
pub(super) fn build_list(
    offsets: OffsetBuffer<i32>,
    elements: ArrayRef,
    nulls: Option<&NullBuffer>,
) -> Result<ArrayRef, ValueFault> {
    let list = ListArray::try_new(item(elements.data_type().clone()), offsets, elements, nulls.cloned());
    list.map(|list| Arc::new(list) as ArrayRef).map_err(|error| ValueFault::new(0, error.to_string()))
}

/// Makes numbers of their bytes, without copying them where they are aligned.
fn numbers<T: ArrowPrimitiveType>(bytes: Buffer) -> ArrayRef {
    let count = bytes.len() / size_of::<T::Native>();
    let aligned = match bytes.as_ptr().align_offset(align_of::<T::Native>()) {
        0 => bytes,
        _ => Buffer::from_slice_ref(bytes.as_slice()),
    };
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::new(aligned, 0, count), None))
}

/// Converts a dimension or a width, which [`MAX_DIM`] limits.
fn to_i32(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn to_usize(offset: i32) -> usize {
    usize::try_from(offset).unwrap_or(0)
}

#[derive(Clone, PartialEq, Message)]
struct VectorField {
    #[prost(oneof = "Vectors", tags = "2, 3, 4, 5, 7")]
    data: Option<Vectors>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Vectors {
    #[prost(message, tag = "2")]
    Float(FloatArray),
    #[prost(bytes, tag = "3")]
    Binary(Vec<u8>),
    #[prost(bytes, tag = "4")]
    Float16(Vec<u8>),
    #[prost(bytes, tag = "5")]
    BFloat16(Vec<u8>),
    #[prost(bytes, tag = "7")]
    Int8(Vec<u8>),
}

#[derive(Clone, PartialEq, Message)]
struct FloatArray {
    #[prost(float, repeated, tag = "1")]
    data: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;

    use super::*;

    const TYPE: VectorType = VectorType { element: Element::Float, dim: 2 };

    #[test]
    fn arrays_of_vectors_are_read_from_messages() {
        let message = |data: &[f32]| {
            let data = Some(Vectors::Float(FloatArray { data: data.to_vec() }));
            VectorField { data }.encode_to_vec()
        };
        let rows = [message(&[1.0, 2.0, 3.0, 4.0]), message(&[])];
        let column = TYPE.convert_messages(&BinaryViewArray::from_iter_values(rows)).unwrap();
        let lists = column.as_list::<i32>();
        assert_eq!((lists.value_length(0), lists.value_length(1)), (2, 0));
        let second = lists.value(0).as_fixed_size_list().value(1);
        assert_eq!(second.as_primitive::<Float32Type>().values(), &[3.0, 4.0]);

        let binary = VectorField { data: Some(Vectors::Binary(vec![1])) }.encode_to_vec();
        for invalid in [message(&[1.0, 2.0, 3.0]), binary] {
            let column = BinaryViewArray::from_iter_values([message(&[]), invalid]);
            assert_eq!(TYPE.convert_messages(&column).unwrap_err().row, 1);
        }
    }

    #[test]
    fn vectors_that_may_be_null_must_have_their_width() {
        let column = [Some(&[0; 8][..]), None].into_iter().collect();
        let vectors = TYPE.convert_views(&column).unwrap();
        assert!(vectors.is_valid(0) && vectors.is_null(1));
        let column = [None, Some(&[0; 7][..])].into_iter().collect();
        assert_eq!(TYPE.convert_views(&column).unwrap_err().row, 1);
    }

    #[test]
    fn a_dimension_must_be_positive_and_fill_bytes() {
        for (data_type, dim) in
            [(DataType::FLOAT_VECTOR, "0"), (DataType::BINARY_VECTOR, "12"), (DataType::INT8_VECTOR, "x")]
        {
            let type_params = vec![model::manifest::KeyValue::new("dim", dim)];
            let field = Field { data_type, type_params, ..Field::default() };
            assert!(VectorType::new(data_type, &field).is_err(), "{dim}");
        }
    }
}
