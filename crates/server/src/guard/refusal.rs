//! Refusals of the guard, in the form of the route: an envelope, a problem document or a gRPC status.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::policy::RefusalForm;
use wire::{Failure, FailureKind, Problem};

/// A refused request.
pub(super) struct Refusal {
    failure: Failure,
    status: StatusCode,
    retry_after: Option<Duration>,
}

impl Refusal {
    fn new(kind: FailureKind, message: &str) -> Self {
        let failure = Failure::new(kind, message);
        Self { failure, status: kind.codes().http, retry_after: None }
    }

    /// The request has no valid credentials.
    pub(super) fn unauthenticated(message: &str) -> Self {
        let mut refusal = Self::new(FailureKind::Unauthenticated, message);
        refusal.failure.hint =
            Some("send `Authorization: Bearer TOKEN`, or Basic with user and password".to_owned());
        refusal
    }

    /// The client sends too many requests; it may retry after `wait`.
    pub(super) fn rate_limited(message: &str, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Self::new(FailureKind::TooMany, message) }
    }

    /// The head is too large.
    pub(super) fn large_head(limit: usize) -> Self {
        let message = format!("the head of the request is larger than {limit} bytes");
        Self {
            status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            ..Self::new(FailureKind::TooLarge, &message)
        }
    }

    /// The body is too large.
    pub(super) fn large_body(limit: usize) -> Self {
        Self::new(FailureKind::TooLarge, &format!("the body of the request is larger than {limit} bytes"))
    }

    /// The body ended early.
    pub(super) fn incomplete_body() -> Self {
        Self::new(FailureKind::Usage, "the body of the request ended early")
    }

    /// The body did not arrive in time.
    pub(super) fn slow_body(waited: Duration) -> Self {
        let message = format!("the body of the request did not arrive within {} s", waited.as_secs());
        Self { status: StatusCode::REQUEST_TIMEOUT, ..Self::new(FailureKind::Timeout, &message) }
    }

    /// The handler did not respond in time.
    pub(super) fn slow_response(waited: Duration) -> Self {
        Self::new(FailureKind::Timeout, &format!("no answer within {} s", waited.as_secs_f64()))
    }

    /// The handler panicked.
    pub(super) fn panicked(id: &str) -> Self {
        Self::new(
            FailureKind::Failed,
            &format!("internal server error; see the server log for request id {id}"),
        )
    }

    /// The role of the caller does not suffice.
    pub(super) fn forbidden(failure: Failure) -> Self {
        let status = failure.kind.codes().http;
        Self { failure, status, retry_after: None }
    }

    /// A page of another site requests a change.
    pub(super) fn cross_site() -> Self {
        Self::forbidden(
            Failure::new(FailureKind::Forbidden, "a page of another site cannot request changes")
                .hint("send the request from a page of this server or from a program"),
        )
    }

    /// The host of the request is a name that others can point at this machine.
    pub(super) fn foreign_host() -> Self {
        Self::forbidden(
            Failure::new(FailureKind::Forbidden, "the server accepts requests for local names only")
                .hint("use localhost or an IP address, set the name in server.listen, or configure tokens"),
        )
    }

    /// Logs the refusal.
    pub(super) fn log(&self) {
        tracing::info!(status = self.status.as_u16(), reason = self.failure.message, "refused");
    }

    /// Converts the refusal to the response for the request with this id.
    pub(super) fn into_response(self, form: RefusalForm, id: &str) -> Response {
        let kind = self.failure.kind;
        let mut response = match form {
            RefusalForm::GrpcStatus => crate::grpc::status(self.failure).into_http(),
            RefusalForm::Envelope => {
                let code = self.failure.kind.codes().go;
                let body =
                    serde_json::json!({ "requestId": id, "code": code, "msg": self.text(), "data": null });
                json("application/json; charset=utf-8", self.status, &body)
            }
            RefusalForm::Problem => {
                let problem = Problem::new(self.failure, self.status);
                json("application/problem+json", self.status, &problem)
            }
        };
        if kind == FailureKind::Unauthenticated {
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

    /// Returns the message and the hint in one line.
    fn text(&self) -> String {
        match &self.failure.hint {
            Some(hint) => format!("{}; {hint}", self.failure.message),
            None => self.failure.message.clone(),
        }
    }
}

/// Returns the status of a response that refuses a change; `None` for other responses.
pub(super) fn refused_status(response: &Response, form: RefusalForm) -> Option<String> {
    let status = response.status();
    if form == RefusalForm::GrpcStatus && status == StatusCode::OK {
        let status = tonic::Status::from_header_map(response.headers())?;
        return (status.code() != tonic::Code::Ok).then(|| format!("{:?}", status.code()));
    }
    // With `server.legacy_status` handlers of `/api/v1` respond with 200 to failures too.
    let legacy = form == RefusalForm::Envelope && status.is_success();
    let refused = legacy || status.is_client_error() || status.is_server_error();
    refused.then(|| status.as_str().to_owned())
}

fn json(kind: &'static str, status: StatusCode, body: &impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
