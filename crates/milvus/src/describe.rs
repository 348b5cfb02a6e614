//! The description of one collection.

use model::ids::{CollectionId, Tso};
use model::manifest::{ConsistencyLevel, KeyValue, Schema};
use model::name::CollectionRef;
use proto::milvus::DescribeCollectionRequest;

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};
use crate::schema;

/// The description of a collection by its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionInfo {
    /// The id of the collection, which is part of the keys of its files.
    pub id: CollectionId,
    /// The name of the collection, also if it was described by an alias.
    pub name: String,
    /// The schema, without the hidden field `$meta` of a dynamic collection.
    pub schema: Schema,
    /// The number of shards, and so of virtual channels.
    pub shards: i32,
    /// The default consistency level of queries.
    pub consistency: ConsistencyLevel,
    /// The properties of the collection and of its schema; those of the collection take precedence.
    pub properties: Vec<KeyValue>,
    /// The names of all aliases of the collection.
    pub aliases: Vec<String>,
    /// The time at which the collection was created.
    pub created_timestamp: Tso,
    /// The number of partitions over which a partition key distributes rows; 0 or 1 without a partition key.
    pub num_partitions: i64,
    /// The names of the virtual channels, one per shard.
    pub virtual_channels: Vec<String>,
    /// The names of the physical channels that carry the virtual channels.
    pub physical_channels: Vec<String>,
    /// The id of the database; 0 before Milvus 2.4, which does not report it.
    pub db_id: i64,
    /// Whether the collection was described by an alias.
    pub is_alias: bool,
}

impl CollectionInfo {
    /// Returns the schema with the properties of the collection: whether keys can be inserted depends on one.
    pub fn into_schema(self) -> Schema {
        Schema { properties: self.properties, ..self.schema }
    }
}

impl Milvus {
    /// Describes the collection that has this name or this alias.
    pub async fn describe_collection(
        &self,
        collection: &CollectionRef,
    ) -> Result<CollectionInfo, MilvusError> {
        let call = Call::new("describe collection", collection, &collection.database);
        let request = DescribeCollectionRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            ..Default::default()
        };
        let reply = self.rpc.call(call, request, rpc!(describe_collection)).await?;
        let schema = reply
            .schema
            .ok_or_else(|| call.error(MilvusErrorKind::Server, "the server returned no schema"))?;
        let schema = schema::from_wire(schema);
        let mut properties = schema::pairs_from_wire(reply.properties);
        for property in &schema.properties {
            if !properties.iter().any(|own| own.key == property.key) {
                properties.push(property.clone());
            }
        }
        Ok(CollectionInfo {
            id: CollectionId(reply.collection_id),
            name: schema.name.clone(),
            is_alias: collection.collection != schema.name,
            schema,
            shards: reply.shards_num,
            consistency: ConsistencyLevel(reply.consistency_level),
            properties,
            aliases: reply.aliases,
            created_timestamp: Tso(reply.created_timestamp),
            num_partitions: reply.num_partitions,
            virtual_channels: reply.virtual_channel_names,
            physical_channels: reply.physical_channel_names,
            db_id: reply.db_id,
        })
    }
}
