//! What Prometheus is told.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use engine::now_ms;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use jobs::{Job, JobKind, JobState, Jobs};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::policy::{DeclaredRoutes, Policy, RefusalForm};
use super::process;

/// How often the exporter puts its samples in order; without scrapes they would pile up.
const UPKEEP: Duration = Duration::from_secs(5);

/// Bounds of calls and requests, seconds.
const CALLS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// Bounds of jobs, seconds.
const JOBS: [f64; 10] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0];

/// Takes in what the whole process counts from now on. A second start in one process changes nothing but itself.
pub(super) fn start(build: &'static str) -> Result<PrometheusHandle, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&CALLS)?
        .set_buckets_for_metric(Matcher::Full("milvus_backup_job_seconds".to_owned()), &JOBS)?
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::debug!("metrics are taken in already");
    }
    describe();
    begin();
    let version = env!("CARGO_PKG_VERSION");
    gauge!("milvus_backup_build_info", "version" => version, "build" => build).set(1.0);
    gauge!("process_start_time_seconds").set(now_ms() as f64 / 1000.0);
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

fn describe() {
    describe_gauge!("milvus_backup_build_info", "What this program is; always 1.");
    describe_gauge!("milvus_backup_jobs", "Jobs that are kept, by kind and state.");
    describe_gauge!(
        "milvus_backup_last_backup_timestamp_seconds",
        "When the newest backup that did all ended."
    );
    describe_gauge!("milvus_backup_last_backup_age_seconds", "How long ago that was.");
    describe_counter!("milvus_backup_jobs_ended_total", "Jobs that ended, by kind and result.");
    describe_counter!("milvus_backup_job_bytes_total", "Bytes moved by jobs that ended, by kind.");
    describe_counter!("milvus_backup_job_objects_total", "Objects moved by jobs that ended, by kind.");
    describe_histogram!("milvus_backup_job_seconds", "How long jobs ran, by kind and result.");
    describe_counter!(
        "milvus_backup_http_requests_total",
        "Requests by method, route and status, gRPC calls included."
    );
    describe_histogram!("milvus_backup_http_request_seconds", "How long requests took, by method and route.");
    describe_counter!("milvus_backup_refused_logins_total", "Wrong tokens, users and passwords.");
    describe_counter!("milvus_backup_refused_connections_total", "Connections beyond the limit.");
    describe_histogram!(
        "milvus_backup_storage_call_seconds",
        "How long stores took to answer, by operation."
    );
    describe_histogram!("milvus_backup_milvus_call_seconds", "How long Milvus took to answer, by call.");
    describe_counter!("milvus_backup_storage_retries_total", "Requests to stores sent again, by operation.");
    describe_counter!(
        "milvus_backup_storage_throttles_total",
        "Answers of stores that ask for fewer requests."
    );
    describe_counter!("milvus_backup_storage_copied_objects_total", "Objects copied from store to store.");
    describe_counter!("milvus_backup_storage_copied_bytes_total", "Their bytes.");
    describe_counter!("milvus_backup_milvus_retries_total", "Calls of Milvus sent again, by call.");
    describe_gauge!("process_resident_memory_bytes", "Memory in use.");
    describe_gauge!("process_open_fds", "Open files and connections.");
    describe_gauge!("process_max_fds", "How many there may be.");
    describe_gauge!("process_threads", "Threads.");
    describe_gauge!("process_start_time_seconds", "When this process began to serve.");
}

/// Lets counters begin at nought: Prometheus takes the first failure for an increase only if there was something before.
fn begin() {
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

/// The route, with what it reads at every scrape; a `public` one requires no authentication.
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
    process::measure();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
}

/// Counts a job that ended.
pub(super) fn ended(job: &Job) {
    let (kind, result) = (job.request.kind().as_str(), job.state.as_str());
    counter!("milvus_backup_jobs_ended_total", "kind" => kind, "result" => result).increment(1);
    counter!("milvus_backup_job_bytes_total", "kind" => kind).increment(job.progress.bytes().done);
    counter!("milvus_backup_job_objects_total", "kind" => kind).increment(job.progress.objects().done);
    if let (Some(started), Some(ended)) = (job.started_ms, job.ended_ms) {
        let seconds = (ended - started).max(0) as f64 / 1000.0;
        histogram!("milvus_backup_job_seconds", "kind" => kind, "result" => result).record(seconds);
    }
}

/// Counts an answered request. `route` is the route's template, so that there are only so many.
pub(super) fn answered(method: &Method, route: Option<String>, status: StatusCode, took: Duration) {
    let route = route.unwrap_or_else(|| "none".to_owned());
    // Methods are as many as callers invent.
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
pub(super) fn refused_login() {
    counter!("milvus_backup_refused_logins_total").increment(1);
}

/// Counts a connection that there was no place for.
pub(super) fn refused_connection() {
    counter!("milvus_backup_refused_connections_total").increment(1);
}
