//! Metrics for Prometheus.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use engine::now_ms;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use jobs::{JobKind, JobSnapshot, JobState, Jobs};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::policy::{DeclaredRoutes, Policy, RefusalForm};
use super::process;

/// The interval at which the exporter compacts its samples, which would accumulate without scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The bucket bounds of calls and requests, in seconds.
const CALL_BUCKETS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// The bucket bounds of jobs, in seconds.
const JOB_BUCKETS: [f64; 10] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0];

/// Installs the recorder of the process. A second call in one process has no effect on the first recorder.
pub(super) fn install_recorder(build: &'static str) -> Result<PrometheusHandle, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&CALL_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full("milvus_backup_job_seconds".to_owned()), &JOB_BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::debug!("a metrics recorder is installed already");
    }
    describe_metrics();
    initialize_counters();
    let version = env!("CARGO_PKG_VERSION");
    gauge!("milvus_backup_build_info", "version" => version, "build" => build).set(1.0);
    gauge!("process_start_time_seconds").set(now_ms() as f64 / 1000.0);
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_INTERVAL).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

fn describe_metrics() {
    describe_gauge!("milvus_backup_build_info", "Version and build of the program; always 1.");
    describe_gauge!("milvus_backup_jobs", "Stored jobs by kind and state.");
    describe_gauge!(
        "milvus_backup_last_backup_timestamp_seconds",
        "End of the newest backup that succeeded completely."
    );
    describe_gauge!(
        "milvus_backup_last_backup_age_seconds",
        "Age of the newest backup that succeeded completely."
    );
    describe_counter!("milvus_backup_jobs_ended_total", "Finished jobs by kind and result.");
    describe_counter!("milvus_backup_job_bytes_total", "Bytes moved by finished jobs, by kind.");
    describe_counter!("milvus_backup_job_objects_total", "Objects moved by finished jobs, by kind.");
    describe_histogram!("milvus_backup_job_seconds", "Run time of jobs by kind and result.");
    describe_counter!(
        "milvus_backup_http_requests_total",
        "Requests by method, route and status, including gRPC calls."
    );
    describe_histogram!(
        "milvus_backup_http_request_seconds",
        "Response time of requests by method and route."
    );
    describe_counter!("milvus_backup_refused_logins_total", "Rejected tokens, users and passwords.");
    describe_counter!("milvus_backup_refused_connections_total", "Rejected connections above the limit.");
    describe_histogram!("milvus_backup_storage_call_seconds", "Response time of stores by operation.");
    describe_histogram!("milvus_backup_milvus_call_seconds", "Response time of Milvus by call.");
    describe_counter!("milvus_backup_storage_retries_total", "Retried requests to stores by operation.");
    describe_counter!("milvus_backup_storage_throttles_total", "Responses 429 and 503 of stores.");
    describe_counter!("milvus_backup_storage_copied_objects_total", "Objects copied from store to store.");
    describe_counter!("milvus_backup_storage_copied_bytes_total", "Bytes copied from store to store.");
    describe_counter!("milvus_backup_milvus_retries_total", "Retried calls to Milvus by call.");
    describe_gauge!("process_resident_memory_bytes", "Resident memory.");
    describe_gauge!("process_open_fds", "Open file descriptors.");
    describe_gauge!("process_max_fds", "Limit of open file descriptors.");
    describe_gauge!("process_threads", "Threads.");
    describe_gauge!("process_start_time_seconds", "Start time of the server.");
}

/// Sets counters to 0: Prometheus sees the first failure as an increase only if there was a value before.
fn initialize_counters() {
    for kind in JobKind::ALL.map(JobKind::as_str) {
        for result in JobState::ALL.into_iter().filter(|state| state.is_over()) {
            counter!("milvus_backup_jobs_ended_total", "kind" => kind, "result" => result.as_str())
                .increment(0);
        }
        counter!("milvus_backup_job_bytes_total", "kind" => kind).increment(0);
        counter!("milvus_backup_job_objects_total", "kind" => kind).increment(0);
    }
    counter!("milvus_backup_refused_logins_total").increment(0);
    counter!("milvus_backup_refused_connections_total").increment(0);
    counter!("milvus_backup_storage_retries_total").increment(0);
    counter!("milvus_backup_storage_throttles_total").increment(0);
    counter!("milvus_backup_storage_copied_bytes_total").increment(0);
    counter!("milvus_backup_milvus_retries_total").increment(0);
}

/// Returns the route `/metrics`; with `public` it requires no authentication.
pub(super) fn routes(handle: PrometheusHandle, jobs: Jobs, public: bool) -> DeclaredRoutes {
    let policy = Policy::reads(RefusalForm::Problem);
    let policy = if public { policy.public() } else { policy };
    DeclaredRoutes::new().get("/metrics", policy, scrape).with_state(Arc::new((handle, jobs)))
}

async fn scrape(State(state): State<Arc<(PrometheusHandle, Jobs)>>) -> impl IntoResponse {
    let (handle, jobs) = state.as_ref();
    for ((kind, state), count) in jobs.counts() {
        gauge!("milvus_backup_jobs", "kind" => kind.as_str(), "state" => state.as_str()).set(count as f64);
    }
    if let Some(ended_ms) = jobs.last_backup() {
        gauge!("milvus_backup_last_backup_timestamp_seconds").set(ended_ms as f64 / 1000.0);
        gauge!("milvus_backup_last_backup_age_seconds").set((now_ms() - ended_ms) as f64 / 1000.0);
    }
    process::update_gauges();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
}

/// Counts a finished job.
pub(super) fn count_finished_job(job: &JobSnapshot) {
    let (kind, result) = (job.kind.as_str(), job.state.as_str());
    counter!("milvus_backup_jobs_ended_total", "kind" => kind, "result" => result).increment(1);
    let totals = job.progress.totals();
    counter!("milvus_backup_job_bytes_total", "kind" => kind).increment(totals.bytes.done);
    counter!("milvus_backup_job_objects_total", "kind" => kind).increment(totals.objects.done);
    if let (Some(started), Some(ended)) = (job.started_ms, job.ended_ms) {
        let seconds = (ended - started).max(0) as f64 / 1000.0;
        histogram!("milvus_backup_job_seconds", "kind" => kind, "result" => result).record(seconds);
    }
}

/// Counts a response. `route` is the template of the route, which bounds the number of labels.
pub(super) fn count_response(method: &Method, route: Option<String>, status: StatusCode, took: Duration) {
    let route = route.unwrap_or_else(|| "none".to_owned());
    // Callers may invent methods, so only known ones become labels.
    let method = match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    histogram!("milvus_backup_http_request_seconds", "method" => method, "route" => route.clone())
        .record(took.as_secs_f64());
    let status = status.as_str().to_owned();
    counter!("milvus_backup_http_requests_total", "method" => method, "route" => route, "status" => status)
        .increment(1);
}

/// Counts a wrong token, user or password.
pub(super) fn count_refused_login() {
    counter!("milvus_backup_refused_logins_total").increment(1);
}

/// Counts a connection above the limit.
pub(super) fn count_refused_connection() {
    counter!("milvus_backup_refused_connections_total").increment(1);
}
