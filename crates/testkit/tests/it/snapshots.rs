//! Snapshots of the simulated Milvus: their export to the simulated object store, and their restore elsewhere.
#![expect(clippy::unwrap_used, reason = "part of a test")]

use milvus_backup_testkit::fake::{FakeConfig, FakeMilvus, Fault};
use milvus_backup_testkit::object_store::ObjectStore;
use proto::common::Status;
use proto::milvus as wire;
use proto::milvus::{ExportSnapshotInfo, ExportSnapshotState, RestoreSnapshotInfo, RestoreSnapshotState};

use super::fake::{Client, connect, create, delete, flush, insert};

/// The number of calls after which a job is over.
const MOST_POLLS: usize = 5;

async fn start(version: &str, store: &ObjectStore, bucket: &str) -> (FakeMilvus, Client) {
    let root = store.bucket(bucket).join("files");
    let fake = FakeMilvus::start(FakeConfig::new(version, root).object_store(store));
    let client = connect(&fake).await;
    (fake, client)
}

/// Fills a collection with eight live rows, two deletes in L0 segments, and a row that is not flushed; takes a snapshot.
async fn take_snapshot(client: &mut Client) {
    create(client, "source").await;
    insert(client, "source", 0..10).await;
    flush(client, "source").await;
    delete(client, "source", "id in [3, 4]").await;
    flush(client, "source").await;
    insert(client, "source", 20..21).await;
    let request = wire::CreateSnapshotRequest {
        name: "snap".to_owned(),
        collection_name: "source".to_owned(),
        ..Default::default()
    };
    assert_eq!(client.create_snapshot(request).await.unwrap().into_inner().code, 0);
}

async fn export(client: &mut Client, target: &str) -> Result<ExportSnapshotInfo, Status> {
    let request = wire::ExportSnapshotRequest {
        name: "snap".to_owned(),
        collection_name: "source".to_owned(),
        target_s3_path: target.to_owned(),
        ..Default::default()
    };
    let reply = client.export_snapshot(request).await.unwrap().into_inner();
    if let Some(status) = reply.status.filter(|status| status.code != 0) {
        return Err(status);
    }
    for _ in 0..MOST_POLLS {
        let request = wire::GetExportSnapshotStateRequest { job_id: reply.job_id };
        let info = client.get_export_snapshot_state(request).await.unwrap().into_inner().info.unwrap();
        if matches!(
            info.state(),
            ExportSnapshotState::ExportSnapshotCompleted | ExportSnapshotState::ExportSnapshotFailed
        ) {
            return Ok(info);
        }
    }
    panic!("the export does not end");
}

async fn restore(client: &mut Client, uri: &str, name: &str) -> Result<RestoreSnapshotInfo, Status> {
    let request = wire::RestoreExternalSnapshotRequest {
        target_collection_name: name.to_owned(),
        snapshot_metadata_uri: uri.to_owned(),
        ..Default::default()
    };
    let reply = client.restore_external_snapshot(request).await.unwrap().into_inner();
    if let Some(status) = reply.status.filter(|status| status.code != 0) {
        return Err(status);
    }
    for _ in 0..MOST_POLLS {
        let request = wire::GetRestoreSnapshotStateRequest { job_id: reply.job_id };
        let info = client.get_restore_snapshot_state(request).await.unwrap().into_inner().info.unwrap();
        if matches!(
            info.state(),
            RestoreSnapshotState::RestoreSnapshotCompleted | RestoreSnapshotState::RestoreSnapshotFailed
        ) {
            return Ok(info);
        }
    }
    panic!("the restore does not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_snapshot_brings_a_collection_back_on_another_simulated_server() {
    let directory = tempfile::tempdir().unwrap();
    let store = ObjectStore::start(directory.path());
    let (source, mut client) = start("3.0.1", &store, "milvus").await;
    take_snapshot(&mut client).await;
    store.bucket("backup");
    let target = format!("minio://{}/backup/b1/exported", store.endpoint());
    let exported = export(&mut client, &target).await.unwrap();
    assert_eq!(exported.state(), ExportSnapshotState::ExportSnapshotCompleted, "{exported:?}");
    assert!(exported.snapshot_metadata_uri.starts_with(&format!("{target}/snapshots/")), "{exported:?}");
    assert_eq!((exported.progress, exported.copied_files), (100, exported.total_files), "{exported:?}");
    assert!(exported.total_bytes > 0 && exported.total_files > 3, "{exported:?}");

    let (other, mut there) = start("3.0.1", &store, "other").await;
    let restored = restore(&mut there, &exported.snapshot_metadata_uri, "target").await.unwrap();
    assert_eq!(restored.state(), RestoreSnapshotState::RestoreSnapshotCompleted, "{restored:?}");
    let expected: Vec<_> =
        source.rows("default", "source").into_iter().filter(|row| row["id"] != 20).collect();
    assert_eq!(other.rows("default", "target"), expected);
    let described =
        wire::DescribeCollectionRequest { collection_name: "target".to_owned(), ..Default::default() };
    let described = there.describe_collection(described).await.unwrap().into_inner();
    assert!(described.properties.iter().any(|pair| pair.key == "preserve_field_ids" && pair.value == "true"));
    assert_eq!(described.shards_num, 2);

    let refused = restore(&mut there, &exported.snapshot_metadata_uri, "target").await.unwrap_err();
    assert_eq!(refused.code, 1100);
    assert!(refused.reason.starts_with("failed to restore collection: create duplicate collection"));
    let refused = restore(&mut there, &exported.snapshot_metadata_uri.replace("b1", "b2"), "absent").await;
    assert_eq!(refused.unwrap_err().code, 1001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_server_exports_only_from_3_0_1_on_and_only_to_its_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = ObjectStore::start(directory.path());
    let (_fake, mut old) = start("3.0.0", &store, "old").await;
    take_snapshot(&mut old).await;
    assert_eq!(export(&mut old, "s3://backup/x").await.unwrap_err().code, 10);
    let (fake, mut client) = start("3.0.1", &store, "milvus").await;
    take_snapshot(&mut client).await;
    assert_eq!(export(&mut client, "ftp://backup/x").await.unwrap_err().code, 1100);
    for target in ["s3://absent/x", "minio://other:9000/milvus/x"] {
        let failed = export(&mut client, target).await.unwrap();
        assert_eq!(failed.state(), ExportSnapshotState::ExportSnapshotFailed, "{failed:?}");
        assert!(failed.reason.contains(target), "{failed:?}");
    }
    fake.inject(Fault::SnapshotJobFails("no space".to_owned()));
    assert_eq!(export(&mut client, "s3://milvus/x").await.unwrap().reason, "no space");
    let request = wire::DropCollectionRequest { collection_name: "source".to_owned(), ..Default::default() };
    client.drop_collection(request).await.unwrap();
    assert!(fake.snapshots().is_empty());
}
