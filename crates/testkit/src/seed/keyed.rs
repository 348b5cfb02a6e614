//! A collection of an integer key `id` and a `vector`, for tests that need rows but not their variety.

use std::ops::Range;

use crate::test_milvus::{TestMilvus, Values};
use milvus::{CreateCollection, MilvusError};
use model::manifest::{ConsistencyLevel, DataType, Field, KeyValue, Schema};
use model::name::CollectionRef;

use super::columns::column;

/// Creates an empty collection with vectors of `dim` numbers and one shard; its database must exist.
pub async fn create(milvus: &TestMilvus, target: &CollectionRef, dim: usize) -> Result<(), MilvusError> {
    create_with(milvus, target, dim, Vec::new()).await
}

/// Does the same with further fields.
pub async fn create_with(
    milvus: &TestMilvus,
    target: &CollectionRef,
    dim: usize,
    further: Vec<Field>,
) -> Result<(), MilvusError> {
    let field = |name: &str, data_type| Field { name: name.to_owned(), data_type, ..Field::default() };
    let dim = KeyValue::new("dim", dim.to_string());
    let mut fields = vec![
        Field { is_primary_key: true, ..field("id", DataType::INT64) },
        Field { type_params: vec![dim], ..field("vector", DataType::FLOAT_VECTOR) },
    ];
    fields.extend(further);
    let create = CreateCollection {
        target: target.clone(),
        schema: Schema { fields, ..Schema::default() },
        shards: 1,
        consistency: ConsistencyLevel(1),
        properties: Vec::new(),
        num_partitions: None,
    };
    milvus.create_collection(&create).await
}

/// Inserts a row for each key, into the partition or partitions that the server chooses; does not flush.
pub async fn insert(milvus: &TestMilvus, target: &CollectionRef, keys: Range<i64>, dim: usize) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "vectors need not be exact")]
    let data = keys.clone().flat_map(|key| std::iter::repeat_n(key as f32, dim)).collect();
    let columns = [
        column("id", DataType::INT64, Values::Long(keys.collect())),
        column("vector", DataType::FLOAT_VECTOR, Values::FloatVector { dim, data }),
    ];
    milvus.insert(target, None, &columns).await
}
