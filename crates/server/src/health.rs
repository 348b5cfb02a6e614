//! Whether the server lives, and whether what it works on answers.

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
use wire::{Failure, Kind, kind_name};

/// How long an answer holds.
const FRESH: Duration = Duration::from_secs(5);
/// How long Milvus and the stores may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of Milvus and the stores.
pub(super) struct Health {
    engine: Engine,
    stop: CancellationToken,
    /// Held while they are asked, so that they are asked once however many want to know.
    last: Mutex<Option<(Instant, Arc<Readiness>)>>,
}

/// Whether the server can do its work.
#[derive(Clone, Debug, Serialize)]
struct Readiness {
    ready: bool,
    checks: Vec<Answer>,
}

/// Whether one of the things it works on answers.
#[derive(Clone, Debug, Serialize)]
struct Answer {
    name: &'static str,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// For known callers only: it names addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The routes.
pub(super) fn routes(health: Arc<Health>) -> DeclaredRoutes {
    const PUBLIC: Policy = Policy::reads(RefusalForm::Problem).public();
    DeclaredRoutes::new().get("/healthz", PUBLIC, alive).get("/readyz", PUBLIC, ready).with_state(health)
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn ready(State(health): State<Arc<Health>>, caller: Option<Extension<Caller>>) -> Response {
    // A task of its own: who asks and leaves, again and again, would else have Milvus asked each time.
    let Ok(readiness) = tokio::spawn(async move { health.readiness().await }).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut shown = Readiness::clone(&readiness);
    if caller.is_none() {
        shown.checks.iter_mut().for_each(|answer| answer.error = None);
    }
    let status = if shown.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(shown)).into_response()
}

impl Health {
    /// Health of what `engine` works on; not ready any more once `stop` is pulled.
    pub(super) fn new(engine: Engine, stop: CancellationToken) -> Self {
        Self { engine, stop, last: Mutex::default() }
    }

    async fn readiness(&self) -> Arc<Readiness> {
        if self.stop.is_cancelled() {
            let stopping =
                Answer { name: "server", ready: false, kind: None, error: Some("it is stopping".to_owned()) };
            return Arc::new(Readiness { ready: false, checks: vec![stopping] });
        }
        let mut last = self.last.lock().await;
        if let Some((at, known)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return Arc::clone(known);
        }
        let readiness = Arc::new(self.ask().await);
        if let Some(was) = last.as_ref().map(|(_, known)| known.ready)
            && was != readiness.ready
        {
            tracing::warn!(ready = readiness.ready, checks = ?readiness.checks, "readiness changed");
        }
        *last = Some((Instant::now(), Arc::clone(&readiness)));
        readiness
    }

    async fn ask(&self) -> Readiness {
        let answer = |(name, answer): engine::Answered| {
            Answer::of(name, answer.map_or_else(|| Err(slow()), |answer| answer.map_err(Failure::from)))
        };
        let checks: Vec<_> = self.engine.ready(PATIENCE).await.into_iter().map(answer).collect();
        Readiness { ready: checks.iter().all(|answer| answer.ready), checks }
    }
}

fn slow() -> Failure {
    let message = format!("no answer within {} s", PATIENCE.as_secs());
    Failure::new(Kind::Timeout, message)
}

impl Answer {
    fn of(name: &'static str, answer: Result<(), Failure>) -> Self {
        let failure = answer.err();
        Self {
            name,
            ready: failure.is_none(),
            kind: failure.as_ref().map(|failure| kind_name(failure.kind)),
            error: failure.map(|failure| failure.message),
        }
    }
}
