//! Tests of the mover: server-side, streamed and local copies, retries, cancellation and limits.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryStreamExt;
use http::Method;
use milvus_backup_storage::{
    CopyError, CopyItem, CopyMethod, CopyMode, ListedObject, Mover, MoverOptions, StorageErrorKind, Store,
    StoreConfig,
};
use model::key::ObjectKey;
use testkit::servers;
use tokio_util::sync::CancellationToken;

use crate::fixtures::{self, ceph_bucket, key_pair, open};
use crate::server::{Fault, Server};

const MIB: u64 = 1 << 20;

/// Two buckets of one endpoint, and the server if it runs in this process.
type BucketPair = (Store, Store, Option<Server>);

async fn in_process() -> Option<BucketPair> {
    let server = Server::start().await;
    Some((server.store("source"), server.store("target"), Some(server)))
}

async fn ceph() -> Option<BucketPair> {
    let server = servers::s3()?;
    Some((ceph_bucket(&server).await, ceph_bucket(&server).await, None))
}

/// Runs the test cases of server-side copies against each of the named endpoints.
macro_rules! server_side_contract {
    ($($endpoint:ident),+) => { $(
        mod $endpoint {
            server_side_contract!(@cases $endpoint:
                objects_are_copied_across_buckets
                large_objects_are_copied_in_parts
                a_vanished_source_is_reported_as_such
                a_missing_bucket_is_not_a_vanished_source
            );
        }
    )+ };
    (@cases $endpoint:ident: $($case:ident)+) => { $(
        #[tokio::test]
        async fn $case() {
            if let Some((from, to, _server)) = super::$endpoint().await {
                super::$case(from, to).await;
            }
        }
    )+ };
}

server_side_contract!(in_process, ceph);

fn options() -> MoverOptions {
    MoverOptions {
        mode: CopyMode::Auto,
        concurrency: 8,
        multipart_threshold: 64 * MIB,
        bytes_per_second: None,
    }
}

fn mover(from: &Store, to: &Store) -> Mover {
    Mover::new(from.clone(), to.clone(), options()).unwrap()
}

fn item(from: &str, to: &str, size: u64) -> CopyItem {
    CopyItem { from: ObjectKey::new(from), to: ObjectKey::new(to), size }
}

async fn put(store: &Store, key: &str, bytes: impl Into<Bytes>) {
    store.write(&ObjectKey::new(key), bytes.into()).await.unwrap();
}

async fn get(store: &Store, key: &str) -> Bytes {
    store.read(&ObjectKey::new(key)).await.unwrap()
}

async fn copy(mover: &Mover, items: Vec<CopyItem>) -> Result<(), CopyError> {
    mover.copy_all(items.into_iter(), &CancellationToken::new(), |_, _| {}).await
}

fn mixed_bytes(len: u64) -> Bytes {
    (0..len).map(|i| u8::try_from((i ^ (i >> 13)) % 251).unwrap()).collect()
}

async fn objects_are_copied_across_buckets(from: Store, to: Store) {
    let keys: Vec<String> = (0..30).map(|n| format!("files/insert log+/ü&{n}%")).collect();
    for key in &keys {
        put(&from, key, key.clone()).await;
    }
    let mover = mover(&from, &to);
    assert_eq!(mover.copy_method(), CopyMethod::ServerSide);
    let seen = Mutex::new(Vec::new());
    let items = keys.iter().map(|key| item(key, &format!("backup/{key}"), key.len() as u64));
    mover
        .copy_all(items, &CancellationToken::new(), |item, copied| {
            seen.lock().unwrap().push((item.from.as_str().to_owned(), copied.clone()));
        })
        .await
        .unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(seen.len(), keys.len());
    for (key, copied) in seen {
        assert_eq!(get(&to, &format!("backup/{key}")).await, key);
        assert_eq!(copied.size, key.len() as u64);
        let meta = from.metadata(&ObjectKey::new(&key)).await.unwrap().unwrap();
        assert_eq!(copied.etag, meta.etag, "a copy in one piece keeps its tag");
    }
    assert_eq!(mover.copy_method(), CopyMethod::ServerSide);
}

