//! What an encoder refuses, by field and by row.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Int64Builder, ListBuilder, MapBuilder, UInt32Builder};
use arrow_array::{
    ArrayRef, BinaryArray, FixedSizeBinaryArray, FixedSizeListArray, Float32Array, Float64Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema};
use model::manifest::{DataType, Field, Function, KeyValue, Schema, StructArrayField};
use model::version::{Capabilities, ServerVersion};

use super::RowEncoder;

fn capabilities(version: &str) -> Capabilities {
    Capabilities::from_version(&ServerVersion::parse(version))
}

fn field(id: i64, name: &str, data_type: DataType, params: &[(&str, &str)]) -> Field {
    let type_params = params.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect();
    Field { id, name: name.to_owned(), data_type, type_params, ..Field::default() }
}

fn schema(fields: Vec<Field>) -> Schema {
    let key = Field { is_primary_key: true, ..field(100, "id", DataType::INT64, &[]) };
    Schema { fields: [vec![key], fields].concat(), ..Schema::default() }
}

/// Returns the problems of matching two schemas, as texts.
fn problems(source: &Schema, target: &Schema, version: &str, columns: Option<&[&str]>) -> Vec<String> {
    let columns: Option<Vec<String>> = columns.map(|names| names.iter().map(|it| (*it).to_owned()).collect());
    match RowEncoder::new(source, target, &capabilities(version), columns.as_deref()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn fields_that_do_not_fit_are_all_named() {
    let source = schema(vec![
        field(101, "count", DataType::INT64, &[]),
        field(102, "vector", DataType::FLOAT_VECTOR, &[("dim", "4")]),
        field(103, "tags", DataType::ARRAY, &[]),
        field(104, "old", DataType::BOOL, &[]),
    ]);
    let mut target = schema(vec![
        field(101, "count", DataType::VARCHAR, &[]),
        field(102, "vector", DataType::FLOAT_VECTOR, &[("dim", "8")]),
        Field { element_type: DataType::BOOL, ..field(103, "tags", DataType::ARRAY, &[]) },
        field(104, "new", DataType::BOOL, &[]),
        Field { nullable: true, ..field(105, "newer", DataType::BOOL, &[]) },
    ]);
    assert_eq!(
        problems(&source, &target, "2.5.27", None),
        [
            "field count: it has type Int64 in the backup and VarChar in the target",
            "field vector: it has dimension 4 in the backup and 8 in the target",
            "field tags: it has type Array of None in the backup and Array of Bool in the target",
            "field new: the backup does not contain it, and the target has it neither nullable nor with a default",
            "field old: the target does not have it, so its values would be lost",
        ]
    );
    target.fields.truncate(1);
    target.fields.push(field(101, "count", DataType::INT8, &[]));
    assert_eq!(problems(&source, &target, "2.5.27", Some(&["id", "count"])), [""; 0]);
    assert_eq!(
        problems(&source, &target, "2.5.27", Some(&["id", "cuont"])),
        [
            "field count: it cannot be left out, because the target has it neither nullable nor with a default",
            "field cuont: the target has no such field",
        ]
    );
    // Before 2.5, nothing fills in what was left out.
    target.fields[1].nullable = true;
    assert_eq!(problems(&source, &target, "2.5.27", Some(&["id"])), [""; 0]);
    assert_eq!(problems(&source, &target, "2.3.5", Some(&["id"])).len(), 1);
}

#[test]
fn automatic_keys_and_outputs_of_functions_are_refused_where_the_target_makes_them() {
    let mut target = schema(vec![field(101, "text", DataType::VARCHAR, &[])]);
    let source = target.clone();
    target.fields[0].auto_id = true;
    let of = |version, target: &Schema| problems(&source, target, version, None);
    assert_eq!(
        of("2.5.18", &target),
        [
            "field id: the target makes its keys itself, and its Milvus accepts no others (since Milvus 2.5.19 and 2.6.3)"
        ]
    );
    assert_eq!(
        of("2.5.19", &target),
        ["field id: the target makes its keys itself, and lacks the property allow_insert_auto_id"]
    );
    assert_eq!(problems(&source, &target, "2.3.5", Some(&["text"])), [""; 0]);
    target.properties = vec![KeyValue::new("allow_insert_auto_id", "true")];
    assert_eq!(of("2.5.19", &target), [""; 0]);

    let outputs = vec!["text".to_owned()];
    target.functions = vec![Function { output_field_names: outputs, ..Function::default() }];
    assert_eq!(of("2.5.19", &target), [""; 0]);
    assert_eq!(
        problems(&source, &target, "2.5.19", Some(&["id", "text"])),
        ["field text: a function of the target computes its values, so they cannot be inserted"]
    );
}

#[test]
fn fields_of_structs_have_both_forms_of_their_names() {
    let with = |name: &str| {
        let part = Field { element_type: DataType::INT32, ..field(102, name, DataType::ARRAY, &[]) };
        let array = StructArrayField {
            id: 101,
            name: "parts".to_owned(),
            fields: vec![part],
            ..StructArrayField::default()
        };
        Schema { struct_array_fields: vec![array], ..schema(Vec::new()) }
    };
    assert_eq!(problems(&with("parts[number]"), &with("number"), "2.6.19", None), [""; 0]);
    assert_eq!(problems(&with("parts[numbers]"), &with("number"), "2.6.19", None).len(), 2);
}

/// Checks rows with one value each, whose keys count from 0, and returns the problem as text.
fn check(source: &Field, target: &Field, version: &str, values: ArrayRef) -> Option<String> {
    let ids = ["100".to_owned(), source.id.to_string()];
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..i64::try_from(values.len()).unwrap()));
    let fields = [("id", &keys), (source.name.as_str(), &values)].into_iter().zip(ids);
    let fields: Vec<ArrowField> = fields
        .map(|((name, column), id)| {
            let metadata = HashMap::from([("milvus.field_id".to_owned(), id)]);
            ArrowField::new(name, column.data_type().clone(), true).with_metadata(metadata)
        })
        .collect();
    let batch = RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), vec![keys, values]).unwrap();
    let schemas = [source, target].map(|field| {
        let mut schema = schema(vec![field.clone()]);
        schema.enable_dynamic_field = field.is_dynamic;
        schema
    });
    let encoder = RowEncoder::new(&schemas[0], &schemas[1], &capabilities(version), None).unwrap();
    let problem = encoder.check(&batch).map(|problem| problem.to_string());
    assert_eq!(encoder.encode(&batch, 1 << 20).err().map(|problem| problem.to_string()), problem);
    problem
}

