//! The keys of schemas, indexes and databases.

use super::codec::object;
use crate::manifest::{DatabaseBackup, Field, Function, Index, KeyValue, Schema, StructArrayField};

object!(KeyValue {
    "key" => key,
    "value" => value,
});

object!(Schema {
    "name" => name,
    "description" => description,
    "autoID" => auto_id,
    "fields" => fields,
    "enable_dynamic_field" => enable_dynamic_field,
    "properties" => properties,
    "functions" => functions,
    "struct_array_fields" => struct_array_fields,
    "external_source" => external_source,
    "external_spec" => external_spec,
    "enable_namespace" => enable_namespace,
});

object!(Field {
    "fieldID" => id,
    "name" => name,
    "is_primary_key" => is_primary_key,
    "description" => description,
    "data_type" => data_type,
    "type_params" => type_params,
    "index_params" => index_params,
    "autoID" => auto_id,
    "element_type" => element_type,
    "is_dynamic" => is_dynamic,
    "is_partition_key" => is_partition_key,
    "is_clustering_key" => is_clustering_key,
    "nullable" => nullable,
    "is_function_output" => is_function_output,
    "external_field" => external_field,
    "element_nullable" => element_nullable,
    "default_value_base64" => default_value,
} legacy {
    "default_value_proto" => set_raw_default
});

/// Sets a default value from the form of early 0.5 releases, the bytes of the message as text.
///
/// The later form has priority, because this one lost bytes that are not UTF-8.
fn set_raw_default(field: &mut Field, raw: String) {
    if field.default_value.is_none() && !raw.is_empty() {
        field.default_value = Some(raw.into_bytes());
    }
}

object!(Function {
    "name" => name,
    "id" => id,
    "description" => description,
    "type" => kind,
    "input_field_names" => input_field_names,
    "input_field_ids" => input_field_ids,
    "output_field_names" => output_field_names,
    "output_field_ids" => output_field_ids,
    "params" => params,
});

object!(StructArrayField {
    "fieldID" => id,
    "name" => name,
    "description" => description,
    "fields" => fields,
    "type_params" => type_params,
    "nullable" => nullable,
});

object!(Index {
    "field_name" => field_name,
    "index_name" => name,
    "index_type" => index_type,
    "params" => params,
    "index_id" => id,
    "field_id" => details.field_id,
    "create_time" => details.create_time,
    "type_params" => details.type_params,
    "index_params" => details.index_params,
    "user_index_params" => details.user_index_params,
    "is_auto_index" => details.is_auto_index,
    "min_index_version" => details.min_index_version,
    "max_index_version" => details.max_index_version,
});

object!(DatabaseBackup {
    "db_name" => name,
    "db_id" => id,
    "properties" => properties,
    "ezk" => ezk,
});
