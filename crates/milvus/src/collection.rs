//! Collections as wholes: list, create, alter, drop.

use model::ids::CollectionId;
use model::manifest::{ConsistencyLevel, KeyValue, Schema};
use model::name::CollectionRef;
use prost::Message;
use proto::milvus::{
    AlterCollectionRequest, CreateCollectionRequest, DropCollectionRequest, GetCollectionStatisticsRequest,
    HasCollectionRequest, ShowCollectionsRequest,
};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{ErrorKind, MilvusError};
use crate::schema;

/// A collection to be created.
#[derive(Clone, Debug)]
pub struct CreateCollection {
    /// Its database and name.
    pub target: CollectionRef,
    /// Its schema; the name in it and the ids of its fields do not count: the server gives its own, in order.
    pub schema: Schema,
    /// The number of shards; the server refuses more than its limit, usually 16.
    pub shards: i32,
    /// The consistency level.
    pub consistency: ConsistencyLevel,
    /// Properties, such as `collection.ttl.seconds`.
    pub properties: Vec<KeyValue>,
    /// How many partitions the server makes; only with a partition key.
    pub num_partitions: Option<i64>,
}

impl Milvus {
    /// The collections of a database with their ids; aliases are not among them.
    pub async fn list_collections(&self, database: &str) -> Result<Vec<(String, CollectionId)>, MilvusError> {
        let call = Call::new("list the collections of database", &database, database);
        let request = ShowCollectionsRequest { db_name: database.to_owned() };
        let reply = self.rpc.call(call, request, rpc!(show_collections)).await?;
        Ok(reply
            .collection_names
            .into_iter()
            .zip(reply.collection_ids.into_iter().map(CollectionId))
            .collect())
    }

    /// Whether a collection, or an alias, has this name.
    pub async fn has_collection(&self, collection: &CollectionRef) -> Result<bool, MilvusError> {
        let call = Call::new("look for collection", collection, &collection.database);
        let request = HasCollectionRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        match self.rpc.call(call, request, rpc!(has_collection)).await {
            Ok(reply) => Ok(reply.value),
            Err(error) if error.kind() == ErrorKind::CollectionNotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Creates a collection; one that exists with the very same parameters is no error, but for default values.
    pub async fn create_collection(&self, create: &CreateCollection) -> Result<(), MilvusError> {
        let CollectionRef { database, collection } = &create.target;
        let mut call = Call::new("create collection", &create.target, database);
        if create.schema.fields.iter().any(|field| field.default_value.is_some()) {
            // 2.3.5 finds that a schema with default values differs from itself
            call = Call::once("create collection", &create.target, database);
        }
        let schema = schema::to_wire(&create.schema, collection)
            .map_err(|error| call.fails(ErrorKind::Invalid, "a default value is damaged").caused_by(error))?;
        let request = CreateCollectionRequest {
            db_name: database.clone(),
            collection_name: collection.clone(),
            schema: schema.encode_to_vec(),
            shards_num: create.shards,
            consistency_level: create.consistency.0,
            properties: schema::pairs_to_wire(&create.properties),
            num_partitions: create.num_partitions.unwrap_or_default(),
        };
        self.rpc.call(call, request, rpc!(create_collection)).await.map(drop)
    }

    /// Sets properties of a collection; those not named stay.
    pub async fn alter_collection(
        &self,
        collection: &CollectionRef,
        properties: &[KeyValue],
    ) -> Result<(), MilvusError> {
        let call = Call::new("set properties of collection", collection, &collection.database);
        let request = AlterCollectionRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            properties: schema::pairs_to_wire(properties),
        };
        self.rpc.call(call, request, rpc!(alter_collection)).await.map(drop)
    }

    /// Drops a collection with its aliases; one that does not exist is no error, an alias is.
    pub async fn drop_collection(&self, collection: &CollectionRef) -> Result<(), MilvusError> {
        let call = Call::new("drop collection", collection, &collection.database);
        let request = DropCollectionRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        self.rpc.call(call, request, rpc!(drop_collection)).await.map(drop)
    }

    /// The number of flushed rows, deleted ones included.
    pub async fn flushed_rows(&self, collection: &CollectionRef) -> Result<u64, MilvusError> {
        let call = Call::new("read the statistics of collection", collection, &collection.database);
        let request = GetCollectionStatisticsRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        let reply = self.rpc.call(call, request, rpc!(get_collection_statistics)).await?;
        let rows = reply.stats.iter().find(|stat| stat.key == "row_count");
        rows.and_then(|stat| stat.value.parse().ok())
            .ok_or_else(|| call.fails(ErrorKind::Server, "the server told no row count"))
    }
}
