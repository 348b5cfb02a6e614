//! The values of an inserted column in the stored form.

use prost::Message;
use proto::schema::field_data::Field;
use proto::schema::scalar_field::Data as Scalars;
use proto::schema::vector_field::Data as Vectors;
use proto::schema::{DataType, FieldData, ScalarField, VectorField};

use super::cell::{Cell, Column, Form};

/// Returns the values of a column, only the valid ones if it has nulls; `None` if they are of another kind.
pub(super) fn read_cells(data: &FieldData, column: &Column) -> Option<Vec<Cell>> {
    match data.field.as_ref()? {
        Field::Scalars(scalars) => scalar_cells(scalars, column),
        Field::Vectors(vectors) => vector_cells(vectors, column),
        Field::StructArrays(_) => None,
    }
}

fn scalar_cells(scalars: &ScalarField, column: &Column) -> Option<Vec<Cell>> {
    let bytes = |value: &[u8]| Cell::Bytes(value.to_vec());
    let cells = match (scalars.data.as_ref()?, column.form(), column.data_type) {
        (Scalars::BoolData(values), Form::Bool, _) => values.data.iter().copied().map(Cell::Bool).collect(),
        (Scalars::IntData(values), Form::Int8 | Form::Int16 | Form::Int32, _) => {
            values.data.iter().map(|value| Cell::Int((*value).into())).collect()
        }
        (Scalars::LongData(values), Form::Int64, DataType::Int64) => {
            values.data.iter().copied().map(Cell::Int).collect()
        }
        (Scalars::TimestamptzData(values), Form::Int64, DataType::Timestamptz) => {
            values.data.iter().copied().map(Cell::Int).collect()
        }
        (Scalars::StringData(values), _, DataType::Timestamptz) => {
            values.data.iter().map(|text| read_time(text)).collect::<Option<_>>()?
        }
        (Scalars::FloatData(values), Form::Float, _) => {
            values.data.iter().copied().map(Cell::Float).collect()
        }
        (Scalars::DoubleData(values), Form::Double, _) => {
            values.data.iter().copied().map(Cell::Double).collect()
        }
        (Scalars::StringData(values), Form::Text, _) => {
            values.data.iter().map(|text| bytes(text.as_bytes())).collect()
        }
        (Scalars::JsonData(values), _, DataType::Json) => {
            values.data.iter().map(|json| bytes(json)).collect()
        }
        (Scalars::ArrayData(values), _, DataType::Array) => {
            values.data.iter().map(|array| Cell::Bytes(array.encode_to_vec())).collect()
        }
        (Scalars::GeometryData(values), _, DataType::Geometry) => {
            values.data.iter().map(|shape| bytes(shape)).collect()
        }
        (Scalars::GeometryWktData(values), _, DataType::Geometry) => {
            values.data.iter().map(|text| read_point(text)).collect::<Option<_>>()?
        }
        _ => return None,
    };
    Some(cells)
}

fn vector_cells(vectors: &VectorField, column: &Column) -> Option<Vec<Cell>> {
    let data = vectors.data.as_ref()?;
    if let (Vectors::VectorArray(lists), Form::List(width)) = (data, column.form()) {
        let list = |list: &VectorField| Some(Cell::List(split(list.data.as_ref()?, width)?));
        return lists.data.iter().map(list).collect();
    }
    if let (Vectors::SparseFloatVector(rows), DataType::SparseFloatVector) = (data, column.data_type) {
        return Some(rows.contents.iter().map(|row| Cell::Bytes(row.clone())).collect());
    }
    let fits = matches!(
        (data, column.data_type),
        (Vectors::FloatVector(_), DataType::FloatVector)
            | (Vectors::BinaryVector(_), DataType::BinaryVector)
            | (Vectors::Float16Vector(_), DataType::Float16Vector)
            | (Vectors::Bfloat16Vector(_), DataType::BFloat16Vector)
            | (Vectors::Int8Vector(_), DataType::Int8Vector)
    );
    match column.form() {
        Form::Fixed(width) if fits => Some(split(data, width)?.into_iter().map(Cell::Bytes).collect()),
        _ => None,
    }
}

/// Splits concatenated vectors of the same width.
fn split(data: &Vectors, width: usize) -> Option<Vec<Vec<u8>>> {
    let bytes = match data {
        Vectors::FloatVector(values) => values.data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Vectors::BinaryVector(bytes)
        | Vectors::Float16Vector(bytes)
        | Vectors::Bfloat16Vector(bytes)
        | Vectors::Int8Vector(bytes) => bytes.clone(),
        Vectors::SparseFloatVector(_) | Vectors::VectorArray(_) => return None,
    };
    (width > 0).then(|| bytes.chunks(width).map(<[u8]>::to_vec).collect())
}

/// Converts a time to microseconds since 1970.
fn read_time(text: &str) -> Option<Cell> {
    text.parse::<jiff::Timestamp>().ok().map(|time| Cell::Int(time.as_microsecond()))
}

/// Converts `POINT (x y)`, the only shape that the fake knows, to its binary form.
fn read_point(text: &str) -> Option<Cell> {
    let inside = text.trim().strip_prefix("POINT")?.trim().strip_prefix('(')?.strip_suffix(')')?;
    let numbers: Vec<f64> = inside.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let [x, y] = numbers.as_slice() else { return None };
    let mut bytes = vec![1, 1, 0, 0, 0];
    bytes.extend(x.to_le_bytes());
    bytes.extend(y.to_le_bytes());
    Some(Cell::Bytes(bytes))
}

/// Returns the output of a BM25 function: how often each word of a text occurs, by the hash of the word.
pub(super) fn count_words(text: &[u8]) -> Cell {
    let text = String::from_utf8_lossy(text).to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut counts = std::collections::BTreeMap::<u32, f32>::new();
    for word in words {
        *counts.entry(super::hash::hash(&super::cell::Key::Text(word.to_owned()))).or_default() += 1.0;
    }
    let pairs = counts.into_iter().flat_map(|(index, count)| [index.to_le_bytes(), count.to_le_bytes()]);
    Cell::Bytes(pairs.flatten().collect())
}
