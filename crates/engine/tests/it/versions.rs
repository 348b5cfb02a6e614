//! Backups and restores of every line of releases, on the simulated Milvus.

use engine::JobCtx;
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use model::name::CollectionRef;
use model::version::ServerVersion;
use serde_json::Value;

use crate::samples;
use crate::world::{World, backup_request, restore, restore_request};

/// Releases from 2.2 to 3.0, among them the first and the last of a behaviour.
const VERSIONS: [&str; 16] = [
    "2.2.16", "2.3.5", "2.4.3", "2.4.5", "2.4.17", "2.4.24", "2.5.4", "2.5.8", "2.5.27", "2.6.0", "2.6.5",
    "2.6.12", "2.6.19", "2.6.22", "3.0.0", "3.0.1",
];

/// Creates `shop.books` with 12 rows in two partitions, of which 3 are deleted and 1 is inserted again, an index, an
/// alias and a property.
async fn fill_shop(world: &World) {
    let milvus = world.connect().await;
    milvus.create_database("shop").await.unwrap();
    samples::create_with_rows(&milvus, "shop.books", &[("_default", 8), ("old", 4)]).await;
    let books = samples::collection("shop.books");
    milvus.create_index(&books, &samples::vector_index()).await.unwrap();
    milvus.create_alias(&books, "library").await.unwrap();
    milvus.flush(&books).await.unwrap();
    assert_eq!(milvus.delete(&books, "id in [1, 2, 7]").await, 3);
    milvus.flush(&books).await.unwrap();
    samples::insert_rows(&milvus, "shop.books", "old", 2).await;
}

fn rows(world: &World) -> Vec<Value> {
    world.fake.rows("shop", "books")
}

fn release(version: &str) -> ServerVersion {
    ServerVersion::parse(version)
}

/// Returns whether a target can hold what a source of another release has written.
fn can_hold(source: &str, target: &str) -> bool {
    let writes_groups = |version: &str| release(version).at_least((2, 6, 0));
    !writes_groups(source) || writes_groups(target)
}

/// Backs up a source and restores the backup into every release.
async fn check_source(source: &'static str) {
    let from = World::with_version(source, |config| config);
    fill_shop(&from).await;
    if !release(source).at_least((2, 3, 0)) {
        // A flush of 2.2 does not write them.
        from.fake.sync_deletes("shop", "books");
    }
    let report = from.back_up(&backup_request("nightly")).await.unwrap();
    assert_eq!(report.failed.len() + report.vanished.len(), 0, "{source}: {report:?}");
    let expected = rows(&from);
    let restores = VERSIONS.map(|target| check_restore(&from, source, target, &expected).boxed());
    futures::future::join_all(restores).await;
}

async fn check_restore(from: &World, source: &str, target: &str, expected: &[Value]) {
    let into = World::with_version(target, |config| config);
    let engine = from.engine_with_target(&into);
    let restored = restore(&engine, &restore_request("nightly"), &JobCtx::detached()).await;
    if !can_hold(source, target) {
        let error = restored.unwrap_err().to_string();
        assert!(error.contains("storage version 2"), "{source} into {target}: {error}");
        return;
    }
    let restored = restored.unwrap();
    assert_eq!(restored.kind(), None, "{source} into {target}: {restored:?}");
    assert_eq!(rows(&into), expected, "{source} into {target}");
    let milvus = into.connect().await;
    let alias = CollectionRef::new("shop", "library");
    assert_eq!(milvus.describe_collection(&alias).await.unwrap().name, "books");
    let indexes = milvus.list_indexes(&samples::collection("shop.books")).await.unwrap();
    assert_eq!(indexes.len(), 1, "{source} into {target}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_release_is_backed_up_and_restored_into_every_release_that_can_hold_it() {
    let sources: Vec<_> = VERSIONS.into_iter().map(|source| check_source(source).boxed()).collect();
    stream::iter(sources).buffer_unordered(4).collect::<Vec<()>>().await;
}
