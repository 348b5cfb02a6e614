//! Problem documents (RFC 9457), the refusals of `/api/v2`.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::IntoResponses;

use wire::Failure;
use wire::Problem;

/// The media type of a problem.
const PROBLEM_JSON: &str = "application/problem+json";

/// A refused request.
#[derive(Debug)]
pub(crate) struct ProblemResponse {
    failure: Failure,
    status: StatusCode,
}

impl ProblemResponse {
    /// Creates a refusal with a more specific status than that of the failure's kind.
    pub(crate) fn with(status: StatusCode, failure: Failure) -> Self {
        Self { failure, status }
    }
}

/// The result of a handler.
pub(crate) type ProblemOr<T> = Result<T, ProblemResponse>;

impl<F: Into<Failure>> From<F> for ProblemResponse {
    fn from(failure: F) -> Self {
        let failure = failure.into();
        Self { status: failure.kind.codes().http, failure }
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let problem = Problem::new(self.failure, self.status);
        (self.status, [(CONTENT_TYPE, PROBLEM_JSON)], Json(problem)).into_response()
    }
}

/// The refusals that every operation may return, for the description.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes what `ProblemResponse` answers")]
pub(crate) enum ProblemResponses {
    /// The request failed; `kind` and `hint` say why and what to do
    #[response(status = "default", content_type = "application/problem+json")]
    Problem(Problem),
}
