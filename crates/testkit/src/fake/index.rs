//! Calls about indexes.

use proto::common::{IndexState, KeyValuePair, Status};
use proto::milvus as wire;
use proto::schema::{DataType, FieldSchema};

use super::index_types::{AUTO_INDEX, INDEX_TYPE, IndexParams, JSON_PATH, METRIC_TYPE, check_index};
use super::limits::is_vector;
use super::names::{Named, check_name};
use super::reply::{Refusal, Version};
use super::state::{Collection, FakeState, Load};
use super::words::{Kind, V2_4, V2_5};

type Answer<R> = Result<R, Refusal>;

const DYNAMIC_FIELD: &str = "$meta";
/// The parameters of an index that can be changed.
const CHANGEABLE: [&str; 3] = ["mmap.enabled", "indexoffsetcache.enabled", "warmup"];

/// Returns the refusal for a missing index: of any name, or of one.
pub(super) fn no_index(held: &Collection, name: &str) -> Refusal {
    let id = held.id.to_string();
    if name.is_empty() {
        Refusal::worded("index.none", &[held.name(), &id])
    } else {
        Refusal::worded("index.unknown", &[name, &id])
    }
}

impl FakeState {
    pub(super) fn describe_index(
        &mut self,
        request: &wire::DescribeIndexRequest,
    ) -> Answer<wire::DescribeIndexResponse> {
        let held = self.collection(&request.db_name, &request.collection_name)?;
        let name = request.index_name.as_str();
        let rows = i64::try_from(held.counted_rows()).unwrap_or_default();
        let wanted = held.indexes.iter().filter(|index| name.is_empty() || index.index_name == name);
        let descriptions = wanted.map(|index| wire::IndexDescription {
            indexed_rows: rows,
            total_rows: rows,
            state: IndexState::Finished.into(),
            ..index.clone()
        });
        let index_descriptions: Vec<_> = descriptions.collect();
        if index_descriptions.is_empty() {
            return Err(no_index(held, name));
        }
        Ok(wire::DescribeIndexResponse { index_descriptions, ..Default::default() })
    }

    pub(super) fn create_index(&mut self, request: &wire::CreateIndexRequest) -> Answer<Status> {
        let (version, index_id) = (self.version, self.next_id());
        let held = self.collection(&request.db_name, &request.collection_name)?;
        if !request.index_name.is_empty() {
            check_name(Named::Index, &request.index_name, version)?;
        }
        let Some(field) = held.indexed_field(&request.field_name, version) else {
            let text = format!("cannot create index on non-exist field: {}", request.field_name);
            return Err(Refusal::plain(text));
        };
        let params = IndexParams::read(&request.extra_params)?;
        check_index(&field, &held.schema, &params, version)?;
        let path = params.get(JSON_PATH).filter(|_| field.data_type() == DataType::Json);
        let mut new = wire::IndexDescription {
            index_name: request.index_name.clone(),
            field_name: request.field_name.clone(),
            params: default_params(&field, &request.extra_params, version),
            ..Default::default()
        };
        if request.field_name == DYNAMIC_FIELD {
            // The key in the hidden field counts as the field.
            path.and_then(|path| keys_of(path).nth(1)).unwrap_or_default().clone_into(&mut new.field_name);
        }
        if new.index_name.is_empty() {
            new.index_name =
                path.map_or(request.field_name.clone(), |path| keys_of(path).collect::<Vec<_>>().join("/"));
        }
        if held.has_index(&new)? {
            return Ok(Status::default());
        }
        held.indexes.push(wire::IndexDescription { index_id, ..new });
        Ok(Status::default())
    }

