//! Damaged files: whatever is wrong with them, reading ends with rows or with an error that names the place.
//!
//! Without `DAMAGED_FILES` the same files are tried in each run; with it, that number of other ones of each kind. Damage
//! that a decoder did not survive once is kept in `damage.txt`.

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
use proptest::test_runner::RngSeed;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::backup::{Backup, disk, fixture, set_dim, shared_fixture};
use crate::made::{MadeSegment, Style, schema};
use crate::recorded::{COMPACTED, L0};

/// The number of damaged files of each kind.
const CASES: u32 = 100;

fn config() -> ProptestConfig {
    let chosen = option_env!("DAMAGED_FILES").map(|number| number.parse().unwrap());
    let rng_seed = if chosen.is_some() { RngSeed::Random } else { RngSeed::Fixed(11) };
    ProptestConfig {
        cases: chosen.unwrap_or(CASES),
        rng_seed,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// A segment of each writer, by name.
static SEGMENTS: LazyLock<Vec<(String, Schema, SegmentFiles)>> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let mut all = Vec::new();
        for (backup_name, name) in [
            ("b2", "default.alltypes"),
            ("b3", "default.alltypes"),
            ("b2", "default.sparse"),
            ("v2-by-library", "default.c"),
        ] {
            let backup = Backup::open(&match backup_name {
                "b2" => shared_fixture(L0),
                "b3" => shared_fixture(COMPACTED),
                other => fixture(other),
            });
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
            all.push((format!("{backup_name}/{name}"), schema, segment));
        }
        let (schema, files) = uncompressed_segment();
        all.push(("uncompressed".to_owned(), schema, files));
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
        let backup = Backup::open(&shared_fixture(L0));
        backup.delta_logs(backup.collection("default.del")).await
    })
});

/// Makes a damaged copy of a file, which exists as long as the returned directory.
fn damaged_copy(of: &ObjectKey, damage: &Damage) -> (TempDir, ObjectKey) {
    let mut content = content_of(of);
    damage.apply(&mut content);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged");
    std::fs::write(&path, content).unwrap();
    let key = ObjectKey::new(path.to_str().unwrap());
    (dir, key)
}

/// Reads the column, or group of columns, of a file from a damaged copy.
async fn read_damaged(
    schema: &Schema,
    segment: &SegmentFiles,
    file: usize,
    damage: &Damage,
) -> Result<usize, RowsError> {
    let mut segment = segment.clone();
    let damaged: &mut InsertFile = &mut segment.files[file];
    let (_dir, key) = damaged_copy(&damaged.key, damage);
    damaged.key = key;
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

fn size_of(key: &ObjectKey) -> usize {
    std::fs::metadata(format!("/{key}")).unwrap().len().try_into().unwrap()
}

fn content_of(key: &ObjectKey) -> Vec<u8> {
    std::fs::read(format!("/{key}")).unwrap()
}

/// The changes that damage a file.
#[derive(Debug, Default)]
struct Damage {
    /// Offsets and the bytes that are there now.
    changes: Vec<(usize, u8)>,
    /// The size that the file is cut to.
    size: Option<usize>,
}

impl Damage {
    fn apply(&self, content: &mut Vec<u8>) {
        for (at, byte) in &self.changes {
            content[*at] = *byte;
        }
        content.truncate(self.size.unwrap_or(content.len()));
    }
}

/// Offsets and sizes as in `damage.txt`: `12=255 <400`.
impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.changes.iter().try_for_each(|(at, byte)| write!(f, " {at}={byte}"))?;
        self.size.map_or(Ok(()), |size| write!(f, " <{size}"))
    }
}

fn parse_damage<'a>(words: impl Iterator<Item = &'a str>) -> Damage {
    let mut damage = Damage::default();
    for word in words {
        if let Some(size) = word.strip_prefix('<') {
            damage.size = Some(size.parse().unwrap());
        } else {
            let (at, byte) = word.split_once('=').unwrap();
            damage.changes.push((at.parse().unwrap(), byte.parse().unwrap()));
        }
    }
    damage
}

