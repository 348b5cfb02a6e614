//! The live rows of a collection as JSON, for tests.

use std::collections::BTreeMap;

use prost::Message;
use proto::schema::scalar_field::Data;
use proto::schema::{DataType, ScalarField};
use serde_json::{Map, Value, json};

use super::cell::{Cell, Column, user_columns};
use super::reply::Version;
use super::state::Collection;

/// Returns the live rows sorted by key: the fields by name, and the name of the partition as `$partition`.
///
/// Vectors of 32-bit floats are lists of numbers, other dense vectors lists of bytes, sparse vectors objects of values
/// by index.
pub(super) fn live_rows(held: &Collection, version: Version) -> Vec<Value> {
    let columns = user_columns(held, version);
    let names: BTreeMap<i64, &str> =
        held.partitions.iter().map(|partition| (partition.id, partition.name.as_str())).collect();
    let mut rows = held.live_rows();
    rows.sort_by(|(_, a), (_, b)| (&a.key, a.time, a.id).cmp(&(&b.key, b.time, b.id)));
    let row = |(partition, row): (i64, &super::cell::Row)| {
        let mut fields = Map::new();
        for column in &columns {
            let filler = column.filler();
            let cell = row.cells.get(&column.id).or(filler.as_ref()).unwrap_or(&Cell::Null);
            fields.insert(column.name.clone(), to_json(cell, column));
        }
        fields.insert("$partition".to_owned(), json!(names.get(&partition)));
        Value::Object(fields)
    };
    rows.into_iter().map(row).collect()
}

fn to_json(cell: &Cell, column: &Column) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(value) => json!(value),
        Cell::Int(value) => json!(value),
        Cell::Float(value) => json!(value),
        Cell::Double(value) => json!(value),
        Cell::List(vectors) => vectors.iter().map(|vector| vector_json(vector, column.element)).collect(),
        Cell::Bytes(bytes) => match column.data_type {
            DataType::String | DataType::VarChar | DataType::Text => json!(String::from_utf8_lossy(bytes)),
            DataType::Json => {
                serde_json::from_slice(bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(bytes)))
            }
            DataType::Array => array_json(bytes),
            DataType::SparseFloatVector => sparse_json(bytes),
            other => vector_json(bytes, other),
        },
    }
}

fn vector_json(bytes: &[u8], data_type: DataType) -> Value {
    if data_type != DataType::FloatVector {
        return json!(bytes);
    }
    let numbers = bytes.chunks_exact(4).filter_map(|bytes| bytes.try_into().ok());
    numbers.map(|bytes| json!(f32::from_le_bytes(bytes))).collect()
}

fn sparse_json(bytes: &[u8]) -> Value {
    let pairs = bytes.chunks_exact(8).filter_map(|pair| {
        let (index, value) = pair.split_at(4);
        Some((u32::from_le_bytes(index.try_into().ok()?), f32::from_le_bytes(value.try_into().ok()?)))
    });
    Value::Object(pairs.map(|(index, value)| (index.to_string(), json!(value))).collect())
}

fn array_json(bytes: &[u8]) -> Value {
    match ScalarField::decode(bytes).ok().and_then(|field| field.data) {
        Some(Data::BoolData(values)) => json!(values.data),
        Some(Data::IntData(values)) => json!(values.data),
        Some(Data::LongData(values)) => json!(values.data),
        Some(Data::FloatData(values)) => json!(values.data),
        Some(Data::DoubleData(values)) => json!(values.data),
        Some(Data::StringData(values)) => json!(values.data),
        _ => json!([]),
    }
}
