//! The program of `scripts/short-runs`: runs a binary many times with a simulated Milvus and counts the outcomes.
//!
//!   `short_runs RUNS PROGRAM DIR`
//!
//! A run is one `create` of a small collection. Several runs are concurrent, so that threads interleave in many ways.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program for people, not a library")]

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use milvus::{Auth, ConnectConfig, Tls};
use milvus_backup_testkit::fake::{FakeConfig, FakeMilvus};
use milvus_backup_testkit::seed::keyed;
use milvus_backup_testkit::test_milvus::TestMilvus;
use model::name::CollectionRef;

/// The number of concurrent runs.
const CONCURRENT_RUNS: usize = 4;

/// The number of runs between two lines of progress.
const RUNS_PER_LINE: u64 = 1000;

/// The dimension of the vectors.
const DIM: usize = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runs, program, dir] = &arguments[..] else {
        println!("usage: short_runs RUNS PROGRAM DIR");
        return ExitCode::from(2);
    };
    let runs: u64 = runs.parse().expect("a number of runs");
    let (program, dir) = (Path::new(program), Path::new(dir));
    let fake = FakeMilvus::start(FakeConfig::new("2.3.6", dir.join("milvus")));
    create_collection(&fake);
    let config = dir.join("backup.yaml");
    let text = format!(
        "configVersion: v2\nmilvus:\n  grpc: {{ address: {}, port: {} }}\n  management: {{ endpoint: \"\" }}\n  \
         storage: {{ provider: local, rootPath: {}/milvus }}\nbackup:\n  storage: {{ rootPath: {}/backups }}\n",
        fake.host(),
        fake.port(),
        dir.display(),
        dir.display()
    );
    std::fs::write(&config, text).expect("a configuration");

    let (next, outcomes) = (AtomicU64::new(0), Mutex::new(BTreeMap::<String, u64>::new()));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CONCURRENT_RUNS {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= runs {
                        return;
                    }
                    let outcome = back_up(program, &config, &format!("b{run}"));
                    *outcomes.lock().expect("no run panics").entry(outcome).or_default() += 1;
                    std::fs::remove_dir_all(dir.join(format!("backups/b{run}"))).expect("a backup");
                    if run > 0 && run.is_multiple_of(RUNS_PER_LINE) {
                        println!("{run} runs in {} s", started.elapsed().as_secs());
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().expect("no run panics");
    for (outcome, times) in &outcomes {
        println!("{times} times: {outcome}");
    }
    if outcomes.get("code 0") == Some(&runs) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one backup and describes its outcome in words.
fn back_up(program: &Path, config: &Path, name: &str) -> String {
    let mut command = Command::new(program);
    command.arg("--config").arg(config).args(["create", "--quiet", "-n", name]);
    let output = command.output().expect("the program runs");
    match (output.status.code(), output.status.signal()) {
        (Some(0), _) => "code 0".to_owned(),
        (Some(code), _) => format!("code {code}: {}", String::from_utf8_lossy(&output.stderr).trim()),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}

fn create_collection(fake: &FakeMilvus) {
    let config = ConnectConfig {
        address: fake.host(),
        port: fake.port(),
        tls: Tls::Disabled,
        auth: Auth::None,
        management_endpoint: None,
        limits: milvus::CallLimits::default(),
    };
    let target = CollectionRef::new("default", "small");
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        let milvus = TestMilvus::connect(&config).await.expect("the fake answers");
        keyed::create(&milvus, &target, DIM).await.expect("created");
        keyed::insert(&milvus, &target, 1..3, DIM).await;
    });
}