    pub(super) fn alter_index(&mut self, request: &wire::AlterIndexRequest) -> Answer<Status> {
        let held = self.collection(&request.db_name, &request.collection_name)?;
        let wire::AlterIndexRequest { extra_params, delete_keys, index_name, .. } = request;
        if !extra_params.is_empty() && !delete_keys.is_empty() {
            return Err(Refusal::stated(Kind::Invalid, "cannot provide both DeleteKeys and ExtraParams"));
        }
        let keys = extra_params.iter().map(|pair| &pair.key).chain(delete_keys);
        if let Some(key) = keys.into_iter().find(|key| !CHANGEABLE.contains(&key.as_str())) {
            return Err(Refusal::worded("index.unchangeable", &[key]));
        }
        if held.load != Load::No {
            return Err(Refusal::worded("index.alter_loaded", &[held.name()]));
        }
        let missing = no_index(held, index_name);
        let index = held.indexes.iter_mut().find(|index| index.index_name == *index_name).ok_or(missing)?;
        let is_changed =
            |key: &String| delete_keys.contains(key) || extra_params.iter().any(|pair| pair.key == *key);
        index.params.retain(|pair| !is_changed(&pair.key));
        index.params.extend(extra_params.iter().cloned());
        Ok(Status::default())
    }

    pub(super) fn drop_index(&mut self, request: &wire::DropIndexRequest) -> Answer<Status> {
        let version = self.version;
        let held = self.collection(&request.db_name, &request.collection_name)?;
        let is_it = |index: &wire::IndexDescription| {
            index.index_name == request.index_name
                || request.index_name.is_empty() && index.field_name == request.field_name
        };
        let of_vector = |index: &wire::IndexDescription| {
            held.schema
                .fields
                .iter()
                .any(|field| field.name == index.field_name && is_vector(field.data_type, version))
        };
        let dropped = held.indexes.iter().find(|index| is_it(index));
        if held.load != Load::No && (version < V2_4 || dropped.is_some_and(of_vector)) {
            return Err(Refusal::worded("index.drop_loaded", &[&held.id.to_string()]));
        }
        held.indexes.retain(|index| !is_it(index));
        Ok(Status::default())
    }
}

impl Collection {
    /// Returns the field of an index: one of the schema, of a struct, or a key of the hidden field.
    fn indexed_field(&self, name: &str, version: Version) -> Option<FieldSchema> {
        let own = self.schema.fields.iter().find(|field| field.name == name).cloned();
        let of_struct = || {
            let (outer, inner) = name.strip_suffix(']')?.split_once('[')?;
            let each = self.schema.struct_array_fields.iter().find(|each| each.name == outer)?;
            each.fields.iter().find(|field| field.name == inner).cloned()
        };
        let is_hidden = name == DYNAMIC_FIELD || version >= V2_5;
        let hidden = (self.schema.enable_dynamic_field && is_hidden).then(|| FieldSchema {
            name: name.to_owned(),
            data_type: DataType::Json.into(),
            ..FieldSchema::default()
        });
        own.or_else(of_struct).or(hidden)
    }

    /// Returns whether the same index exists; fails if another one is in the way.
    fn has_index(&self, new: &wire::IndexDescription) -> Answer<bool> {
        let path = |index: &wire::IndexDescription| {
            IndexParams::read(&index.params).ok().and_then(|params| params.get(JSON_PATH).map(str::to_owned))
        };
        for index in &self.indexes {
            let same_target = index.field_name == new.field_name && path(index) == path(new);
            if index.index_name == new.index_name {
                if same_target && index.params == new.params {
                    return Ok(true);
                }
                return Err(Refusal::worded("index.distinct", &[]));
            }
            if same_target {
                return Err(Refusal::plain(
                    "CreateIndex failed: creating multiple indexes on same field is not supported",
                ));
            }
        }
        Ok(false)
    }
}

/// Returns the parameters as the server describes them: those of the request, or the defaults of a vector.
fn default_params(field: &FieldSchema, given: &[KeyValuePair], version: Version) -> Vec<KeyValuePair> {
    if !given.is_empty() || !is_vector(field.data_type, version) {
        return given.to_vec();
    }
    let metric = if version < V2_5 { "IP" } else { "COSINE" };
    [(INDEX_TYPE, AUTO_INDEX), (METRIC_TYPE, metric)]
        .map(|(key, value)| KeyValuePair { key: key.to_owned(), value: value.to_owned() })
        .to_vec()
}

/// Returns the parts of a JSON path: the field and the keys in it.
fn keys_of(path: &str) -> impl Iterator<Item = &str> {
    path.split(['[', ']', '\'', '"', '/']).filter(|part| !part.is_empty())
}
