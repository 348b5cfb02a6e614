//! The forms of delta logs, and which rows they delete.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};
use milvus_backup_rows::{
    DeleteEntry, DeleteMap, DeltaFile, DeltaFiles, KeyType, ReadOptions, Reason, RowKey, RowsError,
    SegmentReader, encode_delta_log,
};
use model::ids::{CollectionId, LogId, PartitionId, PartitionScope, SegmentId, Tso};
use model::key::ObjectKey;
use model::manifest::{DataType, DeltaLog};
use serde_json::json;

use crate::backup::{disk, read_all};
use crate::made::{MadeSegment, Style, container, parquet, schema};

const PLAIN: Style = Style { compressed: false, group_rows: 1 << 20 };
const DELETE: u8 = 2;

/// Reads one delta log with this content.
async fn read_log(content: &[u8], key_type: KeyType) -> Result<DeleteMap, RowsError> {
    read_log_until(content, key_type, None).await
}

async fn read_log_until(
    content: &[u8],
    key_type: KeyType,
    until: Option<Tso>,
) -> Result<DeleteMap, RowsError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, content).unwrap();
    let log = DeltaLog { log: LogId(9), size: 0 };
    let segment = DeltaFiles {
        collection: CollectionId(1),
        partition: PartitionScope::One(PartitionId(2)),
        segment: SegmentId(3),
        files: vec![DeltaFile { key: ObjectKey::new(path.to_str().unwrap()), log }],
        until,
    };
    DeleteMap::read(&disk(), key_type, &[segment]).await
}

