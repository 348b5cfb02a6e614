//! Measures how fast segments are read, against plain Parquet decoding of the same files in the same run.
//!
//! `scripts/bench rows` runs it: `reading DIR [SEGMENTS]`. It writes segments of 250,000 rows below the directory, 40 by
//! default. Results go to stdout, one line of tab-separated cells each.
#![expect(clippy::print_stdout, reason = "prints the results")]
#![expect(clippy::print_stderr, reason = "prints the progress")]
#![expect(clippy::unwrap_used, reason = "a failed measurement ends with its reason")]

#[path = "../tests/it/made.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod made;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, FixedSizeBinaryArray, Float64Array, StringArray};
use bytes::Bytes;
use made::{MadeSegment, Style};
use milvus_backup_rows::{InsertFile, ReadOptions, SegmentFiles, SegmentReader};
use model::ids::{FieldId, LogId};
use model::key::ObjectKey;
use model::manifest::{Binlog, DataType, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use storage::{Store, StoreConfig};

const CHUNKS: i64 = 5;
const ROWS_OF_CHUNK: i64 = 50_000;
const DIM: i64 = 32;
/// The dimensions of the vectors in the large file, of which [`ROWS_OF_CHUNK`] rows are just below 2 GiB: the largest
/// length that the header of a file can state.
const LARGE_DIM: i64 = 10_700;
/// The lowest ratio of the speeds that is good enough.
const GOAL: &str = "0.8 or more";
/// The sets of columns that are read, by name.
const COLUMNS: [(&str, &[i64]); 6] = [
    ("key and timestamp", &[100, 1]),
    ("an Int64 column", &[100]),
    ("a Double column", &[101]),
    ("a VarChar column", &[102]),
    ("a FloatVector column", &[103]),
    ("all columns", &[0, 1, 100, 101, 102, 103]),
];

fn main() {
    // `cargo bench` adds the argument `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let (dir, segments) = match arguments.as_slice() {
        [dir] => (Path::new(dir), 40),
        [dir, task] if task == "read" => return measure_memory(Path::new(dir)),
        [dir, segments] => (Path::new(dir), segments.parse().unwrap()),
        _ => return eprintln!("not run: scripts/bench rows runs it"),
    };
    let schema = schema_of(DIM);
    eprintln!("writing a segment with a file of 2 GiB");
    write_large(&dir.join("large"));
    eprintln!("writing {segments} segments of {} rows", CHUNKS * ROWS_OF_CHUNK);
    let segments: Vec<_> =
        (0..segments).map(|number| write_segment(&dir.join(number.to_string()), number)).collect();
    // Another process measures the memory, because this one keeps what the writing took.
    let measured = Command::new(std::env::current_exe().unwrap()).arg(dir).arg("read").status();
    assert!(measured.unwrap().success());
    let rows = segments.len() as u64 * u64::try_from(CHUNKS * ROWS_OF_CHUNK).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (name, columns) in COLUMNS {
        let (mut ours, mut plain) = (Duration::MAX, Duration::MAX);
        // The runs alternate, and the best of each counts.
        for _ in 0..3 {
            ours = ours.min(runtime.block_on(read(&schema, &segments, columns)).0);
            plain = plain.min(decode(&segments, columns));
        }
        let speed = |time: Duration| format!("{:.0} million rows/s", rows as f64 / 1e6 / time.as_secs_f64());
        let ratio = plain.as_secs_f64() / ours.as_secs_f64();
        println!("reading {name}\t{}\tplain decoding {}\t{ratio:.2}\t{GOAL}", speed(ours), speed(plain));
        if columns == [103] {
            let bytes = rows * DIM.unsigned_abs() * 4;
            let rate = bytes as f64 / f64::from(1 << 30) / ours.as_secs_f64();
            println!("the same in bytes\t{rate:.2} GiB/s\t1 GiB/s\t{rate:.2}\t1 or more");
        }
    }
}

fn schema_of(dim: i64) -> Schema {
    let mut schema = made::schema(&[
        ("price", DataType::DOUBLE),
        ("title", DataType::VARCHAR),
        ("emb", DataType::FLOAT_VECTOR),
    ]);
    for field in &mut schema.fields {
        field.type_params.iter_mut().for_each(|param| param.value = dim.to_string());
    }
    schema
}

