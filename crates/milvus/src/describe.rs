//! What a server tells of one collection.

use model::ids::{CollectionId, Tso};
use model::manifest::{ConsistencyLevel, KeyValue, Schema};
use model::name::CollectionRef;
use proto::milvus::DescribeCollectionRequest;

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{ErrorKind, MilvusError};
use crate::schema;

/// A collection as its server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionInfo {
    /// Its id; part of every key of its files.
    pub id: CollectionId,
    /// Its real name, also where it was asked for by an alias.
    pub name: String,
    /// Its schema; the hidden field `$meta` of a dynamic collection is not told.
    pub schema: Schema,
    /// The number of shards.
    pub shards: i32,
    /// The consistency level.
    pub consistency: ConsistencyLevel,
    /// The union of its own and its schema's properties; its own win.
    pub properties: Vec<KeyValue>,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// When it was created.
    pub created_timestamp: Tso,
    /// How many partitions a partition key spreads over; absent or 1 without one.
    pub num_partitions: i64,
    /// Its virtual channels.
    pub virtual_channels: Vec<String>,
    /// Its physical channels.
    pub physical_channels: Vec<String>,
    /// The id of its database; 0 where not told (before 2.4).
    pub db_id: i64,
    /// Whether it was asked for by an alias.
    pub is_alias: bool,
}

impl Milvus {
    /// Describes a collection, named by its name or an alias.
    pub async fn describe_collection(
        &self,
        collection: &CollectionRef,
    ) -> Result<CollectionInfo, MilvusError> {
        let call = Call::new("describe collection", collection, &collection.database);
        let request = DescribeCollectionRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        let reply = self.rpc.call(call, request, rpc!(describe_collection)).await?;
        let told = reply.schema.ok_or_else(|| call.fails(ErrorKind::Server, "the server told no schema"))?;
        let schema = schema::from_wire(told);
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
