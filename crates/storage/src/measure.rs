//! What stores cost in time and trouble, told to whoever takes in metrics; nobody does in a program that has none.
//!
//! Of a bucket each request is measured, tries that fail apart; of a disk each operation.

use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use opendal_layer_observe_metrics_common::{MetricLabels, MetricValue, MetricsIntercept, MetricsLayer};

use crate::error::Result;

/// How long a request or an operation took, seconds; by `operation`.
const CALL_SECONDS: &str = "milvus_backup_storage_call_seconds";
/// Requests sent again; by `operation`.
const RETRIES: &str = "milvus_backup_storage_retries_total";
/// Answers that ask for fewer requests: 429 and 503; by `operation`.
const THROTTLES: &str = "milvus_backup_storage_throttles_total";
/// Objects copied from store to store.
const COPIED_OBJECTS: &str = "milvus_backup_storage_copied_objects_total";
/// Their bytes.
const COPIED_BYTES: &str = "milvus_backup_storage_copied_bytes_total";

/// The layer below which every request of OpenDAL is measured.
pub(crate) fn layer() -> MetricsLayer<Measure> {
    MetricsLayer::new(Measure)
}

/// Counts a call that took so long.
pub(crate) fn took(operation: &'static str, time: Duration) {
    histogram!(CALL_SECONDS, "operation" => operation).record(time.as_secs_f64());
}

/// Counts a call that is made again.
pub(crate) fn again(operation: &'static str) {
    counter!(RETRIES, "operation" => operation).increment(1);
}

/// Counts an answer of a store by its HTTP status.
pub(crate) fn answered(operation: &'static str, status: u16) {
    if matches!(status, 429 | 503) {
        counter!(THROTTLES, "operation" => operation).increment(1);
    }
}

/// Counts an object that was copied.
pub(crate) fn copied(bytes: u64) {
    counter!(COPIED_OBJECTS).increment(1);
    counter!(COPIED_BYTES).increment(bytes);
}

/// Measures a call that does well.
pub(crate) async fn timed<T>(operation: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
    let begun = Instant::now();
    let done = call.await?;
    took(operation, begun.elapsed());
    Ok(done)
}

/// Takes of what OpenDAL measures what is ours to tell.
#[derive(Clone, Debug)]
pub(crate) struct Measure;

impl MetricsIntercept for Measure {
    fn observe(&self, labels: MetricLabels, value: MetricValue) {
        let operation = labels.operation;
        match value {
            MetricValue::HttpRequestDurationSeconds(time) => took(operation, time),
            MetricValue::OperationDurationSeconds(time) if labels.scheme == opendal::services::FS_SCHEME => {
                took(operation, time);
            }
            MetricValue::HttpStatusErrorsTotal => {
                answered(operation, labels.status_code.map_or(0, |status| status.as_u16()));
            }
            _ => {}
        }
    }
}
