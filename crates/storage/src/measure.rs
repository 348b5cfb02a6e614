//! Metrics of stores: durations, retries, throttling and copied data.
//!
//! They go to the recorder of the crate `metrics` that the program installed; without a recorder they are dropped.
//! For a bucket, each request is measured, so that retries count separately; for a disk, each operation is measured.

use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use opendal_layer_observe_metrics_common::{MetricLabels, MetricValue, MetricsIntercept, MetricsLayer};

use crate::error::Result;

/// Histogram: duration of a request or operation in seconds, by `operation`.
const CALL_SECONDS: &str = "milvus_backup_storage_call_seconds";
/// Counter: retried requests, by `operation`.
const RETRIES: &str = "milvus_backup_storage_retries_total";
/// Counter: answers that ask for fewer requests (HTTP 429 and 503), by `operation`.
const THROTTLES: &str = "milvus_backup_storage_throttles_total";
/// Counter: objects copied by a mover.
const COPIED_OBJECTS: &str = "milvus_backup_storage_copied_objects_total";
/// Counter: bytes of the objects copied by a mover.
const COPIED_BYTES: &str = "milvus_backup_storage_copied_bytes_total";

/// Builds the layer that measures every request of OpenDAL.
pub(crate) fn metrics_layer() -> MetricsLayer<StoreMetrics> {
    MetricsLayer::new(StoreMetrics)
}

/// Records the duration of a successful call.
pub(crate) fn record_duration(operation: &'static str, time: Duration) {
    histogram!(CALL_SECONDS, "operation" => operation).record(time.as_secs_f64());
}

/// Counts the retry of a call.
pub(crate) fn count_retry(operation: &'static str) {
    counter!(RETRIES, "operation" => operation).increment(1);
}

/// Counts an answer if its HTTP status asks for fewer requests.
pub(crate) fn count_throttle(operation: &'static str, status: u16) {
    if matches!(status, 429 | 503) {
        counter!(THROTTLES, "operation" => operation).increment(1);
    }
}

/// Counts a copied object and its bytes.
pub(crate) fn count_copied(bytes: u64) {
    counter!(COPIED_OBJECTS).increment(1);
    counter!(COPIED_BYTES).increment(bytes);
}

/// Runs a call and records its duration if it succeeds.
pub(crate) async fn record_if_ok<T>(
    operation: &'static str,
    call: impl Future<Output = Result<T>>,
) -> Result<T> {
    let started = Instant::now();
    let value = call.await?;
    record_duration(operation, started.elapsed());
    Ok(value)
}

/// Receives all measurements of OpenDAL and records those that this crate publishes.
#[derive(Clone, Debug)]
pub(crate) struct StoreMetrics;

impl MetricsIntercept for StoreMetrics {
    fn observe(&self, labels: MetricLabels, value: MetricValue) {
        let operation = labels.operation;
        match value {
            MetricValue::HttpRequestDurationSeconds(time) => record_duration(operation, time),
            MetricValue::OperationDurationSeconds(time) if labels.scheme == opendal::services::FS_SCHEME => {
                record_duration(operation, time);
            }
            MetricValue::HttpStatusErrorsTotal => {
                count_throttle(operation, labels.status_code.map_or(0, |status| status.as_u16()));
            }
            _ => {}
        }
    }
}
