//! Calls about collections.

use prost::Message;
use proto::common::Status;
use proto::milvus as wire;
use proto::schema::CollectionSchema;

use super::databases::DEFAULT_DATABASE;
use super::external::{check_external, complete_external, mask_secrets};
use super::limits::{MOST_SHARDS, limits};
use super::names::{Named, check_name};
use super::properties::{
    MAX_FIELD_ID, PRESERVE_FIELD_IDS, Properties, add_server_made, check_change, check_new, from_pairs,
    has_namespace_key, raise_max_field_id, to_pairs,
};
use super::reply::{Refusal, Version};
use super::schema::{assign_ids, forget_unknown};
use super::schema_check::{check_models, check_schema};
use super::segments::History;
use super::state::{Collection, FakeState, Load, Partition};
use super::words::{Kind, V2_5, V3_0};

type Answer<R> = Result<R, Refusal>;

impl FakeState {
    pub(super) fn create_collection(&mut self, request: &wire::CreateCollectionRequest) -> Answer<Status> {
        let version = self.version;
        let mut request = request.clone();
        request.shards_num = request.shards_num.max(1);
        if request.db_name.is_empty() {
            DEFAULT_DATABASE.clone_into(&mut request.db_name);
        }
        let mut schema = CollectionSchema::decode(request.schema.as_slice())
            .map_err(|_| Refusal::worded("schema.unreadable", &[]))?;
        if request.shards_num > MOST_SHARDS {
            return Err(Refusal::plain(format!(
                "maximum shards's number should be limited to {MOST_SHARDS}"
            )));
        }
        if version >= V3_0 {
            check_external(&schema, request.shards_num)?;
        }
        check_schema(&schema, version)?;
        let properties = from_pairs(&request.properties);
        check_new(&properties, &schema, version)?;
        let is_unchecked = properties.get("disable_func_runtime_check").is_some_and(|value| value == "true");
        check_models(&schema, is_unchecked, version)?;
        let names = partition_names(&schema, &properties, request.num_partitions, version)?;
        if schema.name != request.collection_name {
            return Err(Refusal::worded("schema.other_name", &[&request.collection_name, &schema.name]));
        }
        self.database(&request.db_name)?.check_no_alias(&request.db_name, &schema.name)?;
        let keeps_ids = properties.get(PRESERVE_FIELD_IDS).is_some_and(|value| value == "true");
        forget_unknown(&mut schema, version);
        complete_external(&mut schema);
        let next_field_id = assign_ids(&mut schema, keeps_ids && version >= V3_0)?;
        let partitions = names.into_iter().map(|name| Partition { id: self.next_id(), name }).collect();
        // Server-made ids follow those of the request; where these are kept, 3.0 forgets the hidden field.
        let hidden = i64::from(schema.enable_dynamic_field) + i64::from(schema.enable_namespace);
        let dynamic_field_id = (!(keeps_ids && version >= V3_0)).then_some(next_field_id - hidden);
        let mut collection = Collection {
            id: self.next_id(),
            created: self.next_timestamp(),
            schema,
            next_field_id,
            dynamic_field_id,
            properties,
            partitions,
            indexes: Vec::new(),
            load: Load::No,
            segments: Vec::new(),
            history: History::default(),
            request,
        };
        add_server_made(&mut collection.properties, &collection.schema, version);
        collection.note_field_ids(version);
        self.add_collection(collection)
    }

    /// Adds a new collection, unless the same one exists.
    fn add_collection(&mut self, collection: Collection) -> Answer<Status> {
        let (database, name) = (collection.request.db_name.clone(), collection.name().to_owned());
        match self.database(&database)?.collections.get(&name) {
            Some(held) if held.is_like(&collection) => return Ok(Status::default()),
            Some(_) => {
                return Err(Refusal::plain(format!(
                    "create duplicate collection with different parameters, collection: {name}"
                )));
            }
            None => {}
        }
        self.check_collection_limit(&database)?;
        self.database(&database)?.collections.insert(name, collection);
        Ok(Status::default())
    }

