//! What a program that takes in metrics learns of its stores.

use bytes::Bytes;
use futures::TryStreamExt;
use http::Method;
use metrics_exporter_prometheus::PrometheusBuilder;
use milvus_backup_storage::{CopyItem, CopyMode, Mover, MoverOptions};
use tokio_util::sync::CancellationToken;

use crate::places::disk;
use crate::server::{Fault, Server};

/// What Prometheus is told of the work.
fn measured(work: impl Future<Output = ()>) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // on one thread, since this recorder hears its own alone
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(work));
    handle.render()
}

fn has(told: &str, line: &str) {
    assert!(told.lines().any(|each| each == format!("milvus_backup_storage_{line}")), "no {line} in\n{told}");
}

const OPTIONS: MoverOptions = MoverOptions {
    mode: CopyMode::Auto,
    concurrency: 1,
    multipart_threshold: 1 << 30,
    bytes_per_second: None,
};

#[test]
fn requests_copies_retries_and_throttles_are_counted() {
    let told = measured(async {
        let server = Server::start().await;
        server.bucket("bucket");
        let store = server.store("bucket");
        let (from, to) = ("a".into(), "b".into());
        server.trap(Method::PUT, "/a", 1, Fault::Answer(503, ""));
        store.write(&from, Bytes::from("12345")).await.unwrap();
        store.list(&"".into()).try_collect::<Vec<_>>().await.unwrap();
        let mover = Mover::new(store.clone(), store, OPTIONS).unwrap();
        server.trap(Method::PUT, "/b", 1, Fault::Answer(503, ""));
        let items = std::iter::once(CopyItem { from, to, size: 5 });
        mover.copy_all(items, &CancellationToken::new(), |_, _| {}).await.unwrap();
    });
    for operation in ["write", "list", "copy"] {
        has(&told, &format!("call_seconds_count{{operation=\"{operation}\"}} 1"));
    }
    for operation in ["write", "copy"] {
        has(&told, &format!("retries_total{{operation=\"{operation}\"}} 1"));
        has(&told, &format!("throttles_total{{operation=\"{operation}\"}} 1"));
    }
    has(&told, "copied_objects_total 1");
    has(&told, "copied_bytes_total 5");
}

#[test]
fn a_disk_is_measured_too() {
    let told = measured(async {
        let place = disk().await.unwrap();
        let (from, to) = (place.put("a", "12345").await, place.key("b"));
        place.store.stat(&from).await.unwrap();
        let mover = Mover::new(place.store.clone(), place.store.clone(), OPTIONS).unwrap();
        let items = std::iter::once(CopyItem { from, to, size: 5 });
        mover.copy_all(items, &CancellationToken::new(), |_, _| {}).await.unwrap();
    });
    for operation in ["stat", "copy"] {
        has(&told, &format!("call_seconds_count{{operation=\"{operation}\"}} 1"));
    }
    has(&told, "copied_bytes_total 5");
    assert!(!told.contains("retries") && !told.contains("throttles"), "{told}");
}
