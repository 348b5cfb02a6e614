//! What went wrong with a request, as RFC 9457 has it.

use engine::Advice;
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
    /// The suggested next step as data: `action` names it, the other fields depend on it (see docs/json.md).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "engine::known_advice")]
    #[schema(value_type = Object, nullable = false)]
    pub advice: Option<Advice>,
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
            advice: failure.advice.map(|advice| *advice),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let Problem { kind, detail, context, hint, advice, .. } = problem;
        Self { kind, message: detail, context, hint, advice: advice.map(Box::new) }
    }
}
