//! Damaged files: whatever is wrong with them, reading ends with rows or with an error that names the place.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int32Array, StringArray};
use milvus_backup_rows::{
    DeleteMap, DeltaFile, DeltaFiles, InsertFile, KeyType, ReadOptions, Reason, RowsError, SegmentFiles,
    SegmentReader,
};
use model::key::ObjectKey;
use model::manifest::{DataType, Schema};
use proptest::prelude::*;
use proptest::sample::Index;
use tokio::runtime::Runtime;

use crate::backup::{Backup, disk, fixture, set_dim};
use crate::made::{MadeSegment, Style, schema};

/// The number of damaged files of each kind.
const CASES: u32 = 100;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A segment of each writer, and some delta logs.
static SEGMENTS: LazyLock<Vec<(Schema, SegmentFiles)>> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let mut all = Vec::new();
        for (backup, name) in [
            ("b2", "default.alltypes"),
            ("b3", "default.alltypes"),
            ("b2", "default.sparse"),
            ("v2-by-library", "default.c"),
        ] {
            let backup = Backup::open(&fixture(backup));
            let collection = backup.collection(name);
            let mut schema = collection.schema.clone();
            if name == "default.c" {
                for field in ["v", "nv", "av"] {
                    set_dim(&mut schema, field, 4);
                }
                schema.fields.iter_mut().for_each(|field| field.nullable = !field.is_primary_key);
            }
            let mut segment = backup.segments(collection).await.swap_remove(0);
            segment.rows = None;
            all.push((schema, segment));
        }
        all.push(uncompressed_segment());
        all
    })
});

/// A segment in whose files damage reaches the decoders, because no decompression notices it first.
fn uncompressed_segment() -> (Schema, SegmentFiles) {
    const ROWS: i64 = 500;
    let mut schema = schema(&[
        ("text", DataType::VARCHAR),
        ("small", DataType::INT8),
        ("flag", DataType::BOOL),
        ("vector", DataType::FLOAT_VECTOR),
        ("vectors", DataType(106)),
        ("double", DataType::DOUBLE),
    ]);
    for field in schema.fields.iter_mut().skip(1) {
        field.nullable = true;
        field.element_type = DataType::FLOAT_VECTOR;
    }
    let maybe = |id: &i64| id % 7 > 0;
    let mut vectors = FixedSizeBinaryBuilder::new(32);
    let mut lists = ListBuilder::new(FixedSizeBinaryBuilder::new(32));
    for id in 0..ROWS {
        vectors.append_value([u8::try_from(id % 9).unwrap(); 32]).unwrap();
        for _ in 0..id % 4 {
            lists.values().append_value([1; 32]).unwrap();
        }
        lists.append(maybe(&id));
    }
    let vectors: ArrayRef = Arc::new(vectors.finish());
    let text: StringArray = (0..ROWS).map(|id| maybe(&id).then(|| format!("text {}", id % 20))).collect();
    let small: Int32Array =
        (0..ROWS).map(|id| maybe(&id).then_some(i32::try_from(id % 100).unwrap())).collect();
    let flags: BooleanArray = (0..ROWS).map(|id| maybe(&id).then_some(id % 3 == 0)).collect();
    let doubles: Float64Array = (0..ROWS).map(|id| maybe(&id).then_some(1.5)).collect();
    let style = Style { compressed: false, group_rows: 200 };
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("damage");
    std::fs::create_dir_all(&dir).unwrap();
    let mut made = MadeSegment::below(&dir);
    made.add_keys(9, &(0..ROWS).map(|id| (5, id)).collect::<Vec<_>>());
    made.add_column(101, 9, DataType::VARCHAR, Arc::new(text), style);
    made.add_column(102, 9, DataType::INT8, Arc::new(small), style);
    made.add_column(103, 9, DataType::BOOL, Arc::new(flags), style);
    made.add_column(104, 9, DataType::FLOAT_VECTOR, vectors, style);
    made.add_column(105, 9, DataType(106), Arc::new(lists.finish()), style);
    made.add_column(106, 9, DataType::DOUBLE, Arc::new(doubles), style);
    (schema, made.files)
}

static DELTA_LOGS: LazyLock<Vec<DeltaFiles>> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let backup = Backup::open(&fixture("b2"));
        backup.delta_logs(backup.collection("default.del")).await
    })
});

/// Reads the column, or group of columns, of a file from a copy with other content.
async fn read_damaged(
    schema: &Schema,
    segment: &SegmentFiles,
    file: usize,
    content: &[u8],
) -> Result<usize, RowsError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged");
    std::fs::write(&path, content).unwrap();
    let mut segment = segment.clone();
    let damaged: &mut InsertFile = &mut segment.files[file];
    damaged.key = ObjectKey::new(path.to_str().unwrap());
    damaged.binlog.size = 0;
    let field = damaged.binlog.field;
    let is_group =
        content_is_parquet(segment.files.iter().find(|other| other.key != segment.files[file].key));
    let columns = (!is_group).then(|| vec![field]);
    let options = ReadOptions { columns, ..ReadOptions::default() };
    let mut reader = SegmentReader::open(&disk(), schema, segment, Vec::new(), &options).await?;
    let mut rows = 0;
    while let Some(batch) = reader.next().await? {
        rows += batch.num_rows();
    }
    Ok(rows)
}

fn content_is_parquet(file: Option<&InsertFile>) -> bool {
    file.is_some_and(|file| content_of(&file.key).starts_with(b"PAR1"))
}

fn content_of(key: &ObjectKey) -> Vec<u8> {
    std::fs::read(format!("/{key}")).unwrap()
}

/// Changes some bytes, and cuts the end off.
fn damage(content: &mut Vec<u8>, changes: &[(Index, u8)], cut: Option<Index>) {
    for (place, byte) in changes {
        let place = place.index(content.len());
        content[place] = *byte;
    }
    if let Some(cut) = cut {
        content.truncate(cut.index(content.len()));
    }
}

fn assert_is_no_panic(result: Result<usize, RowsError>) -> Result<(), TestCaseError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) => {
            prop_assert!(!matches!(error.reason(), Reason::Panicked(_)), "{error}: {}", error.reason());
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_damaged_insert_binlog_never_panics(
        segment: Index,
        file: Index,
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.1, any::<Index>()),
    ) {
        let (schema, segment) = &SEGMENTS[segment.index(SEGMENTS.len())];
        let file = file.index(segment.files.len());
        let mut content = content_of(&segment.files[file].key);
        damage(&mut content, &changes, cut);
        assert_is_no_panic(RUNTIME.block_on(read_damaged(schema, segment, file, &content)))?;
    }

    #[test]
    fn a_damaged_delta_log_never_panics(
        log: Index,
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.1, any::<Index>()),
    ) {
        let mut log = DELTA_LOGS[log.index(DELTA_LOGS.len())].clone();
        let mut content = content_of(&log.files[0].key);
        damage(&mut content, &changes, cut);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("damaged");
        std::fs::write(&path, content).unwrap();
        let file: &mut DeltaFile = &mut log.files[0];
        file.key = ObjectKey::new(path.to_str().unwrap());
        file.log.size = 0;
        let read = RUNTIME.block_on(DeleteMap::read(&disk(), KeyType::Int64, &[log]));
        assert_is_no_panic(read.map(|map| map.len()))?;
    }
}
