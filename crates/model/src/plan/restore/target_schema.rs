//! Comparison of an existing target's schema with the backup.
//!
//! An import assigns columns by the ids of their fields, so in a target with other ids or types it mixes up columns or
//! loses rows, and still succeeds.

use crate::manifest::{CollectionBackup, Field, Schema};

/// The parameters of a field's type that decide which values fit.
const TYPE_PARAMS: [&str; 3] = ["dim", "max_length", "max_capacity"];

/// Returns the differences in words; `num_partitions` is the number over which the target's partition key distributes
/// rows, 0 if it is not known.
pub(super) fn find_differences(
    backup: &CollectionBackup,
    target: &Schema,
    num_partitions: i64,
) -> Vec<String> {
    let mut differences = Vec::new();
    let wanted = || backup.schema.fields.iter().filter(|field| !field.is_dynamic);
    for field in wanted() {
        match target.fields.iter().find(|other| other.name == field.name) {
            Some(other) => compare_fields(field, other, &mut differences),
            None => differences.push(format!("field {} is missing", field.name)),
        }
    }
    let extra = target.fields.iter().filter(|field| !field.is_dynamic);
    for field in extra.filter(|field| !wanted().any(|other| other.name == field.name)) {
        differences.push(format!("field {} is not in the backup", field.name));
    }
    compare_arrays(&backup.schema, target, &mut differences);
    if target.enable_dynamic_field != backup.schema.enable_dynamic_field {
        let [found, expected] = [target, &backup.schema]
            .map(|schema| if schema.enable_dynamic_field { "enabled" } else { "disabled" });
        differences.push(format!("the dynamic field is {found} instead of {expected}"));
    }
    let expected = i64::try_from(backup.partitions.len()).unwrap_or(i64::MAX);
    let has_partition_key = wanted().any(|field| field.is_partition_key);
    if has_partition_key && num_partitions > 0 && num_partitions != expected {
        differences
            .push(format!("it has {num_partitions} partitions for its partition key instead of {expected}"));
    }
    differences
}

/// Adds the differences of the arrays of structs, whose fields have columns and ids of their own.
fn compare_arrays(backup: &Schema, target: &Schema, differences: &mut Vec<String>) {
    let find = |schema: &Schema, name: &str| {
        schema.struct_array_fields.iter().find(|array| array.name == name).cloned()
    };
    for array in &backup.struct_array_fields {
        let Some(other) = find(target, &array.name) else {
            differences.push(format!("field {} is missing", array.name));
            continue;
        };
        for field in &array.fields {
            // The same name may occur in several arrays.
            let named =
                |field: &Field| Field { name: format!("{}[{}]", array.name, field.name), ..field.clone() };
            match other.fields.iter().find(|other| other.name == field.name) {
                Some(other) => compare_fields(&named(field), &named(other), differences),
                None => differences.push(format!("field {} is missing", named(field).name)),
            }
        }
    }
    let extra = target.struct_array_fields.iter().filter(|array| find(backup, &array.name).is_none());
    differences.extend(extra.map(|array| format!("field {} is not in the backup", array.name)));
}

