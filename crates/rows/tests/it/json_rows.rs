//! The rows of a batch as JSON, in the form of the recorded rows.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field};
use serde_json::{Map, Value, json};

/// Returns the rows of a batch; the keys of the hidden field become keys of the row.
pub(crate) fn of_batch(batch: &RecordBatch, partition: &str) -> Vec<Value> {
    let schema = batch.schema();
    (0..batch.num_rows())
        .map(|row| {
            let mut object = Map::new();
            for (field, column) in schema.fields().iter().zip(batch.columns()) {
                let value = value_of(field, column, row);
                match value {
                    Value::Object(keys) if field.name() == "$meta" => {
                        for (key, value) in keys {
                            object.entry(key).or_insert(value);
                        }
                    }
                    value => drop(object.insert(field.name().clone(), value)),
                }
            }
            object.insert("$partition".to_owned(), json!(partition));
            Value::Object(object)
        })
        .collect()
}

fn value_of(field: &Field, column: &ArrayRef, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    let milvus = field.metadata().get("milvus.type").map_or("", String::as_str);
    match column.data_type() {
        DataType::Boolean => json!(column.as_boolean().value(row)),
        DataType::Int8 => json!(column.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => json!(column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => json!(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt32 => json!(column.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => json!(column.as_primitive::<UInt64Type>().value(row)),
        DataType::Timestamp(_, _) => json!(column.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Float16 => json!(column.as_primitive::<Float16Type>().value(row).to_f64()),
        DataType::Float32 => json!(f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 if milvus == "JSON" => json_or_text(column.as_string::<i32>().value(row)),
        DataType::Utf8 => json!(column.as_string::<i32>().value(row)),
        DataType::Binary => json!(hex(column.as_binary::<i32>().value(row))),
        DataType::FixedSizeBinary(_) if milvus == "BFloat16Vector" => {
            let (halves, _) = column.as_fixed_size_binary().value(row).as_chunks::<2>();
            halves.iter().map(|half| json!(half::bf16::from_le_bytes(*half).to_f64())).collect()
        }
        DataType::FixedSizeBinary(_) => json!(hex(column.as_fixed_size_binary().value(row))),
        DataType::List(item) => list(item, &column.as_list::<i32>().value(row)),
        DataType::FixedSizeList(item, _) => list(item, &column.as_fixed_size_list().value(row)),
        DataType::Map(_, _) => {
            let entries = column.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let pairs = (0..entries.len()).map(|pair| {
                let key = keys.as_primitive::<UInt32Type>().value(pair).to_string();
                (key, json!(f64::from(values.as_primitive::<Float32Type>().value(pair))))
            });
            Value::Object(pairs.collect())
        }
        other => panic!("unexpected type {other}"),
    }
}

/// Milvus accepts any bytes as JSON.
fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn list(item: &Field, values: &ArrayRef) -> Value {
    (0..values.len()).map(|row| value_of(item, values, row)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