async fn large_objects_are_copied_in_parts(from: Store, to: Store) {
    let bytes = mixed_bytes(25 * MIB + 7);
    put(&from, "large", bytes.clone()).await;
    let mover = Mover::new(
        from,
        to.clone(),
        MoverOptions { mode: CopyMode::Direct, multipart_threshold: 1, ..options() },
    )
    .unwrap();
    copy(&mover, vec![item("large", "copy of large", bytes.len() as u64)]).await.unwrap();
    assert!(get(&to, "copy of large").await == bytes);
}

async fn a_vanished_source_is_reported_as_such(from: Store, to: Store) {
    put(&from, "here", "x").await;
    for (size, threshold) in [(1, MIB), (3 * MIB, 1)] {
        let options = MoverOptions { multipart_threshold: threshold, ..options() };
        let mover = Mover::new(from.clone(), to.clone(), options).unwrap();
        let error = copy(&mover, vec![item("gone", "g", size)]).await.unwrap_err();
        assert!(error.source_vanished(), "{error}");
        assert_eq!(error.item.from, ObjectKey::new("gone"));
        assert!(error.to_string().contains("(NoSuchKey)"), "{error}");
    }
    assert!(!to.has_objects_below(&ObjectKey::default()).await.unwrap());
}

async fn a_missing_bucket_is_not_a_vanished_source(from: Store, to: Store) {
    put(&from, "a", "x").await;
    let endpoint = to.location().endpoint().unwrap().to_owned();
    let nowhere = open(fixtures::s3_config(&endpoint, "mb-no-such-bucket"));
    let direct = Mover::new(from, nowhere, MoverOptions { mode: CopyMode::Direct, ..options() }).unwrap();
    let error = copy(&direct, vec![item("a", "a", 1)]).await.unwrap_err();
    assert_eq!(
        (error.error.kind(), error.source_vanished()),
        (StorageErrorKind::BucketMissing, false),
        "{error}"
    );
}

#[tokio::test]
async fn a_copy_takes_one_request() {
    let (from, to, server) = in_process().await.unwrap();
    let server = server.unwrap();
    for n in 0..5 {
        put(&from, &format!("k{n}"), "x").await;
    }
    copy(&mover(&from, &to), (0..5).map(|n| item(&format!("k{n}"), &format!("c{n}"), 1)).collect())
        .await
        .unwrap();
    assert_eq!(server.count_requests(&Method::PUT, "/target/c"), 5);
    assert_eq!(server.count_requests(&Method::HEAD, "") + server.count_requests(&Method::GET, ""), 0);
}

#[tokio::test]
async fn temporary_failures_are_retried() {
    let (from, to, server) = in_process().await.unwrap();
    let server = server.unwrap();
    put(&from, "a", "text").await;
    server.inject(Method::PUT, "/target/a", 1, Fault::Answer(503, "<Error><Code>SlowDown</Code></Error>"));
    server.inject(Method::PUT, "/target/a", 1, Fault::Drop);
    server.inject(
        Method::PUT,
        "/target/a",
        1,
        Fault::Answer(200, "\n<Error><Code>InternalError</Code></Error>"),
    );
    copy(&mover(&from, &to), vec![item("a", "a", 4)]).await.unwrap();
    assert_eq!(get(&to, "a").await, "text");
    assert_eq!(server.count_requests(&Method::PUT, "/target/a"), 4);
}

