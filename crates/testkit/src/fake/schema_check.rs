//! The rules for schemas of new collections, in the order in which Milvus checks them.

use proto::schema::value_field::Data;
use proto::schema::{CollectionSchema, DataType, FieldSchema, FunctionSchema, FunctionType};

use super::external::is_external;
use super::limits::{self, is_stored, is_vector, limits, type_name};
use super::names::{Named, check_name};
use super::reply::{Refusal, Version};
use super::words::{Kind, V2_3, V2_5, V2_6, V3_0};

type Check = Result<(), Refusal>;

const SYSTEM_FIELDS: [&str; 2] = ["RowID", "Timestamp"];
const ELEMENT_TYPES: [DataType; 8] = [
    DataType::Bool,
    DataType::Int8,
    DataType::Int16,
    DataType::Int32,
    DataType::Int64,
    DataType::Float,
    DataType::Double,
    DataType::VarChar,
];

/// Fails if a release refuses a schema.
pub(super) fn check_schema(schema: &CollectionSchema, version: Version) -> Check {
    check_functions(schema, version)?;
    check_numbers(schema, version)?;
    check_name(Named::Collection, &schema.name, version)?;
    check_keys(schema, version)?;
    for field in &schema.fields {
        check_field(field, &schema.name, version)?;
    }
    check_structs(schema, version)?;
    let vectors: Vec<_> = vector_names(schema, version).collect();
    if let ([first, second, ..], 1) = (vectors.as_slice(), limits(version).vectors) {
        return Err(Refusal::plain(format!(
            "multiple vector fields is not supported, fields name: {first}, {second}"
        )));
    }
    schema.fields.iter().try_for_each(|field| check_stored_field(field, version))
}

fn vector_names(schema: &CollectionSchema, version: Version) -> impl Iterator<Item = &str> {
    let vectors = schema.fields.iter().filter(move |field| is_vector(field.data_type, version));
    vectors.map(|field| field.name.as_str())
}

fn check_numbers(schema: &CollectionSchema, version: Version) -> Check {
    let limits = limits(version);
    if schema.fields.len() > limits.fields {
        return Err(Refusal::plain(format!("maximum field's number should be limited to {}", limits.fields)));
    }
    let vectors = vector_names(schema, version).count();
    // The single vector of old releases is checked later.
    if limits.vectors > 1 && vectors > limits.vectors {
        return Err(Refusal::plain(format!(
            "maximum vector field's number should be limited to {}",
            limits.vectors
        )));
    }
    if limits.needs_vector && vectors == 0 {
        return Err(Refusal::stated(Kind::Invalid, "schema does not contain vector field"));
    }
    Ok(())
}

/// Checks the keys: the names, the primary key, the partition key and the clustering key.
fn check_keys(schema: &CollectionSchema, version: Version) -> Check {
    let fields = &schema.fields;
    let pair = |is_it: fn(&FieldSchema) -> bool| {
        let mut found = fields.iter().filter(|field| is_it(field));
        (found.next(), found.next())
    };
    if let (Some(first), Some(second)) = pair(|field| field.is_clustering_key)
        && version >= V2_5
    {
        return Err(Refusal::worded("schema.clustering_keys", &[&first.name, &second.name, &schema.name]));
    }
    for (position, field) in fields.iter().enumerate() {
        if fields.iter().take(position).any(|earlier| earlier.name == field.name) {
            return Err(Refusal::worded("schema.duplicate_field", &[&field.name]));
        }
    }
    let primary = match pair(|field| field.is_primary_key) {
        (None, _) if !is_external(schema) => {
            return Err(Refusal::worded("schema.no_primary", &[]));
        }
        (Some(first), Some(second)) => {
            return Err(Refusal::plain(format!(
                "there are more than one primary key, field name = {}, {}",
                first.name, second.name
            )));
        }
        (primary, _) => primary,
    };
    match primary.map(|primary| (primary, primary.data_type())) {
        Some((primary, DataType::VarChar)) if version < V2_3 && (primary.auto_id || schema.auto_id) => {
            return Err(Refusal::plain("autoID is not supported when the VarChar field is the primary key"));
        }
        Some((_, DataType::Int64 | DataType::VarChar)) | None => {}
        Some(_) => return Err(Refusal::plain("the data type of primary key should be Int64 or VarChar")),
    }
    if fields.iter().any(|field| field.is_dynamic) {
        return Err(Refusal::plain("cannot explicitly set a field as a dynamic field"));
    }
    fields.iter().try_for_each(check_auto_id)?;
    fields.iter().try_for_each(|field| check_type(field, version))?;
    match pair(|field| field.is_partition_key) {
        (Some(first), Some(second)) => Err(Refusal::plain(format!(
            "there are more than one partition key, field name = {}, {}",
            first.name, second.name
        ))),
        (Some(key), _) if key.is_primary_key => {
            Err(Refusal::plain("the partition key field must not be primary field"))
        }
        (Some(key), _) if key.nullable && version >= V2_5 => {
            Err(Refusal::stated(Kind::Invalid, "partition key field not support nullable"))
        }
        (Some(key), _) if !matches!(key.data_type(), DataType::Int64 | DataType::VarChar) => {
            Err(Refusal::plain("the data type of partition key should be Int64 or VarChar"))
        }
        _ => Ok(()),
    }
}

