//! What a request says, taken apart; what cannot be understood is a problem that says where.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use super::super::problem::Refused;
use crate::{Asked, Caller};
use wire::{Failure, Kind};

/// The longest idempotency key that a job is kept with.
const LONGEST_KEY: usize = 128;

/// A JSON body. None at all is refused: what was to be sent may have been lost on its way.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let json = is_json(request.headers());
        let body = Bytes::from_request(request, state).await.map_err(unread)?;
        if body.is_empty() {
            let failure = Failure::usage("the request has no body");
            return Err(failure.hint("the body {} asks for what is usual").into());
        }
        if !json {
            let failure = Failure::usage("the body is not declared as JSON")
                .hint("send the header Content-Type: application/json");
            return Err(Refused::with(StatusCode::UNSUPPORTED_MEDIA_TYPE, failure));
        }
        // A list would be read as the fields in their order, and an empty one as a request for everything.
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

fn unread(rejection: BytesRejection) -> Failure {
    let too_large = rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE;
    let kind = if too_large { Kind::TooLarge } else { Kind::Usage };
    Failure::new(kind, "cannot read the body")
}

/// The parameters behind `?`; unknown ones are refused by name.
pub(super) struct Parameters<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let read = Query::from_request_parts(parts, state).await;
        let Query(parameters) = read.map_err(|error: QueryRejection| {
            let text = error.body_text();
            let why = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            Failure::usage(format!("cannot read the parameters of the URL: {why}"))
        })?;
        Ok(Self(parameters))
    }
}

/// No parameters behind `?`: one that is passed over might be the one that says what not to do.
pub(super) struct NoParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Parameters(found) = Parameters::<Vec<(String, String)>>::from_request_parts(parts, state).await?;
        match found.first() {
            None => Ok(Self),
            Some((name, _)) => Err(Failure::usage(format!("this takes no parameter {name:?} in its URL"))
                .hint("what a POST asks for stands in its body")
                .into()),
        }
    }
}

/// The variable part of a path.
pub(super) struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let read = Path::from_request_parts(parts, state).await;
        let Path(name) = read.map_err(|error: PathRejection| Failure::usage(error.body_text()))?;
        Ok(Self(name))
    }
}

/// Who asks, and the key that makes a repeated request the same one.
pub(super) struct By(pub Asked);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let caller = parts.extensions.get::<Caller>().cloned();
        // The door lets nobody in without one.
        let caller = caller.ok_or_else(|| Failure::new(Kind::Unauthenticated, "nobody known asks"))?;
        let key = parts.headers.get("idempotency-key").map(|key| key.to_str().unwrap_or_default());
        if key.is_some_and(|key| key.is_empty() || key.len() > LONGEST_KEY) {
            return Err(Failure::usage(format!(
                "the header Idempotency-Key must have 1 to {LONGEST_KEY} visible ASCII characters"
            ))
            .into());
        }
        Ok(Self(Asked { idempotency_key: key.map(str::to_owned), ..Asked::by(caller) }))
    }
}
