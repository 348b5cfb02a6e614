//! Tests of snapshots with a simulated server.

use std::time::Duration;

use milvus::{
    Auth, CallLimits, ConnectConfig, ExternalStore, MilvusErrorKind, SnapshotJobId, SnapshotRef, Tls,
};
use model::name::CollectionRef;
use testkit::fake::{FakeConfig, FakeMilvus};
use testkit::test_milvus::TestMilvus;

use crate::fixtures::small_collection;

async fn connect(fake: &FakeMilvus) -> TestMilvus {
    let config = ConnectConfig {
        address: fake.host(),
        port: fake.port(),
        tls: Tls::Disabled,
        auth: Auth::None,
        management_endpoint: None,
        limits: CallLimits::default(),
    };
    TestMilvus::connect(&config).await.unwrap()
}

fn snapshot(name: &str) -> SnapshotRef {
    SnapshotRef { collection: CollectionRef::new("default", "shop"), name: name.to_owned() }
}

#[tokio::test]
async fn a_pinned_snapshot_is_dropped_only_after_its_pin() {
    let root = tempfile::tempdir().unwrap();
    let fake = FakeMilvus::start(FakeConfig::new("3.0.1", root.path()));
    let milvus = connect(&fake).await;
    milvus.create_collection(&small_collection(&snapshot("").collection)).await.unwrap();
    let monday = snapshot("monday");
    milvus.create_snapshot(&monday, "for a test").await.unwrap();
    let taken = milvus.create_snapshot(&monday, "").await.unwrap_err();
    assert_eq!(taken.kind(), MilvusErrorKind::AlreadyExists, "{taken}");
    assert_eq!(milvus.list_snapshots(&monday.collection).await.unwrap(), ["monday"]);
    assert!(milvus.snapshot_time(&monday).await.unwrap().0 > 0);

    let pin = milvus.pin_snapshot(&monday, Duration::from_mins(1)).await.unwrap();
    let pinned = milvus.drop_snapshot(&monday).await.unwrap_err();
    assert_eq!(pinned.kind(), MilvusErrorKind::SnapshotPinned, "{pinned}");
    milvus.unpin_snapshot(pin).await.unwrap();
    milvus.unpin_snapshot(pin).await.unwrap();
    milvus.drop_snapshot(&monday).await.unwrap();
    milvus.drop_snapshot(&monday).await.unwrap();
    let gone = milvus.pin_snapshot(&monday, Duration::from_mins(1)).await.unwrap_err();
    assert_eq!(gone.kind(), MilvusErrorKind::SnapshotNotFound, "{gone}");
}

#[tokio::test]
async fn unknown_jobs_and_releases_without_export_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let fake = FakeMilvus::start(FakeConfig::new("3.0.1", root.path()));
    let milvus = connect(&fake).await;
    let nowhere = ExternalStore::default();
    for unknown in [
        milvus.export_status(SnapshotJobId(7), &nowhere).await.unwrap_err(),
        milvus.snapshot_restore_status(SnapshotJobId(7), &nowhere).await.unwrap_err(),
    ] {
        assert_eq!(unknown.kind(), MilvusErrorKind::NotFound, "{unknown}");
    }
    let fake = FakeMilvus::start(FakeConfig::new("3.0.0", root.path()));
    let milvus = connect(&fake).await;
    let to = ExternalStore { uri: "s3://bucket/key".to_owned(), ..ExternalStore::default() };
    let error = milvus.export_snapshot(&snapshot("monday"), &to).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Unsupported, "{error}");
}
