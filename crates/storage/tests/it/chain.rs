//! Tests of the AWS credential chain. The chain reads the environment of the process, so each test runs an ignored
//! test in a child process with its own environment.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use milvus_backup_storage::{
    CopyItem, CopyMode, Mover, MoverOptions, S3Config, S3Credentials, StorageErrorKind, Store,
};
use model::key::ObjectKey;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::fixtures::{KEY, SECRET, open};
use crate::server::Server;

/// Runs an ignored test of this file in a child process, with only these environment variables.
fn run_ignored_test(test: &str, home: &Path, environment: &[(&str, &str)]) {
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

fn run_with_empty_home(test: &str, environment: &[(&str, &str)]) {
    let home = tempfile::tempdir().unwrap();
    run_ignored_test(test, home.path(), environment);
}

fn open_with_chain(server: &Server, bucket: &str, iam_endpoint: Option<String>) -> Store {
    server.create_bucket(bucket);
    open(S3Config { credentials: S3Credentials::Chain { iam_endpoint }, ..server.config(bucket) })
}

/// Writes through OpenDAL and copies through our own requests, since both must find the credentials.
async fn write_and_copy(iam_endpoint: Option<String>) {
    let server = Server::start().await;
    let (from, to) = (
        open_with_chain(&server, "source", iam_endpoint.clone()),
        open_with_chain(&server, "target", iam_endpoint),
    );
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
fn the_key_pair_is_read_from_the_environment() {
    let pair = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    run_with_empty_home("chain::with_credentials_in_environment_or_profile", &pair);
}

#[test]
fn the_key_pair_is_read_from_a_profile() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let profile = format!("[other]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n");
    std::fs::write(home.path().join(".aws/credentials"), profile).unwrap();
    run_ignored_test(
        "chain::with_credentials_in_environment_or_profile",
        home.path(),
        &[("AWS_PROFILE", "other")],
    );
}

#[test]
fn the_key_pair_is_read_from_the_instance_metadata() {
    run_with_empty_home("chain::with_an_instance_role", &[]);
}

#[test]
fn a_metadata_service_in_trouble_is_asked_again() {
    run_with_empty_home("chain::with_an_instance_role_in_trouble", &[]);
}

#[test]
fn a_metadata_service_that_gives_no_credentials_is_named_with_its_status() {
    run_with_empty_home("chain::with_an_instance_role_that_is_refused", &[]);
}

#[test]
fn a_key_pair_that_cannot_be_renewed_is_used_until_it_expires() {
    run_with_empty_home("chain::with_a_key_pair_that_cannot_be_renewed", &[]);
}

#[test]
fn the_metadata_service_is_not_asked_through_a_proxy() {
    let proxy = "http://127.0.0.1:1";
    run_with_empty_home("chain::with_an_instance_role", &[("HTTP_PROXY", proxy), ("http_proxy", proxy)]);
}

#[test]
fn missing_credentials_are_reported() {
    run_with_empty_home("chain::without_credentials", &[("AWS_EC2_METADATA_DISABLED", "true")]);
}

#[tokio::test]
#[ignore = "run by the tests above in a process with its own environment"]
async fn with_credentials_in_environment_or_profile() {
    write_and_copy(None).await;
}

#[tokio::test]
#[ignore = "run by the tests above in a process with its own environment"]
async fn with_an_instance_role() {
    write_and_copy(Some(metadata_service("2099-01-01T00:00:00Z".to_owned(), |_| 200).await)).await;
}

#[tokio::test]
#[ignore = "run by the tests above in a process with its own environment"]
async fn with_an_instance_role_in_trouble() {
    let trouble = |request: usize| [503, 200, 429, 200].into_iter().cycle().nth(request).unwrap();
    write_and_copy(Some(metadata_service("2099-01-01T00:00:00Z".to_owned(), trouble).await)).await;
}

#[tokio::test]
#[ignore = "run by the tests above in a process with its own environment"]
async fn with_an_instance_role_that_is_refused() {
    let server = Server::start().await;
    for (status, words) in [
        (429, "the provider of the credentials is in trouble"),
        (403, "no credentials were found in the configuration"),
    ] {
        let endpoint = metadata_service("2099-01-01T00:00:00Z".to_owned(), move |_| status).await;
        let store = open_with_chain(&server, "bucket", Some(endpoint.clone()));
        let error = store.read(&ObjectKey::new("a")).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Credentials);
        let said = error.to_string();
        assert!(said.contains(words) && said.contains(&format!("{endpoint} answered {status}")), "{said}");
    }
}

#[tokio::test]
#[ignore = "run by the tests above in a process with its own environment"]
async fn with_a_key_pair_that_cannot_be_renewed() {
    // A pair is renewed two minutes before it expires. The first pair takes three requests.
    let expiration = (jiff::Timestamp::now() + Duration::from_mins(1)).to_string();
    let endpoint = metadata_service(expiration, |request| if request < 3 { 200 } else { 503 }).await;
    let server = Server::start().await;
    let store = open_with_chain(&server, "bucket", Some(endpoint));
    for key in ["a", "b", "c"] {
        store.write(&ObjectKey::new(key), Bytes::from("text")).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "run by the tests above in a process with its own environment"]
async fn without_credentials() {
    let server = Server::start().await;
    let error = open_with_chain(&server, "source", None).read(&ObjectKey::new("a")).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Credentials);
    let expected =
        "no credentials were found in the configuration, the environment, a profile or from an instance role";
    assert!(error.to_string().contains(expected), "{error}");
}

/// Serves the instance metadata of a virtual machine with one role; returns the endpoint.
///
/// A request is answered with the status that `status` returns for its number, which is counted from 0.
async fn metadata_service(
    expiration: String,
    status: impl Fn(usize) -> u16 + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let state = Arc::new((expiration, status, AtomicUsize::new(0)));
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let state = Arc::clone(&state);
            let answer = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let (expiration, status, count) = &*state;
                let body = match (request.method(), request.uri().path()) {
                    (&Method::PUT, "/latest/api/token") => "token".to_owned(),
                    (&Method::GET, "/latest/meta-data/iam/security-credentials/") => "role".to_owned(),
                    _ => format!(
                        r#"{{"Code":"Success","AccessKeyId":"{KEY}","SecretAccessKey":"{SECRET}","Token":"session","Expiration":"{expiration}"}}"#
                    ),
                };
                let status = status(count.fetch_add(1, Ordering::Relaxed));
                let response = Response::builder().status(status).body(Full::new(Bytes::from(body)));
                std::future::ready(response)
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
        }
    });
    endpoint
}
