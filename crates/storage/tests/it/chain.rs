//! Credentials that are found, not configured. The chain reads the environment of the process, so each test
//! runs its other half in a process with an environment of its own.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use milvus_backup_storage::{
    CopyItem, CopyMode, Credentials, ErrorKind, Mover, MoverOptions, S3Config, Store,
};
use model::key::ObjectKey;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::places::{KEY, SECRET, open};
use crate::server::Server;

/// Runs one of the ignored tests below with nothing in its environment but these variables.
fn run(test: &str, home: &Path, environment: &[(&str, &str)]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored"])
        .env_clear()
        .env("HOME", home)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn store(server: &Server, bucket: &str, iam_endpoint: Option<String>) -> Store {
    server.bucket(bucket);
    open(S3Config { credentials: Credentials::Chain { iam_endpoint }, ..server.config(bucket) })
}

/// Writes through OpenDAL and copies through our own requests: both must find the credentials.
async fn write_and_copy(iam_endpoint: Option<String>) {
    let server = Server::start().await;
    let (from, to) = (store(&server, "source", iam_endpoint.clone()), store(&server, "target", iam_endpoint));
    let key = ObjectKey::new("a");
    from.write(&key, Bytes::from("text")).await.unwrap();
    let options = MoverOptions {
        mode: CopyMode::Direct,
        concurrency: 1,
        multipart_threshold: 1 << 20,
        bytes_per_second: None,
    };
    let items = [CopyItem { from: key.clone(), to: key.clone(), size: 4 }].into_iter();
    let mover = Mover::new(from, to.clone(), options).unwrap();
    mover.copy_all(items, &CancellationToken::new(), |_, _| {}).await.unwrap();
    assert_eq!(to.read(&key).await.unwrap(), "text");
}

#[test]
fn the_environment_may_hold_the_key_pair() {
    let home = tempfile::tempdir().unwrap();
    let pair = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    run("chain::with_what_is_found", home.path(), &pair);
}

#[test]
fn a_profile_may_hold_the_key_pair() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let profile = format!("[other]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n");
    std::fs::write(home.path().join(".aws/credentials"), profile).unwrap();
    run("chain::with_what_is_found", home.path(), &[("AWS_PROFILE", "other")]);
}

#[test]
fn the_instance_may_hold_the_key_pair() {
    let home = tempfile::tempdir().unwrap();
    run("chain::with_an_instance_role", home.path(), &[]);
}

#[test]
fn nothing_found_is_told() {
    let home = tempfile::tempdir().unwrap();
    run("chain::with_nothing", home.path(), &[("AWS_EC2_METADATA_DISABLED", "true")]);
}

#[tokio::test]
#[ignore = "run by the tests above with an environment of its own"]
async fn with_what_is_found() {
    write_and_copy(None).await;
}

#[tokio::test]
#[ignore = "run by the tests above with an environment of its own"]
async fn with_an_instance_role() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(metadata_service(listener));
    write_and_copy(Some(endpoint)).await;
}

#[tokio::test]
#[ignore = "run by the tests above with an environment of its own"]
async fn with_nothing() {
    let server = Server::start().await;
    let error = store(&server, "source", None).read(&ObjectKey::new("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let expected =
        "no credentials were found in the configuration, the environment, a profile or from an instance role";
    assert!(error.to_string().contains(expected), "{error}");
}

/// Answers as the metadata service of a virtual machine with one role does.
async fn metadata_service(listener: TcpListener) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let answer = service_fn(async |request: http::Request<hyper::body::Incoming>| {
            let body = match (request.method(), request.uri().path()) {
                (&Method::PUT, "/latest/api/token") => "token".to_owned(),
                (&Method::GET, "/latest/meta-data/iam/security-credentials/") => "role".to_owned(),
                _ => format!(
                    r#"{{"Code":"Success","AccessKeyId":"{KEY}","SecretAccessKey":"{SECRET}","Token":"session","Expiration":"2099-01-01T00:00:00Z"}}"#
                ),
            };
            Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(body))))
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
    }
}
