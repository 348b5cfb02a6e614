//! Which rows and columns of a segment are read, and what is checked meanwhile.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder};
use arrow_array::{Array, ArrayRef, BinaryArray, Int32Array, Int64Array, StringArray};
use milvus_backup_rows::{ReadOptions, Reason, RowCounts, RowsError, SegmentReader, Unsupported};
use model::ids::FieldId;
use model::key::ObjectKey;
use model::manifest::{DataType, Field, Schema, StructArrayField};
use serde_json::{Value, json};

use crate::backup::{CollectionRows, disk, fixture, read_all};
use crate::made::{MadeSegment, Style, container, parquet, schema};

async fn read(
    made: &MadeSegment,
    schema: &Schema,
    options: &ReadOptions,
) -> Result<CollectionRows, RowsError> {
    let reader = SegmentReader::open(&disk(), schema, made.files.clone(), Vec::new(), options).await?;
    read_all(reader, "p").await
}

async fn failure(made: &MadeSegment, schema: &Schema) -> RowsError {
    match read(made, schema, &ReadOptions::default()).await {
        Ok(read) => panic!("{} rows", read.rows.len()),
        Err(error) => error,
    }
}

/// Returns the values of a column.
fn column(read: &CollectionRows, name: &str) -> Vec<Value> {
    read.rows.iter().map(|row| row[name].clone()).collect()
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[tokio::test]
async fn files_of_columns_that_were_not_requested_are_not_read() {
    let schema = schema(&[("text", DataType::VARCHAR), ("other", DataType::VARCHAR)]);
    let mut made = MadeSegment::new();
    made.add_keys(7, &[(5, 1), (6, 2)]);
    made.add_column(101, 7, DataType::VARCHAR, texts(&["a", "b"]), Style::default());
    made.add(102, 7, b"unreadable");
    let options =
        ReadOptions { columns: Some(vec![FieldId(101), FieldId::TIMESTAMP]), ..ReadOptions::default() };
    let read = read(&made, &schema, &options).await.unwrap();
    assert_eq!(column(&read, "text"), ["a", "b"]);
    assert_eq!(column(&read, "Timestamp"), [5, 6]);
    assert!(read.rows[0].get("id").is_none());
}

#[tokio::test]
async fn files_are_ordered_by_number_and_a_later_field_belongs_to_the_last() {
    let mut schema = schema(&[("added", DataType::INT32)]);
    schema.fields[1].nullable = true;
    let mut made = MadeSegment::new();
    made.add_keys(10, &[(5, 3)]);
    made.add_keys(9, &[(5, 1), (5, 2)]);
    made.add_column(101, 11, DataType::INT32, Arc::new(Int32Array::from(vec![8])), Style::default());
    let read = read(&made, &schema, &ReadOptions::default()).await.unwrap();
    assert_eq!(column(&read, "id"), [1, 2, 3]);
    assert_eq!(column(&read, "added"), [Value::Null, Value::Null, json!(8)]);
}

#[tokio::test]
async fn the_fields_of_structs_have_equally_many_elements() {
    // Arrays of 32-bit integers as Milvus serializes them: the elements are packed in field 2, message field 1.
    let arrays = |rows: &[&[u8]]| -> ArrayRef { Arc::new(BinaryArray::from(rows.to_vec())) };
    let one: &[u8] = &[0x12, 0x03, 0x0a, 0x01, 7];
    let two: &[u8] = &[0x12, 0x04, 0x0a, 0x02, 7, 8];
    let mut schema = schema(&[]);
    let field = |id, name: &str| Field {
        id,
        name: name.to_owned(),
        data_type: DataType::ARRAY,
        element_type: DataType::INT32,
        ..Field::default()
    };
    schema.struct_array_fields.push(StructArrayField {
        id: 101,
        name: "parts".to_owned(),
        fields: vec![field(102, "parts[size]"), field(103, "parts[weight]")],
        ..StructArrayField::default()
    });
    for (weights, is_right) in [([two, one], true), ([two, two], false)] {
        let mut made = MadeSegment::new();
        made.add_keys(9, &[(5, 1), (6, 2)]);
        made.add_column(102, 9, DataType::ARRAY, arrays(&[two, one]), Style::default());
        made.add_column(103, 9, DataType::ARRAY, arrays(&weights), Style::default());
        if is_right {
            read(&made, &schema, &ReadOptions::default()).await.unwrap();
            continue;
        }
        let error = failure(&made, &schema).await;
        assert_eq!(error.place().field, Some(FieldId(103)));
        let Reason::Value { row: 1, problem } = error.reason() else { panic!("{error}") };
        assert_eq!(problem, "it has 2 elements, and another field of its array of structs has 1");
    }
}

#[tokio::test]
async fn a_field_without_files_must_allow_null_or_have_a_default() {
    let mut schema = schema(&[("missing", DataType::VARCHAR)]);
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(5, 1)]);
    let error = failure(&made, &schema).await;
    assert_eq!(error.place().field, Some(FieldId(101)));
    schema.fields[1].default_value = Some(b"\x32\x02hi".to_vec());
    let read = read(&made, &schema, &ReadOptions::default()).await.unwrap();
    assert_eq!(column(&read, "missing"), ["hi"]);
}