/// Writes one segment with values that compress about as badly as real ones.
fn write_segment(dir: &Path, number: i64) -> SegmentFiles {
    std::fs::create_dir_all(dir).unwrap();
    let mut made = MadeSegment::below(dir);
    for chunk in 0..CHUNKS {
        let log = 1000 + chunk;
        let first = (number * CHUNKS + chunk) * ROWS_OF_CHUNK;
        let ids = || first..first + ROWS_OF_CHUNK;
        let rows: Vec<_> = ids().map(|id| (470_000_000_000_000_000 + id, id)).collect();
        made.add_keys(log, &rows);
        let prices: ArrayRef =
            Arc::new(Float64Array::from_iter_values(ids().map(|id| scattered(id).cast_unsigned() as f64)));
        made.add_column(101, log, DataType::DOUBLE, prices, Style::default());
        let titles = ids().map(|id| format!("title number {:x}", scattered(id)));
        let titles: ArrayRef = Arc::new(StringArray::from_iter_values(titles));
        made.add_column(102, log, DataType::VARCHAR, titles, Style::default());
        let vectors = ids().map(|id| {
            let numbers =
                (0..DIM).map(|n| (scattered(id * DIM + n).cast_unsigned() >> 40) as f32 / 16_777_216.0);
            numbers.flat_map(f32::to_le_bytes).collect::<Vec<_>>()
        });
        let vectors: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter(vectors).unwrap());
        made.add_column(103, log, DataType::FLOAT_VECTOR, vectors, Style::default());
    }
    made.files
}

/// Writes a segment whose vectors are one file of almost 2 GiB, in a single row group.
fn write_large(dir: &Path) {
    std::fs::create_dir_all(dir).unwrap();
    let mut made = MadeSegment::below(dir);
    made.add_keys(1000, &(0..ROWS_OF_CHUNK).map(|id| (470_000_000_000_000_000 + id, id)).collect::<Vec<_>>());
    let width = usize::try_from(LARGE_DIM * 4).unwrap();
    let vectors = (0..ROWS_OF_CHUNK).map(|id| {
        let numbers = (0..LARGE_DIM).map(move |n| (scattered(id * LARGE_DIM + n) >> 40) as f32);
        numbers.flat_map(f32::to_le_bytes)
    });
    let values: Vec<u8> = vectors.flatten().collect();
    let values: ArrayRef =
        Arc::new(FixedSizeBinaryArray::new(width.try_into().unwrap(), values.into(), None));
    let style = Style { compressed: false, ..Style::default() };
    made.add_column(103, 1000, DataType::FLOAT_VECTOR, values, style);
}

/// Returns a number that does not compress: the finalizer of `SplitMix64`.
fn scattered(id: i64) -> i64 {
    let mut bits = id.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)).cast_signed()
}

/// Reads columns of all segments one after the other; returns the time and the number of rows.
async fn read(schema: &Schema, segments: &[SegmentFiles], columns: &[i64]) -> (Duration, u64) {
    let store = Store::open(&StoreConfig::Disk).unwrap();
    let options = ReadOptions {
        columns: Some(columns.iter().copied().map(FieldId).collect()),
        ..ReadOptions::default()
    };
    let started = Instant::now();
    let mut rows = 0;
    for segment in segments {
        let mut reader =
            SegmentReader::open(&store, schema, segment.clone(), Vec::new(), &options).await.unwrap();
        while let Some(batch) = reader.next().await.unwrap() {
            rows += batch.num_rows() as u64;
        }
    }
    (started.elapsed(), rows)
}

/// Decodes the same files with the Parquet library alone.
fn decode(segments: &[SegmentFiles], columns: &[i64]) -> Duration {
    let started = Instant::now();
    let files = segments.iter().flat_map(|segment| &segment.files);
    for file in files.filter(|file| columns.contains(&file.binlog.field.0)) {
        let path = format!("/{}", file.key.as_str().trim_start_matches('/'));
        let content = Bytes::from(std::fs::read(path).unwrap());
        let length = i32::from_le_bytes(content[13..17].try_into().unwrap());
        let payload = content.slice(4 + usize::try_from(length).unwrap() + 33..);
        let reader = ParquetRecordBatchReaderBuilder::try_new(payload).unwrap().with_batch_size(8192);
        reader.build().unwrap().for_each(|batch| drop(batch.unwrap()));
    }
    started.elapsed()
}

/// Finds the files of a segment that was written to a directory.
fn find_files(dir: &Path) -> SegmentFiles {
    let mut made = MadeSegment::below(dir);
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let (field, log) = name.split_once('-').unwrap();
        let ids = (FieldId(field.parse().unwrap()), LogId(log.parse().unwrap()));
        let binlog = Binlog { field: ids.0, log: ids.1, size: entry.metadata().unwrap().len() };
        let key = ObjectKey::new(entry.path().to_str().unwrap());
        made.files.files.push(InsertFile { key, binlog });
    }
    made.files
}

/// Reads the segments below a directory, and prints the largest memory that this took.
fn measure_memory(dir: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let names =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let (large, others): (Vec<_>, Vec<_>) = names.partition(|name| name == "large");
    let all = COLUMNS[COLUMNS.len() - 1].1;
    for (names, dim, columns) in [(others, DIM, all), (large, LARGE_DIM, &[1, 100, 103])] {
        let segments: Vec<_> = names.iter().map(|name| find_files(&dir.join(name))).collect();
        let (_, rows) = runtime.block_on(read(&schema_of(dim), &segments, columns));
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak = line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() << 10;
        let ratio = peak as f64 / f64::from(256 << 20);
        println!(
            "{rows} rows of {dim} dimensions: peak memory\t{} MiB\t256 MiB\t{ratio:.2}\tbelow 1",
            peak >> 20
        );
    }
}
