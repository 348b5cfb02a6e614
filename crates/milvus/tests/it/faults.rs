//! Tests against a fake server: other releases, and failures that real servers show rarely.

use std::time::Duration;

use milvus::{
    Auth, CallLimits, ConnectConfig, GcPauseTicket, ImportPrefixes, ImportRequest, ImportState, Milvus,
    MilvusErrorKind, Tls,
};
use model::manifest::KeyValue;
use model::name::CollectionRef;
use model::segment::SegmentState;
use tempfile::TempDir;
use testkit::fake::{FakeConfig, FakeMilvus, Fault, SegmentDelays};
use testkit::test_milvus::TestMilvus;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fixtures::{flat_index, small_collection, small_rows};
use crate::{collections, imports, rows};

fn connect_config(fake: &FakeMilvus) -> ConnectConfig {
    ConnectConfig {
        address: fake.host(),
        port: fake.port(),
        tls: Tls::Disabled,
        auth: Auth::None,
        management_endpoint: Some(fake.management_endpoint()),
        limits: CallLimits::default(),
    }
}

/// Starts a fake server of this release without files, and connects to it.
async fn start_fake(version: &str) -> (FakeMilvus, Milvus) {
    let fake = FakeMilvus::start(FakeConfig::new(version, "/nonexistent"));
    let milvus = Milvus::connect(&connect_config(&fake)).await.unwrap();
    (fake, milvus)
}

/// Returns the name of the collection that these tests use.
fn shop() -> CollectionRef {
    CollectionRef::new("", "shop")
}

/// Counts how often a call was received.
fn count_calls(fake: &FakeMilvus, call: &str) -> usize {
    fake.calls().iter().filter(|each| *each == call).count()
}

#[tokio::test]
async fn a_server_that_never_answers_is_unreachable() {
    // A server that demands TLS may do this to a client without.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = ConnectConfig {
        address: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
        limits: CallLimits {
            attempt: Duration::from_millis(100),
            connect: Duration::from_secs(2),
            ..CallLimits::default()
        },
        ..connect_config(&FakeMilvus::start(FakeConfig::new("2.3.5", "/nonexistent")))
    };
    let error = Milvus::connect(&config).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn every_release_reports_its_version() {
    for (version, supported) in
        [("2.2.8", false), ("2.2.9", true), ("2.3.22", true), ("2.4.0", true), ("2.6.11", true)]
    {
        let (fake, milvus) = start_fake(version).await;
        assert_eq!(milvus.server().version.to_string(), format!("v{version}"));
        assert_eq!(milvus.server().version.supported().is_ok(), supported, "{version}");
        // `Connect` is newer than `GetVersion` and missing in 2.2.8.
        assert_eq!(count_calls(&fake, "GetVersion") == 1, version == "2.2.8");
    }
}

#[tokio::test]
async fn the_fake_server_passes_the_tests_of_real_servers() {
    for version in ["2.2.16", "2.3.5"] {
        let root = tempfile::tempdir().unwrap();
        let fake = FakeMilvus::start(FakeConfig::new(version, root.path()));
        let milvus = TestMilvus::connect(&connect_config(&fake)).await.unwrap();
        collections::check_databases(&milvus).await;
        collections::check_parts(&milvus).await;
        collections::check_missing_objects(&milvus).await;
        imports::check_refused_imports(&milvus).await;
        rows::check_rows(&milvus).await;
    }
}

#[tokio::test]
async fn replies_larger_than_4_mib_are_accepted() {
    let (_fake, milvus) = start_fake("2.3.5").await;
    milvus.create_collection(&small_collection(&shop())).await.unwrap();
    let large = KeyValue::new("large", "x".repeat(5 << 20));
    milvus.alter_collection(&shop(), std::slice::from_ref(&large)).await.unwrap();
    assert_eq!(milvus.describe_collection(&shop()).await.unwrap().properties, [large]);
}