/// Checks rows of a field that is the same in both.
fn check_same(field: &Field, version: &str, values: ArrayRef) -> Option<String> {
    check(field, field, version, values)
}

fn texts(values: &[&[u8]]) -> ArrayRef {
    Arc::new(BinaryArray::from_iter_values(values))
}

#[test]
fn nulls_are_refused_where_they_would_not_stay_null() {
    let number = field(101, "n", DataType::INT64, &[]);
    let nullable = Field { nullable: true, ..number.clone() };
    let filled = Field { default_value: Some(vec![24, 1]), ..nullable.clone() };
    let values = || Arc::new(Int64Array::from(vec![Some(1), None])) as ArrayRef;
    assert_eq!(check_same(&nullable, "2.5.27", values()), None);
    let refused = "row 1, field n: is null, and the field of the target is not nullable";
    assert_eq!(check(&nullable, &number, "2.5.27", values()).as_deref(), Some(refused));
    assert_eq!(check_same(&nullable, "2.3.5", values()).as_deref(), Some(refused));
    assert_eq!(
        check_same(&filled, "2.5.27", values()).as_deref(),
        Some("row 1, field n: is null, and the target would store the default value instead")
    );
}

#[test]
fn numbers_must_fit() {
    let long = field(101, "n", DataType::INT64, &[]);
    let values = || Arc::new(Int64Array::from(vec![-128, 127, 128])) as ArrayRef;
    let byte = field(101, "n", DataType::INT8, &[]);
    assert_eq!(
        check(&long, &byte, "2.3.5", values()).as_deref(),
        Some("row 2, field n: is 128, which exceeds the type Int8 of the target")
    );
    assert_eq!(check(&long, &field(101, "n", DataType::INT16, &[]), "2.3.5", values()), None);
    let double = field(101, "n", DataType::DOUBLE, &[]);
    let values = || Arc::new(Float64Array::from(vec![1e300, f64::NAN]));
    assert_eq!(check_same(&double, "2.3.5", values()), None);
    assert_eq!(
        check_same(&double, "2.5.27", values()).as_deref(),
        Some("row 1, field n: is NaN, which Milvus refuses")
    );
}

#[test]
fn texts_must_fit() {
    let text = field(101, "t", DataType::VARCHAR, &[("max_length", "4")]);
    assert_eq!(
        check_same(&text, "2.3.5", texts(&[b"abcd", "äöü".as_bytes()])).as_deref(),
        Some("row 1, field t: has 6 bytes, and the target allows 4")
    );
    assert_eq!(
        check_same(&text, "2.3.5", texts(&[b"\xff"])).as_deref(),
        Some("row 0, field t: is text that is not UTF-8, which a request cannot contain")
    );
    let time = field(101, "t", DataType(26), &[]);
    let times = TimestampMicrosecondArray::from(vec![0, i64::MAX]).with_timezone("UTC");
    assert_eq!(
        check_same(&time, "2.6.19", Arc::new(times)).as_deref(),
        Some("row 1, field t: is a time whose year has more than four digits")
    );
    let place = field(101, "p", DataType(24), &[]);
    assert_eq!(
        check_same(&place, "2.6.19", texts(&[b"POINT"])).as_deref(),
        Some("row 0, field p: is not a shape that can be written as text")
    );
}