    /// Describes a collection; a refusal repeats the names of the request.
    pub(super) fn describe_collection(
        &mut self,
        request: &wire::DescribeCollectionRequest,
    ) -> Answer<wire::DescribeCollectionResponse> {
        let version = self.version;
        // Until 2.5, a name that breaks the rules is refused before.
        let repeats = version >= V2_5
            || request.collection_id != 0
            || check_name(Named::Collection, &request.collection_name, version).is_ok();
        self.describe(request).or_else(|refusal| {
            if !repeats {
                return Err(refusal);
            }
            Ok(wire::DescribeCollectionResponse {
                status: Some(refusal.into_status("DescribeCollection", version)),
                collection_name: request.collection_name.clone(),
                db_name: request.db_name.clone(),
                ..Default::default()
            })
        })
    }

    fn describe(
        &mut self,
        request: &wire::DescribeCollectionRequest,
    ) -> Answer<wire::DescribeCollectionResponse> {
        let version = self.version;
        let (database, name) = if request.collection_name.is_empty() && request.collection_id != 0 {
            self.find_by_id(request.collection_id)?
        } else {
            (request.db_name.clone(), request.collection_name.clone())
        };
        let held = self.collection(&database, &name)?;
        let shards = held.request.shards_num;
        let id = held.id;
        let mut described = wire::DescribeCollectionResponse {
            status: None,
            schema: Some(held.described_schema(version)),
            collection_id: id,
            virtual_channel_names: (0..held.shards()).map(|shard| held.channel(shard)).collect(),
            physical_channel_names: (0..shards).map(|n| format!("by-dev-rootcoord-dml_{n}")).collect(),
            created_timestamp: held.created,
            shards_num: shards,
            aliases: Vec::new(),
            consistency_level: held.request.consistency_level,
            // the name in the request, which may be an alias
            collection_name: request.collection_name.clone(),
            properties: to_pairs(&held.properties),
            db_name: request.db_name.clone(),
            num_partitions: i64::try_from(held.partitions.len()).unwrap_or_default(),
            db_id: 0,
        };
        let held_database = self.database(&database)?;
        described.aliases = held_database.aliases_of(id);
        if version >= V3_0 {
            described.db_id = held_database.id;
            described.db_name.clone_from(&database);
            if described.collection_name.is_empty() {
                described.collection_name = name;
            }
        }
        Ok(described)
    }

    /// Returns the database and the name of a collection in any database.
    fn find_by_id(&self, id: i64) -> Answer<(String, String)> {
        let mut all = self.databases.iter().flat_map(|(database, held)| {
            held.collections.values().map(move |collection| (database, collection))
        });
        let found = all.find(|(_, collection)| collection.id == id);
        let found = found.map(|(database, collection)| (database.clone(), collection.name().to_owned()));
        found.ok_or_else(|| Refusal::worded("no_collection_id", &[&id.to_string()]))
    }

    pub(super) fn show_collections(
        &mut self,
        request: &wire::ShowCollectionsRequest,
    ) -> Answer<wire::ShowCollectionsResponse> {
        self.database(&request.db_name)?;
        let database = if request.db_name.is_empty() { DEFAULT_DATABASE } else { &request.db_name };
        let held = self.databases.get(database).into_iter().flat_map(|held| held.collections.values());
        let visible = held.filter(|collection| self.may_see_collection(database, collection.name()));
        let (collection_names, collection_ids) =
            visible.map(|collection| (collection.name().to_owned(), collection.id)).unzip();
        Ok(wire::ShowCollectionsResponse { collection_names, collection_ids, ..Default::default() })
    }

    pub(super) fn has_collection(
        &mut self,
        request: &wire::HasCollectionRequest,
    ) -> Answer<wire::BoolResponse> {
        check_name(Named::Collection, &request.collection_name, self.version)?;
        if self.version >= V2_5 {
            self.database(&request.db_name)?;
        }
        let value = self.collection(&request.db_name, &request.collection_name).is_ok();
        Ok(wire::BoolResponse { value, ..Default::default() })
    }

