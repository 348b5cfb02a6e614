//! Tests of import jobs that read the files of the server itself.

use std::time::Duration;

use milvus::{ImportJobId, ImportPrefixes, ImportRequest, ImportState, ImportStatus, MilvusErrorKind};
use model::name::CollectionRef;
use testkit::servers::{self, MilvusServer, ServerStorage};
use testkit::test_milvus::TestMilvus;

use crate::fixtures::{connect, flat_index, load_and_wait, new_name, small_collection, small_rows};

/// Waits until an import job is finished, at most three minutes, and returns its last status.
async fn wait_for_job(milvus: &TestMilvus, job: &ImportJobId) -> ImportStatus {
    let wait = async {
        loop {
            let status = milvus.import_state(job).await.expect("the job is known");
            if !matches!(status.state, ImportState::Pending | ImportState::Running) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(3), wait).await.expect("the job ends within three minutes")
}

/// Returns the root path of the files of the server, which must use local storage.
fn local_root(server: &MilvusServer) -> String {
    match &server.storage {
        ServerStorage::Local { root } => root.display().to_string(),
        ServerStorage::S3 { .. } => panic!("this server should lie on local disk"),
    }
}

fn import_request(target: &CollectionRef, insert: String, delta: String) -> ImportRequest {
    ImportRequest {
        target: target.clone(),
        partition: Some("_default".to_owned()),
        files: vec![ImportPrefixes { insert, delta }],
        column_groups: false,
        until: None,
        ezk: String::new(),
    }
}

#[tokio::test]
async fn a_partition_is_imported_from_its_files() {
    let Some(server) = servers::milvus() else { return };
    check_partition_import(&server).await;
}

#[tokio::test]
async fn a_partition_is_imported_from_its_files_on_an_old_server() {
    let Some(server) = servers::milvus_2216() else { return };
    check_partition_import(&server).await;
}

/// Checks the import of files with deletes, of a prefix without files, and into a collection with other fields.
async fn check_partition_import(server: &MilvusServer) {
    let milvus = connect(server).await;
    let (source, target) = (new_name("source"), new_name("target"));
    milvus.create_collection(&small_collection(&source)).await.unwrap();
    milvus.create_collection(&small_collection(&target)).await.unwrap();
    milvus.create_index(&target, &flat_index()).await.unwrap();
    milvus.insert(&source, None, &small_rows(0..3000)).await;
    milvus.delete(&source, "id in [7, 8]").await;
    milvus.flush(&source).await.unwrap();

    let info = milvus.describe_collection(&source).await.unwrap();
    let partitions = milvus.list_partitions(&source).await.unwrap();
    let partition_path = format!("{}/{}/", info.id, partitions[0].1);
    let root = local_root(server);
    let (inserts, deltas) =
        (format!("{root}/insert_log/{partition_path}"), format!("{root}/delta_log/{partition_path}"));
    let job = milvus.import(&import_request(&target, inserts.clone(), deltas)).await.unwrap();
    let status = wait_for_job(&milvus, &job).await;
    assert_eq!((&status.state, status.rows), (&ImportState::Completed, 2998), "{status:?}");
    assert!(!status.segment_ids.is_empty(), "{status:?}");
    if milvus.server().version.at_least((2, 3, 0)) {
        load_and_wait(&milvus, &target).await;
        assert_eq!(milvus.row_count(&target).await, 2998);
    }

    let empty_prefix = format!("{root}/insert_log/1/2/");
    let job = milvus.import(&import_request(&target, empty_prefix, String::new())).await.unwrap();
    let status = wait_for_job(&milvus, &job).await;
    assert_eq!((&status.state, status.rows), (&ImportState::Completed, 0), "{status:?}");

    // A target with other fields.
    let other = new_name("other");
    let mut create = small_collection(&other);
    create.schema.fields.insert(1, crate::fixtures::field("n", model::manifest::DataType::INT64, &[]));
    milvus.create_collection(&create).await.unwrap();
    let job = milvus.import(&import_request(&other, inserts, String::new())).await.unwrap();
    let status = wait_for_job(&milvus, &job).await;
    assert!(matches!(&status.state, ImportState::Failed(reason) if reason.contains("103")), "{status:?}");

    for name in [&source, &target, &other] {
        milvus.drop_collection(name).await.unwrap();
    }
}

#[tokio::test]
async fn imports_that_cannot_start_report_the_reason() {
    let Some(server) = servers::milvus() else { return };
    check_refused_imports(&connect(&server).await).await;
}

#[tokio::test]
async fn imports_that_cannot_start_report_the_reason_on_an_old_server() {
    let Some(server) = servers::milvus_2216() else { return };
    check_refused_imports(&connect(&server).await).await;
}

/// Checks the errors of imports into a missing partition or without files, and of unknown jobs.
pub(crate) async fn check_refused_imports(milvus: &TestMilvus) {
    let target = new_name("refused");
    let request = import_request(&target, "/nowhere/".to_owned(), String::new());
    milvus.create_collection(&small_collection(&target)).await.unwrap();
    let missing = ImportRequest { partition: Some("p9".to_owned()), ..request.clone() };
    let error = milvus.import(&missing).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::NotFound, "{error}");
    let error = milvus.import(&ImportRequest { partition: None, ..request.clone() }).await.unwrap_err();
    assert!(error.to_string().contains("not specified"), "{error}");
    let error = milvus.import(&ImportRequest { files: Vec::new(), ..request }).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Invalid, "{error}");
    let error = milvus.import_state(&ImportJobId("42".to_owned())).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::NotFound, "{error}");
    let error = milvus.import_state(&ImportJobId("job-1".to_owned())).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Invalid, "{error}");
    milvus.drop_collection(&target).await.unwrap();
}
