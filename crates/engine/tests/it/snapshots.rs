//! Backups and restores in snapshot format, on the simulated Milvus 3.0.

use model::plan::backup::{BackupRequest, RequestedFormat};

use crate::world::{World, backup_request, describe_error};

/// Returns a request to back up everything in snapshot format.
fn snapshot_request(name: &str) -> BackupRequest {
    BackupRequest { format: RequestedFormat::Snapshot, ..backup_request(name) }
}

#[tokio::test]
async fn a_milvus_that_cannot_export_snapshots_is_refused_before_anything_is_written() {
    for (version, expected) in [
        ("2.6.19", "format snapshot needs Milvus 3.0.1 or later, and this is v2.6.19"),
        ("3.0.0", "Milvus 3.0.0 cannot export snapshots (format snapshot needs 3.0.1 or later)"),
    ] {
        let world = World::with_version(version, |config| config);
        world.fill_books().await;
        let error = world.preview(&snapshot_request("nightly")).await.unwrap_err();
        assert_eq!(describe_error(&error), format!("{expected}\nuse_binlog_format"));
        assert_eq!(world.back_up(&snapshot_request("nightly")).await.unwrap_err().to_string(), expected);
        assert!(!world.backup_path("nightly").exists());
        let request = BackupRequest { format: RequestedFormat::Auto, ..backup_request("files") };
        world.back_up(&request).await.unwrap();
        assert!(world.backup_path("files/binlogs").exists(), "{version}");
    }
}