#[tokio::test]
async fn unsupported_calls_are_replaced() {
    let (_fake, milvus) = start_fake("2.2.8").await;
    assert_eq!(milvus.list_databases().await.unwrap(), ["default"]);
    let (fake, milvus) = start_fake("2.2.16").await;
    milvus.create_collection(&small_collection(&shop())).await.unwrap();
    milvus.create_alias(&shop(), "store").await.unwrap();
    assert_eq!(milvus.aliases(&shop()).await.unwrap(), ["store"]);
    assert_eq!(count_calls(&fake, "ListAliases"), 0);
}

#[tokio::test]
async fn a_rate_limited_call_is_retried() {
    for version in ["2.2.16", "2.3.5"] {
        let (fake, milvus) = start_fake(version).await;
        fake.inject(Fault::RateLimited { call: "ListDatabases", times: 2 });
        assert_eq!(milvus.list_databases().await.unwrap(), ["default"]);
        assert_eq!(count_calls(&fake, "ListDatabases"), 3);
    }
}

#[tokio::test]
async fn a_permanent_rate_limit_is_an_error() {
    let (fake, _) = start_fake("2.3.5").await;
    fake.inject(Fault::RateLimited { call: "ListDatabases", times: u32::MAX });
    let limits = CallLimits { busy: Duration::from_millis(500), ..CallLimits::default() };
    let milvus = Milvus::connect(&ConnectConfig { limits, ..connect_config(&fake) }).await.unwrap();
    let error = milvus.list_databases().await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::RateLimited);
    assert!(error.is_temporary());
    assert!(error.to_string().starts_with("cannot list the databases of 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn calls_are_retried_after_an_outage_but_imports_are_not() {
    let (fake, milvus) = start_fake("2.3.5").await;
    milvus.create_collection(&small_collection(&shop())).await.unwrap();
    fake.inject(Fault::Unavailable { call: "DescribeCollection", times: 2 });
    milvus.describe_collection(&shop()).await.unwrap();
    assert_eq!(count_calls(&fake, "DescribeCollection"), 3);

    fake.inject(Fault::Unavailable { call: "Import", times: 1 });
    let error = milvus.import(&import_request("/nowhere/")).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Unreachable);
    assert_eq!(count_calls(&fake, "Import"), 1);
    fake.inject(Fault::RateLimited { call: "Import", times: 1 });
    milvus.import(&import_request("/nowhere/")).await.expect("a rate limit means that nothing was done");
    assert_eq!(count_calls(&fake, "Import"), 3);
}

#[tokio::test]
async fn an_insert_without_an_answer_is_not_repeated_but_an_upsert_is() {
    let (fake, milvus) = start_fake("2.3.5").await;
    milvus.create_collection(&small_collection(&shop())).await.unwrap();
    fake.inject(Fault::AnswerLost { call: "Insert" });
    let (columns, rows) = rows::columns(0..3, false);
    let error = milvus.insert_rows(&shop(), None, columns.clone(), rows).await.unwrap_err();
    assert!(!error.was_never_executed(), "{error}");
    assert_eq!(count_calls(&fake, "Insert"), 1);
    assert_eq!(fake.rows("default", "shop").len(), 3);

    fake.inject(Fault::AnswerLost { call: "Upsert" });
    milvus.upsert_rows(&shop(), None, columns.clone(), rows).await.unwrap();
    assert_eq!(count_calls(&fake, "Upsert"), 2);
    assert_eq!(fake.rows("default", "shop").len(), 3);

    fake.inject(Fault::RateLimited { call: "Insert", times: 1 });
    milvus.insert_rows(&shop(), None, columns, rows).await.expect("a rate limit means that nothing was done");
    assert_eq!(fake.rows("default", "shop").len(), 6);
}

#[tokio::test]
async fn a_server_that_stopped_is_an_error() {
    let (fake, milvus) = {
        let (fake, _) = start_fake("2.3.5").await;
        let limits = CallLimits { outage: Duration::from_millis(500), ..CallLimits::default() };
        let milvus = Milvus::connect(&ConnectConfig { limits, ..connect_config(&fake) }).await.unwrap();
        (fake, milvus)
    };
    drop(fake);
    let error = milvus.list_databases().await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Unreachable, "{error}");
    assert!(error.is_temporary());
}

