//! The responses to requests that create jobs.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::IntoParams;

use super::super::problem::{ProblemOr, ProblemResponse};
use wire::Failure;
use wire::Job;

/// The description of the key that [`super::extract::Authenticated`] reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what `Authenticated` reads")]
pub(super) struct IdempotencyKey {
    /// Makes a repeated request return the job of the first request
    #[param(
        rename = "Idempotency-Key",
        pattern = "^[ -~]+$",
        min_length = 1,
        max_length = 128,
        nullable = false
    )]
    key: Option<String>,
}

/// Returns the parsed request; a caller without the role for the job gets that refusal instead of the parse error.
pub(super) fn hide_errors_without_role<T>(
    read: Result<T, impl Into<ProblemResponse>>,
    check_role: impl FnOnce() -> Result<(), Failure>,
) -> ProblemOr<T> {
    if read.is_err() {
        check_role()?;
    }
    read.map_err(Into::into)
}

/// The response to a request for a job.
pub(super) enum Submitted<P> {
    /// The plan, for a dry run.
    Planned(P),
    /// The job.
    Accepted(Box<Job>),
}

impl<P> From<jobs::JobSnapshot> for Submitted<P> {
    fn from(job: jobs::JobSnapshot) -> Self {
        Self::Accepted(Box::new(Job::from(&job)))
    }
}

impl<P: Serialize> IntoResponse for Submitted<P> {
    fn into_response(self) -> Response {
        match self {
            Self::Planned(plan) => Json(plan).into_response(),
            Self::Accepted(job) => {
                let place = format!("{}/jobs/{}", super::BASE, job.id);
                (StatusCode::ACCEPTED, [(LOCATION, place)], Json(job)).into_response()
            }
        }
    }
}
