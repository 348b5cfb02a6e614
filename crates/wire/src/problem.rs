//! What went wrong with a request, as RFC 9457 has it.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Failure, Kind};

/// What went wrong with a request (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `about:blank`: `kind` tells more than the status does.
    #[schema(example = "about:blank")]
    pub r#type: String,
    /// The status in words.
    #[schema(example = "Not Found")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened, to what, with its causes.
    #[schema(example = "there is no backup nightly")]
    pub detail: String,
    /// What kind of failure.
    pub kind: Kind,
    /// What was being done.
    pub context: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Problem {
    /// The document of a failure that is answered with this status.
    pub fn of(failure: Failure, status: StatusCode) -> Self {
        Self {
            r#type: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or(failure.kind.status().name).to_owned(),
            status: status.as_u16(),
            detail: failure.message,
            kind: failure.kind,
            context: failure.context,
            hint: failure.hint,
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { kind: problem.kind, message: problem.detail, context: problem.context, hint: problem.hint }
    }
}
