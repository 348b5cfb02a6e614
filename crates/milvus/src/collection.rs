//! Calls on collections: list, create, alter, drop, count rows.

use model::ids::CollectionId;
use model::manifest::{ConsistencyLevel, Field, KeyValue, Schema};
use model::name::CollectionRef;
use prost::Message;
use proto::milvus::{
    AddCollectionFieldRequest, AlterCollectionRequest, AlterCollectionSchemaRequest, CreateCollectionRequest,
    DropCollectionRequest, GetCollectionStatisticsRequest, HasCollectionRequest, ShowCollectionsRequest,
};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};
use crate::schema;

/// The definition of a collection to create.
#[derive(Clone, Debug)]
pub struct CreateCollection {
    /// The database and name of the new collection.
    pub target: CollectionRef,
    /// The schema; its name and its field ids are ignored, and the server numbers the fields in order.
    pub schema: Schema,
    /// The number of shards; the server refuses more than its limit, usually 16.
    pub shards: i32,
    /// The default consistency level of queries.
    pub consistency: ConsistencyLevel,
    /// The properties of the collection, such as `collection.ttl.seconds`.
    pub properties: Vec<KeyValue>,
    /// The number of partitions for a partition key; `None` for the default of the server, or without a key.
    pub num_partitions: Option<i64>,
}

impl Milvus {
    /// Lists the names and ids of the collections of a database, without aliases.
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

    /// Returns whether a collection or an alias of this name exists.
    pub async fn has_collection(&self, collection: &CollectionRef) -> Result<bool, MilvusError> {
        let call = Call::new("look for collection", collection, &collection.database);
        let request = HasCollectionRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        match self.rpc.call(call, request, rpc!(has_collection)).await {
            Ok(reply) => Ok(reply.value),
            Err(error) if error.kind() == MilvusErrorKind::CollectionNotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Creates a collection. Succeeds if it exists with the same parameters and its schema has no default values.
    pub async fn create_collection(&self, create: &CreateCollection) -> Result<(), MilvusError> {
        let CollectionRef { database, collection } = &create.target;
        let mut call = Call::new("create collection", &create.target, database);
        if create.schema.fields.iter().any(|field| field.default_value.is_some()) {
            // 2.3.5 considers a schema with default values different from itself, so a retry would fail.
            call = Call::unrepeatable("create collection", &create.target, database);
        }
        let schema = schema::to_wire(&create.schema, collection).map_err(|error| {
            call.error(MilvusErrorKind::Invalid, "a default value is damaged").caused_by(error)
        })?;
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

    /// Sets properties of a collection; its other properties remain unchanged.
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
            delete_keys: Vec::new(),
        };
        self.rpc.call(call, request, rpc!(alter_collection)).await.map(drop)
    }

    /// Adds a field to a collection; it gets the next free id (2.6 and later).
    pub async fn add_field(&self, collection: &CollectionRef, field: &Field) -> Result<(), MilvusError> {
        let subject = format!("{} to collection {collection}", field.name);
        // A field that exists is refused, so a repetition would hide that the first call succeeded.
        let call = Call::unrepeatable("add field", &subject, &collection.database);
        let message = schema::field_to_wire(field).map_err(|error| {
            call.error(MilvusErrorKind::Invalid, "its default value is damaged").caused_by(error)
        })?;
        let request = AddCollectionFieldRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            schema: message.encode_to_vec(),
        };
        self.rpc.call(call, request, rpc!(add_collection_field)).await.map(drop)
    }

    /// Drops a field of a collection (3.0 and later); its id is not used again.
    pub async fn drop_field(&self, collection: &CollectionRef, field: &str) -> Result<(), MilvusError> {
        use proto::milvus::alter_collection_schema_request::{Action, DropRequest, action, drop_request};
        let subject = format!("{field} of collection {collection}");
        let call = Call::unrepeatable("drop field", &subject, &collection.database);
        let identifier = Some(drop_request::Identifier::FieldName(field.to_owned()));
        let drop_request = DropRequest { identifier, ..DropRequest::default() };
        let request = AlterCollectionSchemaRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            action: Some(Action { op: Some(action::Op::DropRequest(drop_request)) }),
        };
        self.rpc.call(call, request, rpc!(alter_collection_schema)).await.map(drop)
    }

    /// Drops a collection with its aliases. Succeeds if it does not exist; fails for the name of an alias.
    pub async fn drop_collection(&self, collection: &CollectionRef) -> Result<(), MilvusError> {
        let call = Call::new("drop collection", collection, &collection.database);
        let request = DropCollectionRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        self.rpc.call(call, request, rpc!(drop_collection)).await.map(drop)
    }

    /// Returns the number of flushed rows, including deleted rows.
    pub async fn flushed_rows(&self, collection: &CollectionRef) -> Result<u64, MilvusError> {
        let call = Call::new("read the statistics of collection", collection, &collection.database);
        let request = GetCollectionStatisticsRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        let reply = self.rpc.call(call, request, rpc!(get_collection_statistics)).await?;
        let rows = reply.stats.iter().find(|stat| stat.key == "row_count");
        rows.and_then(|stat| stat.value.parse().ok())
            .ok_or_else(|| call.error(MilvusErrorKind::Server, "the server returned no row count"))
    }
}