#[test]
fn json_must_be_what_the_release_accepts() {
    let json = field(101, "j", DataType::JSON, &[]);
    let no_object =
        Some("row 1, field j: is not a JSON object, and the target refuses other values".to_owned());
    assert_eq!(check_same(&json, "2.3.5", texts(&[b"null", b"[1]"])), no_object);
    assert_eq!(check_same(&json, "2.2.16", texts(&[b"{}", b"[1", b""])), None);
    let long = format!("\"{}\"", "x".repeat(65_535));
    assert_eq!(
        check_same(&json, "2.5.27", texts(&[long.as_bytes()])).as_deref(),
        Some("row 0, field j: has 65537 bytes, and Milvus allows 65536 in JSON")
    );
    let meta = Field { is_dynamic: true, ..field(101, "$meta", DataType::JSON, &[]) };
    let objects = || texts(&[b"{\"x\": {\"id\": 1}}", b"{\"id\": 1}"]);
    assert_eq!(check_same(&meta, "2.3.5", objects()), None);
    assert_eq!(
        check_same(&meta, "2.5.27", objects()).as_deref(),
        Some("row 1, field $meta: has the key \"id\", which is the name of a field of the target")
    );
    let nulls: ArrayRef = Arc::new(StringArray::from(vec![None, Some("7")]));
    assert_eq!(
        check_same(&meta, "2.2.16", nulls).as_deref(),
        Some("row 1, field $meta: is not a JSON object, and the target refuses other values")
    );
}

#[test]
fn elements_must_fit() {
    let params = [("max_capacity", "2")];
    let longs = Field { element_type: DataType::INT64, ..field(101, "a", DataType::ARRAY, &params) };
    let bytes = Field { element_type: DataType::INT8, ..longs.clone() };
    let lists = |rows: &[&[i64]]| {
        let mut lists = ListBuilder::new(Int64Builder::new());
        for row in rows {
            lists.append_value(row.iter().copied().map(Some));
        }
        Arc::new(lists.finish()) as ArrayRef
    };
    assert_eq!(
        check_same(&longs, "2.3.5", lists(&[&[], &[1, 2], &[1, 2, 3]])).as_deref(),
        Some("row 2, field a: has 3 elements, and the target allows 2")
    );
    assert_eq!(
        check(&longs, &bytes, "2.3.5", lists(&[&[], &[1, 200]])).as_deref(),
        Some(
            "row 1, field a: has an element (number 2) that is 200, which exceeds the type Int8 of the target"
        )
    );
}

#[test]
fn vectors_must_be_finite_and_sparse_ones_not_empty() {
    let dim = [("dim", "2")];
    let infinite = |row: usize| {
        Some(format!("row {row}, field v: contains NaN or an infinite number, which Milvus refuses"))
    };
    let item = Arc::new(ArrowField::new("item", ArrowType::Float32, false));
    let numbers = Arc::new(Float32Array::from(vec![0.0, 1.0, 2.0, f32::INFINITY]));
    let vectors = FixedSizeListArray::new(item, 2, numbers, None);
    let floats = field(101, "v", DataType::FLOAT_VECTOR, &dim);
    assert_eq!(check_same(&floats, "2.3.5", Arc::new(vectors)), infinite(1));

    let halves: [&[u8]; 2] = [&[0x80, 0x3f, 0, 0], &[0xc0, 0x7f, 0, 0]];
    let vectors = FixedSizeBinaryArray::try_from_iter(halves.into_iter()).unwrap();
    let bfloats = field(101, "v", DataType(103), &dim);
    assert_eq!(check_same(&bfloats, "2.5.27", Arc::new(vectors)), infinite(1));

    let sparse = |rows: &[&[(u32, f32)]]| {
        let mut maps = MapBuilder::new(None, UInt32Builder::new(), Float32Builder::new());
        for row in rows {
            for (index, value) in *row {
                maps.keys().append_value(*index);
                maps.values().append_value(*value);
            }
            maps.append(true).unwrap();
        }
        check_same(&field(101, "v", DataType(104), &[]), "2.5.27", Arc::new(maps.finish()))
    };
    assert_eq!(sparse(&[&[(0, 0.0)], &[(1, 1.0), (7, 2.0)]]), None);
    let empty = "row 1, field v: is a sparse vector without values, which Milvus refuses";
    assert_eq!(sparse(&[&[(0, 1.0)], &[]]).as_deref(), Some(empty));
    let negative = "row 0, field v: has the value -1, which Milvus refuses in sparse vectors";
    assert_eq!(sparse(&[&[(0, -1.0)]]).as_deref(), Some(negative));
}