#[tokio::test]
async fn a_call_without_an_answer_times_out() {
    let (fake, _) = start_fake("2.3.5").await;
    let short = Duration::from_secs(1);
    let limits = CallLimits { attempt: short, outage: short, ..CallLimits::default() };
    let milvus = Milvus::connect(&ConnectConfig { limits, ..connect_config(&fake) }).await.unwrap();
    fake.inject(Fault::Hangs { call: "HasCollection" });
    let error = milvus.has_collection(&shop()).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Timeout, "{error}");
    assert_eq!(error.to_string(), "cannot look for collection default.shop: no answer within 1s");
}

#[tokio::test]
async fn a_dropped_call_leaves_the_connection_usable() {
    let (fake, milvus) = start_fake("2.3.5").await;
    fake.inject(Fault::Hangs { call: "HasCollection" });
    let call = tokio::spawn({
        let milvus = milvus.clone();
        async move { milvus.has_collection(&shop()).await }
    });
    while count_calls(&fake, "HasCollection") == 0 {
        tokio::task::yield_now().await;
    }
    call.abort();
    assert!(call.await.is_err_and(|error| error.is_cancelled()));
    assert!(!milvus.has_collection(&shop()).await.unwrap());
}

#[tokio::test]
async fn a_collection_dropped_between_two_calls_is_reported() {
    let (fake, milvus) = start_fake("2.3.5").await;
    milvus.create_collection(&small_collection(&shop())).await.unwrap();
    fake.inject(Fault::CollectionVanishes { collection: "shop".to_owned(), before: "Flush" });
    milvus.describe_collection(&shop()).await.unwrap();
    assert_eq!(milvus.flush(&shop()).await.unwrap_err().kind(), MilvusErrorKind::CollectionNotFound);
}

/// Starts a fake server with these delays, and creates a collection with 10 rows that are not flushed.
///
/// `limit` is the time limit of a flush.
async fn start_slow_fake(delays: SegmentDelays, limit: Duration) -> (TempDir, FakeMilvus, TestMilvus) {
    let root = tempfile::tempdir().unwrap();
    let fake = FakeMilvus::start(FakeConfig::new("2.3.15", root.path()).delays(delays));
    let limits = CallLimits { flush: limit, ..CallLimits::default() };
    let milvus = TestMilvus::connect(&ConnectConfig { limits, ..connect_config(&fake) }).await.unwrap();
    milvus.create_collection(&small_collection(&shop())).await.unwrap();
    milvus.insert(&shop(), None, &small_rows(0..10)).await;
    (root, fake, milvus)
}

const SHORT_DELAY: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_slow_flush_is_awaited_up_to_its_limit() {
    let delays = SegmentDelays { sealed: SHORT_DELAY, flushing: Duration::ZERO };
    let (_root, fake, milvus) = start_slow_fake(delays, Duration::from_mins(1)).await;
    let flushed = milvus.flush(&shop()).await.unwrap();
    assert!(count_calls(&fake, "GetFlushState") > 1);
    assert!(flushed.backup_timestamp < flushed.flush_ts, "checkpoints are older than the flush: {flushed:?}");
    assert_eq!((flushed.checkpoints.len(), flushed.sealed.len()), (1, 1));
    assert_eq!(milvus.flush(&shop()).await.unwrap().sealed, [], "nothing was written since");

    let delays = SegmentDelays { sealed: Duration::from_hours(1), ..delays };
    let (_root, _fake, milvus) = start_slow_fake(delays, Duration::from_millis(100)).await;
    let error = milvus.flush(&shop()).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Timeout);
    assert_eq!(error.to_string(), "cannot flush collection default.shop: not on the store after 100ms");
}