pub(super) fn check_auto_id(field: &FieldSchema) -> Check {
    if field.auto_id && !field.is_primary_key {
        return Err(Refusal::plain(format!(
            "only primary field can speficy AutoID with true, field name = {}",
            field.name
        )));
    }
    Ok(())
}

/// Checks a type as the proxy does: names that no field may have, and on 2.2 all types.
fn check_type(field: &FieldSchema, version: Version) -> Check {
    let name = type_name(field.data_type, version);
    match field.data_type() {
        DataType::String if field.data_type == i32::from(DataType::String) => {
            Err(Refusal::plain("string data type not supported yet, please use VarChar type instead"))
        }
        DataType::None if field.data_type == 0 => Err(Refusal::worded("schema.no_type", &[&name, ""])),
        DataType::Array => check_element(field, version),
        _ if version < V2_3 && !is_stored(field.data_type, version) => {
            Err(Refusal::worded("schema.unknown_type", &[&name]))
        }
        _ => Ok(()),
    }
}

fn check_element(field: &FieldSchema, version: Version) -> Check {
    let name = field.element_type().as_str_name();
    if version < V2_3 {
        Err(Refusal::worded("schema.unknown_type", &["Array"]))
    } else if field.element_type == 0 {
        Err(Refusal::worded("schema.no_type", &[name, "element "]))
    } else if ELEMENT_TYPES.contains(&field.element_type()) {
        Ok(())
    } else {
        Err(Refusal::plain(format!("element type {name} is not supported")))
    }
}

/// Checks the name and the parameters of a field.
pub(super) fn check_field(field: &FieldSchema, collection: &str, version: Version) -> Check {
    check_name(Named::Field, &field.name, version)?;
    let arguments = [field.name.as_str(), collection];
    let parameter = |key: &str| field.type_params.iter().find(|param| param.key == key);
    if is_vector(field.data_type, version) {
        check_dimension(field, parameter("dim").map(|param| param.value.as_str()), version)?;
    }
    let has_text = [field.data_type(), field.element_type()].contains(&DataType::VarChar);
    if has_text {
        let Some(length) = parameter("max_length") else {
            return Err(Refusal::worded("schema.no_length", &arguments));
        };
        let number: i64 = length.value.parse().unwrap_or_default();
        if !(1..=limits::MOST_CHARACTERS).contains(&number) {
            return Err(Refusal::worded("schema.length", &[&field.name, &length.value]));
        }
    }
    if field.data_type() == DataType::Array {
        let Some(capacity) = parameter("max_capacity") else {
            return Err(Refusal::worded("schema.no_capacity", &arguments));
        };
        let number: i64 = capacity.value.parse().unwrap_or_default();
        if !(1..=limits::MOST_ELEMENTS).contains(&number) {
            return Err(Refusal::plain(format!(
                "the maximum capacity specified for a Array should be in (0, {}]",
                limits::MOST_ELEMENTS
            )));
        }
    }
    Ok(())
}

fn check_dimension(field: &FieldSchema, dimension: Option<&str>, version: Version) -> Check {
    let name = field.name.as_str();
    if field.data_type() == DataType::SparseFloatVector {
        return match dimension {
            None => Ok(()),
            Some(_) => Err(Refusal::plain(format!(
                "dim should not be specified for sparse vector field {name}({})",
                field.field_id
            ))),
        };
    }
    let Some(dimension) = dimension else { return Err(Refusal::worded("schema.no_dimension", &[name])) };
    let Ok(number) = dimension.parse::<i64>() else {
        return Err(Refusal::unexpected(format!(
            "strconv.ParseInt: parsing \"{dimension}\": invalid syntax"
        )));
    };
    let least = limits(version).least_dimension;
    if number < least {
        return Err(Refusal::plain(format!(
            "invalid dimension: {number}. should be in range {least} ~ {}",
            limits::MOST_DIMENSIONS
        )));
    }
    let is_binary = field.data_type() == DataType::BinaryVector;
    if is_binary && number % 8 != 0 {
        return Err(Refusal::worded("schema.odd_dimension", &[name, dimension]));
    }
    if number > limits::MOST_DIMENSIONS * if is_binary { 8 } else { 1 } {
        let kind = if is_binary { "binary" } else { "float" };
        return Err(Refusal::worded("schema.large_dimension", &[name, dimension, kind, &least.to_string()]));
    }
    Ok(())
}