    pub(super) fn alter_collection(&mut self, request: &wire::AlterCollectionRequest) -> Answer<Status> {
        let version = self.version;
        self.database(&request.db_name)?;
        let held = self.collection(&request.db_name, &request.collection_name)?;
        let wire::AlterCollectionRequest { properties, delete_keys, .. } = request;
        check_change(properties, delete_keys, &held.schema, held.load != Load::No, version)?;
        for pair in properties {
            match pair.key.as_str() {
                "collection.description" if version >= V2_5 => {
                    held.schema.description.clone_from(&pair.value);
                }
                "dynamicfield.enabled" if version >= V2_5 => held.switch_dynamic_field(pair.value == "true"),
                _ => {
                    held.properties.insert(pair.key.clone(), pair.value.clone());
                }
            }
        }
        if version >= V2_5 {
            held.properties.retain(|key, _| !delete_keys.contains(key));
        }
        held.note_field_ids(version);
        Ok(Status::default())
    }

    pub(super) fn drop_collection(&mut self, request: &wire::DropCollectionRequest) -> Answer<Status> {
        let version = self.version;
        if version < V2_5 {
            check_name(Named::Collection, &request.collection_name, version)?;
        }
        // What is in a database that does not exist counts as dropped.
        let Ok(database) = self.database(&request.db_name) else { return Ok(Status::default()) };
        database.drop_collection(&request.collection_name, version)?;
        self.forget_snapshots();
        Ok(Status::default())
    }
}

impl Collection {
    /// Returns whether this collection, as it is now, is what a request for another one asks for.
    fn is_like(&self, new: &Self) -> bool {
        self.schema == new.schema
            && self.properties == new.properties
            && self.partitions.len() == new.partitions.len()
            && self.request.shards_num == new.request.shards_num
            && self.request.consistency_level == new.request.consistency_level
    }

    /// Returns the schema as the server shows it: without hidden fields, and from 2.5 on with the properties.
    fn described_schema(&self, version: Version) -> CollectionSchema {
        let properties = if version >= V2_5 { to_pairs(&self.properties) } else { Vec::new() };
        let external_spec = mask_secrets(&self.schema.external_spec);
        CollectionSchema { properties, external_spec, ..self.schema.clone() }
    }

    /// Gives the hidden field its id when it is switched on, or leaves a hole when it is switched off.
    fn switch_dynamic_field(&mut self, is_on: bool) {
        if is_on && !self.schema.enable_dynamic_field {
            self.dynamic_field_id = Some(self.next_field_id);
            self.next_field_id += 1;
        }
        self.schema.enable_dynamic_field = is_on;
    }

    /// Keeps the highest id of a field in the properties, where 3.0 has it.
    pub(super) fn note_field_ids(&mut self, version: Version) {
        if version >= V3_0 {
            raise_max_field_id(&mut self.properties, self.next_field_id - 1);
            let highest = self.properties.get(MAX_FIELD_ID).and_then(|text| text.parse::<i64>().ok());
            self.next_field_id = self.next_field_id.max(highest.unwrap_or_default().saturating_add(1));
        }
    }
}

fn partition_names(
    schema: &CollectionSchema,
    properties: &Properties,
    requested: i64,
    version: Version,
) -> Answer<Vec<String>> {
    let limits = limits(version);
    let by_namespace = requested == 0 && has_namespace_key(schema, properties, version);
    if by_namespace || schema.fields.iter().any(|field| field.is_partition_key) {
        if requested > limits.most_key_partitions {
            let most = limits.most_key_partitions.to_string();
            return Err(Refusal::worded("schema.partitions", &[&requested.to_string(), &most, &schema.name]));
        }
        let number = if requested == 0 { limits.key_partitions } else { requested };
        return Ok((0..number).map(|n| format!("_default_{n}")).collect());
    }
    if requested > 1 {
        return Err(Refusal::stated(
            Kind::Plain,
            "num_partitions should only be specified with partition key field enabled",
        ));
    }
    Ok(vec!["_default".to_owned()])
}
