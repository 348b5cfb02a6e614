//! The rows of a batch as JSON, in the form of the recorded rows.

use arrow_array::RecordBatch;
use milvus_backup_rows::write_json_row;
use serde_json::{Value, json};

/// Returns the rows of a batch; the keys of the hidden field become keys of the row.
pub(crate) fn of_batch(batch: &RecordBatch, partition: &str) -> Vec<Value> {
    (0..batch.num_rows())
        .map(|row| {
            let mut line = String::new();
            write_json_row(batch, row, &mut line);
            assert!(!line.contains('\n'), "{line}");
            let mut object: serde_json::Map<String, Value> = serde_json::from_str(&line).unwrap();
            for field in batch.schema().fields() {
                let metadata = |key| field.metadata().get(key).map_or("", String::as_str);
                let value = object.get_mut(field.name()).unwrap();
                match (metadata("milvus.type"), metadata("milvus.element_type")) {
                    (
                        "Float" | "FloatVector" | "Float16Vector" | "BFloat16Vector" | "SparseFloatVector",
                        _,
                    )
                    | (_, "Float" | "FloatVector") => {
                        widen(value);
                    }
                    ("BinaryVector" | "Geometry", _) if !value.is_null() => *value = hex(value),
                    (_, "BinaryVector") => {
                        value.as_array_mut().unwrap().iter_mut().for_each(|item| *item = hex(item));
                    }
                    _ => {}
                }
            }
            if let Some(Value::Object(keys)) = object.remove("$meta") {
                for (key, value) in keys {
                    object.entry(key).or_insert(value);
                }
            }
            object.insert("$partition".to_owned(), json!(partition));
            Value::Object(object)
        })
        .collect()
}

/// Gives 32-bit floats all the digits of their 64-bit form, as they are recorded.
fn widen(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(widen),
        Value::Object(entries) => entries.values_mut().for_each(widen),
        Value::Number(number) => *value = json!(f64::from(number.to_string().parse::<f32>().unwrap())),
        _ => {}
    }
}

fn hex(bytes: &Value) -> Value {
    let bytes = bytes.as_array().unwrap().iter().map(|byte| format!("{:02x}", byte.as_u64().unwrap()));
    bytes.collect::<String>().into()
}
