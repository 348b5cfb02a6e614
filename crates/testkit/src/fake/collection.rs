//! Calls about collections and partitions.

use std::collections::BTreeMap;

use prost::Message;
use proto::common::{KeyValuePair, Status};
use proto::milvus as wire;
use proto::schema::{CollectionSchema, DataType, FieldSchema};

use super::names::{Named, check_name};
use super::reply::{Refusal, Version};
use super::segments::History;
use super::state::{Collection, FakeState, Load, Partition};

type Answer<R> = Result<R, Refusal>;

const FIRST_FIELD_ID: i64 = 100;
const MAX_SHARDS: i32 = 16;
/// The number of partitions of a collection with a partition key, unless the request sets another.
const DEFAULT_KEY_PARTITIONS: i64 = 64;

impl FakeState {
    pub(super) fn create_collection(&mut self, request: &wire::CreateCollectionRequest) -> Answer<Status> {
        check_name(Named::Collection, &request.collection_name, self.version)?;
        let version = self.version;
        if let Some(collection) = self.database(&request.db_name)?.get(&request.collection_name) {
            return if collection.request == *request {
                Ok(Status::default())
            } else {
                let name = collection.name();
                Err(Refusal::unexpected(format!(
                    "create duplicate collection with different parameters, collection: {name}"
                )))
            };
        }
        let mut schema = CollectionSchema::decode(request.schema.as_slice())
            .map_err(|error| Refusal::invalid(format!("the schema cannot be read: {error}")))?;
        check_schema(&schema, version)?;
        if request.shards_num > MAX_SHARDS {
            return Err(Refusal::invalid(format!(
                "maximum shards's number should be limited to {MAX_SHARDS}"
            )));
        }
        schema.name.clone_from(&request.collection_name);
        for (id, field) in (FIRST_FIELD_ID..).zip(&mut schema.fields) {
            field.field_id = id;
        }
        let names = partition_names(&schema, request.num_partitions)?;
        let partitions = names.into_iter().map(|name| Partition { id: self.next_id(), name }).collect();
        let properties =
            request.properties.iter().map(|pair| (pair.key.clone(), pair.value.clone())).collect();
        let collection = Collection {
            id: self.next_id(),
            created: self.next_timestamp(),
            schema,
            properties,
            partitions,
            indexes: Vec::new(),
            aliases: Vec::new(),
            load: Load::No,
            segments: Vec::new(),
            history: History::default(),
            request: request.clone(),
        };
        let (database, name) = (collection.request.db_name.clone(), collection.name().to_owned());
        self.database(&database)?.insert(name, collection);
        Ok(Status::default())
    }

    pub(super) fn describe_collection(
        &mut self,
        request: &wire::DescribeCollectionRequest,
    ) -> Answer<wire::DescribeCollectionResponse> {
        let collection = self.collection(&request.db_name, &request.collection_name)?;
        let shards = collection.request.shards_num.max(1);
        Ok(wire::DescribeCollectionResponse {
            status: None,
            schema: Some(collection.schema.clone()),
            collection_id: collection.id,
            virtual_channel_names: (0..collection.shards()).map(|shard| collection.channel(shard)).collect(),
            physical_channel_names: (0..shards).map(|n| format!("by-dev-rootcoord-dml_{n}")).collect(),
            created_timestamp: collection.created,
            shards_num: shards,
            aliases: collection.aliases.clone(),
            consistency_level: collection.request.consistency_level,
            // the name in the request, which may be an alias
            collection_name: request.collection_name.clone(),
            properties: to_pairs(&collection.properties),
            db_name: collection.request.db_name.clone(),
            num_partitions: i64::try_from(collection.partitions.len()).unwrap_or_default(),
            db_id: 0,
        })
    }

    pub(super) fn alter_collection(&mut self, request: &wire::AlterCollectionRequest) -> Answer<Status> {
        self.database(&request.db_name)?;
        let collection = self.collection(&request.db_name, &request.collection_name)?;
        collection
            .properties
            .extend(request.properties.iter().map(|pair| (pair.key.clone(), pair.value.clone())));
        Ok(Status::default())
    }

    pub(super) fn drop_collection(&mut self, request: &wire::DropCollectionRequest) -> Answer<Status> {
        let name = &request.collection_name;
        // What is in a database that does not exist counts as dropped.
        let Ok(database) = self.database(&request.db_name) else { return Ok(Status::default()) };
        if database.remove(name).is_none() && self.collection(&request.db_name, name).is_ok() {
            return Err(Refusal::unexpected(format!("cannot drop the collection via alias = {name}")));
        }
        Ok(Status::default())
    }

    pub(super) fn show_partitions(
        &mut self,
        request: &wire::ShowPartitionsRequest,
    ) -> Answer<wire::ShowPartitionsResponse> {
        let collection = self.collection(&request.db_name, &request.collection_name)?;
        Ok(wire::ShowPartitionsResponse {
            partition_names: collection.partitions.iter().map(|partition| partition.name.clone()).collect(),
            partition_i_ds: collection.partitions.iter().map(|partition| partition.id).collect(),
            ..Default::default()
        })
    }

    pub(super) fn create_partition(&mut self, request: &wire::CreatePartitionRequest) -> Answer<Status> {
        check_name(Named::Partition, &request.partition_name, self.version)?;
        let id = self.next_id();
        let collection = self.collection(&request.db_name, &request.collection_name)?;
        if collection.has_partition_key() {
            return Err(Refusal::unexpected("disable create partition if partition key mode is used"));
        }
        if collection.partition(&request.partition_name).is_err() {
            collection.partitions.push(Partition { id, name: request.partition_name.clone() });
        }
        Ok(Status::default())
    }
}

fn to_pairs(map: &BTreeMap<String, String>) -> Vec<KeyValuePair> {
    map.iter().map(|(key, value)| KeyValuePair { key: key.clone(), value: value.clone() }).collect()
}

fn partition_names(schema: &CollectionSchema, requested: i64) -> Answer<Vec<String>> {
    if schema.fields.iter().any(|field| field.is_partition_key) {
        let number = if requested == 0 { DEFAULT_KEY_PARTITIONS } else { requested };
        return Ok((0..number).map(|n| format!("_default_{n}")).collect());
    }
    if requested > 1 {
        return Err(Refusal::invalid(
            "num_partitions should only be specified with partition key field enabled",
        ));
    }
    Ok(vec!["_default".to_owned()])
}

fn check_schema(schema: &CollectionSchema, version: Version) -> Answer<()> {
    let is_vector = |field: &FieldSchema| field.data_type >= DataType::BinaryVector.into();
    let mut names: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    names.sort_unstable();
    let vectors = schema.fields.iter().filter(|field| is_vector(field)).count();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(Refusal::unexpected("duplicated field name"));
    }
    if schema.fields.iter().filter(|field| field.is_primary_key).count() != 1 {
        return Err(Refusal::invalid("the schema needs exactly one primary key"));
    }
    if vectors == 0 {
        return Err(Refusal::invalid("schema does not contain vector field"));
    }
    if vectors > 1 && version < (2, 4, 0) {
        return Err(Refusal::invalid("multiple vector fields is not supported"));
    }
    for field in &schema.fields {
        check_name(Named::Field, &field.name, version)?;
        let needed = match field.data_type() {
            DataType::VarChar => "max_length",
            DataType::Array => "max_capacity",
            _ if is_vector(field) => "dim",
            _ => continue,
        };
        if !field.type_params.iter().any(|param| param.key == needed) {
            return Err(Refusal::invalid(format!(
                "type param({needed}) should be specified for field {}",
                field.name
            )));
        }
    }
    Ok(())
}