#[tokio::test]
async fn a_flush_completes_before_its_segments_are_in_the_store() {
    let delays = SegmentDelays { sealed: SHORT_DELAY, flushing: SHORT_DELAY };
    let (_root, _fake, milvus) = start_slow_fake(delays, Duration::from_mins(1)).await;
    assert_eq!(milvus.segments(&shop()).await.unwrap(), [], "a growing segment is not listed");
    let flushed = milvus.flush(&shop()).await.unwrap();
    let first = milvus.segments(&shop()).await.unwrap().remove(0);
    assert_eq!((first.id, first.state, first.rows), (flushed.sealed[0], SegmentState::Flushing, 10));
    let wait_for_store = async {
        while milvus.segments(&shop()).await.unwrap()[0].state != SegmentState::Flushed {
            tokio::time::sleep(SHORT_DELAY).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), wait_for_store).await.unwrap();
}

#[tokio::test]
async fn listing_segments_is_retried_if_compaction_replaces_one() {
    let (fake, milvus) = start_fake("2.3.5").await;
    milvus.create_collection(&small_collection(&shop())).await.unwrap();
    fake.inject(Fault::NotFound { call: "GetPersistentSegmentInfo", times: 2 });
    assert_eq!(milvus.segments(&shop()).await.unwrap(), []);
    assert_eq!(count_calls(&fake, "GetPersistentSegmentInfo"), 3);
}

fn import_request(prefix: &str) -> ImportRequest {
    ImportRequest {
        column_groups: false,
        until: None,
        ezk: String::new(),
        target: shop(),
        partition: Some("_default".to_owned()),
        files: vec![ImportPrefixes { insert: prefix.to_owned(), delta: String::new() }],
    }
}

/// Starts an import job and returns the states it reports, at most four, and its last row count.
async fn import_states(milvus: &Milvus, request: &ImportRequest) -> (Vec<ImportState>, u64) {
    let job = milvus.import(request).await.unwrap();
    let mut states = Vec::new();
    loop {
        let status = milvus.import_state(&job).await.unwrap();
        let finished = matches!(status.state, ImportState::Completed | ImportState::Failed(_));
        states.push(status.state);
        if finished || states.len() == 4 {
            return (states, status.rows);
        }
    }
}

#[tokio::test]
async fn import_jobs_complete_fail_or_hang() {
    let (fake, milvus) = start_fake("2.3.5").await;
    milvus.create_collection(&small_collection(&shop())).await.unwrap();
    let (running, done) = (ImportState::Running, ImportState::Completed);

    let empty = import_states(&milvus, &import_request("/nowhere/")).await;
    assert_eq!(empty, (vec![running.clone(), running.clone(), done.clone()], 0));
    fake.inject(Fault::ImportStuck);
    assert_eq!(import_states(&milvus, &import_request("/nowhere/")).await.0, vec![running.clone(); 4]);
    fake.inject(Fault::ImportFails("disk full".to_owned()));
    let failed = ImportState::Failed("disk full".to_owned());
    assert_eq!(import_states(&milvus, &import_request("/nowhere/")).await.0, [running, failed]);
}

