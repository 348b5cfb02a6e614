//! Schemas in the messages of release 0.4.15.

use api::backup;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use model::manifest::{Field, Function, KeyValue, Schema, StructArrayField};

/// Converts a schema.
pub(super) fn schema(schema: &Schema) -> backup::CollectionSchema {
    backup::CollectionSchema {
        name: schema.name.clone(),
        description: schema.description.clone(),
        auto_id: schema.auto_id,
        fields: schema.fields.iter().map(field).collect(),
        enable_dynamic_field: schema.enable_dynamic_field,
        properties: key_values(&schema.properties),
        functions: schema.functions.iter().map(function).collect(),
        struct_array_fields: schema.struct_array_fields.iter().map(struct_array).collect(),
    }
}

/// Converts keys with their values.
pub(super) fn key_values(pairs: &[KeyValue]) -> Vec<backup::KeyValuePair> {
    let pair = |pair: &KeyValue| backup::KeyValuePair { key: pair.key.clone(), value: pair.value.clone() };
    pairs.iter().map(pair).collect()
}

fn field(field: &Field) -> backup::FieldSchema {
    let default = field.default_value.as_ref();
    backup::FieldSchema {
        field_id: field.id,
        name: field.name.clone(),
        is_primary_key: field.is_primary_key,
        description: field.description.clone(),
        data_type: field.data_type.0,
        type_params: key_values(&field.type_params),
        index_params: key_values(&field.index_params),
        auto_id: field.auto_id,
        state: backup::FieldState::FieldCreated.into(),
        element_type: field.element_type.0,
        default_value: None,
        is_dynamic: field.is_dynamic,
        is_partition_key: field.is_partition_key,
        nullable: field.nullable,
        is_function_output: field.is_function_output,
        default_value_base64: default.map(|value| BASE64_STANDARD.encode(value)).unwrap_or_default(),
    }
}

fn function(function: &Function) -> backup::FunctionSchema {
    backup::FunctionSchema {
        name: function.name.clone(),
        id: function.id,
        description: function.description.clone(),
        r#type: function.kind,
        input_field_names: function.input_field_names.clone(),
        input_field_ids: function.input_field_ids.clone(),
        output_field_names: function.output_field_names.clone(),
        output_field_ids: function.output_field_ids.clone(),
        params: key_values(&function.params),
    }
}

fn struct_array(array: &StructArrayField) -> backup::StructArrayFieldSchema {
    backup::StructArrayFieldSchema {
        field_id: array.id,
        name: array.name.clone(),
        description: array.description.clone(),
        fields: array.fields.iter().map(field).collect(),
    }
}
