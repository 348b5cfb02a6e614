//! Connections, and a small collection that most tests use.

use std::time::Duration;

use milvus::{Auth, CallLimits, ConnectConfig, CreateCollection, Tls};
use model::manifest::{ConsistencyLevel, DataType, Field, Index, KeyValue, LoadState, Schema};
use model::name::CollectionRef;
use testkit::names;
use testkit::servers::MilvusServer;
use testkit::test_milvus::{Column, TestMilvus, Values};

/// Returns the settings for a server without TLS and authentication.
pub(crate) fn plain_config(server: &MilvusServer) -> ConnectConfig {
    ConnectConfig {
        address: server.address.clone(),
        port: server.port,
        tls: Tls::Disabled,
        auth: Auth::None,
        management_endpoint: None,
        limits: CallLimits::default(),
    }
}

pub(crate) async fn connect(server: &MilvusServer) -> TestMilvus {
    TestMilvus::connect(&plain_config(server)).await.expect("the server is running")
}

/// Returns a unique collection name in the default database.
pub(crate) fn new_name(prefix: &str) -> CollectionRef {
    CollectionRef::new("", names::unique(prefix))
}

pub(crate) fn field(name: &str, data_type: DataType, params: &[(&str, &str)]) -> Field {
    Field {
        name: name.to_owned(),
        data_type,
        type_params: params.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect(),
        ..Field::default()
    }
}

/// Defines a collection with the fields `id`, `text` and `vector`, which has 4 dimensions.
pub(crate) fn small_collection(target: &CollectionRef) -> CreateCollection {
    let key = Field { is_primary_key: true, ..field("id", DataType::INT64, &[]) };
    let fields = vec![
        key,
        field("text", DataType::VARCHAR, &[("max_length", "100")]),
        field("vector", DataType::FLOAT_VECTOR, &[("dim", "4")]),
    ];
    CreateCollection {
        target: target.clone(),
        schema: Schema { fields, ..Schema::default() },
        shards: 1,
        consistency: ConsistencyLevel(2),
        properties: Vec::new(),
        num_partitions: None,
    }
}

/// Returns rows of [`small_collection`] with these keys.
pub(crate) fn small_rows(keys: std::ops::Range<i64>) -> Vec<Column> {
    let column = |name: &str, data_type, values| Column {
        name: name.to_owned(),
        data_type,
        is_dynamic: false,
        values,
    };
    let vectors = keys.clone().flat_map(|key| [key as f32, 0.0, 0.0, 1.0]).collect();
    vec![
        column("id", DataType::INT64, Values::Long(keys.clone().collect())),
        column("text", DataType::VARCHAR, Values::Text(keys.map(|key| format!("row {key}")).collect())),
        column("vector", DataType::FLOAT_VECTOR, Values::FloatVector { dim: 4, data: vectors }),
    ]
}

/// Defines an index on a field.
pub(crate) fn index(field: &str, name: &str, params: &[(&str, &str)]) -> Index {
    Index {
        field_name: field.to_owned(),
        name: name.to_owned(),
        params: params.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..Index::default()
    }
}

/// Defines a flat index on the vectors of [`small_collection`].
pub(crate) fn flat_index() -> Index {
    index("vector", "flat", &[("index_type", "FLAT"), ("metric_type", "L2"), ("params", "{}")])
}

/// Loads a collection and waits until it is loaded, at most two minutes.
pub(crate) async fn load_and_wait(milvus: &TestMilvus, collection: &CollectionRef) {
    milvus.load(collection).await.expect("it can be loaded");
    let loaded = async {
        while milvus.load_state(collection, None).await.expect("it exists") != LoadState::Loaded {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), loaded).await.expect("it is loaded within two minutes");
}
