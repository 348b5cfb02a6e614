//! How `/api/v2`, and the door before it, tell what went wrong.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::IntoResponses;

use wire::Failure;
use wire::Problem;

/// The media type of a problem.
const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(crate) struct Refused {
    failure: Failure,
    status: StatusCode,
}

impl Refused {
    /// For a status that says more than the usual one of the failure's kind.
    pub(super) fn with(status: StatusCode, failure: Failure) -> Self {
        Self { failure, status }
    }
}

/// What a handler answers.
pub(crate) type Answer<T> = Result<T, Refused>;

impl<F: Into<Failure>> From<F> for Refused {
    fn from(failure: F) -> Self {
        let failure = failure.into();
        Self { status: failure.kind.codes().http, failure }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let problem = Problem::new(self.failure, self.status);
        (self.status, [(CONTENT_TYPE, PROBLEM_JSON)], Json(problem)).into_response()
    }
}

/// What every operation may answer instead, for the description.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes what `Refused` answers")]
pub(crate) enum Refusal {
    /// It was not done; `kind` and `hint` tell why and what to do
    #[response(status = "default", content_type = "application/problem+json")]
    Problem(Problem),
}
