//! Tests of calls on rows, flushes and segments.

use model::ids::PartitionScope;
use model::manifest::{DataType, Field, Schema};
use model::segment::SegmentLevel;
use testkit::servers;
use testkit::test_milvus::{Column, TestMilvus, Values};

use crate::fixtures::{connect, field, flat_index, load_and_wait, new_name, small_collection, small_rows};

#[tokio::test]
async fn flushed_rows_are_in_segments() {
    let Some(server) = servers::milvus() else { return };
    let milvus = connect(&server).await;
    check_flush(&milvus).await;
}

#[tokio::test]
async fn flushed_rows_are_in_segments_on_an_old_server() {
    let Some(server) = servers::milvus_2216() else { return };
    check_flush(&connect(&server).await).await;
}

/// Checks that flushed rows are listed in segments, and that deletes are not subtracted.
async fn check_flush(milvus: &TestMilvus) {
    let target = new_name("flush");
    milvus.create_collection(&small_collection(&target)).await.unwrap();
    milvus.create_partition(&target, "p1").await.unwrap();
    let empty = milvus.flush(&target).await.unwrap();
    assert_eq!(milvus.segments(&target).await.unwrap(), []);
    assert!(empty.seal_time_s.is_some_and(|seconds| seconds > 1_700_000_000), "{empty:?}");

    assert_eq!(milvus.insert(&target, None, &small_rows(0..30)).await, 30);
    assert_eq!(milvus.insert(&target, Some("p1"), &small_rows(100..120)).await, 20);
    assert_eq!(milvus.delete(&target, "id in [3, 4]").await, 2);
    let flushed = milvus.flush(&target).await.unwrap();
    assert_eq!(flushed.flush_ts.is_some(), milvus.server().version.at_least((2, 3, 1)), "{flushed:?}");
    assert_eq!(flushed.backup_timestamp, None, "neither release tells checkpoints");

    let mut segments = milvus.segments(&target).await.unwrap();
    segments.sort_by_key(|segment| segment.rows);
    assert_eq!(segments.iter().map(|segment| segment.rows).collect::<Vec<_>>(), [20, 30]);
    let partitions = milvus.list_partitions(&target).await.unwrap();
    let id = |name: &str| partitions.iter().find(|(each, _)| each == name).map(|(_, id)| *id).unwrap();
    assert_eq!(segments[0].partition, PartitionScope::One(id("p1")));
    assert_eq!(segments[1].partition, PartitionScope::One(id("_default")));
    assert_eq!(segments[0].level, SegmentLevel::Legacy);
    assert_eq!(milvus.flushed_rows(&target).await.unwrap(), 50, "deletes are not subtracted");

    milvus.create_index(&target, &flat_index()).await.unwrap();
    load_and_wait(milvus, &target).await;
    if milvus.server().version.at_least((2, 3, 0)) {
        assert_eq!(milvus.row_count(&target).await, 48);
    }
    let of_p1 = milvus.query(&target, &["p1".to_owned()], "id >= 0", &["text".to_owned()]).await;
    let texts = of_p1.iter().find(|column| column.name == "text").unwrap();
    assert_eq!(texts.values.len(), 20);
    milvus.drop_collection(&target).await.unwrap();
}

#[tokio::test]
async fn rows_of_all_types_are_queried_as_inserted() {
    let Some(server) = servers::milvus() else { return };
    let milvus = connect(&server).await;
    let target = new_name("types");
    let typed: Vec<(Field, Values)> = vec![
        (field("bool", DataType::BOOL, &[]), Values::Bool(vec![true, false])),
        (field("int8", DataType::INT8, &[]), Values::Int(vec![-128, 127])),
        (field("int16", DataType::INT16, &[]), Values::Int(vec![-32_768, 32_767])),
        (field("int32", DataType::INT32, &[]), Values::Int(vec![i32::MIN, i32::MAX])),
        (field("int64", DataType::INT64, &[]), Values::Long(vec![i64::MIN, i64::MAX])),
        (field("float", DataType::FLOAT, &[]), Values::Float(vec![0.5, -1e30])),
        (field("double", DataType::DOUBLE, &[]), Values::Double(vec![0.1, 1e300])),
        (
            field("text", DataType::VARCHAR, &[("max_length", "50")]),
            Values::Text(vec!["zwölf".to_owned(), String::new()]),
        ),
        (
            field("json", DataType::JSON, &[]),
            Values::Json(vec![br#"{"a":[1,2.5]}"#.to_vec(), b"{}".to_vec()]),
        ),
        (
            Field {
                element_type: DataType::INT16,
                ..field("list", DataType::ARRAY, &[("max_capacity", "4")])
            },
            Values::Array {
                element: DataType::INT16,
                rows: vec![Values::Int(vec![1, 2, 3]), Values::Int(vec![4])],
            },
        ),
        (
            field("bits", DataType::BINARY_VECTOR, &[("dim", "16")]),
            Values::BinaryVector { dim: 16, data: vec![1, 2, 3, 4] },
        ),
    ];
    let key = Field { is_primary_key: true, auto_id: true, ..field("key", DataType::INT64, &[]) };
    let mut create = small_collection(&target);
    let fields = [key].into_iter().chain(typed.iter().map(|(field, _)| field.clone())).collect();
    create.schema = Schema { fields, enable_dynamic_field: true, ..Schema::default() };
    milvus.create_collection(&create).await.unwrap();

    let mut columns: Vec<Column> = typed
        .iter()
        .map(|(field, values)| Column {
            name: field.name.clone(),
            data_type: field.data_type,
            is_dynamic: false,
            values: values.clone(),
        })
        .collect();
    let extra = Values::Json(vec![br#"{"extra":1}"#.to_vec(), br#"{"extra":2}"#.to_vec()]);
    columns.push(Column {
        name: "$meta".to_owned(),
        data_type: DataType::JSON,
        is_dynamic: true,
        values: extra,
    });
    assert_eq!(milvus.insert(&target, None, &columns).await, 2);

    let index =
        crate::fixtures::index("bits", "bits", &[("index_type", "BIN_FLAT"), ("metric_type", "JACCARD")]);
    milvus.create_index(&target, &index).await.unwrap();
    load_and_wait(&milvus, &target).await;
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let mut queried = milvus.query(&target, &[], "int64 != 0", &names).await;
    queried.retain(|column| column.name != "key");
    let position = |column: &Column| names.iter().position(|name| *name == column.name);
    queried.sort_by_key(position);
    assert_eq!(queried, columns);
    milvus.drop_collection(&target).await.unwrap();
}
