//! Tests of filters on one batch that has every scalar type.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, Float32Array, Int8Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{Field as ArrowField, Schema as ArrowSchema};
use model::manifest::{DataType, Field, Schema};
use proptest::prelude::*;

use super::{Filter, FilterError};

const FIELDS: [(i64, &str, DataType); 8] = [
    (100, "id", DataType::INT64),
    (101, "small", DataType::INT8),
    (102, "price", DataType::FLOAT),
    (103, "name", DataType::VARCHAR),
    (104, "flag", DataType::BOOL),
    (105, "doc", DataType::JSON),
    (106, "list", DataType::ARRAY),
    (107, "time", DataType::TIMESTAMPTZ),
];

fn schema() -> Schema {
    let field = |(id, name, data_type): (i64, &str, DataType)| Field {
        id,
        name: name.to_owned(),
        data_type,
        element_type: if data_type == DataType::ARRAY { DataType::INT64 } else { DataType(0) },
        ..Field::default()
    };
    let mut fields: Vec<Field> = FIELDS.into_iter().map(field).collect();
    fields.push(field((108, "vector", DataType::FLOAT_VECTOR)));
    Schema { fields, enable_dynamic_field: true, ..Schema::default() }
}

/// Rows 0 to 4; row 3 has a null in every field that may have one, and row 4 odd values.
fn batch() -> RecordBatch {
    let mut lists = ListBuilder::new(Int64Builder::new());
    for list in [Some([1, 2].as_slice()), Some(&[2, 3, 4]), Some(&[]), None, Some(&[i64::MAX])] {
        match list {
            Some(items) => {
                lists.values().append_slice(items);
                lists.append(true);
            }
            None => lists.append(false),
        }
    }
    let docs: [Option<&[u8]>; 5] = [
        Some(br#"{"a": {"b": [1, "x"]}, "n": 9007199254740993, "t": [1, 2]}"#),
        Some(br#"{"a": {"b": [2.5]}, "n": 9007199254740992, "s": "Zug", "t": ["1"]}"#),
        Some(br#"{"n": null, "t": []}"#),
        None,
        Some(b"not JSON"),
    ];
    let dynamic: [Option<&[u8]>; 5] = [
        Some(br#"{"k": 1, "0": "zero"}"#),
        Some(br#"{"k": "1"}"#),
        Some(b"{}"),
        None,
        Some(br#"{"k": true}"#),
    ];
    let columns: [ArrayRef; 9] = [
        Arc::new(Int64Array::from(vec![1, 2, 9_007_199_254_740_993, i64::MIN, i64::MAX])),
        Arc::new(Int8Array::from(vec![Some(-128), Some(0), Some(5), None, Some(127)])),
        Arc::new(Float32Array::from(vec![Some(0.1), Some(-2.5), Some(5.0), None, Some(f32::NAN)])),
        Arc::new(StringArray::from(vec![Some("abc"), Some("100%"), Some("Äpfel"), None, Some("")])),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), Some(true), None, Some(false)])),
        Arc::new(BinaryArray::from(docs.to_vec())),
        Arc::new(lists.finish()),
        Arc::new(
            TimestampMicrosecondArray::from(vec![Some(0), Some(1), Some(-1), None, Some(1_000_000)])
                .with_timezone("UTC"),
        ),
        Arc::new(BinaryArray::from(dynamic.to_vec())),
    ];
    let ids = FIELDS.into_iter().map(|(id, name, _)| (id, name)).chain([(109, "$meta")]);
    let fields: Vec<ArrowField> = ids
        .zip(&columns)
        .map(|((id, name), column)| {
            ArrowField::new(name, column.data_type().clone(), true)
                .with_metadata(HashMap::from([("milvus.field_id".to_owned(), id.to_string())]))
        })
        .collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns.to_vec()).unwrap()
}

/// Returns the rows that match.
fn rows(text: &str) -> Vec<usize> {
    let filter = Filter::parse(text, &schema()).unwrap_or_else(|error| panic!("{text}: {error}"));
    let matching = filter.matching(&batch()).unwrap();
    assert_eq!(matching.len(), 5);
    assert_eq!(matching.null_count(), 0);
    (0..5).filter(|row| matching.value(*row)).collect()
}

fn problem(text: &str) -> String {
    Filter::parse(text, &schema()).unwrap_err().to_string()
}

#[test]
fn numbers_are_compared_exactly() {
    assert_eq!(rows("id == 9007199254740993"), [2]);
    assert_eq!(rows("id == 9007199254740992"), [0_usize; 0]);
    assert_eq!(rows("id > 9007199254740992.0"), [2, 4]);
    assert_eq!(rows("id == -9223372036854775808 or id == 0x7fffffffffffffff"), [3, 4]);
    assert_eq!(rows("1 < id <= 9007199254740993"), [1, 2]);
    assert_eq!(rows("5 >= small > -128"), [1, 2]);
    assert_eq!(rows("small != 0"), [0, 2, 4]);
    assert_eq!(rows("doc[\"n\"] == 9007199254740993"), [0]);
    assert_eq!(rows("id in [1, 9223372036854775807]"), [0, 4]);
    assert_eq!(rows("id not in [1, 2.0]"), [2, 3, 4]);
    assert_eq!(rows("id in []"), [0_usize; 0]);
}

#[test]
fn constants_are_rounded_to_the_precision_of_a_float() {
    assert_eq!(rows("price == 0.1"), [0]);
    assert_eq!(rows("price in [0.1, 5]"), [0, 2]);
    assert_eq!(rows("price < 0.1"), [1]);
    assert_eq!(rows("price <= 5"), [0, 1, 2]);
    assert_eq!(rows("price != 5"), [0, 1, 4], "NaN differs from every number");
}

#[test]
fn what_is_unknown_does_not_match_and_neither_does_its_negation() {
    assert_eq!(rows("small > 0"), [2, 4]);
    assert_eq!(rows("not (small > 0)"), [0, 1]);
    assert_eq!(rows("!(small > 0)"), [0, 1]);
    assert_eq!(rows("small > 0 or id < 0"), [2, 3, 4]);
    assert_eq!(rows("not (small > 0 and id < 0)"), [0, 1, 2, 4]);
    assert_eq!(rows("small is null"), [3]);
    assert_eq!(rows("small IS NOT NULL && flag"), [0, 2]);
    assert_eq!(rows("k == 1"), [0]);
    assert_eq!(rows("k != 1"), [0_usize; 0], "values of other types are not compared");
    assert_eq!(rows("not (small in [5])"), [0, 1, 4]);
    assert_eq!(rows("flag == false"), [1, 4]);
    assert_eq!(rows("true"), [0, 1, 2, 3, 4]);
    assert_eq!(rows("not true"), [0_usize; 0]);
}

#[test]
fn arithmetic_without_a_result_is_unknown() {
    assert_eq!(rows("small + 1 > 5"), [2, 4]);
    assert_eq!(rows("small % 2 == 1"), [2, 4]);
    assert_eq!(rows("small / 2 == 2"), [2]);
    assert_eq!(rows("id + 1 > 0"), [0, 1, 2], "the largest integer plus 1 exceeds 64 bits");
    assert_eq!(rows("10 / small >= 0"), [0, 2, 4], "not the row whose divisor is 0");
    assert_eq!(rows("id == 2 ** 3 - 6"), [1]);
    assert_eq!(rows("id == (1 + 1) * -1 + 4"), [1]);
    assert_eq!(rows("small * 2 == -256"), [0]);
}

#[test]
fn patterns_match_characters_and_whole_texts() {
    assert_eq!(rows("name like \"a%\""), [0]);
    assert_eq!(rows("name like \"%b%\""), [0]);
    assert_eq!(rows("name like '_pfel'"), [2]);
    assert_eq!(rows(r#"name like "100\\%""#), [1]);
    assert_eq!(rows(r#"name like "100\%""#), [1]);
    assert_eq!(rows("name like \"%\""), [0, 1, 2, 4]);
    assert_eq!(rows("not (name like \"a%\")"), [1, 2, 4]);
    assert_eq!(rows("doc[\"s\"] like \"Z_g\""), [1]);
    assert_eq!(rows("name == \"\" or name in ['abc']"), [0, 4]);
    assert_eq!(rows("name > \"b\""), [2]);
}

#[test]
fn paths_lead_into_json_and_undeclared_keys() {
    assert_eq!(rows("doc[\"a\"][\"b\"][0] == 1"), [0]);
    assert_eq!(rows("doc['a']['b'][0] > 1"), [1]);
    assert_eq!(rows("doc[\"a\"][\"b\"][1] == \"x\""), [0]);
    assert_eq!(rows("$meta[\"k\"] == \"1\""), [1]);
    assert_eq!(rows("$meta[\"0\"] == \"zero\""), [0]);
    assert_eq!(rows("k == true"), [4]);
    assert_eq!(rows("exists doc[\"n\"]"), [0, 1, 2]);
    assert_eq!(rows("not exists k"), [2, 3]);
    assert_eq!(rows("doc[\"n\"] is null"), [2, 3, 4]);
    assert_eq!(rows("doc[\"a\"][\"b\"] == [1, \"x\"]"), [0]);
}

#[test]
fn lists_are_searched_and_measured() {
    assert_eq!(rows("list[0] == 2"), [1]);
    assert_eq!(rows("list[1] > 0"), [0, 1]);
    assert_eq!(rows("array_length(list) == 0"), [2]);
    assert_eq!(rows("array_length(doc[\"t\"]) > 0"), [0, 1]);
    assert_eq!(rows("array_contains(list, 2)"), [0, 1]);
    assert_eq!(rows("not ARRAY_CONTAINS(list, 2)"), [2, 4]);
    assert_eq!(rows("array_contains_all(list, [2, 3])"), [1]);
    assert_eq!(rows("array_contains_any(list, [1, 9223372036854775807])"), [0, 4]);
    assert_eq!(rows("json_contains(doc[\"t\"], 1)"), [0]);
    assert_eq!(rows("json_contains_any(doc[\"t\"], [2, \"1\"])"), [0, 1]);
    assert_eq!(rows("json_contains_all(doc[\"t\"], [])"), [0, 1, 2]);
    assert_eq!(rows("list == [1, 2]"), [0]);
}

#[test]
fn times_are_compared_with_times() {
    assert_eq!(rows("time > ISO '1970-01-01T00:00:00Z'"), [1, 4]);
    assert_eq!(rows("time <= ISO '1970-01-01T02:00:00+02:00'"), [0, 2]);
}

#[test]
fn and_binds_more_tightly_than_or() {
    assert_eq!(rows("id == 1 or id == 2 and flag == true"), [0]);
    assert_eq!(rows("(id == 1 or id == 2) and flag == true"), [0]);
    assert_eq!(rows("flag == true || id == 2 && name == 'x'"), [0, 2]);
}

#[test]
fn only_the_fields_of_the_expression_are_read() {
    let filter = Filter::parse("name == 'a' or k == 1 or name == 'b'", &schema()).unwrap();
    assert_eq!(filter.fields().iter().map(|id| id.0).collect::<Vec<_>>(), [103, 109]);
    let lacking = batch().project(&[0, 1]).unwrap();
    assert_eq!(filter.matching(&lacking), Err(FilterError::MissingField("name".to_owned())));
}

#[test]
fn an_error_names_the_place_and_the_way_out() {
    let lines = [
        "id =  1",
        "id == ",
        "id == \"1\"",
        "name > 5",
        "id",
        "(id > 1) + 1 == 2",
        "id < 5 > 2",
        "flag > true",
        "id like 'a'",
        "name like 'a\\\\'",
        "name == 'a",
        "vector == 1",
        "list == 1",
        "list[\"a\"] == 1",
        "name[0] == 'a'",
        "time > '2026-01-01'",
        "time > ISO '2026-01-01'",
        "text_match(name, 'a')",
        "ST_WITHIN(doc, 'a')",
        "murmur(name)",
        "id in (1, 2)",
        "id in [name]",
        "id in ['a']",
        "id & 1 == 1",
        "id == {value}",
        "name =~ 'a'",
        "$meta == 1",
        "id == 1 / 0",
        "id == 9223372036854775808",
        "exists id",
        "id is 5",
        "id == 1 id == 2",
        "",
    ];
    let all: Vec<String> = lines.iter().map(|line| format!("{line}\n  {}", problem(line))).collect();
    let expected = include_str!("errors.txt");
    assert_eq!(all.join("\n"), expected.trim_end());
}

#[test]
fn a_field_that_does_not_exist_is_an_error_without_a_dynamic_field() {
    let fields = schema().fields.into_iter().take(3).collect();
    let schema = Schema { fields, ..Schema::default() };
    let error = Filter::parse("id > 1 and prise > 2", &schema).unwrap_err();
    assert_eq!(
        error.to_string(),
        "character 12 of the filter: the collection has no field \"prise\" and no dynamic field; did you mean \
         \"price\"? Its fields are: id, small, price"
    );
    let error = Filter::parse("$meta[\"a\"] > 2", &schema).unwrap_err().to_string();
    assert!(error.contains("no dynamic field"), "{error}");
}

#[test]
fn depth_and_length_are_limited_and_long_chains_are_not_deep() {
    for deep in [
        format!("{}id > 1{}", "(".repeat(100_000), ")".repeat(100_000)),
        "not ".repeat(100_000) + "flag",
        "id == ".to_owned() + &"-".repeat(100_000) + "1",
        "id == ".to_owned() + &"2 ** ".repeat(100_000) + "1",
        "id in ".to_owned() + &"[".repeat(100_000),
        "id + ".repeat(100_000) + "1 > 2",
        "doc".to_owned() + &"[0]".repeat(100_000) + " == 1",
        "x".repeat(2 << 20),
    ] {
        let problem = problem(&deep);
        assert!(
            problem.len() < 200 && (problem.contains("more than") || problem.contains("longer")),
            "{problem}"
        );
    }
    let chain = vec!["id == 1"; 50_000].join(" or ");
    assert_eq!(rows(&chain), [0]);
    let list = (0..100_000).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(rows(&format!("id in [{list}]")), [0, 1]);
}

/// Texts that are more often almost valid than random characters are.
fn expressions() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "id",
        "name",
        "doc",
        "list",
        "time",
        "$meta",
        "k",
        "flag",
        "1",
        "-9223372036854775808",
        "1e300",
        "0x",
        "\"a%\"",
        "'\\x41'",
        "[",
        "]",
        "(",
        ")",
        ",",
        "==",
        "!=",
        "<",
        "<=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "**",
        "and",
        "or",
        "not",
        "in",
        "like",
        "is",
        "null",
        "exists",
        "array_contains(",
        "array_length(",
        "json_contains_any(",
        "ISO",
        "é",
        "\\",
    ]);
    prop_oneof![".{0,40}", prop::collection::vec(words, 0..24).prop_map(|words| words.join(" ")),]
}

proptest! {
    #[test]
    fn no_text_panics(text in expressions()) {
        if let Ok(filter) = Filter::parse(&text, &schema()) {
            prop_assert_eq!(filter.matching(&batch()).unwrap().len(), 5);
        }
    }
}
