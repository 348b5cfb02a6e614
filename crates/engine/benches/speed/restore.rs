//! Backup and restore of hard shapes, the restore against bare imports of the same data, one after the other.
//!
//! Both servers keep their data on the local disk, so both kinds of import read the backup where it lies. What is
//! measured of ours runs in a process of its own, so that the rows that were inserted are not in its memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use engine::{CollectionOutcome, Engine, JobCtx};
use milvus::{ImportRequest, ImportState, IndexState, Milvus};
use model::key::ObjectKey;
use model::layout::backup::BackupLayout;
use model::mapping::Mapping;
use model::name::{BackupName, CollectionRef};
use model::plan::backup::{BackupRequest, Totals};
use model::plan::restore::RestoreRequest;
use model::selection::Selection;
use testkit::servers::{MilvusServer, ServerStorage};

use crate::measure::{Watch, median, peak_mb, row};
use crate::setup;
use crate::shapes::Shape;

/// The argument that makes this program measure one step of ours.
pub(crate) const STEP: &str = "restore-step";

/// The suffixes of what is restored, and of what is imported without us.
const SUFFIXES: [&str; 2] = ["_ours", "_bare"];

/// How often `big` is restored; `many` takes minutes and is restored once.
const ROUNDS: usize = 3;

type Paths<'a> = [&'a Path; 3];

pub(crate) async fn run(paths: Paths<'_>, shapes: &[&str]) {
    let source = server(paths[0]).connect().await;
    let target = server(paths[1]).connect().await;
    for shape in shapes.iter().map(|name| Shape::of(name)) {
        let filled = shape.collection("");
        eprintln!("restore: filling {filled}");
        shape.create(&source, &filled).await.expect("a collection");
        shape.fill(&source, &filled).await.expect("rows");
        let backup = step_of_ours("backup", paths, shape);
        let [go_backup, go_restore] = shape.go();
        row(
            &format!("backup of `{}` (Go 0.5.16: {go_backup})", shape.name()),
            &backup.text(),
            "",
            f64::NAN,
            "",
        );

        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let rounds = if shape == Shape::Many { 1 } else { ROUNDS };
        for round in 0..rounds {
            // in turns, and each first as often as the other
            for turn in [round % 2, (round + 1) % 2] {
                let collection = shape.collection(SUFFIXES[turn]);
                if turn == 0 {
                    ours.push(step_of_ours("restore", paths, shape));
                } else {
                    shape.create(&target, &collection).await.expect("a collection");
                    theirs.push(bare(&target, paths, shape, &collection).await);
                }
                // what is still being indexed would slow the next one down
                indexed(&target, &collection).await;
                target.drop_collection(&collection).await.expect("no collection");
            }
        }
        ours.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
        let middle = ours.get(ours.len() / 2).expect("a round");
        let theirs = median(theirs);
        let what = format!("restore of `{}`, against bare imports (Go 0.5.16: {go_restore})", shape.name());
        row(&what, &middle.text(), &format!("{theirs:.1} s"), middle.wall_s / theirs, "<= 1.1");
        source.drop_collection(&filled).await.expect("no collection");
    }
}

/// What a step of ours cost.
#[derive(serde::Serialize, serde::Deserialize)]
struct Cost {
    wall_s: f64,
    cpu_s: f64,
    peak_mb: f64,
}

impl Cost {
    fn text(&self) -> String {
        format!("{:.1} s, CPU {:.2} s, {:.0} MB", self.wall_s, self.cpu_s, self.peak_mb)
    }
}

fn step_of_ours(step: &str, paths: Paths<'_>, shape: Shape) -> Cost {
    let program = std::env::current_exe().expect("this program");
    let run = Command::new(program)
        .args([STEP, step])
        .args(paths)
        .arg(shape.name())
        .stderr(Stdio::inherit())
        .output()
        .expect("a second process");
    assert!(run.status.success(), "{step} of {} failed", shape.name());
    let cost: Cost = serde_json::from_slice(&run.stdout).expect("its cost");
    eprintln!("restore: {step} of {}: {}", shape.name(), cost.text());
    cost
}