fn numbers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// A delta log with one event for each list of entries.
fn log_of_texts(events: &[&[&str]]) -> Vec<u8> {
    let payloads: Vec<_> =
        events.iter().map(|entries| parquet(&[("0", 0, texts(entries))], Style::default(), &[])).collect();
    let payloads: Vec<_> = payloads.iter().map(Vec::as_slice).collect();
    container([1, 2, 3, -1], DataType::STRING, r#"{"original_size":"1"}"#, DELETE, &payloads)
}

#[tokio::test]
async fn entries_as_text_in_both_forms_and_several_events_keep_the_latest_deletion_of_a_key() {
    let log = log_of_texts(&[
        &[r#"{"pk":9007199254740993,"ts":5,"pkType":5}"#, "9007199254740993,7"],
        &["9007199254740993,6", r#"{"pk":-1,"ts":18446744073709551615,"pkType":5}"#],
    ]);
    let map = read_log(&log, KeyType::Int64).await.unwrap();
    assert_eq!((map.len(), map.entries()), (2, 4));
    assert_eq!(map.deletion_of_int64(9_007_199_254_740_993), Some(Tso(7)));
    assert_eq!(map.deletion_of_int64(9_007_199_254_740_992), None);
    assert_eq!(map.deletion_of_int64(-1), Some(Tso(u64::MAX)));
    let map = read_log_until(&log, KeyType::Int64, Some(Tso(6))).await.unwrap();
    assert_eq!((map.len(), map.deletion_of_int64(9_007_199_254_740_993)), (1, Some(Tso(6))));
}

#[tokio::test]
async fn entries_in_two_columns_are_read_for_both_types_of_keys() {
    let extras = r#"{"original_size":"1","version":"MULTI_FIELD"}"#;
    let payload = parquet(&[("pk", 0, numbers(&[1, 2])), ("ts", 1, numbers(&[5, 6]))], PLAIN, &[]);
    let log = container([1, 2, 3, -1], DataType::INT64, extras, DELETE, &[&payload]);
    assert_eq!(read_log(&log, KeyType::Int64).await.unwrap().deletion_of_int64(2), Some(Tso(6)));
    assert!(read_log(&log, KeyType::VarChar).await.is_err());

    let payload = parquet(&[("pk", 0, texts(&["a", ""])), ("ts", 1, numbers(&[5, 6]))], PLAIN, &[]);
    let log = container([0; 4], DataType::INT64, extras, DELETE, &[&payload]);
    assert_eq!(read_log(&log, KeyType::VarChar).await.unwrap().deletion_of_text(b""), Some(Tso(6)));

    let bare = parquet(&[("", 0, numbers(&[1])), ("", 1, numbers(&[5]))], PLAIN, &[]);
    assert_eq!(read_log(&bare, KeyType::Int64).await.unwrap().deletion_of_int64(1), Some(Tso(5)));
}

#[tokio::test]
async fn an_invalid_entry_is_refused_by_row() {
    let log = log_of_texts(&[&["1,2", r#"{"pk":"1","ts":2,"pkType":21}"#]]);
    let error = read_log(&log, KeyType::Int64).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::Value { row: 1, .. }), "{}", error.reason());
    assert!(error.place().file.as_ref().unwrap().ends_with("/log"));
}

#[tokio::test]
async fn a_log_of_another_collection_and_a_log_without_deletes_are_refused() {
    let payload = parquet(&[("0", 0, texts(&["1,2"]))], Style::default(), &[]);
    for (ids, kind) in [([7, 2, 3, -1], DELETE), ([1, 2, 3, 100], DELETE), ([1, 2, 3, -1], 1)] {
        let log = container(ids, DataType::STRING, "{}", kind, &[&payload]);
        let error = read_log(&log, KeyType::Int64).await.unwrap_err();
        assert!(matches!(error.reason(), Reason::Inconsistent(_)), "{}", error.reason());
    }
}

#[tokio::test]
async fn a_log_that_a_compaction_copied_names_another_segment_in_its_header() {
    let payload = parquet(&[("0", 0, texts(&["1,2"]))], Style::default(), &[]);
    for ids in [[1, 2, 4, -1], [1, 9, 4, -1], [0; 4]] {
        let log = container(ids, DataType::STRING, "{}", DELETE, &[&payload]);
        assert_eq!(read_log(&log, KeyType::Int64).await.unwrap().deletion_of_int64(1), Some(Tso(2)));
    }
}

#[tokio::test]
async fn written_delta_logs_are_read_back_and_have_the_form_of_milvus() {
    let ids = (CollectionId(1), PartitionScope::One(PartitionId(2)), SegmentId(3));
    let numbers = [(i64::MIN, 5), (1 << 53 | 1, 7), (1 << 53 | 1, 6)];
    let entries = numbers.map(|(key, time)| DeleteEntry { key: RowKey::Int64(key), time: Tso(time) });
    let log = encode_delta_log(ids.0, ids.1, ids.2, &entries).unwrap();
    let map = read_log(&log, KeyType::Int64).await.unwrap();
    assert_eq!((map.len(), map.entries()), (2, 3));
    assert_eq!(map.deletion_of_int64(1 << 53 | 1), Some(Tso(7)));
    // ids, first and last time, type of the payload
    let expected: Vec<u8> =
        [1, 2, 3, -1, 5, 7].iter().flat_map(|number: &i64| number.to_le_bytes()).collect();
    assert_eq!(log[21..69], expected);
    assert_eq!(log[69..73], 20_i32.to_le_bytes());

    for text in ["", "<&> \u{e9}\"\\\n", "1,2"] {
        let entry = DeleteEntry { key: RowKey::VarChar(text.to_owned()), time: Tso(5) };
        let log = encode_delta_log(ids.0, ids.1, ids.2, &[entry]).unwrap();
        let map = read_log(&log, KeyType::VarChar).await.unwrap();
        assert_eq!(map.deletion_of_text(text.as_bytes()), Some(Tso(5)), "{text}");
    }
    let empty = encode_delta_log(ids.0, ids.1, ids.2, &[]).unwrap();
    assert!(read_log(&empty, KeyType::Int64).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_a_later_deletion_of_any_map_deletes_a_row() {
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(5, 1), (6, 1), (7, 1), (5, 2), (5, 3)]);
    let mut deletes = Vec::new();
    for entries in [&["1,6"][..], &["1,4", "2,6"], &[]] {
        deletes.push(Arc::new(read_log(&log_of_texts(&[entries]), KeyType::Int64).await.unwrap()));
    }
    let options = ReadOptions::default();
    let reader = SegmentReader::open(&disk(), &schema(&[]), made.files.clone(), deletes, &options).await;
    let read = read_all(reader.unwrap(), "p").await.unwrap();
    let ids: Vec<_> = read.rows.iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids, [json!(1), json!(1), json!(3)], "the rows at 6 and 7 live");
    assert_eq!((read.counts.stored, read.counts.deleted), (5, 2));
}
