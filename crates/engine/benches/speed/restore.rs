//! Measures backup and restore of the shapes; the restore is compared with bare imports of the same data.
//!
//! Both servers store their data on the local disk, so all imports are in place. Each step of the engine runs in a
//! process of its own, so that its memory does not contain the inserted rows.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use engine::{CollectionOutcome, Engine, JobCtx};
use milvus::{ImportPrefixes, ImportRequest, ImportState, IndexState};
use model::key::ObjectKey;
use model::layout::backup::BackupLayout;
use model::mapping::Mapping;
use model::name::{BackupName, CollectionRef};
use model::plan::backup::{BackupRequest, Totals};
use model::plan::restore::{RestoreMode, RestoreOptions, RestoreRequest};
use model::selection::Selection;
use testkit::servers::{MilvusServer, ServerStorage};
use testkit::test_milvus::TestMilvus;

use crate::measure::{Stopwatch, median, peak_mb, print_result};
use crate::setup;
use crate::shapes::Shape;

/// The argument with which this program measures one step of the engine.
pub(crate) const STEP_ARGUMENT: &str = "restore-step";

/// The suffixes of the collections that the engine restores, and that are imported without it.
const SUFFIXES: [&str; 2] = ["_ours", "_bare"];

/// The number of restores of `big`; `many` takes minutes and is restored once.
const ROUNDS: usize = 3;

/// The time in which a restore of `many` by inserts should end, in seconds.
const INSERT_GOAL_S: u32 = 10;

/// The files that describe the source and the target server, and the backup root.
type Paths<'a> = [&'a Path; 3];

/// Fills, backs up and restores each shape, and prints the costs.
pub(crate) async fn measure_restores(paths: Paths<'_>, shapes: &[&str]) {
    let source = read_server(paths[0]).connect().await;
    let target = read_server(paths[1]).connect().await;
    for shape in shapes.iter().map(|name| Shape::from_name(name)) {
        let filled = shape.collection("");
        eprintln!("restore: filling {filled}");
        shape.create(&source, &filled).await.expect("a collection");
        shape.fill(&source, &filled).await.expect("rows");
        let backup = run_step("backup", paths, shape);
        let [go_backup, go_restore] = shape.go_tool_times();
        print_result(
            &format!("backup of `{}` (Go 0.5.16: {go_backup})", shape.name()),
            &backup.to_text(),
            "",
            f64::NAN,
            "",
        );

        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let rounds = if shape == Shape::Many { 1 } else { ROUNDS };
        for round in 0..rounds {
            // The two take turns, and each is the first one equally often.
            for turn in [round % 2, (round + 1) % 2] {
                let collection = shape.collection(SUFFIXES[turn]);
                if turn == 0 {
                    ours.push(run_step("restore", paths, shape));
                } else {
                    shape.create(&target, &collection).await.expect("a collection");
                    theirs.push(import_without_engine(&target, paths, shape, &collection).await);
                }
                // A running index build would slow the next turn down.
                wait_until_indexed(&target, &collection).await;
                target.drop_collection(&collection).await.expect("no collection");
            }
        }
        ours.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
        let middle = ours.get(ours.len() / 2).expect("a round");
        let theirs = median(theirs);
        let what = format!("restore of `{}`, against bare imports (Go 0.5.16: {go_restore})", shape.name());
        print_result(&what, &middle.to_text(), &format!("{theirs:.1} s"), middle.wall_s / theirs, "<= 1.1");
        let inserted = run_step("insert", paths, shape);
        wait_until_indexed(&target, &shape.collection(SUFFIXES[0])).await;
        target.drop_collection(&shape.collection(SUFFIXES[0])).await.expect("no collection");
        print_result(
            &format!("the same by inserts, against bare imports (goal for `many`: {INSERT_GOAL_S} s)"),
            &inserted.to_text(),
            &format!("{theirs:.1} s"),
            inserted.wall_s / theirs,
            "",
        );
        source.drop_collection(&filled).await.expect("no collection");
    }
}

/// The cost of one step of the engine.
#[derive(serde::Serialize, serde::Deserialize)]
struct Cost {
    wall_s: f64,
    cpu_s: f64,
    peak_mb: f64,
}

impl Cost {
    fn to_text(&self) -> String {
        format!("{:.1} s, CPU {:.2} s, {:.0} MB", self.wall_s, self.cpu_s, self.peak_mb)
    }
}

/// Runs one step of the engine in a new process and returns its cost.
fn run_step(step: &str, paths: Paths<'_>, shape: Shape) -> Cost {
    let program = std::env::current_exe().expect("this program");
    let run = Command::new(program)
        .args([STEP_ARGUMENT, step])
        .args(paths)
        .arg(shape.name())
        .stderr(Stdio::inherit())
        .output()
        .expect("a second process");
    assert!(run.status.success(), "{step} of {} failed", shape.name());
    let cost: Cost = serde_json::from_slice(&run.stdout).expect("its cost");
    eprintln!("restore: {step} of {}: {}", shape.name(), cost.to_text());
    cost
}

