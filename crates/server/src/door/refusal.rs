//! How the door says no: as the Go tool's envelope, as a problem, or as a gRPC status.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use wire::Problem;
use wire::{Failure, Kind};

/// The form in which a caller expects to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A gRPC status.
    Grpc,
    /// The envelope of `/api/v1`.
    Envelope,
    /// A problem of RFC 9457.
    Problem,
}

impl Form {
    /// The form that suits a request. The path goes first: a route of REST stays one whatever a caller calls its body.
    pub(super) fn of(path: &str, headers: &HeaderMap) -> Self {
        let grpc =
            headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
        match path {
            path if path == "/api/v1" || path.starts_with("/api/v1/") => Self::Envelope,
            "/" | "/api" | "/healthz" | "/readyz" | super::METRICS => Self::Problem,
            path if path.starts_with("/api/") => Self::Problem,
            _ if grpc => Self::Grpc,
            _ => Self::Problem,
        }
    }
}

/// A request that is not let through.
pub(super) struct Refusal {
    failure: Failure,
    status: StatusCode,
    retry_after: Option<Duration>,
}

impl Refusal {
    fn new(kind: Kind, message: &str) -> Self {
        let failure = Failure::new(kind, message);
        Self { failure, status: kind.codes().http, retry_after: None }
    }

    /// Nobody known asks.
    pub(super) fn unknown(message: &str) -> Self {
        let mut refusal = Self::new(Kind::Unauthenticated, message);
        refusal.failure.hint =
            Some("send `Authorization: Bearer TOKEN`, or Basic with a user and password".to_owned());
        refusal
    }

    /// Too many requests; the next may come after a while.
    pub(super) fn too_many(message: &str, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::new(Kind::TooMany, message) }
    }

    /// The head is too large.
    pub(super) fn large_head(most: usize) -> Self {
        let message = format!("the head of the request is larger than {most} bytes");
        Self { status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, ..Self::new(Kind::TooLarge, &message) }
    }

    /// The body is too large.
    pub(super) fn too_large(most: usize) -> Self {
        Self::new(Kind::TooLarge, &format!("the body of the request is larger than {most} bytes"))
    }

    /// The body cannot be read.
    pub(super) fn broken_body() -> Self {
        Self::new(Kind::Usage, "the body of the request ended early")
    }

    /// The body does not come.
    pub(super) fn slow_body(waited: Duration) -> Self {
        let message = format!("the body of the request did not arrive within {} s", waited.as_secs());
        Self { status: StatusCode::REQUEST_TIMEOUT, ..Self::new(Kind::Timeout, &message) }
    }

    /// The answer takes too long.
    pub(super) fn slow_answer(waited: Duration) -> Self {
        Self::new(Kind::Timeout, &format!("no answer within {} s", waited.as_secs_f64()))
    }

    /// A handler broke.
    pub(super) fn broken() -> Self {
        Self::new(Kind::Failed, "the server made a mistake; its log tells more under the id of this request")
    }

    /// The role does not suffice.
    pub(super) fn forbidden(failure: Failure) -> Self {
        let status = failure.kind.codes().http;
        Self { failure, status, retry_after: None }
    }

    /// A page of another site asks, by a browser.
    pub(super) fn forged() -> Self {
        Self::forbidden(
            Failure::new(Kind::Forbidden, "a page of another site may not ask for changes here")
                .hint("ask from this server's own pages, or from a program"),
        )
    }

    /// Asked for under a name that anybody can make lead here.
    pub(super) fn misled() -> Self {
        Self::forbidden(
            Failure::new(Kind::Forbidden, "this server serves this machine only, and not under that name")
                .hint("ask localhost or an address; name it in server.listen, or give callers tokens"),
        )
    }

    /// Writes it down.
    pub(super) fn log(&self) {
        tracing::info!(status = self.status.as_u16(), reason = self.failure.message, "refused");
    }

    /// The answer.
    pub(super) fn answer(self, form: Form, id: &str) -> Response {
        let kind = self.failure.kind;
        let mut response = match form {
            Form::Grpc => crate::grpc::status(self.failure).into_http(),
            Form::Envelope => {
                let code = self.failure.kind.codes().go;
                let body =
                    serde_json::json!({ "requestId": id, "code": code, "msg": self.text(), "data": null });
                json("application/json; charset=utf-8", self.status, &body)
            }
            Form::Problem => {
                let problem = Problem::new(self.failure, self.status);
                json("application/problem+json", self.status, &problem)
            }
        };
        if kind == Kind::Unauthenticated {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer, Basic realm=\"milvus-backup\""));
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }

    /// What happened and what to do, in one line.
    fn text(&self) -> String {
        match &self.failure.hint {
            Some(hint) => format!("{}; {hint}", self.failure.message),
            None => self.failure.message.clone(),
        }
    }
}

/// What a request that changed nothing was refused with; nothing where it was not.
pub(super) fn status_of(response: &Response, form: Form) -> Option<String> {
    let status = response.status();
    if form == Form::Grpc && status == StatusCode::OK {
        let status = tonic::Status::from_header_map(response.headers())?;
        return (status.code() != tonic::Code::Ok).then(|| format!("{:?}", status.code()));
    }
    // With `server.legacy_status` the Go tool's routes answer 200 whatever happened.
    let unsaid = form == Form::Envelope && status.is_success();
    let refused = unsaid || status.is_client_error() || status.is_server_error();
    refused.then(|| status.as_str().to_owned())
}

fn json(kind: &'static str, status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
