//! What `scripts/under-writers` does: backs a Milvus up again and again while it is written to, and checks every backup.
//!
//!   `under_writers MINUTES PROGRAM PORT MILVUS_ROOT DIR`
//!
//! Six collections are written to in different manners, with deletes and imports; Milvus compacts them by itself. A
//! backup is wrong if it does not end with code 0, or if it lacks rows that were acknowledged before it began.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program for people, not a library")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use milvus::{Column, CreateCollection, Milvus, Values};
use milvus_backup_testkit::servers::{MilvusServer, ServerStorage};
use model::manifest::{ConsistencyLevel, DataType, Field, KeyValue, Schema};
use model::name::CollectionRef;
use serde_json::Value;

/// A collection, how it is written to, and what was acknowledged.
struct Written {
    name: &'static str,
    /// Rows at a time.
    rows: i64,
    /// From one time to the next.
    every: Duration,
    /// Of the rows inserted each time, as many are deleted again.
    deletes: i64,
    inserted: AtomicU64,
    deleted: AtomicU64,
}

impl Written {
    const fn new(name: &'static str, rows: i64, every_ms: u64, deletes: i64) -> Self {
        let every = Duration::from_millis(every_ms);
        Self { name, rows, every, deletes, inserted: AtomicU64::new(0), deleted: AtomicU64::new(0) }
    }
}

static WRITTEN: [Written; 6] = [
    Written::new("steady", 100, 100, 0),
    Written::new("slow", 1, 300, 0),
    Written::new("bursts", 3000, 7000, 0),
    Written::new("with_deletes", 60, 200, 25),
    Written::new("rare", 10, 45_000, 0),
    // written once, and then by imports only
    Written::new("imported", 3000, u64::MAX, 0),
];

const QUIET: [&str; 3] = ["quiet_a", "quiet_b", "quiet_c"];
const QUIET_ROWS: i64 = 500;

static OVER: AtomicBool = AtomicBool::new(false);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [minutes, program, port, root, dir] = &arguments[..] else {
        println!("usage: under_writers MINUTES PROGRAM PORT MILVUS_ROOT DIR");
        return ExitCode::from(2);
    };
    let minutes: u64 = minutes.parse().expect("a number of minutes");
    let tool = Tool::new(program, port, Path::new(root), Path::new(dir));
    let server = MilvusServer {
        version: String::new(),
        address: "127.0.0.1".to_owned(),
        port: port.parse().expect("a port"),
        storage: ServerStorage::Local { root: PathBuf::from(root) },
    };
    let milvus = server.connect().await;
    fill(&milvus).await;
    tool.run(&["create", "-n", "imports", "--filter", "imported"]);

    let writers: Vec<_> =
        WRITTEN.iter().map(|written| tokio::spawn(write(milvus.clone(), written))).collect();
    let importer = {
        let tool = tool.clone();
        std::thread::spawn(move || import(&tool))
    };
    let wrong = tokio::task::spawn_blocking(move || back_up(&tool, Duration::from_secs(minutes * 60)));
    let wrong = wrong.await.expect("the backups ended");
    OVER.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("the writers ended");
    }
    importer.join().expect("the imports ended");
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The program with a configuration of its own.
#[derive(Clone)]
struct Tool {
    program: PathBuf,
    config: PathBuf,
    backups: PathBuf,
}

impl Tool {
    fn new(program: &str, port: &str, root: &Path, dir: &Path) -> Self {
        let (config, backups) = (dir.join("backup.yaml"), dir.join("backups"));
        std::fs::create_dir_all(&backups).expect("a directory for backups");
        let text = format!(
            "configVersion: v2\nmilvus:\n  grpc: {{ address: 127.0.0.1, port: {port} }}\n  management: {{ endpoint: \"\" }}\n  \
             storage: {{ provider: local, rootPath: {} }}\nbackup:\n  storage: {{ rootPath: {} }}\n",
            root.display(),
            backups.display()
        );
        std::fs::write(&config, text).expect("a configuration");
        Self { program: PathBuf::from(program), config, backups }
    }

