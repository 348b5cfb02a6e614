//! The schemas that collections get: what a release keeps of a request, and the ids that it gives.

use proto::schema::{CollectionSchema, FieldSchema};

use super::reply::{Refusal, Version};
use super::words::{Kind, V2_3, V2_4, V2_5, V2_6, V3_0};

/// Removes from a field what came with a release.
type Removal = (Version, fn(&mut FieldSchema));

const FIRST_FIELD_ID: i64 = 100;
const FIRST_FUNCTION_ID: i64 = 100;

/// Removes what a release does not know, which it ignores silently.
pub(super) fn forget_unknown(schema: &mut CollectionSchema, version: Version) {
    let removals: [Removal; 3] = [
        (V2_3, |field| field.default_value = None),
        (V2_4, |field| field.is_clustering_key = false),
        (V2_5, |field| (field.nullable, field.is_function_output) = (false, false)),
    ];
    for (_, remove) in removals.iter().filter(|(since, _)| version < *since) {
        schema.fields.iter_mut().for_each(remove);
    }
    if version < V2_5 {
        schema.functions.clear();
    }
    if version < V2_6 {
        schema.struct_array_fields.clear();
    }
    if version < V3_0 {
        schema.enable_namespace = false;
        schema.external_source.clear();
        schema.external_spec.clear();
    }
    // The copies at the collection are of no use to any release.
    schema.auto_id = false;
    schema.properties.clear();
}

/// Gives ids to all fields and functions, or keeps those of the request; returns the next free id.
///
/// The hidden fields `$meta` and `$namespace_id` have the ids after those of all other fields.
pub(super) fn assign_ids(schema: &mut CollectionSchema, keeps_ids: bool) -> Result<i64, Refusal> {
    let structs = schema.struct_array_fields.iter_mut();
    let mut fields: Vec<(&mut i64, &str)> = Vec::new();
    for field in &mut schema.fields {
        fields.push((&mut field.field_id, &field.name));
    }
    for each in structs {
        fields.push((&mut each.field_id, &each.name));
        for field in &mut each.fields {
            fields.push((&mut field.field_id, &field.name));
        }
    }
    if keeps_ids {
        if let Some((id, name)) = fields.iter().find(|(id, _)| **id < FIRST_FIELD_ID) {
            let text = format!("field id {id} is not allowed when preserve field ids, field: {name}");
            return Err(Refusal::stated(Kind::Invalid, text));
        }
    } else {
        for (given, (id, _)) in (FIRST_FIELD_ID..).zip(&mut fields) {
            **id = given;
        }
    }
    let highest = fields.iter().map(|(id, _)| **id).max().unwrap_or(FIRST_FIELD_ID);
    let hidden = i64::from(schema.enable_dynamic_field) + i64::from(schema.enable_namespace);
    if !keeps_ids {
        assign_function_ids(schema);
    }
    Ok(highest.saturating_add(1 + hidden))
}

fn assign_function_ids(schema: &mut CollectionSchema) {
    let ids: Vec<(String, i64)> =
        schema.fields.iter().map(|field| (field.name.clone(), field.field_id)).collect();
    let find = |names: &[String]| -> Vec<i64> {
        let id_of = |name: &String| ids.iter().find(|(own, _)| own == name).map(|(_, id)| *id);
        names.iter().filter_map(id_of).collect()
    };
    for (id, function) in (FIRST_FUNCTION_ID..).zip(&mut schema.functions) {
        function.id = id;
        function.input_field_ids = find(&function.input_field_names);
        function.output_field_ids = find(&function.output_field_names);
        for field in &mut schema.fields {
            field.is_function_output |= function.output_field_names.contains(&field.name);
        }
    }
}
