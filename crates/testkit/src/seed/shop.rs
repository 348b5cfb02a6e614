//! The smaller collections: one with automatic ids and a binary vector, one without index, and an empty one.

use super::columns::{column, doubles, longs, numbered_vectors, pseudo_random};
use super::schema::{field, field_with_param, index, plain_collection, primary_key};
use crate::load::load_and_wait;
use crate::test_milvus::{TestMilvus, Values};
use milvus::MilvusError;
use model::manifest::{DataType, Field};
use model::name::CollectionRef;

const BITS: usize = 64;

/// Returns the fields of a collection with an id and a vector of four numbers.
fn id_and_vector() -> Vec<Field> {
    vec![primary_key(field("id", DataType::INT64)), field_with_param("v", DataType::FLOAT_VECTOR, "dim", 4)]
}

pub(super) async fn create_empty(milvus: &TestMilvus, target: &CollectionRef) -> Result<(), MilvusError> {
    milvus.create_collection(&plain_collection(target, id_and_vector())).await
}

pub(super) async fn create_books(milvus: &TestMilvus, target: &CollectionRef) -> Result<(), MilvusError> {
    milvus.create_collection(&plain_collection(target, id_and_vector())).await?;
    let columns = [longs("id", 0..100), numbered_vectors("v", 0..100, [0.0; 3])];
    milvus.insert(target, None, &columns).await;
    milvus.flush(target).await.map(drop)
}

pub(super) async fn create_orders(milvus: &TestMilvus, target: &CollectionRef) -> Result<(), MilvusError> {
    let fields = vec![
        Field { auto_id: true, ..primary_key(field("id", DataType::INT64)) },
        field("amount", DataType::DOUBLE),
        field_with_param("bits", DataType::BINARY_VECTOR, "dim", BITS),
    ];
    let mut create = plain_collection(target, fields);
    "orders".clone_into(&mut create.schema.description);
    milvus.create_collection(&create).await?;
    let rows = 0..2000;
    let data = rows.clone().flat_map(|row| pseudo_random(row, 0).to_le_bytes()).collect();
    let columns = [
        doubles("amount", rows, |row| row * 1.5),
        column("bits", DataType::BINARY_VECTOR, Values::BinaryVector { dim: BITS, data }),
    ];
    milvus.insert(target, None, &columns).await;
    milvus.flush(target).await?;
    milvus.create_index(target, &index("bits", "bits", "BIN_IVF_FLAT", "JACCARD", r#"{"nlist":16}"#)).await?;
    load_and_wait(milvus, target).await
}
