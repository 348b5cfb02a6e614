//! Many small collections, filled a moment before they are backed up and written to meanwhile: none may lose a row.

use crate::tool::Tool;
use futures::stream::{self, StreamExt};
use milvus::{Column, CreateCollection, Milvus, Values};
use model::manifest::{ConsistencyLevel, DataType, Field, KeyValue, Schema};
use model::name::CollectionRef;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use testkit::{names, servers};

/// Enough that a list taken right after a flush meets segments in state Flushing now and then.
const COLLECTIONS: usize = 300;
/// Rows that were acknowledged before the backup began.
const ROWS: u64 = 10;
/// Of so many collections one is written to meanwhile.
const WRITTEN: usize = 10;

fn small(target: &CollectionRef) -> CreateCollection {
    let field = |name: &str, data_type| Field { name: name.to_owned(), data_type, ..Field::default() };
    let vector = Field { type_params: vec![KeyValue::new("dim", "2")], ..field("v", DataType::FLOAT_VECTOR) };
    CreateCollection {
        target: target.clone(),
        schema: Schema {
            fields: vec![Field { is_primary_key: true, ..field("id", DataType::INT64) }, vector],
            ..Schema::default()
        },
        shards: 1,
        consistency: ConsistencyLevel(1),
        properties: Vec::new(),
        num_partitions: None,
    }
}

async fn insert(milvus: &Milvus, target: &CollectionRef, first: i64) {
    let count = ROWS.cast_signed();
    let column = |name: &str, data_type, values| Column {
        name: name.to_owned(),
        data_type,
        is_dynamic: false,
        values,
    };
    let columns = [
        column("id", DataType::INT64, Values::Long((first..first + count).collect())),
        column(
            "v",
            DataType::FLOAT_VECTOR,
            Values::FloatVector {
                dim: 2,
                data: (first..first + count).flat_map(|id| [id as f32, 0.5]).collect(),
            },
        ),
    ];
    milvus.insert(target, None, &columns).await.unwrap();
}

#[tokio::test]
async fn hundreds_of_fresh_collections_lose_no_row() {
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
                milvus.create_collection(&small(&target)).await.unwrap();
                insert(&milvus, &target, 0).await;
            }
        })
        .await;

    let over = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (milvus, over, targets) = (milvus.clone(), Arc::clone(&over), targets.clone());
        async move {
            let mut next = 0;
            while !over.load(Ordering::Relaxed) {
                next += ROWS.cast_signed();
                for target in targets.iter().step_by(WRITTEN) {
                    insert(&milvus, target, next).await;
                }
            }
        }
    });
    let tool = Tool::on_disk(&server);
    let run = tokio::task::spawn_blocking(move || {
        let settings: [(&str, &dyn std::fmt::Display); 1] = [("backup.concurrency.collections", &32)];
        let create = format!("create -n fresh --output json --filter {database}.*");
        let report = tool.run_with(&create, &settings).ends_with(0).json();
        assert_eq!(report["collections"], COLLECTIONS, "{report}");
        tool.run("get -n fresh --output json").ends_with(0).json()
    });
    let kept = run.await.unwrap();
    over.store(true, Ordering::Relaxed);
    writer.await.unwrap();

    for (n, target) in targets.iter().enumerate() {
        let found = kept["collections"].as_array().unwrap().iter();
        let found = found.filter(|each| each["name"] == target.to_string()).collect::<Vec<_>>();
        let rows = found[0]["rows"].as_u64().unwrap();
        let is_right = if n % WRITTEN == 0 { rows >= ROWS } else { rows == ROWS };
        assert!(is_right, "{target} has {rows} rows in the backup");
    }
    stream::iter(targets)
        .for_each_concurrent(16, |target| {
            let milvus = milvus.clone();
            async move { milvus.drop_collection(&target).await.unwrap() }
        })
        .await;
}
