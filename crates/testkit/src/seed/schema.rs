//! Short constructors of schemas and indexes.

use milvus::CreateCollection;
use model::manifest::{ConsistencyLevel, DataType, Field, Index, KeyValue, Schema};
use model::name::CollectionRef;

/// The level at which a read returns every earlier write.
pub(super) const STRONG: ConsistencyLevel = ConsistencyLevel(0);
/// The level that clients choose by default.
const BOUNDED: ConsistencyLevel = ConsistencyLevel(2);

/// Returns a field without parameters.
pub(super) fn field(name: &str, data_type: DataType) -> Field {
    Field { name: name.to_owned(), data_type, ..Field::default() }
}

/// Returns a field with one parameter, such as `dim`.
pub(super) fn field_with_param(name: &str, data_type: DataType, param: &str, value: usize) -> Field {
    Field { type_params: vec![KeyValue::new(param, value.to_string())], ..field(name, data_type) }
}

/// Makes a field the primary key.
pub(super) fn primary_key(field: Field) -> Field {
    Field { is_primary_key: true, ..field }
}

/// Returns a request for a collection with one shard, bounded consistency and no properties.
pub(super) fn plain_collection(target: &CollectionRef, fields: Vec<Field>) -> CreateCollection {
    CreateCollection {
        target: target.clone(),
        schema: Schema { fields, ..Schema::default() },
        shards: 1,
        consistency: BOUNDED,
        properties: Vec::new(),
        num_partitions: None,
    }
}

/// Returns an index with its parameters; `params` is a JSON text, and empty texts are left out.
pub(super) fn index(field: &str, name: &str, kind: &str, metric: &str, params: &str) -> Index {
    let params = [("metric_type", metric), ("params", params)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Index {
        field_name: field.to_owned(),
        name: name.to_owned(),
        index_type: kind.to_owned(),
        params,
        ..Index::default()
    }
}
