//! A request of `/api/v1` and its response.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jobs::{JobKind, JobSnapshot, JobState, OtherPlace};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::envelope::{self, BadBody, CodeRule, Envelope, Head};
use super::restore_cache::RestoreCache;
use super::{go_json, stream};
use crate::{Caller, RequestContext, RequestId, ServerState, Service, Settings, run_detached};
use wire::{Failure, FailureKind};

/// The data of a request that all handlers need.
pub(super) struct Exchange {
    state: ServerState,
    caller: Option<Caller>,
    /// The contents of backups that are being restored.
    pub cache: RestoreCache,
    /// The id of the request.
    pub id: String,
    /// Whether the caller chose the id.
    pub named: bool,
}

impl FromRequestParts<ServerState> for Exchange {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &ServerState) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<RequestId>();
        let (id, named) = match chosen_id(&parts.headers) {
            Some(id) => (id, true),
            None => known.map(|known| (known.id.clone(), known.given)).unwrap_or_default(),
        };
        let (caller, cache) = (parts.extensions.get().cloned(), parts.extensions.get().cloned());
        Ok(Self { state: state.clone(), caller, cache: cache.unwrap_or_default(), id, named })
    }
}

/// Returns the id that the caller chose: any characters, as in the Go tool. The guard, which writes ids to headers and
/// logs, accepts plain characters only.
fn chosen_id(headers: &HeaderMap) -> Option<String> {
    let id = std::str::from_utf8(headers.get("request_id")?.as_bytes()).ok()?;
    (1..=MAX_ID_BYTES).contains(&id.len()).then(|| id.to_owned()).filter(|id| !id.contains(char::is_control))
}

/// The largest length of a request id, in bytes; the id may become that of a job.
const MAX_ID_BYTES: usize = 128;

impl Exchange {
    /// Returns the operations.
    pub(super) fn service(&self) -> &Service {
        &self.state.service
    }

    /// Returns the authenticated caller.
    pub(super) fn caller(&self) -> Result<&Caller, Failure> {
        self.caller
            .as_ref()
            .ok_or_else(|| Failure::new(FailureKind::Unauthenticated, "authentication required"))
    }

    /// Returns the context of the request, with a backup location if the request may use it.
    pub(super) fn context(&self, place: OtherPlace) -> Result<RequestContext, Failure> {
        let place = self.state.place(place)?;
        Ok(RequestContext { place, ..RequestContext::by(self.caller()?.clone()) })
    }

    /// Returns the settings.
    pub(super) fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// Fails if the caller lacks the role for a kind of job.
    pub(super) fn check_role(&self, kind: JobKind, backup: &str) -> Result<(), Failure> {
        Service::check_role(self.caller()?, kind, backup)
    }

    /// Submits a job, even if the caller disconnects meanwhile.
    pub(super) async fn submit<F>(
        &self,
        submission: impl FnOnce(Service) -> F,
    ) -> Result<JobSnapshot, Failure>
    where
        F: Future<Output = Result<JobSnapshot, Failure>> + Send + 'static,
    {
        run_detached(submission(self.service().clone())).await?
    }

    /// Responds to a body that cannot be parsed; only callers with the role for the job see the reason.
    pub(super) fn explain_bad_body(&self, kind: JobKind, wrong: BadBody) -> Response {
        match self.check_role(kind, "") {
            Ok(()) => wrong.into_response(),
            Err(failure) => self.failure(&self.id, &failure, CodeRule::Table, None::<()>),
        }
    }

    /// Returns Milvus's root path, for the paths of files.
    pub(super) fn milvus_root(&self) -> Arc<str> {
        self.service().config().source.root_text.as_str().into()
    }

    /// Logs the options of the request that have no effect.
    pub(super) fn log_notes(&self, notes: &[&'static str]) {
        for note in notes {
            tracing::info!(request_id = self.id, "{note}");
        }
    }

    /// Returns the status of a failure; 200 with `server.legacy_status`, as in the Go tool.
    pub(super) fn status(&self, kind: FailureKind) -> StatusCode {
        if self.settings().legacy_status { StatusCode::OK } else { kind.codes().http }
    }

    /// Responds with a failure, and with data if there is some.
    pub(super) fn failure<T>(&self, id: &str, failure: &Failure, rule: CodeRule, data: Option<T>) -> Response
    where
        T: Serialize + Send + 'static,
    {
        streamed(self.status(failure.kind), Envelope { head: Head::failure(id, failure, rule), data })
    }

    /// Responds with a failure on a route without data.
    pub(super) fn failure_without_data(&self, id: &str, failure: &Failure) -> Response {
        envelope::answer(self.status(failure.kind), &Head::failure(id, failure, CodeRule::Table))
    }
}

/// Responds with a success without data.
pub(super) fn done(id: &str) -> Response {
    envelope::answer(StatusCode::OK, &Head::success(id, "success"))
}

/// Responds with data of any size.
pub(super) fn success(id: &str, msg: &str, data: impl Serialize + Send + 'static) -> Response {
    streamed(StatusCode::OK, Envelope { head: Head::success(id, msg), data: Some(data) })
}

fn streamed(status: StatusCode, document: impl Serialize + Send + 'static) -> Response {
    let (sink, body) = stream::body();
    tokio::spawn(async move {
        if let Err(error) = sink.document(document).await {
            sink.fail(error).await;
        }
    });
    (status, envelope::json_type(), body).into_response()
}

/// The parameters of the URL. As in Go, unknown ones are ignored, and the first of repeated ones counts.
pub(super) struct GoQuery<T>(pub Result<T, Failure>);

impl<T: DeserializeOwned> FromRequestParts<ServerState> for GoQuery<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &ServerState) -> Result<Self, Infallible> {
        let given = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let read = given.map_err(|wrong| wrong.body_text()).and_then(|Query(given)| {
            let mut first = Map::new();
            for (name, value) in given {
                first.entry(name).or_insert(Value::String(value));
            }
            serde_json::from_value(Value::Object(first)).map_err(|wrong| wrong.to_string())
        });
        Ok(Self(read.map_err(Failure::usage)))
    }
}

/// A JSON body, parsed as Go does.
pub(super) struct GoJsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<ServerState> for GoJsonBody<T> {
    type Rejection = BadBody;

    async fn from_request(request: Request, state: &ServerState) -> Result<Self, BadBody> {
        let body =
            Bytes::from_request(request, state).await.map_err(|error| BadBody::new(error.body_text()))?;
        go_json::from_slice(&body).map(Self).map_err(BadBody::new)
    }
}

/// Fails if a finished job did not do what was requested; with `partly`, a partial success is enough.
pub(super) fn result_of(job: &JobSnapshot, partly: bool) -> Result<(), Failure> {
    match job.state {
        JobState::Queued | JobState::Running | JobState::Succeeded => return Ok(()),
        JobState::Partial if partly => return Ok(()),
        _ => {}
    }
    let failure = job.failure.clone().map(Failure::from);
    Err(failure.unwrap_or_else(|| {
        Failure::new(FailureKind::Failed, format!("the job {} is {}", job.id, job.state.as_str()))
    }))
}
