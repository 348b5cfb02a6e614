//! Many small collections that are filled just before the backup, and some of them during it: none may lose a row.

use crate::tool::Tool;
use futures::stream::{self, StreamExt};
use model::name::CollectionRef;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::seed::keyed;
use testkit::test_milvus::TestMilvus;
use testkit::{names, servers};

/// The number of collections: so many that some segments are still in state Flushing after their flush.
const COLLECTIONS: usize = 300;
/// The number of rows of each collection that are acknowledged before the backup begins.
const ROWS: u64 = 10;
/// One of this many collections is written to during the backup.
const WRITTEN_INTERVAL: usize = 10;
const DIM: usize = 2;

async fn insert(milvus: &TestMilvus, target: &CollectionRef, first: i64) {
    keyed::insert(milvus, target, first..first + ROWS.cast_signed(), DIM).await;
}

#[tokio::test]
async fn hundreds_of_fresh_collections_are_backed_up_completely() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let database = names::unique("fresh");
    milvus.create_database(&database).await.unwrap();
    let targets: Vec<CollectionRef> =
        (0..COLLECTIONS).map(|n| CollectionRef::new(database.as_str(), format!("c{n:03}"))).collect();
    stream::iter(targets.clone())
        .for_each_concurrent(16, |target| {
            let milvus = milvus.clone();
            async move {
                keyed::create(&milvus, &target, DIM).await.unwrap();
                insert(&milvus, &target, 0).await;
            }
        })
        .await;

    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (milvus, stop, targets) = (milvus.clone(), Arc::clone(&stop), targets.clone());
        async move {
            let mut next = 0;
            while !stop.load(Ordering::Relaxed) {
                next += ROWS.cast_signed();
                for target in targets.iter().step_by(WRITTEN_INTERVAL) {
                    insert(&milvus, target, next).await;
                }
            }
        }
    });
    let tool = Tool::on_disk(&server);
    let run = tokio::task::spawn_blocking(move || {
        let settings: [(&str, &dyn std::fmt::Display); 1] = [("backup.concurrency.collections", &32)];
        let create = format!("create -n fresh --output json --filter {database}.*");
        let report = tool.run_with(&create, &settings).exits_with(0).json();
        assert_eq!(report["collections"], COLLECTIONS, "{report}");
        tool.run("get -n fresh --output json").exits_with(0).json()
    });
    let kept = run.await.unwrap();
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();

    for (n, target) in targets.iter().enumerate() {
        let found = kept["collections"].as_array().unwrap().iter();
        let found = found.filter(|each| each["name"] == target.to_string()).collect::<Vec<_>>();
        let rows = found[0]["rows"].as_u64().unwrap();
        let is_right = if n % WRITTEN_INTERVAL == 0 { rows >= ROWS } else { rows == ROWS };
        assert!(is_right, "{target} has {rows} rows in the backup");
    }
    stream::iter(targets)
        .for_each_concurrent(16, |target| {
            let milvus = milvus.clone();
            async move { milvus.drop_collection(&target).await.unwrap() }
        })
        .await;
}