/// One step of ours, alone in its process.
pub(crate) async fn step(step: &str, paths: Paths<'_>, shape: &str) {
    let shape = Shape::of(shape);
    let watch = Watch::start();
    match step {
        "backup" => backup(paths, shape).await,
        _ => restore(paths, shape).await,
    }
    let cost = Cost { wall_s: watch.wall_s(), cpu_s: watch.cpu_s(), peak_mb: peak_mb() };
    println!("{}", serde_json::to_string(&cost).expect("JSON"));
}

async fn backup(paths: Paths<'_>, shape: Shape) {
    let request = BackupRequest {
        selection: Selection::from_collections(&shape.collection("").to_string()).expect("a selection"),
        strict: true,
        ..BackupRequest::of(name(shape))
    };
    let (engine, ctx) = (engine(&server(paths[0]), paths[2]), JobCtx::detached());
    let prepared = engine.plan_backup(&request, &ctx).await.expect("a plan");
    let report = engine.backup(prepared, &ctx).await.expect("a backup");
    assert_eq!(report.rows, shape.rows());
    eprintln!("restore: {} has {} objects, {} bytes", shape.name(), report.objects, report.bytes);
}

async fn restore(paths: Paths<'_>, shape: Shape) {
    let request = RestoreRequest {
        mapping: Mapping::new(None, Some(SUFFIXES[0])).expect("a mapping"),
        ..RestoreRequest::of(name(shape))
    };
    let (engine, ctx) = (engine(&server(paths[1]), paths[2]), JobCtx::detached());
    let prepared = engine.plan_restore(&request, &ctx).await.expect("a plan");
    let report = engine.restore(prepared, &ctx).await.expect("a restore");
    let rows = report.collections.iter().flat_map(|c| &c.partitions).map(|p| p.counted).sum::<u64>();
    assert!(report.collections.iter().all(|c| c.outcome == CollectionOutcome::Done), "{report:?}");
    assert_eq!(rows, shape.rows());
}

/// Imports each partition's prefix, one after the other, and returns the seconds it took.
async fn bare(target: &Milvus, paths: Paths<'_>, shape: Shape, collection: &CollectionRef) -> f64 {
    let engine = engine(&server(paths[1]), paths[2]);
    let detail = engine.get(&name(shape), &JobCtx::detached()).await.expect("the backup");
    let backup = detail.manifest.collections.first().expect("the collection");
    let layout =
        BackupLayout::new(&ObjectKey::new(paths[2].to_str().expect("a path in UTF-8")), &name(shape));
    let with_data: Vec<_> = backup.partitions.iter().filter(|p| !p.segments.is_empty()).collect();
    let segments = Totals::of(backup).segments;
    eprintln!("restore: bare imports of {segments} segments in {} partitions", with_data.len());
    let watch = Watch::start();
    let mut rows = 0;
    for partition in with_data {
        let request = ImportRequest {
            target: collection.clone(),
            partition: partition.name.clone(),
            insert_prefix: format!("/{}", layout.insert_dir(backup.id, partition.id)),
            delta_prefix: String::new(),
            options: Vec::new(),
        };
        let job = target.import(&request).await.expect("an import job");
        rows += loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let status = target.import_state(job).await.expect("its state");
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

/// Waits until Milvus has nothing more to do for a collection.
async fn indexed(milvus: &Milvus, collection: &CollectionRef) {
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

fn name(shape: Shape) -> BackupName {
    shape.name().parse().expect("a name")
}

fn server(file: &Path) -> MilvusServer {
    serde_json::from_slice(&std::fs::read(file).expect("server.json")).expect("a server")
}

fn engine(server: &MilvusServer, backups: &Path) -> Engine {
    let ServerStorage::Local { root } = &server.storage else { panic!("not on the local disk") };
    setup::engine(server.config(), setup::disk(root), setup::disk(backups))
}
