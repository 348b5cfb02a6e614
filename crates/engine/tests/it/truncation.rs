//! Restores that end at the checkpoints of the backup, on the simulated Milvus.

use std::time::Duration;

use engine::JobCtx;
use futures::FutureExt;
use model::plan::backup::{BackupRequest, FlushStrategy};
use model::plan::restore::{RestoreOptions, RestoreRequest};
use serde_json::Value;

use crate::samples;
use crate::world::{World, backup_request, restore, restore_options, restore_request};

fn truncated_request() -> RestoreRequest {
    let options = RestoreOptions { truncate_by_ts: true, ..restore_options() };
    RestoreRequest { options, ..restore_request("nightly") }
}

/// Fills `books` before and after the flush whose time becomes the checkpoint of the next one, and backs it up.
///
/// Returns the rows before.
async fn fill(world: &World) -> Vec<Value> {
    let milvus = world.connect().await;
    samples::create_with_rows(&milvus, "books", &[("_default", 8), ("old", 4)]).await;
    let books = samples::collection("books");
    milvus.flush(&books).await.unwrap();
    assert_eq!(milvus.delete(&books, "id in [1, 2]").await, 2);
    // Releases that take the end in milliseconds leave out the rest of that millisecond.
    tokio::time::sleep(Duration::from_millis(20)).await;
    milvus.flush(&books).await.unwrap();
    let before = world.fake.rows("default", "books");
    tokio::time::sleep(Duration::from_millis(20)).await;
    samples::insert_rows(&milvus, "books", "old", 6).await;
    assert_eq!(milvus.delete(&books, "id in [3, 7]").await, 2);
    before
}

async fn check_restore(from: &World, target: &str, before: &[Value]) {
    let into = World::with_version(target, |config| config);
    let engine = from.engine_with_target(&into);
    let restored = restore(&engine, &truncated_request(), &JobCtx::detached()).await.unwrap();
    assert_eq!(restored.kind(), None, "{target}: {restored:?}");
    assert_eq!(into.fake.rows("default", "books"), before, "{target}");
    let said = "default.books: 6 rows that are later than the checkpoints of the backup are left out";
    assert!(restored.warnings.iter().any(|warning| warning == said), "{:?}", restored.warnings);
    // These two have a fault that the others have not.
    let endangered = "count the rows then: default.books (8 rows)";
    let is_said = restored.warnings.iter().any(|warning| warning.ends_with(endangered));
    assert_eq!(is_said, ["2.4.17", "2.5.4"].contains(&target), "{target}: {:?}", restored.warnings);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_deletes_after_the_checkpoints_are_left_out() {
    for source in ["2.5.27", "2.6.19"] {
        let from = World::with_version(source, |config| config);
        let before = fill(&from).await;
        let report = from.back_up(&backup_request("nightly")).await.unwrap();
        assert_eq!(report.kind(), None, "{source}: {report:?}");
        assert_ne!(from.fake.rows("default", "books"), before);
        let targets: &[&str] = match source {
            "2.5.27" => &["2.3.5", "2.4.17", "2.5.4", "2.5.27", "2.6.19", "3.0.0"],
            _ => &["2.6.19", "3.0.1"],
        };
        let restores = targets.iter().map(|target| check_restore(&from, target, &before).boxed());
        futures::future::join_all(restores).await;
    }
}

#[tokio::test]
async fn a_backup_without_checkpoints_is_not_truncated() {
    let world = World::with_version("2.5.27", |config| config);
    fill(&world).await;
    let request = BackupRequest { strategy: FlushStrategy::Skip, ..backup_request("nightly") };
    world.back_up(&request).await.unwrap();
    let error = world.plan_restore(&truncated_request()).await.unwrap_err().to_string();
    assert!(error.contains("default.books cannot be truncated") && error.contains("checkpoint"), "{error}");
}