    /// Runs a verb; returns its exit code (none where a signal ended it), what it printed, and its messages.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.config).args(arguments).args(["--output", "json"]);
        let output = command.output().expect("the program runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

fn target(name: &str) -> CollectionRef {
    CollectionRef::new("default", name)
}

async fn fill(milvus: &Milvus) {
    let field = |name: &str, data_type| Field { name: name.to_owned(), data_type, ..Field::default() };
    let vector = Field { type_params: vec![KeyValue::new("dim", "8")], ..field("v", DataType::FLOAT_VECTOR) };
    let fields = vec![Field { is_primary_key: true, ..field("id", DataType::INT64) }, vector];
    for name in WRITTEN.iter().map(|written| written.name).chain(QUIET) {
        milvus.drop_collection(&target(name)).await.expect("dropped");
        let create = CreateCollection {
            target: target(name),
            schema: Schema { fields: fields.clone(), ..Schema::default() },
            shards: 1,
            consistency: ConsistencyLevel(1),
            properties: Vec::new(),
            num_partitions: None,
        };
        milvus.create_collection(&create).await.expect("created");
    }
    for name in QUIET {
        insert(milvus, name, 0, QUIET_ROWS).await;
    }
    let imported = WRITTEN.iter().find(|written| written.name == "imported").expect("it is in the list");
    insert(milvus, imported.name, 0, imported.rows).await;
    imported.inserted.store(imported.rows.unsigned_abs(), Ordering::SeqCst);
}

async fn insert(milvus: &Milvus, name: &str, first: i64, rows: i64) {
    let column = |name: &str, data_type, values| Column {
        name: name.to_owned(),
        data_type,
        is_dynamic: false,
        values,
    };
    let numbers = (0..rows * 8).map(|n| (n % 97) as f32).collect();
    let columns = [
        column("id", DataType::INT64, Values::Long((first..first + rows).collect())),
        column("v", DataType::FLOAT_VECTOR, Values::FloatVector { dim: 8, data: numbers }),
    ];
    milvus.insert(&target(name), None, &columns).await.expect("inserted");
}

/// Writes to a collection until all is over.
async fn write(milvus: Milvus, written: &'static Written) {
    if written.every.as_secs() > 3600 {
        return;
    }
    let mut next = 0;
    while !OVER.load(Ordering::Relaxed) {
        insert(&milvus, written.name, next, written.rows).await;
        written.inserted.fetch_add(written.rows.unsigned_abs(), Ordering::SeqCst);
        if written.deletes > 0 {
            // counted before they are sent: from then on the rows may be gone
            written.deleted.fetch_add(written.deletes.unsigned_abs(), Ordering::SeqCst);
            let ids: Vec<String> = (next..next + written.deletes).map(|id| id.to_string()).collect();
            milvus
                .delete(&target(written.name), &format!("id in [{}]", ids.join(",")))
                .await
                .expect("deleted");
        }
        next += written.rows;
        let until = Instant::now() + written.every;
        while Instant::now() < until && !OVER.load(Ordering::Relaxed) {
            let left = until.saturating_duration_since(Instant::now());
            tokio::time::sleep(left.min(Duration::from_millis(200))).await;
        }
    }
}

/// Imports the same rows into the same collection again and again.
fn import(tool: &Tool) {
    let imported = WRITTEN.iter().find(|written| written.name == "imported").expect("it is in the list");
    while !OVER.load(Ordering::Relaxed) {
        let (code, _, told) =
            tool.run(&["restore", "-n", "imports", "--skip-create-collection", "--no-load"]);
        if code == Some(0) {
            imported.inserted.fetch_add(imported.rows.unsigned_abs(), Ordering::SeqCst);
        } else {
            println!("an import ended with {code:?}: {}", told.trim());
        }
        std::thread::sleep(Duration::from_secs(3));
    }
}

/// Takes backups for so long; returns how many were wrong.
fn back_up(tool: &Tool, time: Duration) -> u64 {
    let begun = Instant::now();
    let (mut taken, mut wrong, mut mentions, mut told) = (0_u64, 0_u64, 0_usize, Instant::now());
    while begun.elapsed() < time {
        let name = format!("b{taken}");
        let before: Vec<u64> =
            WRITTEN.iter().map(|written| written.inserted.load(Ordering::SeqCst)).collect();
        let (code, report, messages) = tool.run(&["create", "-n", &name]);
        taken += 1;
        let mut faults = Vec::new();
        if code != Some(0) {
            faults.push(format!("it ended with {code:?}: {}", messages.trim()));
        }
        let report: Value = serde_json::from_str(&report).unwrap_or_default();
        mentions += report["warnings"].as_array().map_or(0, Vec::len);
        let rows = rows(tool, &name);
        for (written, before) in WRITTEN.iter().zip(before) {
            let least = before.saturating_sub(written.deleted.load(Ordering::SeqCst));
            let found = rows(written.name);
            if found < least {
                faults.push(format!(
                    "{} has {found} rows, at least {least} were acknowledged before",
                    written.name
                ));
            }
        }
        for quiet in QUIET {
            let found = rows(quiet);
            if found != QUIET_ROWS.unsigned_abs() {
                faults.push(format!("{quiet} has {found} rows of {QUIET_ROWS}"));
            }
        }
        if !faults.is_empty() {
            wrong += 1;
            println!("{name} is wrong: {}", faults.join("; "));
        }
        tool.run(&["delete", "-n", &name, "--yes"]);
        let over = begun.elapsed() >= time;
        if told.elapsed() > Duration::from_mins(1) || over {
            told = Instant::now();
            let written: u64 = WRITTEN.iter().map(|written| written.inserted.load(Ordering::SeqCst)).sum();
            println!(
                "{:4} s: {taken} backups, {wrong} wrong, {mentions} mentions of collections that are written to, \
                 {written} rows written",
                begun.elapsed().as_secs()
            );
        }
    }
    println!("left in {}", tool.backups.display());
    wrong
}

/// The rows of the collections of a backup.
fn rows(tool: &Tool, name: &str) -> impl Fn(&str) -> u64 {
    let (_, detail, _) = tool.run(&["get", "-n", name]);
    let detail: Value = serde_json::from_str(&detail).unwrap_or_default();
    move |collection| {
        let name = format!("default.{collection}");
        let all = detail["collections"].as_array();
        let found = all.and_then(|all| all.iter().find(|each| each["name"] == name.as_str()));
        found.and_then(|found| found["rows"].as_u64()).unwrap_or_default()
    }
}
