//! Vectors, alone and in arrays.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Int8Type, UInt32Type};
use model::manifest::DataType;
use proto::schema::vector_field::Data;
use proto::schema::{FloatArray, SparseFloatArray, VectorArray, VectorField};

use super::columns::InsertColumn;

/// Encodes the vectors that are not null.
pub(super) fn encode(column: &InsertColumn, values: &dyn Array) -> VectorField {
    match column.data_type {
        DataType::SPARSE_FLOAT_VECTOR => {
            let contents: Vec<Vec<u8>> = sparse_rows(values).map(|(_, pairs)| to_bytes(&pairs)).collect();
            let last =
                sparse_rows(values).filter_map(|(_, pairs)| pairs.last().map(|(index, _)| *index)).max();
            let dim = last.map_or(0, |last| i64::from(last) + 1);
            let data = Some(Data::SparseFloatVector(SparseFloatArray { contents, dim }));
            VectorField { dim, data }
        }
        DataType::ARRAY_OF_VECTOR => {
            let lists = values.as_list_opt::<i32>().into_iter().flat_map(|lists| lists.iter().flatten());
            let data = lists.map(|list| dense(column.element_type, column.dim, &list));
            let (dim, element_type) = (to_i64(column.dim), column.element_type.0);
            let data = VectorArray { dim, data: data.collect(), element_type };
            VectorField { dim, data: Some(Data::VectorArray(data)) }
        }
        dense_type => dense(dense_type, column.dim, values),
    }
}

/// Encodes dense vectors one after the other.
fn dense(data_type: DataType, dim: usize, values: &dyn Array) -> VectorField {
    let valid = (0..values.len()).filter(|row| values.is_valid(*row));
    let data = match data_type {
        DataType::FLOAT_VECTOR => Data::FloatVector(FloatArray {
            data: valid.filter_map(|row| float_vector(values, row)).flatten().copied().collect(),
        }),
        DataType::FLOAT16_VECTOR => {
            let halves = valid.filter_map(|row| half_vector(values, row)).flatten();
            Data::Float16Vector(halves.flat_map(|half| half.to_le_bytes()).collect())
        }
        DataType::INT8_VECTOR => {
            let numbers = valid.filter_map(|row| numbers_of::<Int8Type>(values, row)).flatten();
            Data::Int8Vector(numbers.map(|number| number.cast_unsigned()).collect())
        }
        DataType::BFLOAT16_VECTOR => Data::Bfloat16Vector(concat(values)),
        _ => Data::BinaryVector(concat(values)),
    };
    VectorField { dim: to_i64(dim), data: Some(data) }
}

/// Returns the numbers of one vector of 32-bit floats.
pub(super) fn float_vector(values: &dyn Array, row: usize) -> Option<&[f32]> {
    numbers_of::<Float32Type>(values, row)
}

/// Returns the numbers of one vector of 16-bit floats.
pub(super) fn half_vector(
    values: &dyn Array,
    row: usize,
) -> Option<&[<Float16Type as arrow_array::ArrowPrimitiveType>::Native]> {
    numbers_of::<Float16Type>(values, row)
}

fn numbers_of<T: arrow_array::ArrowPrimitiveType>(values: &dyn Array, row: usize) -> Option<&[T::Native]> {
    let lists = values.as_fixed_size_list_opt()?;
    let numbers = lists.values().as_primitive_opt::<T>()?;
    let start = lists.value_offset_at(row);
    numbers.values().get(start..start + usize::try_from(lists.value_length()).ok()?)
}

/// Returns the bytes of all vectors that are not null.
fn concat(values: &dyn Array) -> Vec<u8> {
    let vectors = values.as_fixed_size_binary_opt().into_iter().flatten().flatten();
    vectors.flatten().copied().collect()
}

/// Returns the sparse vectors that are not null, with their rows: pairs of an index and a value.
pub(super) fn sparse_rows(values: &dyn Array) -> impl Iterator<Item = (usize, Vec<(u32, f32)>)> + '_ {
    let maps = values.as_map_opt();
    let valid = (0..values.len()).filter(|row| values.is_valid(*row));
    valid.filter_map(move |row| {
        let entries = maps?.value(row);
        let indexes = entries.column(0).as_primitive_opt::<UInt32Type>()?.values().to_vec();
        let numbers = entries.column(1).as_primitive_opt::<Float32Type>()?.values().to_vec();
        Some((row, indexes.into_iter().zip(numbers).collect()))
    })
}

fn to_bytes(pairs: &[(u32, f32)]) -> Vec<u8> {
    pairs.iter().flat_map(|(index, value)| [index.to_le_bytes(), value.to_le_bytes()]).flatten().collect()
}

fn to_i64(dim: usize) -> i64 {
    i64::try_from(dim).unwrap_or(i64::MAX)
}
