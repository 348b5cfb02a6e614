//! All attributes of a collection except its rows, for comparison before and after a restore.

use milvus::{Milvus, MilvusError};
use model::name::CollectionRef;
use serde_json::{Map, Value, json};

/// Reads the schema, partitions, indexes, aliases, properties and load state of a collection.
///
/// The names and ids that differ between two equal collections are left out.
pub async fn shape(milvus: &Milvus, collection: &CollectionRef) -> Result<Value, MilvusError> {
    let info = milvus.describe_collection(collection).await?;
    let fields: Vec<Value> = info.schema.fields.iter().map(|field| json!(format!("{field:?}"))).collect();
    let mut partitions: Vec<String> =
        milvus.list_partitions(collection).await?.into_iter().map(|(name, _)| name).collect();
    partitions.sort();
    let mut aliases = milvus.aliases(collection).await?;
    aliases.sort();
    let indexes: Map<String, Value> = milvus
        .list_indexes(collection)
        .await?
        .into_iter()
        .map(|info| {
            let index = info.index;
            (index.name, json!({"field": index.field_name, "type": index.index_type, "params": index.params}))
        })
        .collect();
    let properties: Map<String, Value> =
        info.properties.into_iter().map(|pair| (pair.key, json!(pair.value))).collect();
    Ok(json!({
        "description": info.schema.description,
        "fields": fields,
        "dynamic": info.schema.enable_dynamic_field,
        "shards": info.shards,
        "consistency": format!("{:?}", info.consistency),
        "partitions": partitions,
        "indexes": indexes,
        "aliases": aliases,
        "properties": properties,
        "load": format!("{:?}", milvus.load_state(collection, None).await?),
    }))
}
