//! The problem document of a rejected or failed request (RFC 9457).

use engine::Advice;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Failure, FailureKind};

/// The reason why a request was rejected or failed, as a problem document (RFC 9457).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`; `kind` identifies the type of the problem.
    #[schema(example = "about:blank")]
    pub r#type: String,
    /// The name of the HTTP status.
    #[schema(example = "Not Found")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What failed, on which object, and why.
    #[schema(example = "there is no backup nightly")]
    pub detail: String,
    /// The kind of the failure.
    pub kind: FailureKind,
    /// The operation during which the failure occurred; null if `detail` says it.
    pub context: Option<String>,
    /// The suggested next step as text; null if there is none.
    pub hint: Option<String>,
    /// The suggested next step as data: `action` names it, the other fields depend on it (see docs/json.md).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "engine::known_advice")]
    #[schema(value_type = Object, nullable = false)]
    pub advice: Option<Advice>,
}

impl Problem {
    /// Creates the document of a failure that is answered with this status.
    pub fn new(failure: Failure, status: StatusCode) -> Self {
        Self {
            r#type: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or(failure.kind.codes().name).to_owned(),
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