/// Checks a field as the coordinator does: its type, nullability and default value.
fn check_stored_field(field: &FieldSchema, version: Version) -> Check {
    let name = field.name.as_str();
    if SYSTEM_FIELDS.contains(&name) {
        return Err(Refusal::worded("schema.system_field", &[name]));
    }
    let data_type = type_name(field.data_type, version);
    if field.data_type() == DataType::Text && version >= V3_0 {
        return Err(Refusal::worded("schema.text_type", &[]));
    }
    // 2.3 takes any number.
    if version >= V2_5 && !is_stored(field.data_type, version) {
        return Err(Refusal::worded("schema.unknown_type", &[&field.data_type.to_string()]));
    }
    let refuse =
        |text: &str| Err(Refusal::stated(Kind::Invalid, format!("{text}, type:{data_type}, name:{name}")));
    if version >= V2_5 {
        if field.nullable && field.is_primary_key {
            return refuse("primary field not support null");
        }
        if field.nullable && is_vector(field.data_type, version) && version < V2_6 {
            return refuse("vector type not support null");
        }
        if field.default_value.is_some() && field.is_primary_key {
            return refuse("primary field not support default_value");
        }
        let has_no_default = |number| {
            is_vector(number, version) || matches!(field.data_type(), DataType::Json | DataType::Array)
        };
        if field.default_value.is_some() && has_no_default(field.data_type) {
            return refuse("type not support default_value");
        }
    }
    if version >= V2_3 { check_default(field, "schema.default_type") } else { Ok(()) }
}

/// Checks that a default value has the type of its field and fits.
pub(super) fn check_default(field: &FieldSchema, wording: &'static str) -> Check {
    let Some(data) = field.default_value.as_ref().and_then(|value| value.data.as_ref()) else {
        return Ok(());
    };
    let (fits, kind): (&[DataType], DataType) = match data {
        Data::BoolData(_) => (&[DataType::Bool], DataType::Bool),
        Data::IntData(_) => (&[DataType::Int8, DataType::Int16, DataType::Int32], DataType::Int32),
        Data::LongData(_) => (&[DataType::Int64, DataType::Timestamptz], DataType::Int64),
        Data::FloatData(_) => (&[DataType::Float], DataType::Float),
        Data::DoubleData(_) => (&[DataType::Double], DataType::Double),
        Data::StringData(_) => (
            &[DataType::VarChar, DataType::Timestamptz, DataType::Geometry, DataType::Text],
            DataType::VarChar,
        ),
        Data::BytesData(_) => (&[DataType::Json], DataType::Json),
        Data::TimestamptzData(_) => (&[DataType::Timestamptz], DataType::Timestamptz),
    };
    if !fits.contains(&field.data_type()) {
        let own = field.data_type().as_str_name();
        return Err(Refusal::worded(wording, &[&field.name, own, kind.as_str_name()]));
    }
    let length = field.type_params.iter().find(|param| param.key == "max_length");
    if let (Data::StringData(text), Some(length)) = (data, length)
        && length.value.parse().is_ok_and(|most: usize| text.len() > most)
    {
        return Err(Refusal::worded("schema.long_default", &[&text.len().to_string(), &length.value]));
    }
    Ok(())
}

/// Checks the fields of struct arrays, whose names and types have rules of their own.
fn check_structs(schema: &CollectionSchema, version: Version) -> Check {
    if version < V2_6 {
        return Ok(());
    }
    for field in schema.struct_array_fields.iter().flat_map(|each| &each.fields) {
        check_name(Named::Field, &field.name, version)?;
        if !matches!(field.data_type(), DataType::Array | DataType::ArrayOfVector) {
            return Err(Refusal::stated(
                Kind::Invalid,
                format!(
                    "fields in StructArrayField must be Array or ArrayOfVector, field name = {}, field type = {}",
                    field.name,
                    type_name(field.data_type, version)
                ),
            ));
        }
        check_field(field, &schema.name, version)?;
    }
    Ok(())
}

fn check_functions(schema: &CollectionSchema, version: Version) -> Check {
    if version < V2_5 {
        return Ok(());
    }
    schema.functions.iter().try_for_each(|function| check_function(schema, function))
}

fn check_function(schema: &CollectionSchema, function: &FunctionSchema) -> Check {
    let find = |name: &String| schema.fields.iter().find(|field| field.name == *name);
    for name in &function.input_field_names {
        let Some(field) = find(name) else {
            return Err(Refusal::plain(format!("function input field not found: {name}")));
        };
        let is_analyzed = |field: &FieldSchema| {
            field.type_params.iter().any(|param| param.key == "enable_analyzer" && param.value == "true")
        };
        if function.r#type() == FunctionType::Bm25 && !is_analyzed(field) {
            return Err(Refusal::plain("BM25 function input field must set enable_analyzer to true"));
        }
    }
    if let Some(name) = function.output_field_names.iter().find(|name| find(name).is_none()) {
        return Err(Refusal::plain(format!("function output field not found: {name}")));
    }
    Ok(())
}

/// Checks that the provider of a model function is configured, which it never is here.
pub(super) fn check_models(schema: &CollectionSchema, is_unchecked: bool, version: Version) -> Check {
    let is_model = |function: &FunctionSchema| function.r#type() == FunctionType::TextEmbedding;
    // Only 2.6 can skip the check.
    if version >= V2_5 && schema.functions.iter().any(is_model) && !(is_unchecked && version >= V2_6) {
        return Err(Refusal::worded("schema.embedding", &[]));
    }
    Ok(())
}
