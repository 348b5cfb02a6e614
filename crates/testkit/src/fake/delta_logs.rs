//! The entries of delta logs, in both directions.

use std::path::PathBuf;

use bytes::Bytes;
use proto::schema::DataType;

use super::cell::{Cell, Deletion, Key};
use super::container;
use super::parquet;

/// Reads the deletes in delta logs.
pub(super) fn read_deletes(files: &[PathBuf]) -> Result<Vec<Deletion>, String> {
    let mut deletes = Vec::new();
    for path in files {
        let content = std::fs::read(path).map_err(|error| error.to_string())?;
        let contents =
            container::decode(&content).map_err(|error| format!("{error}: service internal error"))?;
        let columns = parquet::read(Bytes::copy_from_slice(contents.payload))?;
        let cells = columns.into_iter().next().map(|column| column.cells).unwrap_or_default();
        for cell in cells {
            let Cell::Bytes(text) = cell else { return Err("a delete is no text".to_owned()) };
            deletes.push(parse_delete(&text)?);
        }
    }
    Ok(deletes)
}

/// Parses a delete as every release writes it, or as those before 2.2 did.
fn parse_delete(text: &[u8]) -> Result<Deletion, String> {
    let text = String::from_utf8_lossy(text);
    let bad = || format!("the format of deletion string is incorrect: {text}");
    if let Some((key, time)) = text.split_once(',').filter(|_| !text.starts_with('{')) {
        let (Ok(key), Ok(time)) = (key.parse(), time.parse()) else { return Err(bad()) };
        return Ok(Deletion { key: Key::Int(key), time });
    }
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|_| bad())?;
    let key = match json.get("pk") {
        Some(serde_json::Value::String(key)) => Some(Key::Text(key.clone())),
        Some(key) => key.as_i64().map(Key::Int),
        None => None,
    };
    let time = json.get("ts").and_then(serde_json::Value::as_u64);
    key.zip(time).map(|(key, time)| Deletion { key, time }).ok_or_else(bad)
}

/// Encodes a delete as every release does.
pub(super) fn encode_delete(delete: &Deletion) -> String {
    let (key, data_type) = match &delete.key {
        Key::Int(key) => (serde_json::Value::from(*key), DataType::Int64),
        Key::Text(key) => (serde_json::Value::from(key.as_str()), DataType::VarChar),
    };
    format!(r#"{{"pk":{key},"ts":{},"pkType":{}}}"#, delete.time, i32::from(data_type))
}