/// Adds the differences of two fields with the same name.
fn compare_fields(backup: &Field, target: &Field, differences: &mut Vec<String>) {
    let name = &backup.name;
    let mut differs = |what: &str, found: &dyn std::fmt::Display, expected: &dyn std::fmt::Display| {
        differences.push(format!("field {name} has {what} {found} instead of {expected}"));
    };
    if target.id != backup.id {
        differs("the id", &target.id, &backup.id);
    }
    if target.data_type != backup.data_type {
        differs("the type", &target.data_type, &backup.data_type);
    }
    if target.element_type != backup.element_type {
        differs("elements of type", &target.element_type, &backup.element_type);
    }
    for key in TYPE_PARAMS {
        let [found, expected] = [target, backup].map(|field| {
            field
                .type_params
                .iter()
                .find(|param| param.key == key)
                .map_or("none", |param| param.value.as_str())
        });
        if found != expected {
            differs(key, &found, &expected);
        }
    }
    for (what, found, expected) in [
        ("the primary key", target.is_primary_key, backup.is_primary_key),
        ("a field with automatic ids", target.auto_id, backup.auto_id),
        ("the partition key", target.is_partition_key, backup.is_partition_key),
        ("nullable", target.nullable, backup.nullable),
    ] {
        if found != expected {
            let not = if expected { "not " } else { "" };
            differences.push(format!("field {name} is {not}{what}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{DataType, KeyValue, StructArrayField};
    use crate::plan::sample;

    fn field(id: i64, name: &str, data_type: DataType) -> Field {
        Field { id, name: name.to_owned(), data_type, ..Field::default() }
    }

    fn backup() -> CollectionBackup {
        let mut backup = sample::collection("books", vec![sample::partition(2, "_default", vec![])]);
        let title = Field {
            type_params: vec![KeyValue::new("max_length", "100")],
            ..field(101, "title", DataType::VARCHAR)
        };
        let key = Field { is_primary_key: true, ..field(100, "id", DataType::INT64) };
        let owner = Field { is_partition_key: true, ..field(102, "owner", DataType::INT64) };
        backup.schema = Schema { fields: vec![key, title, owner], ..Schema::default() };
        backup
    }

    #[test]
    fn equal_schemas_have_no_difference_whatever_their_descriptions_are() {
        let backup = backup();
        let mut target = backup.schema.clone();
        target.description = "another".to_owned();
        target.fields[1].description = "another".to_owned();
        target.fields.push(Field { is_dynamic: true, ..field(103, "$meta", DataType::JSON) });
        assert_eq!(find_differences(&backup, &target, 1), [""; 0]);
        assert_eq!(find_differences(&backup, &target, 0), [""; 0], "the number is not known");
    }

    #[test]
    fn arrays_of_structs_are_compared_with_their_fields() {
        let array = |name: &str, id| StructArrayField {
            name: name.to_owned(),
            fields: vec![field(id, "e", DataType::INT64)],
            ..StructArrayField::default()
        };
        let mut backup = backup();
        backup.schema.struct_array_fields = vec![array("st", 104), array("gone", 106)];
        let mut target = backup.schema.clone();
        assert_eq!(find_differences(&backup, &target, 1), [""; 0]);
        target.struct_array_fields = vec![array("st", 105), array("more", 106)];
        assert_eq!(
            find_differences(&backup, &target, 1),
            [
                "field st[e] has the id 105 instead of 104",
                "field gone is missing",
                "field more is not in the backup"
            ]
        );
    }

    #[test]
    fn every_property_that_an_import_depends_on_is_compared() {
        let backup = backup();
        let changed = |change: fn(&mut Schema)| {
            let mut target = backup.schema.clone();
            change(&mut target);
            find_differences(&backup, &target, 1).join("; ")
        };
        assert_eq!(
            changed(|schema| {
                schema.fields[0].id = 101;
                schema.fields[1].id = 100;
            }),
            "field id has the id 101 instead of 100; field title has the id 100 instead of 101"
        );
        assert_eq!(
            changed(|schema| schema.fields[0].data_type = DataType::VARCHAR),
            "field id has the type VarChar instead of Int64"
        );
        assert_eq!(
            changed(|schema| schema.fields[1].type_params[0].value = "90".to_owned()),
            "field title has max_length 90 instead of 100"
        );
        assert_eq!(
            changed(|schema| schema.fields[1].element_type = DataType::INT64),
            "field title has elements of type Int64 instead of None"
        );
        assert_eq!(
            changed(|schema| schema.fields[0].auto_id = true),
            "field id is a field with automatic ids"
        );
        assert_eq!(
            changed(|schema| schema.fields[0].is_primary_key = false),
            "field id is not the primary key"
        );
        assert_eq!(
            changed(|schema| schema.fields[2].is_partition_key = false),
            "field owner is not the partition key"
        );
        assert_eq!(changed(|schema| schema.fields[1].nullable = true), "field title is nullable");
        assert_eq!(
            changed(|schema| schema.fields[2].name = "user".to_owned()),
            "field owner is missing; field user is not in the backup"
        );
        assert_eq!(
            changed(|schema| schema.enable_dynamic_field = true),
            "the dynamic field is enabled instead of disabled"
        );
        assert_eq!(
            find_differences(&backup, &backup.schema, 64),
            ["it has 64 partitions for its partition key instead of 1"]
        );
    }
}
