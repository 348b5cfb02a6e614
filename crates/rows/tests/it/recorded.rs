//! Recorded backups and segments decode to the rows that were recorded with them.

use std::path::Path;

use milvus_backup_rows::{InsertFile, ReadOptions, SegmentFiles, SegmentReader};
use model::ids::{CollectionId, FieldId, LogId, PartitionId, SegmentId};
use model::key::ObjectKey;
use model::manifest::{Binlog, DataType, Field, KeyValue, Schema};
use serde_json::{Value, json};

use crate::backup::{Backup, disk, fixture, read_all, set_dim, shared_fixture};

/// A backup of Milvus 2.5.27 with three kinds of L0, and another after their compaction.
pub(crate) const L0: &str = "backups/m2527_l0";
pub(crate) const COMPACTED: &str = "backups/m2527_compacted";

/// Compares rows as multisets.
pub(crate) fn assert_same_rows(mut found: Vec<Value>, recorded: &Path) {
    let text = std::fs::read_to_string(recorded).unwrap();
    let mut expected: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has_partition = expected.iter().any(|row| row.get("$partition").is_some());
    for row in found.iter_mut().chain(&mut expected) {
        let row = row.as_object_mut().unwrap();
        if !has_partition {
            row.remove("$partition");
        }
        // Some recorded 32-bit floats have more digits than others; a list around binary vectors is optional.
        for key in ["f32", "sp"] {
            if let Some(value) = row.get_mut(key) {
                shorten(value);
            }
        }
        if let Some(bits) = row.get("bits").and_then(|bits| bits.get(0)).cloned() {
            row.insert("bits".to_owned(), bits);
        }
    }
    let sort = |rows: &mut Vec<Value>| rows.sort_by_cached_key(Value::to_string);
    sort(&mut found);
    sort(&mut expected);
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

/// Rounds numbers to 32 bits.
fn shorten(value: &mut Value) {
    match value {
        Value::Object(entries) => entries.values_mut().for_each(shorten),
        Value::Number(_) => {
            #[expect(clippy::cast_possible_truncation, reason = "it was one of 32 bits")]
            let short = value.as_f64().unwrap() as f32;
            *value = json!(f64::from(short));
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_type_of_milvus_2_5_decodes_with_nulls_and_defaults() {
    for backup in [L0, COMPACTED] {
        let read =
            Backup::open(&shared_fixture(backup)).read("default.alltypes", &ReadOptions::default()).await;
        assert_same_rows(read.rows, &shared_fixture("rows/default.alltypes.jsonl"));
    }
}

#[tokio::test]
async fn sparse_vectors_and_text_keys_decode() {
    for backup in [L0, COMPACTED] {
        let read =
            Backup::open(&shared_fixture(backup)).read("default.sparse", &ReadOptions::default()).await;
        assert_same_rows(read.rows, &shared_fixture("rows/default.sparse.jsonl"));
    }
}

#[tokio::test]
async fn all_kinds_of_l0_delete_before_and_after_compaction() {
    for (backup, stored) in [(L0, 155), (COMPACTED, 147)] {
        let read = Backup::open(&shared_fixture(backup)).read("default.del", &ReadOptions::default()).await;
        assert_same_rows(read.rows, &shared_fixture("rows/default.del.jsonl"));
        assert_eq!((read.counts.stored, read.counts.stored - read.counts.deleted), (stored, 147), "{backup}");
    }
}

#[tokio::test]
async fn text_keys_of_any_content_are_deleted() {
    for backup in [L0, COMPACTED] {
        let read =
            Backup::open(&shared_fixture(backup)).read("default.delstr", &ReadOptions::default()).await;
        assert_same_rows(read.rows, &shared_fixture("rows/default.delstr.jsonl"));
    }
}

#[tokio::test]
async fn backups_of_milvus_2_3_give_the_rows_that_queries_gave() {
    for backup in ["full_v0415", "full_v0516"] {
        let backup = Backup::open(&shared_fixture(&format!("backups/{backup}")));
        for (name, stored, deleted) in
            [("default.books", 3700, 5), ("default.tenants", 1200, 2), ("shop.orders", 2000, 0)]
        {
            let read = backup.read(name, &ReadOptions::default()).await;
            assert_eq!((read.counts.stored, read.counts.deleted), (stored, deleted), "{name}");
            assert_same_rows(read.rows, &shared_fixture(&format!("rows/{name}.jsonl")));
        }
        let read = backup.read("shop.books", &ReadOptions::default()).await;
        assert_eq!(read.rows.len(), 100);
    }
}

#[tokio::test]
async fn a_backup_of_milvus_2_2_gives_its_live_rows() {
    let backup = Backup::open(&shared_fixture("backups/m2216_v0516"));
    for (name, live) in [("default.books", 3695), ("default.tenants", 1198), ("shop.orders", 2000)] {
        assert_eq!(backup.read(name, &ReadOptions::default()).await.rows.len(), live, "{name}");
    }
}

#[tokio::test]
async fn a_deletion_of_all_partitions_applies_to_each() {
    let backup = Backup::open(&fixture("m2527_head"));
    let read = backup.read("default.src", &ReadOptions::default()).await;
    assert_eq!((read.counts.stored, read.rows.len()), (2500, 1997 + 499));
    for row in &read.rows {
        assert!(![1, 2, 3, 10001].contains(&row["id"].as_i64().unwrap()), "{row}");
    }
}

/// The only segment below `binlogs-2.2.9`, with its schema.
fn segment_of_2_2_9() -> (Schema, SegmentFiles) {
    let types = [
        DataType::VARCHAR,
        DataType::BOOL,
        DataType::INT8,
        DataType::INT16,
        DataType::INT32,
        DataType::FLOAT,
        DataType::DOUBLE,
        DataType::JSON,
        DataType::FLOAT_VECTOR,
        DataType::JSON,
    ];
    let fields = (100..).zip(types).map(|(id, data_type)| Field {
        id,
        name: format!("f{id}"),
        data_type,
        is_primary_key: id == 100,
        type_params: vec![KeyValue::new("dim", "4")],
        ..Field::default()
    });
    let schema = Schema { fields: fields.collect(), ..Schema::default() };
    let ids = [470_781_535_806_554_123, 470_781_535_806_554_124, 470_781_535_806_754_132];
    let dir = fixture(&format!("binlogs-2.2.9/insert_log/{}/{}/{}", ids[0], ids[1], ids[2]));
    let files = std::fs::read_dir(&dir).unwrap().map(|field| {
        let field = field.unwrap();
        let file = std::fs::read_dir(field.path()).unwrap().next().unwrap().unwrap();
        let parse = |name: std::ffi::OsString| name.to_str().unwrap().parse().unwrap();
        let binlog =
            Binlog { field: FieldId(parse(field.file_name())), log: LogId(parse(file.file_name())), size: 0 };
        InsertFile { key: ObjectKey::new(file.path().to_str().unwrap()), binlog }
    });
    let segment = SegmentFiles {
        collection: CollectionId(ids[0]),
        partition: PartitionId(ids[1]),
        segment: SegmentId(ids[2]),
        rows: Some(200),
        files: files.collect(),
    };
    (schema, segment)
}

#[tokio::test]
async fn files_of_the_oldest_writer_have_values_in_optional_columns() {
    let (schema, segment) = segment_of_2_2_9();
    let reader =
        SegmentReader::open(&disk(), &schema, segment, Vec::new(), &ReadOptions::default()).await.unwrap();
    let read = read_all(reader, "_default").await.unwrap();
    assert_eq!(read.rows.len(), 200);
    for row in &read.rows {
        assert!(row.as_object().unwrap().values().all(|value| !value.is_null()), "{row}");
        assert_eq!(row["f108"].as_array().unwrap().len(), 4);
    }
}

#[tokio::test]
async fn column_groups_are_joined_by_row_with_the_default_of_an_added_field() {
    let backup = Backup::open(&fixture("v2-by-library"));
    let collection = backup.collection("default.c");
    let mut schema = collection.schema.clone();
    for (field, dim) in [("v", 4), ("nv", 4), ("av", 4)] {
        set_dim(&mut schema, field, dim);
    }
    for field in &mut schema.fields {
        field.nullable = !field.is_primary_key;
    }
    let options = ReadOptions { batch_rows: 700, ..ReadOptions::default() };
    let read = backup.read_as(collection, &schema, &options).await.unwrap();
    // Two pairs of files contain the same 3,000 rows; three keys are deleted.
    assert_eq!((read.counts.stored, read.rows.len()), (6000, 5994));
    for row in &read.rows {
        let id = row["id"].as_i64().unwrap();
        let number = f64::from(i32::try_from(id).unwrap());
        assert_eq!(row["v"], json!([number, 1.0, 2.0, 3.0]));
        assert_eq!(row["d"], json!(number / 7.0));
        assert!(row["s"].is_null() || row["s"] == json!(format!("s{id}")), "{row}");
        assert!(row["j"].is_null() || row["j"] == json!({ "a": id }), "{row}");
        assert!(row["tz"].is_null() || row["tz"] == json!(instant(id)), "{row}");
        let index = id % 100;
        assert_eq!(row["sp"], json!({ index.to_string(): 1.0, (index + 1).to_string(): 2.0 }));
        let vectors = usize::try_from(id % 3).unwrap();
        assert_eq!(row["av"], json!(vec![json!([number, 1.0, 2.0, 3.0]); vectors]), "row {id}");
        assert!(row["nv"].is_null() || row["nv"] == row["v"]);
        assert_eq!(row["added"], json!(7));
    }
    for field in ["s", "tz", "nv"] {
        let nulls = read.rows.iter().filter(|row| row[field].is_null()).count();
        assert!(nulls > 0 && nulls < read.rows.len(), "{field}: {nulls}");
    }
}

#[tokio::test]
async fn column_groups_of_milvus_2_6_give_the_live_rows() {
    let backup = Backup::open(&fixture("m2619_head"));
    let read = backup.read("default.src", &ReadOptions::default()).await;
    assert_eq!((read.counts.stored, read.rows.len()), (2500, 2496));
    for row in &read.rows {
        assert_eq!(row["v"].as_array().unwrap().len(), 8, "{row}");
        assert!(row.get("dy").is_some(), "the hidden field: {row}");
    }
}

/// Returns the text of a time in microseconds since 1970, which is less than a second.
fn instant(microseconds: i64) -> String {
    let digits = format!("{microseconds:06}");
    let fraction = digits.trim_end_matches('0');
    if fraction.is_empty() {
        "1970-01-01T00:00:00Z".to_owned()
    } else {
        format!("1970-01-01T00:00:00.{fraction}Z")
    }
}
