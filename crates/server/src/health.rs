//! The routes `/healthz` and `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use engine::Engine;
use http::StatusCode;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::caller::Caller;
use super::policy::{DeclaredRoutes, Policy, RefusalForm};
use wire::{Failure, FailureKind, kind_name};

/// The time for which a result is reused.
const CACHE_TIME: Duration = Duration::from_secs(5);
/// The time within which Milvus and the stores have to answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Checks whether Milvus and the stores answer.
pub(super) struct Health {
    engine: Engine,
    stop: CancellationToken,
    /// The last result; locked during a check, so that concurrent requests share one check.
    last: Mutex<Option<(Instant, Arc<Readiness>)>>,
}

/// The body of `/readyz`.
#[derive(Clone, Debug, Serialize)]
struct Readiness {
    ready: bool,
    checks: Vec<DependencyStatus>,
}

/// Whether Milvus or a store answers.
#[derive(Clone, Debug, Serialize)]
struct DependencyStatus {
    name: &'static str,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// The reason; only for authenticated callers, because it contains addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Returns the routes.
pub(super) fn routes(health: Arc<Health>) -> DeclaredRoutes {
    const PUBLIC: Policy = Policy::reads(RefusalForm::Problem).public();
    DeclaredRoutes::new()
        .get("/healthz", PUBLIC, report_alive)
        .get("/readyz", PUBLIC, report_readiness)
        .with_state(health)
}

async fn report_alive() -> &'static str {
    "ok\n"
}

async fn report_readiness(State(health): State<Arc<Health>>, caller: Option<Extension<Caller>>) -> Response {
    // In a task of its own, so that a check whose client has disconnected completes and its result is reused.
    let Ok(readiness) = tokio::spawn(async move { health.readiness().await }).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut shown = Readiness::clone(&readiness);
    if caller.is_none() {
        shown.checks.iter_mut().for_each(|check| check.error = None);
    }
    let status = if shown.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(shown)).into_response()
}

impl Health {
    /// Creates the checks of what `engine` uses; after `stop` is cancelled, the server is never ready.
    pub(super) fn new(engine: Engine, stop: CancellationToken) -> Self {
        Self { engine, stop, last: Mutex::default() }
    }

    /// Returns the readiness, at most [`CACHE_TIME`] old.
    async fn readiness(&self) -> Arc<Readiness> {
        if self.stop.is_cancelled() {
            let error = Some("the server is shutting down".to_owned());
            let stopping = DependencyStatus { name: "server", ready: false, kind: None, error };
            return Arc::new(Readiness { ready: false, checks: vec![stopping] });
        }
        let mut last = self.last.lock().await;
        if let Some((at, known)) = last.as_ref()
            && at.elapsed() < CACHE_TIME
        {
            return Arc::clone(known);
        }
        let readiness = Arc::new(self.check_dependencies().await);
        if let Some(was) = last.as_ref().map(|(_, known)| known.ready)
            && was != readiness.ready
        {
            tracing::warn!(ready = readiness.ready, checks = ?readiness.checks, "readiness changed");
        }
        *last = Some((Instant::now(), Arc::clone(&readiness)));
        readiness
    }

    async fn check_dependencies(&self) -> Readiness {
        let status = |(name, answer): (&'static str, Option<Result<(), engine::Error>>)| {
            let result =
                answer.map_or_else(|| Err(timeout_failure()), |answer| answer.map_err(Failure::from));
            DependencyStatus::from_result(name, result)
        };
        let checks: Vec<_> = self.engine.ready(CHECK_TIMEOUT).await.into_iter().map(status).collect();
        Readiness { ready: checks.iter().all(|check| check.ready), checks }
    }
}

fn timeout_failure() -> Failure {
    Failure::new(FailureKind::Timeout, format!("no answer within {} s", CHECK_TIMEOUT.as_secs()))
}

impl DependencyStatus {
    fn from_result(name: &'static str, result: Result<(), Failure>) -> Self {
        let failure = result.err();
        Self {
            name,
            ready: failure.is_none(),
            kind: failure.as_ref().map(|failure| kind_name(failure.kind)),
            error: failure.map(|failure| failure.message),
        }
    }
}
