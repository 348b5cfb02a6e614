//! Tests of failures and of their error messages.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryStreamExt;
use http::Method;
use milvus_backup_storage::{ListedObject, S3Config, StorageError, StorageErrorKind, Store, StoreConfig};
use model::key::ObjectKey;
use testkit::servers::{self, S3Server};

use crate::fixtures::{KEY, key_pair, open, s3_config};
use crate::server::{Fault, Server};

/// Lists the whole store.
async fn list_all(store: &Store) -> Result<Vec<ListedObject>, StorageError> {
    store.list(&ObjectKey::default()).try_collect().await
}

/// Returns one endpoint per kind of server; the server in this process must be kept alive.
async fn endpoints() -> Vec<(String, Option<Server>)> {
    let server = Server::start().await;
    server.create_bucket("bucket");
    let here = (server.endpoint(), Some(server));
    std::iter::once(here).chain(servers::s3().map(|server| (server.endpoint, None))).collect()
}

fn host(endpoint: &str) -> &str {
    endpoint.split_once("://").unwrap().1
}

#[tokio::test]
async fn a_wrong_secret_key_is_reported_without_showing_it() {
    for (endpoint, _server) in endpoints().await {
        let config = S3Config { credentials: key_pair(KEY, "hunter2"), ..s3_config(&endpoint, "bucket") };
        let error = list_all(&open(config)).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Credentials);
        let host = host(&endpoint);
        let expected = format!(
            "cannot list bucket \"bucket\" at {host}: the secret key does not fit the access key (SignatureDoesNotMatch)"
        );
        assert_eq!(error.to_string(), expected);
        assert!(!format!("{error:?}{error}").contains("hunter2"));
    }
}

#[tokio::test]
async fn an_unknown_access_key_is_an_error_of_the_credentials() {
    for (endpoint, _server) in endpoints().await {
        let config = S3Config { credentials: key_pair("nobody", "x"), ..s3_config(&endpoint, "bucket") };
        let error = list_all(&open(config)).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Credentials, "{error}");
        assert!(!error.is_temporary());
    }
}

#[tokio::test]
async fn a_missing_bucket_is_reported_with_its_name() {
    for (endpoint, in_process) in endpoints().await {
        let store = open(s3_config(&endpoint, "mb-missing"));
        let host = host(&endpoint);
        let reason = "the bucket does not exist (NoSuchBucket)";
        let error = list_all(&store).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::BucketMissing);
        assert_eq!(error.to_string(), format!("cannot list bucket \"mb-missing\" at {host}: {reason}"));
        let error = store.list_level(&ObjectKey::new("a/b")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot list a/b/ in bucket \"mb-missing\" at {host}: {reason}")
        );
        // The S3 server in this process does not check that the bucket exists when it reads or writes an object.
        if in_process.is_none() {
            let error = store.read(&ObjectKey::new("a")).await.unwrap_err();
            assert_eq!(error.to_string(), format!("cannot read s3://mb-missing/a at {host}: {reason}"));
            let error = store.write(&ObjectKey::new("a"), Bytes::from("x")).await.unwrap_err();
            assert_eq!(error.to_string(), format!("cannot write s3://mb-missing/a at {host}: {reason}"));
        }
    }
}

#[tokio::test]
async fn a_refused_connection_is_reported_within_seconds() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let store = open(s3_config(&format!("http://127.0.0.1:{port}"), "bucket"));
    let started = Instant::now();
    let error = list_all(&store).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_eq!(error.kind(), StorageErrorKind::Unreachable);
    assert!(error.is_temporary());
    assert_eq!(
        error.to_string(),
        format!("cannot list bucket \"bucket\" at 127.0.0.1:{port}: connection refused")
    );
}

