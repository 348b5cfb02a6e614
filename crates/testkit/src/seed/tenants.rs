//! `tenants`: a string key, and a partition key over four partitions.

use super::columns::{numbered_vectors, texts};
use super::schema::{field_with_param, index, plain_collection, primary_key};
use crate::test_milvus::TestMilvus;
use milvus::{CreateCollection, MilvusError};
use model::manifest::{DataType, Field};
use model::name::CollectionRef;

/// Creates the collection with its rows, deletes and index, and does not load it.
pub(super) async fn create(milvus: &TestMilvus, target: &CollectionRef) -> Result<(), MilvusError> {
    let tenant =
        Field { is_partition_key: true, ..field_with_param("tenant", DataType::VARCHAR, "max_length", 32) };
    let fields = vec![
        primary_key(field_with_param("pk", DataType::VARCHAR, "max_length", 64)),
        tenant,
        field_with_param("v", DataType::FLOAT_VECTOR, "dim", 4),
    ];
    milvus
        .create_collection(&CreateCollection { num_partitions: Some(4), ..plain_collection(target, fields) })
        .await?;
    let rows = 0..1200;
    let columns = [
        texts("pk", rows.clone(), |row| format!("k{row}")),
        texts("tenant", rows.clone(), |row| format!("t{}", row % 10)),
        numbered_vectors("v", rows, [1.0, 2.0, 3.0]),
    ];
    milvus.insert(target, None, &columns).await;
    milvus.flush(target).await?;
    milvus.delete(target, r#"pk in ["k1","k2"]"#).await;
    milvus.flush(target).await?;
    milvus.create_index(target, &index("v", "v", "AUTOINDEX", "L2", "{}")).await
}
