//! The properties of collections: those that the server makes, and the values that it refuses.

use std::collections::BTreeMap;

use proto::common::{ErrorCode, KeyValuePair};
use proto::schema::{CollectionSchema, DataType};

use super::reply::{Refusal, Version};
use super::words::{Kind, V2_5, V2_6, V3_0};

pub(super) type Properties = BTreeMap<String, String>;

pub(super) const MAX_FIELD_ID: &str = "max_field_id";
pub(super) const PRESERVE_FIELD_IDS: &str = "preserve_field_ids";
const TTL: &str = "collection.ttl.seconds";
const LONGEST_TTL: i64 = 3_155_760_000;
const SHARDING: &str = "namespace.sharding.enabled";
const NAMESPACE_MODE: &str = "namespace.mode";
const ISOLATION: &str = "partitionkey.isolation";
const TIMEZONE: &str = "timezone";
const ILLEGAL_SCHEMA: Kind = Kind::Coded(105, ErrorCode::UnexpectedError);

pub(super) fn from_pairs(pairs: &[KeyValuePair]) -> Properties {
    pairs.iter().map(|pair| (pair.key.clone(), pair.value.clone())).collect()
}

pub(super) fn to_pairs(properties: &Properties) -> Vec<KeyValuePair> {
    let pair = |(key, value): (&String, &String)| KeyValuePair { key: key.clone(), value: value.clone() };
    properties.iter().map(pair).collect()
}

fn invalid(text: String) -> Refusal {
    Refusal::stated(Kind::Invalid, text)
}

/// Adds the properties that the server makes when it creates a collection.
pub(super) fn add_server_made(properties: &mut Properties, schema: &CollectionSchema, version: Version) {
    let mut add = |key: &str, value: &str| {
        properties.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    };
    if version >= V2_6 {
        add(TIMEZONE, "UTC");
    }
    if version >= V3_0 {
        add(SHARDING, "false");
        if has_namespace_key(schema, properties, version) {
            properties.insert(ISOLATION.to_owned(), "true".to_owned());
        }
        properties.retain(|key, _| !key.starts_with("cipher."));
    }
}

/// Returns whether rows are put into partitions by their namespace.
pub(super) fn has_namespace_key(
    schema: &CollectionSchema,
    properties: &Properties,
    version: Version,
) -> bool {
    let is_hashed = properties.get(NAMESPACE_MODE).is_none_or(|mode| mode != "partition");
    version >= V3_0 && schema.enable_namespace && is_hashed
}

/// Returns why a collection cannot take rows: with ids of the request, the hidden fields get none.
pub(super) fn missing_hidden_field(
    schema: &CollectionSchema,
    properties: &Properties,
) -> Option<&'static str> {
    if properties.get(PRESERVE_FIELD_IDS).is_none_or(|value| value != "true") {
        None
    } else if schema.enable_dynamic_field {
        Some("fieldName $meta not exist in collection schema, fieldType JSON, fieldId 0")
    } else if schema.enable_namespace {
        Some("namespace field not found")
    } else {
        None
    }
}

/// Raises the highest id of a field that the collection ever had.
pub(super) fn raise_max_field_id(properties: &mut Properties, used: i64) {
    let given = properties.get(MAX_FIELD_ID).and_then(|text| text.parse().ok()).unwrap_or_default();
    properties.insert(MAX_FIELD_ID.to_owned(), used.max(given).to_string());
}

/// Checks the properties of a new collection.
pub(super) fn check_new(
    properties: &Properties,
    schema: &CollectionSchema,
    version: Version,
) -> Result<(), Refusal> {
    let has_key = schema.fields.iter().any(|field| field.is_partition_key);
    if schema.enable_namespace && version >= V3_0 && has_key {
        return Err(invalid("namespace is not supported with partition key mode".to_owned()));
    }
    for (key, value) in properties {
        match key.as_str() {
            ISOLATION if value == "false" && schema.enable_namespace && version >= V3_0 => {
                return Err(Refusal::worded("namespace.isolation", &[&schema.name]));
            }
            ISOLATION if value == "true" && !has_key && version >= V2_5 => return Err(no_key(&schema.name)),
            TTL if version >= V2_6 && value.parse::<i64>().is_err() => {
                return Err(Refusal::worded("property.not_a_ttl", &[value]));
            }
            TIMEZONE if version >= V2_6 && !is_time_zone(value) => {
                return Err(invalid(format!("unknown or invalid IANA Time Zone ID: {value}")));
            }
            _ if version >= V3_0 => check_new_of_3_0(key, value, schema)?,
            _ => {}
        }
    }
    Ok(())
}