/// Runs one step of the engine in this process and prints its cost as JSON.
pub(crate) async fn measure_step(step: &str, paths: Paths<'_>, shape: &str) {
    let shape = Shape::from_name(shape);
    let watch = Stopwatch::start();
    match step {
        "backup" => back_up(paths, shape).await,
        "insert" => restore_copy(paths, shape, RestoreMode::Insert).await,
        _ => restore_copy(paths, shape, RestoreMode::Import).await,
    }
    let cost = Cost { wall_s: watch.wall_s(), cpu_s: watch.cpu_s(), peak_mb: peak_mb() };
    println!("{}", serde_json::to_string(&cost).expect("JSON"));
}

async fn back_up(paths: Paths<'_>, shape: Shape) {
    let request = BackupRequest {
        selection: Selection::from_collections(&shape.collection("").to_string()).expect("a selection"),
        strict: true,
        ..BackupRequest::with_defaults(backup_name(shape))
    };
    let (engine, ctx) = (local_engine(&read_server(paths[0]), paths[2]), JobCtx::detached());
    let prepared = engine.plan_backup(&request, &ctx).await.expect("a plan");
    let report = engine.backup(prepared, &ctx).await.expect("a backup");
    assert_eq!(report.rows, shape.rows());
    eprintln!("restore: {} has {} objects, {} bytes", shape.name(), report.objects, report.bytes);
}

async fn restore_copy(paths: Paths<'_>, shape: Shape, mode: RestoreMode) {
    let request = RestoreRequest {
        mapping: Mapping::new(None, Some(SUFFIXES[0])).expect("a mapping"),
        options: RestoreOptions { mode, ..RestoreOptions::default() },
        ..RestoreRequest::with_defaults(backup_name(shape))
    };
    let (engine, ctx) = (local_engine(&read_server(paths[1]), paths[2]), JobCtx::detached());
    let prepared = engine.plan_restore(&request, &ctx).await.expect("a plan");
    let report = engine.restore(prepared, &ctx).await.expect("a restore");
    let rows = report.collections.iter().flat_map(|c| &c.partitions).map(|p| p.counted).sum::<u64>();
    assert!(report.collections.iter().all(|c| c.outcome == CollectionOutcome::Done), "{report:?}");
    assert_eq!(rows, shape.rows());
}

/// Imports the prefix of each partition, one after the other, and returns the duration in seconds.
async fn import_without_engine(
    target: &TestMilvus,
    paths: Paths<'_>,
    shape: Shape,
    collection: &CollectionRef,
) -> f64 {
    let engine = local_engine(&read_server(paths[1]), paths[2]);
    let detail = engine.get(&backup_name(shape), &JobCtx::detached()).await.expect("the backup");
    let backup = detail.manifest.collections.first().expect("the collection");
    let layout =
        BackupLayout::new(&ObjectKey::new(paths[2].to_str().expect("a path in UTF-8")), &backup_name(shape));
    let with_data: Vec<_> = backup.partitions.iter().filter(|p| !p.segments.is_empty()).collect();
    let segments = Totals::of_collection(backup).segments;
    eprintln!("restore: bare imports of {segments} segments in {} partitions", with_data.len());
    let watch = Stopwatch::start();
    let mut rows = 0;
    for partition in with_data {
        let request = ImportRequest {
            column_groups: false,
            until: None,
            ezk: String::new(),
            target: collection.clone(),
            partition: Some(partition.name.clone()),
            files: vec![ImportPrefixes {
                insert: format!("/{}", layout.insert_dir(backup.id, partition.id)),
                delta: String::new(),
            }],
        };
        let job = target.import(&request).await.expect("an import job");
        rows += loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let status = target.import_state(&job).await.expect("its state");
            match status.state {
                ImportState::Completed => break status.rows,
                ImportState::Failed(reason) => panic!("the import failed: {reason}"),
                ImportState::Pending | ImportState::Running => {}
            }
        };
    }
    let seconds = watch.wall_s();
    assert_eq!(rows, shape.rows());
    eprintln!("restore: bare imports of {}: {seconds:.1} s", shape.name());
    seconds
}

/// Waits until Milvus has built all indexes of a collection.
async fn wait_until_indexed(milvus: &TestMilvus, collection: &CollectionRef) {
    let wait = async {
        loop {
            let indexes = milvus.list_indexes(collection).await.expect("its indexes");
            if indexes.iter().all(|index| index.state == IndexState::Finished && index.pending_rows == 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(5), wait).await.expect("indexes that are built");
}

fn backup_name(shape: Shape) -> BackupName {
    shape.name().parse().expect("a name")
}

fn read_server(file: &Path) -> MilvusServer {
    serde_json::from_slice(&std::fs::read(file).expect("server.json")).expect("a server")
}

/// Creates an engine for a server and a backup root on the local disk.
fn local_engine(server: &MilvusServer, backups: &Path) -> Engine {
    let ServerStorage::Local { root } = &server.storage else { panic!("not on the local disk") };
    setup::create_engine(server.config(), setup::disk_place(root), setup::disk_place(backups))
}
