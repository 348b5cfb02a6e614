//! What the footers of files tell: numbers of rows and of delete entries.

use milvus_backup_rows::{InsertFile, InsertSummary, Reason, count_delete_entries};
use model::key::ObjectKey;

use crate::backup::{Backup, disk, shared_fixture};

/// Returns the insert binlogs of all collections of a backup, with the rows of their segments.
async fn insert_files(backup: &Backup) -> Vec<(InsertFile, u64)> {
    let mut files = Vec::new();
    for collection in &backup.manifest.collections {
        for segment in backup.segments(collection).await {
            files.extend(segment.files.into_iter().map(|file| (file, segment.rows.unwrap())));
        }
    }
    files
}

#[tokio::test]
async fn the_delete_entries_of_collections_are_counted() {
    for name in ["full_v0415", "full_v0516", "m2216_v0516"] {
        let backup = Backup::open(&shared_fixture(&format!("backups/{name}")));
        for (collection, entries) in [("default.books", 5), ("default.tenants", 2), ("shop.orders", 0)] {
            let logs = backup.delta_logs(backup.collection(collection)).await;
            let counted = count_delete_entries(&disk(), &logs).await.unwrap();
            assert_eq!(counted, entries, "{name} {collection}");
        }
    }
}

#[tokio::test]
async fn an_insert_binlog_is_not_counted_as_a_delta_log() {
    let backup = Backup::open(&shared_fixture("backups/full_v0516"));
    let collection = backup.collection("default.books");
    let mut logs = backup.delta_logs(collection).await;
    let insert = backup.segments(collection).await.remove(0).files.remove(0);
    let log = &mut logs[0].files[0];
    (log.key, log.log.size) = (insert.key, insert.binlog.size);
    let error = count_delete_entries(&disk(), &logs).await.unwrap_err();
    assert!(matches!(error.reason(), Reason::Inconsistent(_)), "{}", error.reason());
}

#[tokio::test]
async fn an_insert_binlog_is_summarised_from_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let key = ObjectKey::new(path.to_str().unwrap());
    let summarise = async |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        InsertSummary::read(&disk(), &key, content.len() as u64).await.unwrap()
    };
    for name in ["some_v0415", "m2216_v0516"] {
        let backup = Backup::open(&shared_fixture(&format!("backups/{name}")));
        for (file, rows) in insert_files(&backup).await {
            let mut content = disk().read(&file.key).await.unwrap().to_vec();
            let whole = summarise(&content).await.unwrap();
            assert_eq!(whole.rows, rows, "{}", file.key);
            // Another time in the header of the descriptor, as if the same rows had been written again.
            content[4] ^= 1;
            assert_eq!(summarise(&content).await, Some(whole), "{}", file.key);
            assert_eq!(summarise(&content[..content.len() - 1]).await, None, "{}", file.key);
            assert_eq!(summarise(&content[content.len() - 20..]).await, None, "{}", file.key);
        }
    }
}