#[tokio::test]
async fn columns_with_different_numbers_of_rows_are_refused_by_name() {
    let schema = schema(&[("text", DataType::VARCHAR)]);
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(5, 1), (5, 2)]);
    made.add_column(101, 9, DataType::VARCHAR, texts(&["only"]), Style::default());
    let error = failure(&made, &schema).await;
    let reason = error.reason().to_string();
    assert!(reason.starts_with("it has 1 rows, but ") && reason.ends_with(" has 2"), "{reason}");
    let message = error.to_string();
    assert!(
        message.starts_with("cannot read column 101 of segment 3 (collection 1, partition 2) in /"),
        "{message}"
    );
    assert!(message.ends_with("/101-9"), "{message}");
}

#[tokio::test]
async fn the_rows_of_a_segment_are_counted() {
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(5, 1), (5, 2)]);
    made.files.rows = Some(3);
    let error = failure(&made, &schema(&[])).await;
    assert_eq!(error.to_string(), "cannot read segment 3 (collection 1, partition 2)");
    assert_eq!(error.reason().to_string(), "its files have 2 rows instead of 3");
}

#[tokio::test]
async fn a_file_of_another_place_or_type_is_refused() {
    let schema = schema(&[("text", DataType::VARCHAR)]);
    let payload = parquet(&[("val", 0, texts(&["a"]))], Style::default(), &[]);
    let numbers = parquet(&[("val", 0, Arc::new(Int64Array::from(vec![1])))], Style::default(), &[]);
    for (ids, data_type, kind, payloads) in [
        ([1, 2, 4, 101], DataType::VARCHAR, 1, vec![&payload[..]]),
        ([1, 2, 3, 102], DataType::VARCHAR, 1, vec![&payload[..]]),
        ([1, 2, 3, 101], DataType::JSON, 1, vec![&payload[..]]),
        ([1, 2, 3, 101], DataType::VARCHAR, 2, vec![&payload[..]]),
        ([1, 2, 3, 101], DataType::VARCHAR, 1, vec![&numbers[..]]),
        ([1, 2, 3, 101], DataType::VARCHAR, 1, vec![&payload[..], &payload[..]]),
        ([1, 2, 3, 101], DataType::VARCHAR, 1, vec![]),
    ] {
        let mut made = MadeSegment::new();
        made.add_keys(9, &[(5, 1)]);
        made.add(101, 9, &container(ids, data_type, "{}", kind, &payloads));
        let error = failure(&made, &schema).await;
        assert!(matches!(error.reason(), Reason::Inconsistent(_)), "{error}: {}", error.reason());
    }
}

#[tokio::test]
async fn a_row_outside_the_times_of_its_file_is_refused() {
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(5, 1), (7, 2)]);
    let path = made.path().join("1-9");
    let mut content = std::fs::read(&path).unwrap();
    content[53..61].copy_from_slice(&5_u64.to_le_bytes());
    content[61..69].copy_from_slice(&6_u64.to_le_bytes());
    std::fs::write(&path, content).unwrap();
    let error = failure(&made, &schema(&[])).await;
    assert!(matches!(error.reason(), Reason::Value { row: 1, .. }), "{}", error.reason());
    assert_eq!(error.place().field, Some(FieldId::TIMESTAMP));
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_refused_by_row_or_read_as_bytes() {
    let schema = schema(&[("text", DataType::VARCHAR)]);
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(5, 1), (5, 2), (5, 3)]);
    let values: ArrayRef = Arc::new(BinaryArray::from(vec![&b"a"[..], b"b\xff", b"c"]));
    made.add_column(101, 9, DataType::VARCHAR, values, Style::default());
    let error = failure(&made, &schema).await;
    assert!(matches!(error.reason(), Reason::Value { row: 1, .. }), "{}", error.reason());
    let options = ReadOptions { binary_text: true, ..ReadOptions::default() };
    let read = read(&made, &schema, &options).await.unwrap();
    assert_eq!(column(&read, "text"), ["a", "b\u{fffd}", "c"]);
}

#[tokio::test]
async fn null_in_a_field_without_null_is_refused_by_row() {
    let schema = schema(&[("number", DataType::INT32)]);
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(5, 1), (5, 2)]);
    made.add_column(
        101,
        9,
        DataType::INT32,
        Arc::new(Int32Array::from(vec![Some(1), None])),
        Style::default(),
    );
    let error = failure(&made, &schema).await;
    assert!(matches!(error.reason(), Reason::Value { row: 1, .. }), "{}", error.reason());
}

