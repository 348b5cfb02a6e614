//! Conversion of schemas between the model and protobuf messages.

use model::manifest::{DataType, Field, Function, KeyValue, Schema, StructArrayField};
use prost::Message;
use proto::common::KeyValuePair;
use proto::schema as wire;

/// Converts a schema sent by the server to the model.
pub(crate) fn from_wire(schema: wire::CollectionSchema) -> Schema {
    Schema {
        name: schema.name,
        description: schema.description,
        auto_id: schema.auto_id,
        fields: schema.fields.into_iter().map(field_from_wire).collect(),
        enable_dynamic_field: schema.enable_dynamic_field,
        properties: pairs_from_wire(schema.properties),
        functions: schema.functions.into_iter().map(function_from_wire).collect(),
        struct_array_fields: schema.struct_array_fields.into_iter().map(struct_from_wire).collect(),
        external_source: schema.external_source,
        external_spec: schema.external_spec,
        enable_namespace: schema.enable_namespace,
    }
}

/// Converts a schema for a collection of this name; fails if a default value is not an encoded `ValueField`.
pub(crate) fn to_wire(schema: &Schema, name: &str) -> Result<wire::CollectionSchema, prost::DecodeError> {
    Ok(wire::CollectionSchema {
        name: name.to_owned(),
        description: schema.description.clone(),
        auto_id: schema.auto_id,
        fields: schema.fields.iter().map(field_to_wire).collect::<Result<_, _>>()?,
        enable_dynamic_field: schema.enable_dynamic_field,
        properties: pairs_to_wire(&schema.properties),
        functions: schema.functions.iter().map(function_to_wire).collect(),
        struct_array_fields: schema
            .struct_array_fields
            .iter()
            .map(struct_to_wire)
            .collect::<Result<_, _>>()?,
        external_source: schema.external_source.clone(),
        external_spec: schema.external_spec.clone(),
        enable_namespace: schema.enable_namespace,
    })
}

pub(crate) fn pairs_from_wire(pairs: Vec<KeyValuePair>) -> Vec<KeyValue> {
    pairs.into_iter().map(|pair| KeyValue { key: pair.key, value: pair.value }).collect()
}

pub(crate) fn pairs_to_wire(pairs: &[KeyValue]) -> Vec<KeyValuePair> {
    pairs.iter().map(|pair| KeyValuePair { key: pair.key.clone(), value: pair.value.clone() }).collect()
}

fn field_from_wire(field: wire::FieldSchema) -> Field {
    Field {
        id: field.field_id,
        name: field.name,
        is_primary_key: field.is_primary_key,
        description: field.description,
        data_type: DataType(field.data_type),
        type_params: pairs_from_wire(field.type_params),
        index_params: pairs_from_wire(field.index_params),
        auto_id: field.auto_id,
        element_type: DataType(field.element_type),
        is_dynamic: field.is_dynamic,
        is_partition_key: field.is_partition_key,
        is_clustering_key: field.is_clustering_key,
        nullable: field.nullable,
        is_function_output: field.is_function_output,
        external_field: field.external_field,
        element_nullable: field.element_nullable,
        default_value: field.default_value.map(|value| value.encode_to_vec()),
    }
}

pub(crate) fn field_to_wire(field: &Field) -> Result<wire::FieldSchema, prost::DecodeError> {
    Ok(wire::FieldSchema {
        field_id: field.id,
        name: field.name.clone(),
        is_primary_key: field.is_primary_key,
        description: field.description.clone(),
        data_type: field.data_type.0,
        type_params: pairs_to_wire(&field.type_params),
        index_params: pairs_to_wire(&field.index_params),
        auto_id: field.auto_id,
        element_type: field.element_type.0,
        default_value: field.default_value.as_deref().map(wire::ValueField::decode).transpose()?,
        is_dynamic: field.is_dynamic,
        is_partition_key: field.is_partition_key,
        is_clustering_key: field.is_clustering_key,
        nullable: field.nullable,
        is_function_output: field.is_function_output,
        external_field: field.external_field.clone(),
        element_nullable: field.element_nullable,
    })
}

fn function_from_wire(function: wire::FunctionSchema) -> Function {
    Function {
        name: function.name,
        id: function.id,
        description: function.description,
        kind: function.r#type,
        input_field_names: function.input_field_names,
        input_field_ids: function.input_field_ids,
        output_field_names: function.output_field_names,
        output_field_ids: function.output_field_ids,
        params: pairs_from_wire(function.params),
    }
}

fn function_to_wire(function: &Function) -> wire::FunctionSchema {
    wire::FunctionSchema {
        name: function.name.clone(),
        id: function.id,
        description: function.description.clone(),
        r#type: function.kind,
        input_field_names: function.input_field_names.clone(),
        input_field_ids: function.input_field_ids.clone(),
        output_field_names: function.output_field_names.clone(),
        output_field_ids: function.output_field_ids.clone(),
        params: pairs_to_wire(&function.params),
    }
}

fn struct_from_wire(array: wire::StructArrayFieldSchema) -> StructArrayField {
    StructArrayField {
        id: array.field_id,
        name: array.name,
        description: array.description,
        fields: array.fields.into_iter().map(field_from_wire).collect(),
        type_params: pairs_from_wire(array.type_params),
        nullable: array.nullable,
    }
}

fn struct_to_wire(array: &StructArrayField) -> Result<wire::StructArrayFieldSchema, prost::DecodeError> {
    Ok(wire::StructArrayFieldSchema {
        field_id: array.id,
        name: array.name.clone(),
        description: array.description.clone(),
        fields: array.fields.iter().map(field_to_wire).collect::<Result<_, _>>()?,
        type_params: pairs_to_wire(&array.type_params),
        nullable: array.nullable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_unchanged_after_conversion_in_both_directions() {
        let value = wire::ValueField { data: Some(wire::value_field::Data::LongData(7)) };
        let field = Field {
            id: 101,
            name: "n".to_owned(),
            data_type: DataType::INT64,
            type_params: vec![KeyValue::new("max_length", "9")],
            default_value: Some(value.encode_to_vec()),
            nullable: true,
            ..Field::default()
        };
        let schema = Schema {
            name: "a".to_owned(),
            description: "d".to_owned(),
            fields: vec![
                Field { id: 100, is_primary_key: true, auto_id: true, ..field.clone() },
                field.clone(),
            ],
            enable_dynamic_field: true,
            properties: vec![KeyValue::new("k", "v")],
            functions: vec![Function { name: "f".to_owned(), kind: 1, ..Function::default() }],
            struct_array_fields: vec![StructArrayField { id: 9, fields: vec![field], ..Default::default() }],
            ..Schema::default()
        };
        assert_eq!(from_wire(to_wire(&schema, "a").unwrap()), schema);
        assert_eq!(from_wire(to_wire(&schema, "b").unwrap()).name, "b");
    }

    #[test]
    fn an_invalid_default_value_is_an_error() {
        let field = Field { default_value: Some(vec![0xff]), ..Field::default() };
        assert!(to_wire(&Schema { fields: vec![field], ..Schema::default() }, "a").is_err());
    }
}
