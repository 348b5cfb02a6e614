//! Stores that answer within the freedom of the protocol, or demand more than others (S3 server in this process).

use bytes::Bytes;
use futures::TryStreamExt;
use http::Method;
use http::request::Parts;
use milvus_backup_storage::{
    CopyItem, CopyMode, Mover, MoverOptions, NewObjectOptions, S3Config, StorageErrorKind, Store,
};
use model::key::ObjectKey;
use tokio_util::sync::CancellationToken;

use crate::fixtures::{open, s3_config};
use crate::server::{Fault, Server};

const ANY_NUMBER: usize = usize::MAX;

/// Writes objects `a/0`, `a/1` and so on.
async fn write_objects(store: &Store, count: usize) -> Vec<ObjectKey> {
    let keys: Vec<ObjectKey> = (0..count).map(|n| ObjectKey::new(&format!("a/{n}"))).collect();
    for key in &keys {
        store.write(key, Bytes::from_static(b"content")).await.unwrap();
    }
    keys
}

async fn is_empty(store: &Store) -> bool {
    !store.has_objects_below(&ObjectKey::new("a/")).await.unwrap()
}

#[tokio::test]
async fn a_deletion_may_be_confirmed_with_any_status_of_success() {
    for status in [200, 202, 204] {
        let server = Server::start().await;
        let store = server.store("bucket");
        let keys = write_objects(&store, 1).await;
        server.inject(Method::DELETE, "/bucket/", ANY_NUMBER, Fault::Status(status));
        store.delete(&keys).await.unwrap();
        assert!(is_empty(&store).await, "{status}");
    }
}

#[tokio::test]
async fn objects_are_deleted_one_by_one_after_the_store_refused_to_delete_many_at_once() {
    for status in [400, 403, 405, 501] {
        let server = Server::start().await;
        let store = server.store("bucket");
        let keys = write_objects(&store, 5).await;
        server.inject(Method::POST, "delete", ANY_NUMBER, Fault::Answer(status, ""));
        store.delete(&keys).await.unwrap();
        assert!(is_empty(&store).await, "{status}");
        write_objects(&store, 5).await;
        let deleted = store.delete_below(&ObjectKey::new("a/"), &CancellationToken::new(), |_| {}).await;
        assert_eq!(deleted.unwrap(), 5);
        assert_eq!(server.count_requests(&Method::POST, "delete"), 1, "decided once for {status}");
    }
}

#[tokio::test]
async fn a_store_that_denies_every_deletion_is_reported_with_its_reason() {
    let server = Server::start().await;
    let store = server.store("bucket");
    let keys = write_objects(&store, 3).await;
    let denied = Fault::Answer(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>");
    server.inject(Method::POST, "delete", ANY_NUMBER, denied);
    server.inject(Method::DELETE, "/bucket/", ANY_NUMBER, denied);
    let error = store.delete(&keys).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::PermissionDenied);
    assert!(error.to_string().ends_with("access denied (AccessDenied)"), "{error}");
}

/// Refuses requests that are not signed for `eu-west-3`, as AWS does.
fn demand_region(parts: &Parts) -> Option<(u16, (&'static str, &'static str), &'static str)> {
    let authorization = parts.headers.get("authorization")?.to_str().ok()?;
    (!authorization.contains("/eu-west-3/s3/")).then_some(match parts.method {
        Method::HEAD => (400, ("x-amz-bucket-region", "eu-west-3"), ""),
        _ => (
            400,
            ("x-request", "1"),
            "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong; expecting 'eu-west-3'\
             </Message><Region>eu-west-3</Region></Error>",
        ),
    })
}

#[tokio::test]
async fn requests_are_signed_for_the_region_that_the_store_names() {
    for (region, first) in [("", Method::GET), ("us-west-1", Method::HEAD), ("eu-west-3", Method::PUT)] {
        let server = Server::start().await;
        server.create_bucket("bucket");
        server.refuse(demand_region);
        let store = open(S3Config { region: region.to_owned(), ..server.config("bucket") });
        let key = ObjectKey::new("a/b");
        match first {
            Method::GET => assert!(is_empty(&store).await),
            Method::HEAD => assert_eq!(store.metadata(&key).await.unwrap(), None),
            _ => store.write(&key, Bytes::from_static(b"content")).await.unwrap(),
        }
        store.write(&key, Bytes::from_static(b"content")).await.unwrap();
        assert_eq!(store.read(&key).await.unwrap(), "content");
        assert_eq!(server.count_requests(&Method::PUT, "/bucket/"), if first == Method::PUT { 2 } else { 1 });
    }
}