#[tokio::test]
async fn numbers_beyond_their_type_are_refused() {
    let schema = schema(&[("small", DataType::INT8)]);
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(5, 1), (5, 2)]);
    made.add_column(101, 9, DataType::INT8, Arc::new(Int32Array::from(vec![-128, 128])), Style::default());
    let error = failure(&made, &schema).await;
    assert!(matches!(error.reason(), Reason::Value { row: 1, .. }), "{}", error.reason());
}

#[tokio::test]
async fn expired_rows_are_omitted_only_if_requested() {
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(10 << 18, 1), ((11 << 18) - 1, 2), (11 << 18, 3)]);
    let all = read(&made, &schema(&[]), &ReadOptions::default()).await.unwrap();
    assert_eq!(column(&all, "id"), [1, 2, 3]);
    let options = ReadOptions { expired_at_ms: Some(10), ..ReadOptions::default() };
    let fresh = read(&made, &schema(&[]), &options).await.unwrap();
    assert_eq!(column(&fresh, "id"), [3]);
    assert_eq!(fresh.counts, RowCounts { stored: 3, deleted: 0, expired: 2 });
}

#[tokio::test]
async fn row_groups_of_different_sizes_are_joined_by_row() {
    let schema = schema(&[("text", DataType::VARCHAR)]);
    let count = 1000;
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..count));
    let text: ArrayRef = Arc::new(StringArray::from_iter_values((0..count).map(|id| format!("t{id}"))));
    let group = |columns: &[(&str, i64, ArrayRef)], group_rows: usize| {
        let groups = (0..1000).step_by(group_rows).map(|at| format!("9|{}|{at}", group_rows.min(1000 - at)));
        let groups = groups.collect::<Vec<_>>().join(";");
        let pairs = [
            ("storage_version", "1.0.0"),
            ("row_group_metadata", &groups),
            ("group_field_id_list", "100,0,1;101"),
        ];
        parquet(columns, Style { group_rows, ..Style::default() }, &pairs)
    };
    let keys =
        [("id", 100, numbers.clone()), ("RowID", 0, numbers.clone()), ("Timestamp", 1, numbers.clone())];
    let mut made = MadeSegment::new();
    made.add(0, 9, &group(&keys, 300));
    made.add(1, 9, &group(&[("text", 101, text.clone())], 170));
    for batch_rows in [1, 7, 170, 8192] {
        let options = ReadOptions { batch_rows, ..ReadOptions::default() };
        let read = read(&made, &schema, &options).await.unwrap();
        assert_eq!(read.rows.len(), 1000);
        for row in &read.rows {
            assert_eq!(row["text"], json!(format!("t{}", row["id"])));
        }
    }
    made.add(1, 10, &group(&[("text", 102, text)], 170));
    made.add(0, 10, &group(&keys, 300));
    let error = failure(&made, &schema).await;
    assert!(error.reason().to_string().contains("none of the groups"), "{}", error.reason());
}

#[tokio::test]
async fn batches_are_limited_in_bytes_though_a_dictionary_hides_their_size() {
    let schema = schema(&[("text", DataType::VARCHAR)]);
    let rows: Vec<_> = (0..100).map(|id| (5, id)).collect();
    let mut made = MadeSegment::new();
    made.add_keys(9, &rows);
    let long = "x".repeat(10_000);
    made.add_column(101, 9, DataType::VARCHAR, texts(&vec![&long[..]; 100]), Style::default());
    let options = ReadOptions { batch_bytes: 50_000, ..ReadOptions::default() };
    let mut reader =
        SegmentReader::open(&disk(), &schema, made.files.clone(), Vec::new(), &options).await.unwrap();
    let mut total = 0;
    while let Some(batch) = reader.next().await.unwrap() {
        assert!(batch.num_rows() <= 5, "{}", batch.num_rows());
        total += batch.num_rows();
    }
    assert_eq!(total, 100);
}