#[tokio::test]
async fn an_error_document_with_status_200_is_an_error() {
    let (from, to, server) = in_process().await.unwrap();
    let server = server.unwrap();
    put(&from, "a", "text").await;
    let body = "<Error><Code>KeyTooLongError</Code><Message>Your key is too long.</Message></Error>";
    server.inject(Method::PUT, "/target/a", 1, Fault::Answer(200, body));
    let error = copy(&mover(&from, &to), vec![item("a", "a", 4)]).await.unwrap_err();
    let host = to.location().endpoint().unwrap().trim_start_matches("http://");
    let expected = format!(
        "cannot copy s3://source/a to s3://target/a at {host}: Your key is too long (KeyTooLongError)"
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn the_first_permanent_error_stops_all_copies() {
    let (from, to, server) = in_process().await.unwrap();
    let server = server.unwrap();
    put(&from, "a", "x").await;
    let mover = Mover::new(from, to, MoverOptions { concurrency: 2, ..options() }).unwrap();
    let items = (0..).map(|n| item(if n == 5 { "gone" } else { "a" }, &format!("c{n}"), 1));
    let error = mover.copy_all(items, &CancellationToken::new(), |_, _| {}).await.unwrap_err();
    assert_eq!(error.item.to, ObjectKey::new("c5"));
    assert!(
        server.count_requests(&Method::PUT, "/target/c") <= 8,
        "items are asked for only as there is room"
    );
}

#[tokio::test]
async fn a_failed_copy_in_parts_is_aborted() {
    let (from, to, server) = in_process().await.unwrap();
    let server = server.unwrap();
    put(&from, "large", mixed_bytes(21 * MIB)).await;
    server.inject(
        Method::PUT,
        "partNumber=2",
        9,
        Fault::Answer(403, "<Error><Code>AccessDenied</Code></Error>"),
    );
    let options = MoverOptions { mode: CopyMode::Direct, multipart_threshold: 1, ..options() };
    let mover = Mover::new(from, to.clone(), options).unwrap();
    let error = copy(&mover, vec![item("large", "large", 21 * MIB)]).await.unwrap_err();
    assert_eq!(error.error.kind(), StorageErrorKind::PermissionDenied);
    assert_eq!(server.count_requests(&Method::DELETE, "/target/large?uploadId="), 1);
    assert_eq!(server.count_requests(&Method::PUT, "/target/large"), 3);
    assert_eq!(to.metadata(&ObjectKey::new("large")).await.unwrap(), None);
}

#[tokio::test]
async fn a_cancelled_copy_ends_soon_and_is_aborted() {
    let (from, to, server) = in_process().await.unwrap();
    let server = server.unwrap();
    put(&from, "large", mixed_bytes(21 * MIB)).await;
    server.inject(Method::PUT, "partNumber=3", 1, Fault::Stall);
    let options = MoverOptions { multipart_threshold: 1, ..options() };
    let mover = Mover::new(from, to, options).unwrap();
    let cancel = CancellationToken::new();
    let stall = async {
        while server.count_requests(&Method::PUT, "/target/large") < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        cancel.cancel();
        Instant::now()
    };
    let items = [item("large", "large", 21 * MIB)].into_iter();
    let (result, cancelled) = tokio::join!(mover.copy_all(items, &cancel, |_, _| {}), stall);
    assert_eq!(result.unwrap_err().error.kind(), StorageErrorKind::Cancelled);
    assert!(cancelled.elapsed() < Duration::from_secs(20), "well before the deadline of the request");
    assert_eq!(server.count_requests(&Method::DELETE, "uploadId="), 1);
}

#[tokio::test]
async fn a_refused_server_side_copy_is_streamed() {
    // The last two are what the credentials of another tenant get, which see another bucket of the same name or none.
    for (status, document) in [
        (403, "<Error><Code>AccessDenied</Code></Error>"),
        (404, "<Error><Code>NoSuchKey</Code></Error>"),
        (404, "<Error><Code>NoSuchBucket</Code></Error>"),
    ] {
        let (from, to, server) = in_process().await.unwrap();
        for key in ["a", "b"] {
            put(&from, key, "text").await;
        }
        let server = server.unwrap();
        server.inject(Method::PUT, "/target/a", 1, Fault::Answer(status, document));
        let auto = mover(&from, &to);
        copy(&auto, vec![item("a", "a", 4)]).await.unwrap();
        assert_eq!(auto.copy_method(), CopyMethod::Streamed, "{document}");
        copy(&auto, vec![item("b", "b", 4)]).await.unwrap();
        assert_eq!((get(&to, "a").await, get(&to, "b").await), (Bytes::from("text"), Bytes::from("text")));
    }
}

#[tokio::test]
async fn a_refused_server_side_copy_is_an_error_where_streaming_is_excluded() {
    let (from, to, server) = in_process().await.unwrap();
    let (server, denied) = (server.unwrap(), Fault::Answer(403, "<Error><Code>AccessDenied</Code></Error>"));
    put(&from, "a", "text").await;
    server.inject(Method::PUT, "/target/a", 1, denied);
    let direct = Mover::new(from, to, MoverOptions { mode: CopyMode::Direct, ..options() }).unwrap();
    let error = copy(&direct, vec![item("a", "a", 4)]).await.unwrap_err();
    assert_eq!(error.error.kind(), StorageErrorKind::PermissionDenied);
}

#[tokio::test]
async fn a_refusal_is_remembered_for_all_objects_of_the_pair() {
    let (from, to, server) = in_process().await.unwrap();
    let server = server.unwrap();
    let keys = ["a", "b", "c"];
    for key in keys {
        put(&from, key, "text").await;
    }
    let unknown = "<Error><Code>NotImplemented</Code><Message>A header is not implemented.</Message></Error>";
    server.inject(Method::PUT, "/target/a", 1, Fault::Answer(501, unknown));
    let one_by_one = Mover::new(from, to.clone(), MoverOptions { concurrency: 1, ..options() }).unwrap();
    let clone = one_by_one.clone();
    copy(&one_by_one, vec![item("a", "a", 4), item("b", "b", 4)]).await.unwrap();
    copy(&clone, vec![item("c", "c", 4)]).await.unwrap();
    for key in keys {
        assert_eq!(get(&to, key).await, "text");
    }
    assert_eq!(
        server.count_requests(&Method::PUT, "/target/"),
        4,
        "only the first copy was tried in the store"
    );
    assert_eq!(server.count_requests(&Method::GET, "/source/"), 3);
}

#[tokio::test]
async fn a_wrong_secret_key_is_reported_without_showing_it() {
    let server = Server::start().await;
    let from = server.store("source");
    put(&from, "a", "x").await;
    server.create_bucket("target");
    let mut config = server.config("target");
    config.credentials = key_pair(fixtures::KEY, "not the secret");
    let error = copy(&mover(&from, &open(config)), vec![item("a", "a", 1)]).await.unwrap_err();
    assert!(error.to_string().contains("the secret key does not fit the access key"), "{error}");
    assert!(!format!("{error:?}").contains("not the secret"));
}

#[tokio::test]
async fn bytes_are_streamed_between_different_stores() {
    let (here, there) = (Server::start().await, Server::start().await);
    let disk = fixtures::disk().await.unwrap();
    let bytes = mixed_bytes(18 * MIB);
    let original = disk.put("dir/large", bytes.clone()).await;
    let stores = [disk.store.clone(), here.store("one"), there.store("two"), disk.store.clone()];
    let back = disk.key("back/large");
    let keys = [original.as_str(), "large", "again/large", back.as_str()];
    for (stores, keys) in stores.windows(2).zip(keys.windows(2)) {
        let mover = mover(&stores[0], &stores[1]);
        assert_eq!(mover.copy_method(), CopyMethod::Streamed);
        copy(&mover, vec![item(keys[0], keys[1], bytes.len() as u64)]).await.unwrap();
    }
    assert!(disk.store.read(&back).await.unwrap() == bytes);
    let entries: Vec<ListedObject> = disk.store.list(&disk.key("back")).try_collect().await.unwrap();
    assert_eq!(entries.len(), 1);
}

#[tokio::test]
async fn a_broken_stream_is_retried() {
    let server = Server::start().await;
    let from = server.store("source");
    let disk = fixtures::disk().await.unwrap();
    let bytes = mixed_bytes(MIB);
    put(&from, "a", bytes.clone()).await;
    server.inject(Method::GET, "/source/a", 1, Fault::Cut(300_000));
    server.inject(
        Method::GET,
        "/source/a",
        1,
        Fault::Answer(500, "<Error><Code>InternalError</Code></Error>"),
    );
    copy(&mover(&from, &disk.store), vec![item("a", disk.key("a").as_str(), MIB)]).await.unwrap();
    assert!(disk.store.read(&disk.key("a")).await.unwrap() == bytes);
}

#[tokio::test]
async fn a_failed_stream_leaves_no_file() {
    let server = Server::start().await;
    let from = server.store("source");
    let disk = fixtures::disk().await.unwrap();
    put(&from, "a", "text").await;
    let mover = mover(&from, &disk.store);
    let gone = copy(&mover, vec![item("gone", disk.key("gone").as_str(), 4)]).await.unwrap_err();
    assert!(gone.source_vanished(), "{gone}");
    let short = copy(&mover, vec![item("a", disk.key("a").as_str(), 5)]).await.unwrap_err();
    assert!(short.to_string().ends_with("the source returned 4 bytes, but its listing showed 5"), "{short}");
    let remaining: Vec<_> = std::fs::read_dir(format!("/{}", disk.base)).unwrap().collect();
    assert!(remaining.is_empty(), "{remaining:?}");
}

#[tokio::test]
async fn a_failed_stream_is_aborted_once() {
    let server = Server::start().await;
    let to = server.store("target");
    let disk = fixtures::disk().await.unwrap();
    let from = disk.put("large", mixed_bytes(18 * MIB)).await;
    server.inject(
        Method::PUT,
        "partNumber=2",
        9,
        Fault::Answer(403, "<Error><Code>AccessDenied</Code></Error>"),
    );
    let error =
        copy(&mover(&disk.store, &to), vec![item(from.as_str(), "large", 18 * MIB)]).await.unwrap_err();
    assert_eq!(error.error.kind(), StorageErrorKind::PermissionDenied, "{error}");
    assert!(error.to_string().starts_with("cannot write s3://target/large"), "{error}");
    assert_eq!(server.count_requests(&Method::DELETE, "/target/large?"), 1);
}

#[tokio::test]
async fn direct_copies_need_a_common_endpoint() {
    let (here, there) = (Server::start().await, Server::start().await);
    let direct = MoverOptions { mode: CopyMode::Direct, ..options() };
    let error = Mover::new(here.store("b"), there.store("b"), direct).err().unwrap();
    assert_eq!(error.kind(), StorageErrorKind::Config);
    let disk = Store::open(&StoreConfig::Disk).unwrap();
    assert!(Mover::new(here.store("b"), disk.clone(), direct).is_err());
    assert_eq!(Mover::new(disk.clone(), disk, direct).unwrap().copy_method(), CopyMethod::Kernel);
    let mut elsewhere = here.config("b");
    elsewhere.endpoint = format!("HTTP://LOCALHOST:{}/", here.address.port());
    assert_eq!(
        Mover::new(here.store("b"), open(elsewhere), direct).unwrap().copy_method(),
        CopyMethod::ServerSide
    );
}

#[tokio::test]
async fn a_rate_limit_applies_to_all_clones_together() {
    let (from, to, _server) = in_process().await.unwrap();
    put(&from, "a", mixed_bytes(1000)).await;
    let options = MoverOptions { bytes_per_second: Some(5000), ..options() };
    let one = Mover::new(from, to, options).unwrap();
    let other = one.clone();
    let started = Instant::now();
    let items = |name: &'static str| (0..2).map(|n| item("a", &format!("{name}{n}"), 1000)).collect();
    let (first, second) = tokio::join!(copy(&one, items("x")), copy(&other, items("y")));
    first.unwrap();
    second.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(790), "each object is paid for before it is copied");
}

#[tokio::test]
async fn a_single_object_that_the_store_copies_itself_takes_its_time() {
    let (from, to, _server) = in_process().await.unwrap();
    put(&from, "a", mixed_bytes(3000)).await;
    let mover = Mover::new(from, to, MoverOptions { bytes_per_second: Some(5000), ..options() }).unwrap();
    let started = Instant::now();
    copy(&mover, vec![item("a", "b", 3000)]).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(590), "{:?}", started.elapsed());
}
