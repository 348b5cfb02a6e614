//! The program of `scripts/under-writers`: makes and checks backups repeatedly while clients write to Milvus.
//!
//!   `under_writers MINUTES PROGRAM PORT MILVUS_ROOT DIR`
//!
//! Writers change six collections in different ways, with deletes and imports, and Milvus compacts them. A backup is
//! wrong if it does not exit with code 0, or if it lacks rows that Milvus acknowledged before the backup started.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program for people, not a library")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use milvus_backup_testkit::seed::keyed;
use milvus_backup_testkit::servers::{MilvusServer, ServerStorage};
use milvus_backup_testkit::test_milvus::TestMilvus;
use model::name::CollectionRef;
use serde_json::Value;

/// The dimension of the vectors.
const DIM: usize = 8;

/// A collection with the pattern in which it is written to, and the numbers of acknowledged rows.
struct Workload {
    name: &'static str,
    /// The number of rows in each insert.
    rows: i64,
    /// The time from one insert to the next.
    every: Duration,
    /// The number of rows that are deleted after each insert.
    deletes: i64,
    /// The number of rows that Milvus acknowledged.
    inserted: AtomicU64,
    /// The number of rows that may have been deleted.
    deleted: AtomicU64,
}

impl Workload {
    const fn new(name: &'static str, rows: i64, every_ms: u64, deletes: i64) -> Self {
        let every = Duration::from_millis(every_ms);
        Self { name, rows, every, deletes, inserted: AtomicU64::new(0), deleted: AtomicU64::new(0) }
    }
}

static WORKLOADS: [Workload; 6] = [
    Workload::new("steady", 100, 100, 0),
    Workload::new("slow", 1, 300, 0),
    Workload::new("bursts", 3000, 7000, 0),
    Workload::new("with_deletes", 60, 200, 25),
    Workload::new("rare", 10, 45_000, 0),
    // written once, then changed only by imports
    Workload::new("imported", 3000, u64::MAX, 0),
];

const QUIET: [&str; 3] = ["quiet_a", "quiet_b", "quiet_c"];
const QUIET_ROWS: i64 = 500;

