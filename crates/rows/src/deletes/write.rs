//! Writes delta logs in the one form that every Milvus release imports.

use std::sync::Arc;

use arrow_array::BinaryViewArray;
use bytes::Bytes;
use model::ids::{CollectionId, PartitionScope, SegmentId, Tso};
use model::manifest::DataType;
use parquet::basic::LogicalType;
use serde::Serialize;

use super::entry::RowKey;
use crate::error::{Place, Reason, Result, RowsError};
use crate::file::{ColumnForm, ColumnWriter, DELETE_EVENT, NewBinlog, Physical};

/// An entry of a delta log: a key, and the time at which the rows with the key were deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteEntry {
    /// The key.
    pub key: RowKey,
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
    let form =
        ColumnForm { physical: Physical::Bytes, annotation: Some(LogicalType::String), nullable: false };
    let column = ColumnWriter::new(&form).and_then(|mut column| {
        column.write(Arc::new(BinaryViewArray::from_iter_values(&texts)))?;
        column.close()
    });
    let column = column.map_err(fail)?;
    let times = entries.iter().map(|entry| entry.time.0);
    let timestamps = [times.clone().min().unwrap_or(0), times.max().unwrap_or(0)];
    let binlog = NewBinlog {
        ids: [collection.0, partition.to_wire(), segment.0, -1],
        timestamps,
        data_type: DataType::STRING.0,
        extras: &column.extras,
        kind: DELETE_EVENT,
        payload: &column.parquet,
    };
    let file = binlog.encode().ok_or_else(|| Reason::Request("a delta log cannot exceed 2 GiB".to_owned()));
    file.map(Bytes::from).map_err(fail)
}

fn encode_entry(entry: &DeleteEntry) -> Result<String, Reason> {
    let (pk, pk_type) = match &entry.key {
        RowKey::Int64(key) => (JsonKey::Int64(*key), DataType::INT64),
        RowKey::VarChar(key) => (JsonKey::VarChar(key), DataType::VARCHAR),
    };
    let json = JsonEntry { pk, ts: entry.time.0, pk_type: pk_type.0 };
    serde_json::to_string(&json).map_err(|error| Reason::Request(error.to_string()))
}
