//! The most frequent mistakes of a configuration: a wrong bucket, root path, key or port.

use crate::source::create_collections;
use crate::tool::Tool;
use std::net::TcpListener;
use testkit::servers;

#[tokio::test]
async fn mistakes_with_s3_are_reported() {
    let (Some(server), Some(s3)) = (servers::milvus_s3(), servers::s3()) else { return };
    let milvus = server.connect().await;
    let collections = create_collections(&milvus, &["apple"]).await;
    let create = format!("create -n fruit --filter {}", collections[0]);
    let tool = Tool::on_s3(&server, &s3).await;

    tool.run_with(&create, &[("milvus.storage.bucketName", &"no-such-bucket")])
        .exits_with(5)
        .prints(&["no-such-bucket", "hint:"]);
    tool.run_with(&create, &[("backup.storage.bucketName", &"no-such-bucket")])
        .exits_with(5)
        .prints(&["no-such-bucket", "hint:"]);
    let wrong_key = tool
        .run_with(&create, &[("milvus.storage.auth.secretAccessKey", &"not-the-secret-key")])
        .exits_with(5)
        .prints(&["SignatureDoesNotMatch", "hint:"]);
    assert!(!wrong_key.stderr.contains("not-the-secret-key"));
    tool.run_with(&create, &[("milvus.storage.rootPath", &"elsewhere")]).exits_with(2).prints(&[
        "elsewhere",
        &collections[0].to_string(),
        "hint:",
    ]);
    tool.run("list").exits_with(0);
    tool.run(&create).exits_with(0);
}

#[tokio::test]
async fn mistakes_with_local_disks_are_reported() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    let collections = create_collections(&milvus, &["apple"]).await;
    let create = format!("create -n fruit --filter {}", collections[0]);
    let tool = Tool::on_disk(&server);
    let empty = tempfile::tempdir().unwrap();
    tool.run_with(&create, &[("milvus.storage.rootPath", &empty.path().display())])
        .exits_with(2)
        .prints(&[&empty.path().display().to_string(), "hint:"]);
    assert!(!tool.backup_dir("fruit").join("meta/backup_meta.json").exists());

    let port = free_port();
    tool.run_with(&create, &[("milvus.grpc.port", &port)])
        .exits_with(5)
        .prints(&[&port.to_string(), "hint:"]);
}

#[tokio::test]
async fn check_reports_mistakes() {
    let Some(server) = servers::milvus() else { return };
    let milvus = server.connect().await;
    create_collections(&milvus, &["apple"]).await;
    let tool = Tool::on_disk(&server);
    tool.run("check").exits_with(0).prints(&["ok", "2.3.5"]);
    let empty = tempfile::tempdir().unwrap();
    let wrong = tool.run_with("check", &[("milvus.storage.rootPath", &empty.path().display())]).exits_with(5);
    wrong.prints(&["FAIL", &empty.path().display().to_string()]);
    tool.run_with("check", &[("milvus.grpc.port", &free_port())]).exits_with(5).prints(&["FAIL"]);
}

/// Returns a port at which nothing listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