#[tokio::test]
async fn a_host_that_does_not_exist_is_unreachable() {
    let store = open(s3_config("http://no-such-host.invalid", "bucket"));
    let error = list_all(&store).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn the_server_certificate_is_verified() {
    let server = Server::start_tls().await;
    let store = server.store("bucket");
    store.write(&ObjectKey::new("a"), Bytes::from("x")).await.unwrap();
    assert_eq!(list_all(&store).await.unwrap().len(), 1);

    let stranger = open(S3Config { ca_cert: None, ..server.config("bucket") });
    let error = list_all(&stranger).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unreachable);
    assert!(error.to_string().contains("the TLS handshake failed: invalid peer certificate"), "{error}");
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn tls_to_a_server_without_tls_is_reported() {
    let server = Server::start().await;
    let endpoint = server.endpoint().replace("http:", "https:");
    let error = list_all(&open(s3_config(&endpoint, "bucket"))).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unreachable);
    assert!(error.to_string().contains("the TLS handshake failed"), "{error}");
}

#[test]
fn an_invalid_certificate_file_is_a_configuration_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    let config = S3Config { ca_cert: Some(path.clone()), ..s3_config("https://localhost", "bucket") };
    let missing = Store::open(&StoreConfig::S3(config.clone())).unwrap_err();
    assert_eq!(missing.kind(), StorageErrorKind::Config);
    let file = path.display();
    assert_eq!(
        missing.to_string(),
        format!("cannot read certificate file {file}: no such file or directory")
    );
    std::fs::write(&path, "not a certificate").unwrap();
    let useless = Store::open(&StoreConfig::S3(config)).unwrap_err();
    assert_eq!(
        useless.to_string(),
        format!("cannot use certificate file {file}: it contains no PEM certificate")
    );
}

#[tokio::test]
async fn a_store_that_asks_for_fewer_requests_is_retried() {
    let server = Server::start().await;
    let store = server.store("bucket");
    let slow = Fault::Answer(503, "<Error><Code>SlowDown</Code><Message>Please</Message></Error>");
    server.inject(Method::PUT, "/bucket/a", 2, slow);
    store.write(&ObjectKey::new("a"), Bytes::from("x")).await.unwrap();
    server.inject(Method::GET, "/bucket", 9, slow);
    let error = list_all(&store).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (StorageErrorKind::RateLimited, true));
    assert!(error.to_string().ends_with("the store limits the request rate (SlowDown)"), "{error}");
}

#[tokio::test]
async fn a_refused_batch_reports_the_reason() {
    let server = Server::start().await;
    let store = server.store("bucket");
    let refused = "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code></Error>\
                   <Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>";
    server.inject(Method::POST, "delete", 1, Fault::Answer(200, refused));
    let denied = "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>";
    server.inject(Method::DELETE, "/bucket/", 1, Fault::Answer(403, denied));
    let error = store.delete(&[ObjectKey::new("a"), ObjectKey::new("b")]).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::PermissionDenied);
    assert!(error.to_string().ends_with("access denied (AccessDenied)"), "{error}");
}

#[tokio::test]
async fn create_new_checks_first_if_the_store_rejects_conditions() {
    let server = Server::start().await;
    let store = server.store("bucket");
    let unknown = "<Error><Code>NotImplemented</Code><Message>A header is not implemented.</Message></Error>";
    server.inject(Method::PUT, "/bucket/a", 1, Fault::Answer(501, unknown));
    assert!(store.create_new(&ObjectKey::new("a"), Bytes::from("1")).await.unwrap());
    server.inject(Method::PUT, "/bucket/a", 1, Fault::Answer(501, unknown));
    assert!(!store.create_new(&ObjectKey::new("a"), Bytes::from("2")).await.unwrap());
    assert_eq!(store.read(&ObjectKey::new("a")).await.unwrap(), "1");
}

#[tokio::test]
async fn creating_an_existing_bucket_succeeds() {
    for (endpoint, _server) in endpoints().await {
        let name = format!("mb-made-{}", std::process::id());
        let server = S3Server { endpoint };
        server.create_bucket(&name).await;
        server.create_bucket(&name).await;
        let store = open(s3_config(&server.endpoint, &name));
        assert_eq!(list_all(&store).await.unwrap(), []);
    }
}
