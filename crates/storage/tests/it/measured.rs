//! Tests of the metrics of stores and movers.

use bytes::Bytes;
use futures::TryStreamExt;
use http::Method;
use metrics_exporter_prometheus::PrometheusBuilder;
use milvus_backup_storage::{CopyItem, CopyMode, Mover, MoverOptions};
use tokio_util::sync::CancellationToken;

use crate::fixtures::disk;
use crate::server::{Fault, Server};

/// Runs the work and returns its metrics in the text format of Prometheus.
fn metrics_of(work: impl Future<Output = ()>) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    // The recorder is local to this thread, so all work must run on it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(work));
    handle.render()
}

fn assert_has_line(metrics: &str, line: &str) {
    assert!(
        metrics.lines().any(|each| each == format!("milvus_backup_storage_{line}")),
        "no {line} in\n{metrics}"
    );
}

const OPTIONS: MoverOptions = MoverOptions {
    mode: CopyMode::Auto,
    concurrency: 1,
    multipart_threshold: 1 << 30,
    bytes_per_second: None,
};

#[test]
fn requests_copies_retries_and_throttles_are_counted() {
    let metrics = metrics_of(async {
        let server = Server::start().await;
        server.create_bucket("bucket");
        let store = server.store("bucket");
        let (from, to) = ("a".into(), "b".into());
        server.inject(Method::PUT, "/a", 1, Fault::Answer(503, ""));
        store.write(&from, Bytes::from("12345")).await.unwrap();
        store.list(&"".into()).try_collect::<Vec<_>>().await.unwrap();
        let mover = Mover::new(store.clone(), store, OPTIONS).unwrap();
        server.inject(Method::PUT, "/b", 1, Fault::Answer(503, ""));
        let items = std::iter::once(CopyItem { from, to, size: 5 });
        mover.copy_all(items, &CancellationToken::new(), |_, _| {}).await.unwrap();
    });
    for operation in ["write", "list", "copy"] {
        assert_has_line(&metrics, &format!("call_seconds_count{{operation=\"{operation}\"}} 1"));
    }
    for operation in ["write", "copy"] {
        assert_has_line(&metrics, &format!("retries_total{{operation=\"{operation}\"}} 1"));
        assert_has_line(&metrics, &format!("throttles_total{{operation=\"{operation}\"}} 1"));
    }
    assert_has_line(&metrics, "copied_objects_total 1");
    assert_has_line(&metrics, "copied_bytes_total 5");
}

#[test]
fn operations_on_a_disk_are_measured() {
    let metrics = metrics_of(async {
        let fixture = disk().await.unwrap();
        let (from, to) = (fixture.put("a", "12345").await, fixture.key("b"));
        fixture.store.metadata(&from).await.unwrap();
        let mover = Mover::new(fixture.store.clone(), fixture.store.clone(), OPTIONS).unwrap();
        let items = std::iter::once(CopyItem { from, to, size: 5 });
        mover.copy_all(items, &CancellationToken::new(), |_, _| {}).await.unwrap();
    });
    for operation in ["stat", "copy"] {
        assert_has_line(&metrics, &format!("call_seconds_count{{operation=\"{operation}\"}} 1"));
    }
    assert_has_line(&metrics, "copied_bytes_total 5");
    assert!(!metrics.contains("retries") && !metrics.contains("throttles"), "{metrics}");
}
