//! Extractors for requests; a request that cannot be parsed gets a problem that says why.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use super::super::problem::ProblemResponse;
use crate::{Caller, RequestContext};
use wire::{Failure, FailureKind};

/// The largest length of an idempotency key, in bytes.
const MAX_KEY_BYTES: usize = 128;

/// A JSON body. A missing body is an error: it may have been lost on its way.
pub(super) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ProblemResponse;

    async fn from_request(request: Request, state: &S) -> Result<Self, ProblemResponse> {
        let json = is_json(request.headers());
        let body = Bytes::from_request(request, state).await.map_err(explain_rejection)?;
        if body.is_empty() {
            let failure = Failure::usage("the request has no body");
            return Err(failure.hint("send {} to use the defaults").into());
        }
        if !json {
            let failure = Failure::usage("the content type of the body is not JSON")
                .hint("send the header Content-Type: application/json");
            return Err(ProblemResponse::with(StatusCode::UNSUPPORTED_MEDIA_TYPE, failure));
        }
        // serde reads a list as the fields in order, so an empty list would request everything.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(Failure::usage("cannot read the body: expected a JSON object").into());
        }
        let read = serde_json::from_slice(&body);
        read.map(Self).map_err(|error| Failure::usage(format!("cannot read the body: {error}")).into())
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = given.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("application/json")
}

fn explain_rejection(rejection: BytesRejection) -> Failure {
    let too_large = rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE;
    let kind = if too_large { FailureKind::TooLarge } else { FailureKind::Usage };
    Failure::new(kind, "cannot read the body")
}

/// The parameters of the URL. Unknown parameters are errors.
pub(super) struct QueryParameters<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParameters<T> {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        let read = Query::from_request_parts(parts, state).await;
        let Query(parameters) = read.map_err(|error: QueryRejection| {
            let text = error.body_text();
            let why = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            Failure::usage(format!("cannot read the parameters of the URL: {why}"))
        })?;
        Ok(Self(parameters))
    }
}

/// No parameters in the URL: ignoring an unknown one such as `dry_run` could be harmful.
pub(super) struct NoQueryParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoQueryParameters {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        let QueryParameters(found) =
            QueryParameters::<Vec<(String, String)>>::from_request_parts(parts, state).await?;
        match found.first() {
            None => Ok(Self),
            Some((name, _)) => Err(Failure::usage(format!("unknown parameter {name:?} in the URL"))
                .hint("send the options of a POST in its body")
                .into()),
        }
    }
}

/// The variable part of a path.
pub(super) struct PathName(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ProblemResponse> {
        let read = Path::from_request_parts(parts, state).await;
        let Path(name) = read.map_err(|error: PathRejection| Failure::usage(error.body_text()))?;
        Ok(Self(name))
    }
}

/// The authenticated caller, with the idempotency key of the request.
pub(super) struct Authenticated(pub RequestContext);

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ProblemResponse> {
        let caller = parts.extensions.get::<Caller>().cloned();
        // The guard authenticates every request of these routes.
        let caller =
            caller.ok_or_else(|| Failure::new(FailureKind::Unauthenticated, "authentication required"))?;
        let key = parts.headers.get("idempotency-key").map(|key| key.to_str().unwrap_or_default());
        if key.is_some_and(|key| key.is_empty() || key.len() > MAX_KEY_BYTES) {
            return Err(Failure::usage(format!(
                "the header Idempotency-Key must have 1 to {MAX_KEY_BYTES} visible ASCII characters"
            ))
            .into());
        }
        Ok(Self(RequestContext { idempotency_key: key.map(str::to_owned), ..RequestContext::by(caller) }))
    }
}
