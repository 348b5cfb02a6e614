//! `books`: every scalar type, two shards, three partitions, a dynamic field, deletes, two indexes.

use super::columns::{column, doubles, longs, pseudo_random, texts};
use super::schema::{STRONG, field, field_with_param, index, plain_collection, primary_key};
use crate::load::load_and_wait;
use crate::test_milvus::{Column, TestMilvus, Values};
use milvus::{CreateCollection, MilvusError};
use model::manifest::{DataType, Field, KeyValue};
use model::name::CollectionRef;
use serde_json::json;
use std::ops::Range;

const DIM: usize = 8;

/// The first release with arrays and the cosine metric.
const ARRAYS_SINCE: (u32, u32, u32) = (2, 3, 0);

/// Creates the collection with its rows, deletes and indexes, and loads it.
pub(super) async fn create(milvus: &TestMilvus, target: &CollectionRef) -> Result<(), MilvusError> {
    let modern = milvus.server().version.at_least(ARRAYS_SINCE);
    milvus.create_collection(&collection_request(target, modern)).await?;
    for partition in ["y2023", "y2024"] {
        milvus.create_partition(target, partition).await?;
    }
    let insert =
        async |rows, partition| milvus.insert(target, partition, &sample_columns(rows, modern)).await;
    insert(0..1500, None).await;
    insert(2000..3500, Some("y2023")).await;
    insert(4000..4200, Some("y2024")).await;
    milvus.flush(target).await?;
    insert(1500..2000, None).await;
    milvus.flush(target).await?;
    milvus.delete(target, "id in [3,4,5,2001,4001]").await;
    milvus.flush(target).await?;
    let metric = if modern { "COSINE" } else { "L2" };
    let hnsw = index("emb", "emb_hnsw", "HNSW", metric, r#"{"M":8,"efConstruction":64}"#);
    milvus.create_index(target, &hnsw).await?;
    milvus.create_index(target, &index("title", "title_trie", "Trie", "", "")).await?;
    load_and_wait(milvus, target).await
}

fn collection_request(target: &CollectionRef, modern: bool) -> CreateCollection {
    let title = Field {
        description: "title of the book".to_owned(),
        ..field_with_param("title", DataType::VARCHAR, "max_length", 200)
    };
    let mut fields = vec![
        primary_key(field("id", DataType::INT64)),
        field("flag", DataType::BOOL),
        field("i8", DataType::INT8),
        field("i16", DataType::INT16),
        field("i32", DataType::INT32),
        field("f32", DataType::FLOAT),
        field("f64", DataType::DOUBLE),
        title,
        field("meta", DataType::JSON),
    ];
    if modern {
        let mut tags = field_with_param("tags", DataType::ARRAY, "max_length", 20);
        tags.type_params.push(KeyValue::new("max_capacity", "8"));
        tags.element_type = DataType::VARCHAR;
        fields.push(tags);
    }
    fields.push(field_with_param("emb", DataType::FLOAT_VECTOR, "dim", DIM));
    let mut create = plain_collection(target, fields);
    "كتب – every scalar type".clone_into(&mut create.schema.description);
    create.schema.enable_dynamic_field = true;
    create.shards = 2;
    create.consistency = STRONG;
    create.properties = vec![KeyValue::new("collection.ttl.seconds", "864000")];
    create
}

fn sample_columns(rows: Range<i32>, modern: bool) -> Vec<Column> {
    let ints = |name, kind, number: fn(i32) -> i32| {
        column(name, kind, Values::Int(rows.clone().map(number).collect()))
    };
    #[expect(clippy::cast_precision_loss, reason = "row numbers are small")]
    let floats = rows.clone().map(|row| row as f32 / 3.0).collect();
    #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
    let emb = rows
        .clone()
        .flat_map(|row| {
            (0..DIM as u64)
                .map(move |position| (pseudo_random(row, position) >> 40) as f32 / (1 << 24) as f32)
        })
        .collect();
    let json = |row: serde_json::Value| row.to_string().into_bytes();
    let meta = rows.clone().map(|row| json(json!({"n": row, "k": [1, 2]}))).collect();
    let dynamic = rows.clone().map(|row| json(json!({"extra": format!("x{row}"), "num": row}))).collect();
    let mut columns = vec![
        longs("id", rows.clone()),
        column("flag", DataType::BOOL, Values::Bool(rows.clone().map(|row| row % 2 == 0).collect())),
        ints("i8", DataType::INT8, |row| row % 100),
        ints("i16", DataType::INT16, |row| row),
        ints("i32", DataType::INT32, |row| row * 7),
        column("f32", DataType::FLOAT, Values::Float(floats)),
        doubles("f64", rows.clone(), |row| row / 7.0),
        texts("title", rows.clone(), |row| format!("كتاب {row}")),
        column("meta", DataType::JSON, Values::Json(meta)),
        column("emb", DataType::FLOAT_VECTOR, Values::FloatVector { dim: DIM, data: emb }),
        Column { is_dynamic: true, ..column("$meta", DataType::JSON, Values::Json(dynamic)) },
    ];
    if modern {
        let tags = |row: i32| Values::Text((0..row % 5).map(|tag| format!("t{tag}")).collect());
        let values = Values::Array { element: DataType::VARCHAR, rows: rows.map(tags).collect() };
        columns.push(column("tags", DataType::ARRAY, values));
    }
    columns
}