#[tokio::test]
async fn requests_at_the_same_time_are_all_sent_again_for_the_region_and_with_a_checksum() {
    let server = Server::start().await;
    server.create_bucket("bucket");
    server.refuse(|parts| demand_region(parts).or_else(|| demand_checksum(parts)));
    let store = open(server.config("bucket"));
    let keys: Vec<ObjectKey> = (0..20).map(|n| ObjectKey::new(&format!("a/{n}"))).collect();
    let writes = keys.iter().map(|key| store.write(key, Bytes::from_static(b"content")));
    futures::future::try_join_all(writes).await.unwrap();
    for key in &keys {
        assert_eq!(store.read(key).await.unwrap(), "content");
    }
}

#[tokio::test]
async fn a_redirect_without_a_region_is_an_error_about_the_region() {
    let server = Server::start().await;
    let store = server.store("bucket");
    let moved =
        Fault::Answer(301, "<Error><Code>PermanentRedirect</Code><Message>Use another</Message></Error>");
    server.inject(Method::GET, "/bucket", ANY_NUMBER, moved);
    let error = store.has_objects_below(&ObjectKey::new("a/")).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Region);
    assert!(error.to_string().ends_with("the bucket is in another region (PermanentRedirect)"), "{error}");
}

#[tokio::test]
async fn where_metadata_may_not_be_requested_a_listing_answers() {
    let server = Server::start().await;
    let store = server.store("bucket");
    write_objects(&store, 2).await;
    store.write(&ObjectKey::new("a/10"), Bytes::from_static(b"longer content")).await.unwrap();
    server.inject(Method::HEAD, "/bucket/", ANY_NUMBER, Fault::Answer(403, ""));
    let size = async |key: &str| store.metadata(&ObjectKey::new(key)).await.unwrap().map(|meta| meta.size);
    assert_eq!(size("a/1").await, Some(7), "not that of a/10");
    assert_eq!(size("a/10").await, Some(14));
    assert_eq!((size("a/2").await, size("a").await), (None, None));
    assert_eq!(store.read(&ObjectKey::new("a/1")).await.unwrap(), "content");
    server.inject(Method::GET, "/bucket", ANY_NUMBER, Fault::Answer(403, ""));
    let error = store.metadata(&ObjectKey::new("a/1")).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot look up s3://bucket/a/1 at "), "{error}");
}

/// Refuses to store content without a checksum, as buckets with Object Lock do.
fn demand_checksum(parts: &Parts) -> Option<(u16, (&'static str, &'static str), &'static str)> {
    let has_content = parts.headers.get("content-length").is_some_and(|length| length != "0");
    let lacks_checksum =
        parts.method == Method::PUT && has_content && !parts.headers.contains_key("content-md5");
    lacks_checksum.then_some((
        400,
        ("x-request", "1"),
        "<Error><Code>InvalidRequest</Code><Message>Content-MD5 OR x-amz-checksum- HTTP header is required for Put \
         Object requests with Object Lock parameters</Message></Error>",
    ))
}

#[tokio::test]
async fn content_is_sent_with_a_checksum_after_the_store_demanded_one() {
    let server = Server::start().await;
    let store = server.store("bucket");
    server.refuse(demand_checksum);
    write_objects(&store, 3).await;
    assert_eq!(server.count_requests(&Method::PUT, "/bucket/"), 4, "only the first one is sent twice");
    let mut writer = store.open_writer(&ObjectKey::new("a/large")).await.unwrap();
    for _ in 0..3 {
        writer.write(Bytes::from(vec![7; 6 << 20])).await.unwrap();
    }
    writer.close().await.unwrap();
    let size = store.metadata(&ObjectKey::new("a/large")).await.unwrap().unwrap().size;
    assert_eq!(size, 18 << 20);
}

#[tokio::test]
async fn a_bucket_is_part_of_the_path_where_the_endpoint_is_an_ip_address() {
    let server = Server::start().await;
    server.create_bucket("bucket");
    let endpoint = format!("http://{}", server.address);
    let addressing = milvus_backup_storage::S3Addressing::VirtualHost;
    let store = open(S3Config { addressing, ..s3_config(&endpoint, "bucket") });
    assert!(is_empty(&store).await);
}