#[tokio::test]
async fn the_fake_server_imports_the_files_it_wrote() {
    let root = tempfile::tempdir().unwrap();
    let fake = FakeMilvus::start(FakeConfig::new("2.3.5", root.path()));
    let milvus = TestMilvus::connect(&connect_config(&fake)).await.unwrap();
    milvus.create_collection(&small_collection(&shop())).await.unwrap();
    milvus.create_index(&shop(), &flat_index()).await.unwrap();
    milvus.insert(&shop(), None, &small_rows(0..30)).await;
    milvus.flush(&shop()).await.unwrap();
    fake.inject(Fault::Compacted { collection: "shop".to_owned() });
    let before = milvus.segments(&shop()).await.unwrap();
    let after = milvus.segments(&shop()).await.unwrap();
    assert_eq!((before[0].rows, after[0].rows), (30, 30));
    assert_ne!(before[0].id, after[0].id);

    let id = milvus.describe_collection(&shop()).await.unwrap().id;
    let prefix = format!("{}/insert_log/{id}/", root.path().display());
    let (states, rows) = import_states(&milvus, &import_request(&prefix)).await;
    assert_eq!((states.last(), rows), (Some(&ImportState::Completed), 30));
    crate::fixtures::load_and_wait(&milvus, &shop()).await;
    assert_eq!(milvus.row_count(&shop()).await, 60);

    let wide = CollectionRef::new("", "wide");
    let mut create = small_collection(&wide);
    create.schema.fields[2].type_params[0].value = "8".to_owned();
    milvus.create_collection(&create).await.unwrap();
    let (states, _) =
        import_states(&milvus, &ImportRequest { target: wide, ..import_request(&prefix) }).await;
    let reason = "dimension 4 is not equal to schema dimension 8: importing data failed".to_owned();
    assert_eq!(states.last(), Some(&ImportState::Failed(reason)));
}

#[tokio::test]
async fn garbage_collection_is_paused_if_the_server_supports_it() {
    let (old, milvus) = start_fake("2.3.5").await;
    let error = milvus.gc_pause(Duration::from_mins(1)).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Unsupported, "{error}");
    drop(old);

    let (fake, milvus) = start_fake("2.3.22").await;
    let ticket = milvus.gc_pause(Duration::from_mins(1)).await.unwrap();
    milvus.gc_resume(&ticket).await.unwrap();
    let route = "/management/datacoord/garbage_collection";
    assert!(fake.calls().ends_with(&[format!("{route}/pause?pause_seconds=60"), format!("{route}/resume")]));
    fake.inject(Fault::ManagementFails);
    let error = milvus.gc_resume(&GcPauseTicket::default()).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Server);
    assert!(error.to_string().contains("500"), "{error}");
}

#[tokio::test]
async fn a_404_of_another_server_does_not_mean_that_milvus_cannot_pause_its_garbage_collection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.read_buf(&mut Vec::with_capacity(4096)).await.unwrap();
            let reply =
                "HTTP/1.1 404 Not Found\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>";
            socket.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    let fake = FakeMilvus::start(FakeConfig::new("2.3.6", "/nonexistent"));
    let config = ConnectConfig { management_endpoint: Some(endpoint), ..connect_config(&fake) };
    let error =
        Milvus::connect(&config).await.unwrap().gc_resume(&GcPauseTicket::default()).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Server);
    assert!(error.to_string().contains("something else than Milvus"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_not_retried() {
    let fake = FakeMilvus::start(FakeConfig::new("2.3.5", "/nonexistent").login("root:Milvus"));
    let login = |password: &str| ConnectConfig {
        auth: Auth::Password { user: "root".to_owned(), password: password.into() },
        ..connect_config(&fake)
    };
    let error = Milvus::connect(&login("wrong")).await.unwrap_err();
    assert_eq!(error.kind(), MilvusErrorKind::Unauthenticated);
    assert!(!error.to_string().contains("wrong"), "{error}");
    assert_eq!(fake.calls(), ["Connect"]);
    Milvus::connect(&login("Milvus")).await.expect("the right one");
}

#[test]
fn calls_and_retries_are_measured() {
    let fake = FakeMilvus::start(FakeConfig::new("2.3.5", "/nonexistent"));
    fake.inject(Fault::Unavailable { call: "ListDatabases", times: 2 });
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // The recorder is local to this thread, so all work must run on it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let work =
        async { Milvus::connect(&connect_config(&fake)).await.unwrap().list_databases().await.unwrap() };
    metrics::with_local_recorder(&recorder, || runtime.block_on(work));
    let metrics = handle.render();
    for line in [
        "milvus_backup_milvus_call_seconds_count{call=\"list_databases\"} 3",
        "milvus_backup_milvus_retries_total{call=\"list_databases\"} 2",
    ] {
        assert!(metrics.lines().any(|each| each == line), "no {line} in\n{metrics}");
    }
}
