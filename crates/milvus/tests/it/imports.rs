//! Import jobs over the server's own files.

use std::time::Duration;

use milvus::{ErrorKind, ImportJobId, ImportRequest, ImportState, ImportStatus, Milvus};
use model::name::CollectionRef;
use testkit::servers::{self, MilvusServer, ServerStorage};

use crate::shop::{connect, flat, load, new_name, rows, small};

async fn finished(milvus: &Milvus, job: ImportJobId) -> ImportStatus {
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

/// Where the server keeps its files, as it sees it.
fn root(server: &MilvusServer) -> String {
    match &server.storage {
        ServerStorage::Local { root } => root.display().to_string(),
        ServerStorage::S3 { .. } => panic!("this server should lie on local disk"),
    }
}

fn request(target: &CollectionRef, insert_prefix: String, delta_prefix: String) -> ImportRequest {
    ImportRequest {
        target: target.clone(),
        partition: "_default".to_owned(),
        insert_prefix,
        delta_prefix,
        options: Vec::new(),
    }
}

#[tokio::test]
async fn a_partition_is_imported_from_its_files() {
    let Some(server) = servers::milvus() else { return };
    partition(&server).await;
}

#[tokio::test]
async fn a_partition_is_imported_from_its_files_on_an_old_server() {
    let Some(server) = servers::milvus_2216() else { return };
    partition(&server).await;
}

async fn partition(server: &MilvusServer) {
    let milvus = connect(server).await;
    let (source, target) = (new_name("source"), new_name("target"));
    milvus.create_collection(&small(&source)).await.unwrap();
    milvus.create_collection(&small(&target)).await.unwrap();
    milvus.create_index(&target, &flat()).await.unwrap();
    milvus.insert(&source, None, &rows(0..3000)).await.unwrap();
    milvus.delete(&source, "id in [7, 8]").await.unwrap();
    milvus.flush(&source).await.unwrap();

    let info = milvus.describe_collection(&source).await.unwrap();
    let partitions = milvus.list_partitions(&source).await.unwrap();
    let place = format!("{}/{}/", info.id, partitions[0].1);
    let root = root(server);
    let (inserts, deltas) = (format!("{root}/insert_log/{place}"), format!("{root}/delta_log/{place}"));
    let job = milvus.import(&request(&target, inserts.clone(), deltas)).await.unwrap();
    let status = finished(&milvus, job).await;
    assert_eq!((&status.state, status.rows), (&ImportState::Completed, 2998), "{status:?}");
    assert!(!status.segment_ids.is_empty(), "{status:?}");
    if milvus.capabilities().count_star {
        load(&milvus, &target).await;
        assert_eq!(milvus.row_count(&target).await.unwrap(), 2998);
    }

    let nonsense = format!("{root}/insert_log/1/2/");
    let job = milvus.import(&request(&target, nonsense, String::new())).await.unwrap();
    let status = finished(&milvus, job).await;
    assert_eq!((&status.state, status.rows), (&ImportState::Completed, 0), "{status:?}");

    // a target with other fields
    let other = new_name("other");
    let mut create = small(&other);
    create.schema.fields.insert(1, crate::shop::field("n", model::manifest::DataType::INT64, &[]));
    milvus.create_collection(&create).await.unwrap();
    let job = milvus.import(&request(&other, inserts, String::new())).await.unwrap();
    let status = finished(&milvus, job).await;
    assert!(matches!(&status.state, ImportState::Failed(reason) if reason.contains("103")), "{status:?}");

    for name in [&source, &target, &other] {
        milvus.drop_collection(name).await.unwrap();
    }
}

#[tokio::test]
async fn imports_that_cannot_begin_say_why() {
    let Some(server) = servers::milvus() else { return };
    refused(&connect(&server).await).await;
}

#[tokio::test]
async fn imports_that_cannot_begin_say_why_on_an_old_server() {
    let Some(server) = servers::milvus_2216() else { return };
    refused(&connect(&server).await).await;
}

pub(crate) async fn refused(milvus: &Milvus) {
    let target = new_name("refused");
    let asked = request(&target, "/nowhere/".to_owned(), String::new());
    milvus.create_collection(&small(&target)).await.unwrap();
    let error =
        milvus.import(&ImportRequest { partition: "p9".to_owned(), ..asked.clone() }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let error = milvus.import(&ImportRequest { partition: String::new(), ..asked }).await.unwrap_err();
    assert!(error.to_string().contains("not specified"), "{error}");
    let error = milvus.import_state(ImportJobId(42)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    milvus.drop_collection(&target).await.unwrap();
}
