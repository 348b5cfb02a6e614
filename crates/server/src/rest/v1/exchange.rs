//! One request and its answer: who asks, under which id, and how the server is set up.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jobs::{Job, JobKind, JobState, OtherPlace};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::envelope::{self, BadBody, Codes, Envelope, Head};
use super::kept::Kept;
use super::{go_json, stream};
use crate::{Asked, Caller, RequestId, Service, Settings, State, outliving};
use wire::{Failure, Kind};

/// What a handler knows of a request beside its parameters.
pub(super) struct Exchange {
    state: State,
    caller: Option<Caller>,
    /// What is kept of the backups of running restores.
    pub kept: Kept,
    /// The request's id.
    pub id: String,
    /// Whether the caller chose it.
    pub named: bool,
}

impl FromRequestParts<State> for Exchange {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<RequestId>();
        let (id, named) = match chosen_id(&parts.headers) {
            Some(id) => (id, true),
            None => known.map(|known| (known.id.clone(), known.given)).unwrap_or_default(),
        };
        let (caller, kept) = (parts.extensions.get().cloned(), parts.extensions.get().cloned());
        Ok(Self { state: state.clone(), caller, kept: kept.unwrap_or_default(), id, named })
    }
}

/// The id that the caller chose: of any characters, as the Go tool takes it, where the door, which writes it into
/// headers and logs, takes plain ones alone.
fn chosen_id(headers: &HeaderMap) -> Option<String> {
    let id = std::str::from_utf8(headers.get("request_id")?.as_bytes()).ok()?;
    (1..=LONGEST_ID).contains(&id.len()).then(|| id.to_owned()).filter(|id| !id.contains(char::is_control))
}

/// The longest id of a request, bytes; it may become that of a job.
const LONGEST_ID: usize = 128;

impl Exchange {
    /// The use cases.
    pub(super) fn service(&self) -> &Service {
        &self.state.service
    }

    /// Who asks; the door lets nobody in whom it does not know.
    pub(super) fn caller(&self) -> Result<&Caller, Failure> {
        self.caller.as_ref().ok_or_else(|| Failure::new(Kind::Unauthenticated, "nobody known asks"))
    }

    /// Who asks, at a place that may be another than the configured one.
    pub(super) fn asked(&self, place: OtherPlace) -> Result<Asked, Failure> {
        let place = self.state.place(place)?;
        Ok(Asked { place, ..Asked::by(self.caller()?.clone()) })
    }

    /// How the server is set up.
    pub(super) fn settings(&self) -> &Settings {
        &self.state.settings
    }

    /// Refuses who may not hand in such a job.
    pub(super) fn may(&self, kind: JobKind, backup: &str) -> Result<(), Failure> {
        Service::may(self.caller()?, kind, backup)
    }

    /// Hands in a job, which is taken in whether or not the caller waits for that.
    pub(super) async fn submit<F>(&self, handing_in: impl FnOnce(Service) -> F) -> Result<Job, Failure>
    where
        F: Future<Output = Result<Job, Failure>> + Send + 'static,
    {
        outliving(handing_in(self.service().clone())).await?
    }

    /// The answer to a body that cannot be read: why is told to who may ask such a thing.
    pub(super) fn unread(&self, kind: JobKind, wrong: BadBody) -> Response {
        match self.may(kind, "") {
            Ok(()) => wrong.into_response(),
            Err(failure) => self.failure(&self.id, &failure, Codes::Table, None::<()>),
        }
    }

    /// Milvus's root path, for the paths of files.
    pub(super) fn milvus_root(&self) -> Arc<str> {
        self.service().config().source.root_text.as_str().into()
    }

    /// Says what a request asks for in vain.
    pub(super) fn note(&self, notes: &[&'static str]) {
        for note in notes {
            tracing::info!(request_id = self.id, "{note}");
        }
    }

    /// The status of a failure: the truth, or 200 as the Go tool answers whatever happens.
    pub(super) fn status(&self, kind: Kind) -> StatusCode {
        if self.settings().legacy_status { StatusCode::OK } else { kind.codes().http }
    }

    /// The answer of a failed request, with data where there is some.
    pub(super) fn failure<T>(&self, id: &str, failure: &Failure, codes: Codes, data: Option<T>) -> Response
    where
        T: Serialize + Send + 'static,
    {
        streamed(self.status(failure.kind), Envelope { head: Head::failure(id, failure, codes), data })
    }

    /// The answer of a failed request to a route that has no data.
    pub(super) fn failure_alone(&self, id: &str, failure: &Failure) -> Response {
        envelope::answer(self.status(failure.kind), &Head::failure(id, failure, Codes::Table))
    }
}

/// An answer without data.
pub(super) fn done(id: &str) -> Response {
    envelope::answer(StatusCode::OK, &Head::success(id, "success"))
}

/// An answer with data of any size.
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

/// The parameters behind `?`; unknown ones are passed over, and of one that is there twice the first counts, as Go has
/// it.
pub(super) struct Parameters<T>(pub Result<T, Failure>);

impl<T: DeserializeOwned> FromRequestParts<State> for Parameters<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Infallible> {
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

/// The body of a request.
pub(super) struct Asking<T>(pub T);

impl<T: DeserializeOwned> FromRequest<State> for Asking<T> {
    type Rejection = BadBody;

    async fn from_request(request: Request, state: &State) -> Result<Self, BadBody> {
        let body =
            Bytes::from_request(request, state).await.map_err(|error| BadBody::new(error.body_text()))?;
        go_json::from_slice(&body).map(Self).map_err(BadBody::new)
    }
}

/// Why a job that is over did not do what it was asked to; `partly` lets one pass that did a part of it.
pub(super) fn ending(job: &Job, partly: bool) -> Result<(), Failure> {
    match job.state {
        JobState::Queued | JobState::Running | JobState::Succeeded => return Ok(()),
        JobState::Partial if partly => return Ok(()),
        _ => {}
    }
    let failure = job.failure.clone().map(Failure::from);
    Err(failure.unwrap_or_else(|| {
        Failure::new(Kind::Failed, format!("the job {} is {}", job.id, job.state.as_str()))
    }))
}
