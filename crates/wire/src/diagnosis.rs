//! What a check found, and why something failed.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CheckState;
use crate::{Failure, Kind, exit_code};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Checks {
    /// Whether no line failed.
    pub ok: bool,
    /// The lines.
    pub checks: Vec<CheckLine>,
}

/// One line of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckLine {
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

/// The lines as text, each with its hint below it; `/api/v1/check` and the command line print this.
impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.checks.iter().map(|line| line.subject.chars().count()).max().unwrap_or_default();
        for line in &self.checks {
            let state =
                if line.state == CheckState::Fail { "FAIL".to_owned() } else { line.state.to_string() };
            writeln!(f, "{state:<4}  {:<width$}  {}", line.subject, line.detail)?;
            if let Some(hint) = &line.hint {
                writeln!(f, "      hint: {hint}")?;
            }
        }
        Ok(())
    }
}

/// Why a verb ended without its result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failed {
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
