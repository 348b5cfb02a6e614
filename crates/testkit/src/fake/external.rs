//! External collections of 3.0, whose rows are in files of another system: their rules and descriptions.

use proto::schema::{CollectionSchema, DataType, FieldSchema};
use serde_json::Value;

use super::reply::Refusal;
use super::words::Kind;

type Check = Result<(), Refusal>;

const SCHEMES: [&str; 10] = ["aws", "azure", "cos", "gcs", "gs", "minio", "obs", "oss", "s3", "s3a"];
const FORMATS: [&str; 5] = ["iceberg-table", "lance-table", "milvus-table", "parquet", "vortex"];
const SECRETS: [&str; 2] = ["access_key_id", "access_key_value"];
const CREDENTIALS: [&str; 5] =
    ["access_key_value", "role_arn", "use_iam", "gcp_target_service_account", "anonymous"];

fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::stated(Kind::Invalid, text)
}

/// Returns whether a schema is that of an external collection.
pub(super) fn is_external(schema: &CollectionSchema) -> bool {
    !schema.external_source.is_empty() || schema.fields.iter().any(|field| !field.external_field.is_empty())
}

/// Fails if an operation is not for external collections.
pub(super) fn refuse_external(schema: &CollectionSchema, operation: &str) -> Check {
    if is_external(schema) {
        let name = &schema.name;
        return Err(invalid(format!(
            "{operation} operation is not supported for external collection {name}"
        )));
    }
    Ok(())
}

/// Fails if a new collection breaks the rules for external ones.
pub(super) fn check_external(schema: &CollectionSchema, shards: i32) -> Check {
    let CollectionSchema { name, external_source: source, external_spec: spec, fields, .. } = schema;
    if source.is_empty() != spec.is_empty() {
        return Err(invalid(format!(
            "external collection {name} requires external_source and external_spec to be both set or both empty (got source={source:?}, spec={spec:?})"
        )));
    }
    if !is_external(schema) {
        return Ok(());
    }
    if fields.iter().all(|field| field.external_field.is_empty()) {
        return Err(invalid(format!(
            "external_source/external_spec require external_field mappings on collection {name}"
        )));
    }
    if schema.enable_dynamic_field {
        return Err(invalid(format!("external collection {name} does not support dynamic field")));
    }
    for field in fields {
        let refuse = |what: &str| {
            let text = format!("external collection {name} does not support {what} field {}", field.name);
            Err(invalid(text))
        };
        if field.is_primary_key {
            return refuse("user-defined primary key");
        }
        if field.is_partition_key {
            return refuse("partition key");
        }
        if field.external_field.is_empty() {
            return Err(invalid(format!(
                "field '{}' in external collection {name} must have external_field mapping",
                field.name
            )));
        }
    }
    if shards > 1 {
        return Err(invalid(format!(
            "external collection does not support multiple shards, got ShardsNum={shards}"
        )));
    }
    if source.is_empty() { Ok(()) } else { check_source(source).and_then(|()| check_spec(spec)) }
}

fn check_source(source: &str) -> Check {
    let (scheme, rest) = source.split_once("://").unwrap_or_default();
    let text = if !SCHEMES.contains(&scheme) {
        format!("scheme \"{scheme}\" is not allowed; allowed schemes: {}", SCHEMES.join(", "))
    } else if rest.split('/').next().is_some_and(|host| host.contains('@')) {
        "must not embed credentials in the URL (use extfs.access_key_id / extfs.access_key_value instead)"
            .to_owned()
    } else {
        return Ok(());
    };
    Err(Refusal::worded("external.source", &[&text, source]))
}

fn check_spec(spec: &str) -> Check {
    let Ok(value) = serde_json::from_str::<Value>(spec) else {
        return Err(Refusal::worded("external.json", &[spec.get(..1).unwrap_or_default()]));
    };
    let format = value.get("format").and_then(Value::as_str).unwrap_or_default();
    if !FORMATS.contains(&format) {
        let known = FORMATS.join(", ");
        return Err(invalid(format!("unsupported format \"{format}\", supported formats: {known}")));
    }
    let access = value.get("extfs").and_then(Value::as_object);
    if access.is_some_and(|access| !CREDENTIALS.iter().any(|key| access.contains_key(*key))) {
        return Err(Refusal::worded("external.credentials", &[]));
    }
    Ok(())
}

/// Makes the schema of an external collection as the server keeps it: with a key of its own, and nullable fields.
pub(super) fn complete_external(schema: &mut CollectionSchema) {
    if !is_external(schema) {
        return;
    }
    schema.fields.iter_mut().for_each(|field| field.nullable = true);
    let key = FieldSchema {
        name: "__virtual_pk__".to_owned(),
        description: "auto-generated primary key for external collection".to_owned(),
        data_type: DataType::Int64.into(),
        is_primary_key: true,
        auto_id: true,
        ..FieldSchema::default()
    };
    schema.fields.insert(0, key);
}

/// Returns the description of a source without its secrets.
pub(super) fn mask_secrets(spec: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(spec) else { return spec.to_owned() };
    if let Some(access) = value.get_mut("extfs").and_then(Value::as_object_mut) {
        for (_, secret) in access.iter_mut().filter(|(key, _)| SECRETS.contains(&key.as_str())) {
            *secret = Value::from("***");
        }
    }
    value.to_string()
}