/// Where a byte is changed. The first and the last bytes of a file describe its content.
#[derive(Clone, Copy, Debug)]
enum Zone {
    Anywhere,
    Beginning,
    End,
}

#[derive(Clone, Debug)]
struct AnyDamage {
    changes: Vec<(Zone, Index, u8)>,
    cut: Option<Index>,
}

impl AnyDamage {
    fn of(&self, length: usize) -> Damage {
        const DESCRIBING_BYTES: usize = 600;
        let place = |(zone, index, byte): &(Zone, Index, u8)| {
            let within = index.index(length.min(DESCRIBING_BYTES));
            let at = match zone {
                Zone::Anywhere => index.index(length),
                Zone::Beginning => within,
                Zone::End => length - 1 - within,
            };
            (at, *byte)
        };
        Damage {
            changes: self.changes.iter().map(place).collect(),
            size: self.cut.map(|cut| cut.index(length)),
        }
    }
}

fn any_damage() -> impl Strategy<Value = AnyDamage> {
    let zone = prop_oneof![Just(Zone::Anywhere), Just(Zone::Beginning), Just(Zone::End)];
    let byte = prop_oneof![any::<u8>(), Just(0), Just(127), Just(255)];
    let changes = proptest::collection::vec((zone, any::<Index>(), byte), 1..6);
    let cut = proptest::option::weighted(0.1, any::<Index>());
    (changes, cut).prop_map(|(changes, cut)| AnyDamage { changes, cut })
}

/// Reads a damaged insert binlog, and returns the text of a panic.
fn panic_of_insert_binlog(segment: usize, file: usize, damage: &Damage) -> Option<String> {
    let (_, schema, segment) = &SEGMENTS[segment];
    panic_of(RUNTIME.block_on(read_damaged(schema, segment, file, damage)))
}

/// Reads a damaged delta log, and returns the text of a panic.
fn panic_of_delta_log(log: usize, damage: &Damage) -> Option<String> {
    let mut log = DELTA_LOGS[log].clone();
    let file: &mut DeltaFile = &mut log.files[0];
    let (_dir, key) = damaged_copy(&file.key, damage);
    file.key = key;
    file.log.size = 0;
    panic_of(RUNTIME.block_on(DeleteMap::read(&disk(), KeyType::Int64, &[log])))
}

fn panic_of<T>(result: Result<T, RowsError>) -> Option<String> {
    let error = result.err()?;
    matches!(error.reason(), Reason::Panicked(_)).then(|| format!("{error}: {}", error.reason()))
}

#[test]
fn damage_that_was_harmful_once_never_panics() {
    let mut tried = 0;
    for line in include_str!("damage.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (name, file) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
        let damage = parse_damage(words);
        let panic = if name == "delta" {
            panic_of_delta_log(file, &damage)
        } else {
            let segment = SEGMENTS.iter().position(|(other, ..)| other == name).unwrap();
            panic_of_insert_binlog(segment, file, &damage)
        };
        assert_eq!(panic, None, "{line}");
        tried += 1;
    }
    assert!(tried > 0);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_damaged_insert_binlog_never_panics(segment: Index, file: Index, damage in any_damage()) {
        let segment = segment.index(SEGMENTS.len());
        let (name, _, files) = &SEGMENTS[segment];
        let file = file.index(files.files.len());
        let damage = damage.of(size_of(&files.files[file].key));
        let panic = panic_of_insert_binlog(segment, file, &damage);
        prop_assert_eq!(panic, None, "keep this in damage.txt: {} {}{}", name, file, damage);
    }

    #[test]
    fn a_damaged_delta_log_never_panics(log: Index, damage in any_damage()) {
        let log = log.index(DELTA_LOGS.len());
        let damage = damage.of(size_of(&DELTA_LOGS[log].files[0].key));
        let panic = panic_of_delta_log(log, &damage);
        prop_assert_eq!(panic, None, "keep this in damage.txt: delta {}{}", log, damage);
    }
}
