//! How a request for something that takes long is answered.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::IntoParams;

use super::super::problem::{Answer, Refused};
use wire::Failure;
use wire::Job;

/// How the key is described that makes a repeated request the same one; [`super::extract::By`] reads it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what `By` reads")]
pub(super) struct IdempotencyKey {
    /// Makes a repeated request the same one
    #[param(
        rename = "Idempotency-Key",
        pattern = "^[ -~]+$",
        min_length = 1,
        max_length = 128,
        nullable = false
    )]
    key: Option<String>,
}

/// What was read of a request for a job. What is wrong with it is told only to who may have such a job done.
pub(super) fn understood<T>(
    read: Result<T, impl Into<Refused>>,
    may: impl FnOnce() -> Result<(), Failure>,
) -> Answer<T> {
    if read.is_err() {
        may()?;
    }
    read.map_err(Into::into)
}

/// The answer to a request that became a job, or would have.
pub(super) enum Submitted<P> {
    /// What would be done.
    Planned(P),
    /// The job that does it.
    Accepted(Box<Job>),
}

impl<P> From<jobs::Job> for Submitted<P> {
    fn from(job: jobs::Job) -> Self {
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