fn check_new_of_3_0(key: &str, value: &str, schema: &CollectionSchema) -> Result<(), Refusal> {
    match key {
        "ttl_field" => match schema.fields.iter().find(|field| field.name == value) {
            Some(field) if field.data_type() == DataType::Timestamptz => Ok(()),
            Some(_) => Err(invalid(format!("ttl field must be timestamptz, field name = {value}"))),
            None => Err(invalid(format!("ttl field name {value} not found in schema"))),
        },
        "warmup" => Err(invalid(
            "warmup key 'warmup' is only allowed at field level, use warmup.scalarField/warmup.scalarIndex/warmup.vectorField/warmup.vectorIndex at collection level".to_owned(),
        )),
        NAMESPACE_MODE if !matches!(value, "partition_key" | "partition") => Err(invalid(format!(
            "invalid {NAMESPACE_MODE} value \"{value}\", valid values: [partition_key, partition]"
        ))),
        SHARDING if !matches!(value, "true" | "false") => Err(invalid(format!(
            "invalid {SHARDING} value \"{value}\", valid values: [true,false]"
        ))),
        _ => check_query_mode(key, value),
    }
}

fn check_query_mode(key: &str, value: &str) -> Result<(), Refusal> {
    if key == "query_mode" && value != "large_topk" {
        return Err(invalid(format!("invalid query_mode value \"{value}\", valid values: [large_topk]")));
    }
    Ok(())
}

/// Returns whether a name has the form of a time zone: this server has no list of them.
fn is_time_zone(name: &str) -> bool {
    const AREAS: [&str; 11] = [
        "Africa",
        "America",
        "Antarctica",
        "Arctic",
        "Asia",
        "Atlantic",
        "Australia",
        "Europe",
        "Indian",
        "Pacific",
        "Etc",
    ];
    matches!(name, "UTC" | "GMT") || name.split_once('/').is_some_and(|(area, _)| AREAS.contains(&area))
}

fn no_key(collection: &str) -> Refusal {
    Refusal::stated(
        ILLEGAL_SCHEMA,
        format!(
            "partition key isolation mode is enabled but no partition key field is set. Please set the partition key first: illegal collection schema[collection={collection}]"
        ),
    )
}

/// Checks a change of the properties of an existing collection.
pub(super) fn check_change(
    changed: &[KeyValuePair],
    deleted: &[String],
    schema: &CollectionSchema,
    is_loaded: bool,
    version: Version,
) -> Result<(), Refusal> {
    let deletes = !deleted.is_empty() && version >= V2_5;
    if changed.is_empty() && !deletes {
        return Err(Refusal::worded("property.nothing_to_alter", &[]));
    }
    if !changed.is_empty() && deletes {
        return Err(invalid("cannot provide both DeleteKeys and ExtraParams".to_owned()));
    }
    let has_key = schema.fields.iter().any(|field| field.is_partition_key);
    for KeyValuePair { key, value } in changed {
        match key.as_str() {
            ISOLATION if value == "true" && !has_key && version >= V2_5 => return Err(no_key(&schema.name)),
            "replicate.id" | "replicate.endTS"
                if version >= V2_5 && (version < V3_0 || key != "replicate.id") =>
            {
                return Err(invalid(format!("can't set the {key} property")));
            }
            TTL if version >= V2_6 => check_ttl(value)?,
            _ if version >= V2_6 && key.starts_with("cipher.") => {
                return Err(invalid("can not alter cipher related properties".to_owned()));
            }
            MAX_FIELD_ID if version >= V3_0 => {
                return Err(invalid(format!("cannot alter reserved collection property {key}")));
            }
            NAMESPACE_MODE if version >= V3_0 => {
                return Err(invalid(format!(
                    "cannot alter {key} via alter_collection_properties; namespace mode is immutable after collection creation"
                )));
            }
            SHARDING if version >= V3_0 => {
                return Err(invalid(format!("cannot alter {key} after collection creation")));
            }
            "collection.external_source" | "collection.external_spec" if version >= V3_0 => {
                return Err(invalid(format!(
                    "cannot alter {key} via alter_collection_properties; use RefreshExternalCollection instead"
                )));
            }
            "mmap.enabled" if version >= V3_0 && is_loaded => {
                let text = format!(
                    "can not alter mmap properties if collection loaded: collection already loaded[collection={}]",
                    schema.name
                );
                return Err(Refusal::new(104, ErrorCode::UnexpectedError, text));
            }
            _ if version >= V3_0 => check_query_mode(key, value)?,
            _ => {}
        }
    }
    if version >= V3_0 {
        for key in deleted {
            match key.as_str() {
                MAX_FIELD_ID => {
                    return Err(invalid(format!("cannot delete reserved collection property {key}")));
                }
                SHARDING | NAMESPACE_MODE => {
                    return Err(invalid(format!("cannot delete {key} after collection creation")));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn check_ttl(value: &str) -> Result<(), Refusal> {
    let Ok(seconds) = value.parse::<i64>() else {
        return Err(invalid("collection TTL is not a valid positive integer".to_owned()));
    };
    if !(-1..=LONGEST_TTL).contains(&seconds) {
        return Err(invalid(format!(
            "collection TTL is out of range, expect [-1, {LONGEST_TTL}], got {value}"
        )));
    }
    Ok(())
}
