//! What a check found, and why something failed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CheckState;
use crate::status::{Failure, Kind, exit_code};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Checks {
    /// Whether no line failed.
    pub ok: bool,
    /// The lines.
    pub checks: Vec<CheckLine>,
}

/// One line of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct CheckLine {
    /// How it ended.
    pub state: CheckState,
    /// What was looked at.
    #[schema(example = "backup storage")]
    pub subject: String,
    /// What was seen.
    pub detail: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<String>,
}

impl From<&[engine::Check]> for Checks {
    fn from(lines: &[engine::Check]) -> Self {
        let checks = lines.iter().map(|line| CheckLine {
            state: line.state.into(),
            subject: line.subject.to_owned(),
            detail: line.detail.clone(),
            hint: line.hint.clone(),
        });
        Self { ok: lines.iter().all(|line| line.state != engine::CheckState::Fail), checks: checks.collect() }
    }
}

/// Why a verb ended without its result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Failed {
    error: FailureOf,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct FailureOf {
    kind: Kind,
    message: String,
    context: Option<String>,
    hint: Option<String>,
    exit_code: u8,
}

impl From<&Failure> for Failed {
    fn from(failure: &Failure) -> Self {
        Self {
            error: FailureOf {
                kind: failure.kind,
                message: failure.message.clone(),
                context: failure.context.clone(),
                hint: failure.hint.clone(),
                exit_code: exit_code(failure.kind),
            },
        }
    }
}