static FINISHED: AtomicBool = AtomicBool::new(false);

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
    create_collections(&milvus).await;
    tool.run_command(&["create", "-n", "imports", "--filter", "imported"]);

    let writers: Vec<_> =
        WORKLOADS.iter().map(|workload| tokio::spawn(run_writer(milvus.clone(), workload))).collect();
    let importer = {
        let tool = tool.clone();
        std::thread::spawn(move || run_importer(&tool))
    };
    let wrong = tokio::task::spawn_blocking(move || check_backups(&tool, Duration::from_secs(minutes * 60)));
    let wrong = wrong.await.expect("the backups ended");
    FINISHED.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("the writers ended");
    }
    importer.join().expect("the imports ended");
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The binary under test with its configuration.
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

    /// Runs a command; returns its exit code (`None` if a signal ended it), its output and its messages.
    fn run_command(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.config).args(arguments).args(["--output", "json"]);
        let output = command.output().expect("the program runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

fn default_collection(name: &str) -> CollectionRef {
    CollectionRef::new("default", name)
}

async fn create_collections(milvus: &TestMilvus) {
    for name in WORKLOADS.iter().map(|workload| workload.name).chain(QUIET) {
        milvus.drop_collection(&default_collection(name)).await.expect("dropped");
        keyed::create(milvus, &default_collection(name), DIM).await.expect("created");
    }
    for name in QUIET {
        insert(milvus, name, 0, QUIET_ROWS).await;
    }
    let imported = WORKLOADS.iter().find(|workload| workload.name == "imported").expect("it is in the list");
    insert(milvus, imported.name, 0, imported.rows).await;
    imported.inserted.store(imported.rows.unsigned_abs(), Ordering::SeqCst);
}

async fn insert(milvus: &TestMilvus, name: &str, first: i64, rows: i64) {
    keyed::insert(milvus, &default_collection(name), first..first + rows, DIM).await;
}

/// Writes to a collection until the backups are finished.
async fn run_writer(milvus: TestMilvus, workload: &'static Workload) {
    if workload.every.as_secs() > 3600 {
        return;
    }
    let mut next = 0;
    while !FINISHED.load(Ordering::Relaxed) {
        insert(&milvus, workload.name, next, workload.rows).await;
        workload.inserted.fetch_add(workload.rows.unsigned_abs(), Ordering::SeqCst);
        if workload.deletes > 0 {
            // counted before the request is sent, because from then on the rows may be deleted
            workload.deleted.fetch_add(workload.deletes.unsigned_abs(), Ordering::SeqCst);
            let ids: Vec<String> = (next..next + workload.deletes).map(|id| id.to_string()).collect();
            milvus.delete(&default_collection(workload.name), &format!("id in [{}]", ids.join(","))).await;
        }
        next += workload.rows;
        let until = Instant::now() + workload.every;
        while Instant::now() < until && !FINISHED.load(Ordering::Relaxed) {
            let remaining = until.saturating_duration_since(Instant::now());
            tokio::time::sleep(remaining.min(Duration::from_millis(200))).await;
        }
    }
}

/// Imports the same rows into the same collection repeatedly.
fn run_importer(tool: &Tool) {
    let imported = WORKLOADS.iter().find(|workload| workload.name == "imported").expect("it is in the list");
    while !FINISHED.load(Ordering::Relaxed) {
        let (code, _, messages) =
            tool.run_command(&["restore", "-n", "imports", "--skip-create-collection", "--no-load"]);
        if code == Some(0) {
            imported.inserted.fetch_add(imported.rows.unsigned_abs(), Ordering::SeqCst);
        } else {
            println!("an import ended with {code:?}: {}", messages.trim());
        }
        std::thread::sleep(Duration::from_secs(3));
    }
}

/// Makes and checks backups for a time; returns the number of wrong backups.
fn check_backups(tool: &Tool, time: Duration) -> u64 {
    let started = Instant::now();
    let (mut taken, mut wrong, mut mentions, mut reported) = (0_u64, 0_u64, 0_usize, Instant::now());
    while started.elapsed() < time {
        let name = format!("b{taken}");
        let before: Vec<u64> =
            WORKLOADS.iter().map(|workload| workload.inserted.load(Ordering::SeqCst)).collect();
        let (code, report, messages) = tool.run_command(&["create", "-n", &name]);
        taken += 1;
        let mut faults = Vec::new();
        if code != Some(0) {
            faults.push(format!("it ended with {code:?}: {}", messages.trim()));
        }
        let report: Value = serde_json::from_str(&report).unwrap_or_default();
        mentions += report["warnings"].as_array().map_or(0, Vec::len);
        let rows = backup_rows(tool, &name);
        for (workload, before) in WORKLOADS.iter().zip(before) {
            let least = before.saturating_sub(workload.deleted.load(Ordering::SeqCst));
            let found = rows(workload.name);
            if found < least {
                faults.push(format!(
                    "{} has {found} rows, at least {least} were acknowledged before",
                    workload.name
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
        tool.run_command(&["delete", "-n", &name, "--yes"]);
        let finished = started.elapsed() >= time;
        if reported.elapsed() > Duration::from_mins(1) || finished {
            reported = Instant::now();
            let written: u64 =
                WORKLOADS.iter().map(|workload| workload.inserted.load(Ordering::SeqCst)).sum();
            println!(
                "{:4} s: {taken} backups, {wrong} wrong, {mentions} mentions of collections that are written to, \
                 {written} rows written",
                started.elapsed().as_secs()
            );
        }
    }
    println!("left in {}", tool.backups.display());
    wrong
}

/// Reads the details of a backup; the returned function gives the number of rows of each collection.
fn backup_rows(tool: &Tool, name: &str) -> impl Fn(&str) -> u64 {
    let (_, detail, _) = tool.run_command(&["get", "-n", name]);
    let detail: Value = serde_json::from_str(&detail).unwrap_or_default();
    move |collection| {
        let name = format!("default.{collection}");
        let all = detail["collections"].as_array();
        let found = all.and_then(|all| all.iter().find(|each| each["name"] == name.as_str()));
        found.and_then(|found| found["rows"].as_u64()).unwrap_or_default()
    }
}
