//! Writes delta logs in the one form that every Milvus release imports.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType as ArrowType, Field, Schema};
use bytes::Bytes;
use model::ids::{CollectionId, PartitionScope, SegmentId, Tso};
use model::manifest::DataType;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde::Serialize;

use super::entry::DeletedKey;
use crate::error::{Place, Reason, Result, RowsError};
use crate::file::{DELETE_EVENT, NewBinlog};

/// The bytes that Milvus adds to the length of each text when it states the size of a column.
const TEXT_OVERHEAD: usize = 16;

/// An entry of a delta log: a key, and the time at which the rows with the key were deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteEntry {
    /// The key.
    pub key: DeletedKey,
    /// Rows that were inserted before this time are deleted.
    pub time: Tso,
}

/// The JSON form of an entry.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonEntry<'a> {
    pk: JsonKey<'a>,
    ts: u64,
    pk_type: i32,
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonKey<'a> {
    Int64(i64),
    VarChar(&'a str),
}

/// Encodes a delta log of a segment, with the entries in the given order.
///
/// The result is for insertion into the segment's own directory below `delta_log/`. Milvus before 2.3.4 deletes all
/// rows of a key, whatever their time. Fails if the file would exceed 2 GiB.
pub fn encode_delta_log(
    collection: CollectionId,
    partition: PartitionScope,
    segment: SegmentId,
    entries: &[DeleteEntry],
) -> Result<Bytes> {
    let fail = |reason: Reason| RowsError::new(Place::segment(collection, partition, segment), reason);
    let texts: Vec<String> = entries.iter().map(encode_entry).collect::<Result<_, _>>().map_err(fail)?;
    let original_size: usize = texts.iter().map(|text| text.len() + TEXT_OVERHEAD).sum();
    let payload = encode_column(texts).map_err(|error| fail(error.into()))?;
    let times = entries.iter().map(|entry| entry.time.0);
    let timestamps = [times.clone().min().unwrap_or(0), times.max().unwrap_or(0)];
    let binlog = NewBinlog {
        ids: [collection.0, partition.to_wire(), segment.0, -1],
        timestamps,
        data_type: DataType::STRING.0,
        extras: &format!(r#"{{"original_size":"{original_size}"}}"#),
        kind: DELETE_EVENT,
        payload: &payload,
    };
    let file = binlog.encode().ok_or_else(|| Reason::Request("a delta log cannot exceed 2 GiB".to_owned()));
    file.map(Bytes::from).map_err(fail)
}

fn encode_entry(entry: &DeleteEntry) -> Result<String, Reason> {
    let (pk, pk_type) = match &entry.key {
        DeletedKey::Int64(key) => (JsonKey::Int64(*key), DataType::INT64),
        DeletedKey::VarChar(key) => (JsonKey::VarChar(key), DataType::VARCHAR),
    };
    let json = JsonEntry { pk, ts: entry.time.0, pk_type: pk_type.0 };
    serde_json::to_string(&json).map_err(|error| Reason::Request(error.to_string()))
}

/// Writes a Parquet file as Milvus's own writer does: one required column, without an Arrow schema.
fn encode_column(texts: Vec<String>) -> Result<Vec<u8>, ParquetError> {
    let schema = Arc::new(Schema::new(vec![Field::new("val", ArrowType::Utf8, false)]));
    let column: ArrayRef = Arc::new(StringArray::from(texts));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column])
        .map_err(|error: ArrowError| ParquetError::ArrowError(error.to_string()))?;
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut file, schema, options)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(file)
}