#[tokio::test]
async fn a_column_that_is_larger_than_a_piece_is_read_in_several() {
    let schema = schema(&[("vector", DataType::FLOAT_VECTOR), ("vectors", DataType(106))]);
    let mut schema = schema;
    schema.fields[2].element_type = DataType::FLOAT_VECTOR;
    let count: i64 = 200_000;
    let rows: Vec<_> = (0..count).map(|id| (5, id)).collect();
    let bytes_of = |id: i64| {
        // values that do not compress
        let mut bits = id.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(4) {
            bits = bits.wrapping_mul(0xd129_0d3b_6f8a_51c7) ^ (bits >> 29);
            let float = f32::from(u16::try_from(bits >> 48).unwrap()) / 7.0;
            chunk.copy_from_slice(&float.to_le_bytes());
        }
        bytes
    };
    let mut vectors = FixedSizeBinaryBuilder::new(32);
    let mut lists = ListBuilder::new(FixedSizeBinaryBuilder::new(32));
    for id in 0..count {
        vectors.append_value(bytes_of(id)).unwrap();
        for _ in 0..id % 3 {
            lists.values().append_value(bytes_of(id)).unwrap();
        }
        lists.append(true);
    }
    let mut made = MadeSegment::new();
    made.add_keys(9, &rows);
    let style = Style { compressed: false, ..Style::default() };
    made.add_column(101, 9, DataType::FLOAT_VECTOR, Arc::new(vectors.finish()), style);
    made.add_column(102, 9, DataType(106), Arc::new(lists.finish()), style);
    let reader =
        SegmentReader::open(&disk(), &schema, made.files.clone(), Vec::new(), &ReadOptions::default()).await;
    let mut reader = reader.unwrap();
    let mut next = 0;
    while let Some(batch) = reader.next().await.unwrap() {
        let ids = batch.column(0).to_data();
        let ids = Int64Array::from(ids);
        let vectors = arrow_array::FixedSizeListArray::from(batch.column(1).to_data());
        let lists = arrow_array::ListArray::from(batch.column(2).to_data());
        for row in 0..batch.num_rows() {
            assert_eq!(ids.value(row), next);
            let vector = arrow_array::Float32Array::from(vectors.value(row).to_data());
            let bytes: Vec<u8> = vector.values().iter().flat_map(|number| number.to_le_bytes()).collect();
            assert_eq!(bytes, bytes_of(next));
            assert_eq!(i64::try_from(lists.value(row).len()).unwrap(), next % 3);
            next += 1;
        }
    }
    assert_eq!(next, count);
}

#[tokio::test]
async fn files_of_storage_version_3_and_encrypted_files_are_refused_by_name() {
    let dir = fixture("loon-v3-wheel/insert_log/1/2/3");
    let manifest = std::fs::read(dir.join("_metadata/manifest-1.avro")).unwrap();
    let payload = parquet(&[("val", 0, texts(&["a"]))], Style::default(), &[]);
    let encrypted =
        container([1, 2, 3, 101], DataType::VARCHAR, r#"{"edek":"k","encryption_zone":7}"#, 1, &[&payload]);
    let schema = schema(&[("text", DataType::VARCHAR)]);
    for (content, expected) in [
        (&manifest[..], Unsupported::StorageV3("manifest")),
        (b"VTXF....", Unsupported::StorageV3("Vortex file")),
        (b"PARE....", Unsupported::EncryptedParquet),
        (&encrypted, Unsupported::Encrypted { zone: Some(7) }),
    ] {
        let mut made = MadeSegment::new();
        made.add_keys(9, &[(5, 1)]);
        made.add(101, 9, content);
        let error = failure(&made, &schema).await;
        let Reason::Unsupported(found) = error.reason() else { panic!("{}", error.reason()) };
        assert_eq!(*found, expected);
    }
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(5, 1)]);
    let data = std::fs::read_dir(dir.join("_data")).unwrap().next().unwrap().unwrap().path();
    made.files.files[2].key = ObjectKey::new(data.to_str().unwrap());
    let error = failure(&made, &schema).await;
    assert!(matches!(error.reason(), Reason::Unsupported(Unsupported::StorageV3(_))), "{}", error.reason());
}

#[tokio::test]
async fn types_without_a_decoder_are_refused_by_name() {
    let schema = schema(&[("long", DataType(25))]);
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(5, 1)]);
    let error = failure(&made, &schema).await;
    assert_eq!(error.reason().to_string(), "values of type Text cannot be decoded");
}

#[tokio::test]
async fn a_reader_whose_call_was_cancelled_fails_instead_of_omitting_rows() {
    let mut made = MadeSegment::new();
    made.add_keys(9, &[(5, 1), (5, 2)]);
    let reader =
        SegmentReader::open(&disk(), &schema(&[]), made.files.clone(), Vec::new(), &ReadOptions::default())
            .await;
    let mut reader = reader.unwrap();
    let cancelled = futures::FutureExt::now_or_never(reader.next());
    assert!(cancelled.is_none(), "a batch needs another thread");
    assert!(matches!(reader.next().await.unwrap_err().reason(), Reason::Request(_)));
}

#[tokio::test]
async fn a_segment_without_files_has_no_rows() {
    let read = read(&MadeSegment::new(), &schema(&[]), &ReadOptions::default()).await.unwrap();
    assert_eq!(read.counts, RowCounts::default());
}
