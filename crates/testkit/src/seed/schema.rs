//! Short ways to write schemas and indexes down.

use milvus::CreateCollection;
use model::manifest::{ConsistencyLevel, DataType, Field, Index, KeyValue, Schema};
use model::name::CollectionRef;

/// Reads see every write that came before them.
pub(super) const STRONG: ConsistencyLevel = ConsistencyLevel(0);
/// What clients choose where the user chooses nothing.
const BOUNDED: ConsistencyLevel = ConsistencyLevel(2);

/// A field without parameters.
pub(super) fn field(name: &str, data_type: DataType) -> Field {
    Field { name: name.to_owned(), data_type, ..Field::default() }
}

/// A field with one parameter, such as `dim`.
pub(super) fn field_of(name: &str, data_type: DataType, param: &str, value: usize) -> Field {
    Field { type_params: vec![KeyValue::new(param, value.to_string())], ..field(name, data_type) }
}

/// The same field as the primary key.
pub(super) fn primary(field: Field) -> Field {
    Field { is_primary_key: true, ..field }
}

/// A collection with one shard and nothing special.
pub(super) fn plain(target: &CollectionRef, fields: Vec<Field>) -> CreateCollection {
    CreateCollection {
        target: target.clone(),
        schema: Schema { fields, ..Schema::default() },
        shards: 1,
        consistency: BOUNDED,
        properties: Vec::new(),
        num_partitions: None,
    }
}

/// An index with its parameters; `params` is a JSON text.
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
