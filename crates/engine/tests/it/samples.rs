//! The collections that the tests create.

use milvus::CreateCollection;
use model::manifest::{ConsistencyLevel, DataType, Field, Index, KeyValue, Schema};
use model::name::CollectionRef;
use testkit::test_milvus::{Column, TestMilvus, Values};

/// Parses `name` or `database.name` as the name of a collection.
pub(crate) fn collection(name: &str) -> CollectionRef {
    let (database, name) = name.split_once('.').unwrap_or(("default", name));
    CollectionRef::new(database, name)
}

fn field(name: &str, data_type: DataType, params: &[(&str, &str)]) -> Field {
    Field {
        name: name.to_owned(),
        data_type,
        type_params: params.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect(),
        ..Field::default()
    }
}

/// Returns a collection with a primary key, a text field and a vector field of dimension 2.
pub(crate) fn small_collection(name: &str) -> CreateCollection {
    let fields = vec![
        Field { is_primary_key: true, ..field("id", DataType::INT64, &[]) },
        field("text", DataType::VARCHAR, &[("max_length", "100")]),
        field("vector", DataType::FLOAT_VECTOR, &[("dim", "2")]),
    ];
    CreateCollection {
        target: collection(name),
        schema: Schema { description: "a small one".to_owned(), fields, ..Schema::default() },
        shards: 1,
        consistency: ConsistencyLevel(1),
        properties: Vec::new(),
        num_partitions: None,
    }
}

/// The number of files of a segment of [`small_collection`]: two system fields and three fields of its own.
pub(crate) const FILES_PER_SEGMENT: u64 = 5;

/// Returns an index on the vector field of [`small_collection`].
pub(crate) fn vector_index() -> Index {
    let params =
        [("index_type", "HNSW"), ("metric_type", "L2"), ("params", r#"{"M":8,"efConstruction":64}"#)];
    Index {
        field_name: "vector".to_owned(),
        name: "near".to_owned(),
        index_type: "HNSW".to_owned(),
        params: params.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        ..Index::default()
    }
}

/// Creates a [`small_collection`] and inserts rows into its partitions without a flush.
pub(crate) async fn create_with_rows(milvus: &TestMilvus, name: &str, partitions: &[(&str, i64)]) {
    milvus.create_collection(&small_collection(name)).await.unwrap();
    for (partition, rows) in partitions {
        if *partition != "_default" {
            milvus.create_partition(&collection(name), partition).await.unwrap();
        }
        insert_rows(milvus, name, partition, *rows).await;
    }
}

/// Inserts rows into a partition of a [`small_collection`].
pub(crate) async fn insert_rows(milvus: &TestMilvus, name: &str, partition: &str, rows: i64) {
    if rows > 0 {
        milvus.insert(&collection(name), Some(partition), &columns(rows)).await;
    }
}

/// Returns the columns of some rows of a [`small_collection`].
pub(crate) fn columns(rows: i64) -> Vec<Column> {
    let column = |name: &str, data_type, values| Column {
        name: name.to_owned(),
        data_type,
        is_dynamic: false,
        values,
    };
    let vectors = (0..rows).flat_map(|key| [key as f32, 1.0]).collect();
    vec![
        column("id", DataType::INT64, Values::Long((0..rows).collect())),
        column("text", DataType::VARCHAR, Values::Text((0..rows).map(|key| format!("row {key}")).collect())),
        column("vector", DataType::FLOAT_VECTOR, Values::FloatVector { dim: 2, data: vectors }),
    ]
}