#[tokio::test]
async fn a_bucket_tells_the_time_by_which_it_dates_objects() {
    let server = Server::start().await;
    let store = server.store("bucket");
    let key = ObjectKey::new("a/0");
    assert_eq!(store.assumed_now_ms(&key).await, None, "no request was sent yet");
    write_objects(&store, 1).await;
    let written = store.metadata(&key).await.unwrap().unwrap().modified_ms.unwrap();
    let is_soon_after = |now: Option<i64>| (-1_000..600_000).contains(&(now.unwrap() - written));
    assert!(is_soon_after(store.assumed_now_ms(&key).await));
    assert!(is_soon_after(store.now_ms(&key).await));
    let listed: Vec<_> =
        store.list(&ObjectKey::new("")).map_ok(|object| object.key).try_collect().await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&key), "the probe is removed");
    server.inject(Method::PUT, "/bucket/", ANY_NUMBER, Fault::Answer(403, ""));
    assert!(is_soon_after(store.now_ms(&key).await), "the answers tell it where no probe can be written");
}

/// Refuses to create an object for another account than the owner of the bucket, unless the owner may read it.
fn demand_acl(parts: &Parts) -> Option<(u16, (&'static str, &'static str), &'static str)> {
    let query = parts.uri.query().unwrap_or_default();
    let creates = (parts.method == Method::PUT && !query.contains("partNumber"))
        || (parts.method == Method::POST && query.contains("uploads"));
    let has = |name: &str, value: &str| parts.headers.get(name).is_some_and(|given| given == value);
    let is_complete = has("x-amz-acl", "bucket-owner-full-control") && has("x-amz-storage-class", "STANDARD");
    let denied = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
    (creates != is_complete).then_some((403, ("x-request", "1"), denied))
}

#[tokio::test]
async fn new_objects_have_the_configured_acl_and_storage_class_however_they_are_written() {
    let server = Server::start().await;
    server.create_bucket("bucket");
    server.create_bucket("other");
    server.refuse(demand_acl);
    let new_objects = NewObjectOptions {
        acl: "bucket-owner-full-control".to_owned(),
        storage_class: "STANDARD".to_owned(),
    };
    let store = open(S3Config { new_objects: new_objects.clone(), ..server.config("bucket") });
    let other = open(S3Config { new_objects, ..server.config("other") });
    let (small, large) = (ObjectKey::new("a/small"), ObjectKey::new("a/large"));
    store.write(&small, Bytes::from_static(b"content")).await.unwrap();
    let mut writer = store.open_writer(&large).await.unwrap();
    writer.write(Bytes::from(vec![7; 20 << 20])).await.unwrap();
    writer.close().await.unwrap();
    let options = MoverOptions {
        mode: CopyMode::Direct,
        concurrency: 2,
        multipart_threshold: 10 << 20,
        bytes_per_second: None,
    };
    let mover = Mover::new(store.clone(), other.clone(), options).unwrap();
    let items = [(&small, 7), (&large, 20 << 20)];
    let items = items.map(|(key, size)| CopyItem { from: key.clone(), to: key.clone(), size });
    mover.copy_all(items.into_iter(), &CancellationToken::new(), |_, _| {}).await.unwrap();
    assert_eq!(other.read(&large).await.unwrap().len(), 20 << 20);
    assert!(server.count_requests(&Method::POST, "uploads") >= 2, "both were also written in parts");
    other.delete(&[small, large]).await.unwrap();
}

#[tokio::test]
async fn a_bucket_tells_whether_it_keeps_old_versions() {
    for (document, expected) in [
        ("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", true),
        ("<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>", true),
        ("<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>", false),
    ] {
        let server = Server::start().await;
        let store = server.store("bucket");
        server.inject(Method::GET, "versioning", 1, Fault::Answer(200, document));
        assert_eq!(store.keeps_versions().await, expected, "{document}");
        server.inject(Method::GET, "versioning", 1, Fault::Answer(403, ""));
        assert!(!store.keeps_versions().await, "a store that does not tell is not an error");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_listing_is_an_error() {
    let server = Server::start().await;
    let store = server.store("bucket");
    write_objects(&store, 1).await;
    server.inject(Method::GET, "list-type", ANY_NUMBER, Fault::Answer(200, "<html>Please log in</html>"));
    let error = store.list_level(&ObjectKey::new("a/")).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Unreachable);
    assert!(error.to_string().ends_with("the endpoint answers, but not as an object store"), "{error}");
    server.inject(Method::GET, "list-type", ANY_NUMBER, Fault::Answer(404, "<html>Not found</html>"));
    let store = server.store("bucket");
    let error = store.list_level(&ObjectKey::new("b/")).await.unwrap_err();
    assert!(
        matches!(error.kind(), StorageErrorKind::Unreachable | StorageErrorKind::BucketMissing),
        "{error}"
    );
}
