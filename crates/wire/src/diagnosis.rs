//! What a check found, and why something failed.

use std::fmt;

use engine::Advice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CheckState;
use crate::advice::{Reword, Terms, hint_of, reword_hint};
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
    /// The suggested next step as data: `action` names it, the other fields depend on it (see docs/json.md).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "engine::known_advice")]
    #[schema(value_type = Object, nullable = false)]
    pub advice: Option<Advice>,
}

impl From<&[engine::Check]> for Checks {
    fn from(lines: &[engine::Check]) -> Self {
        let checks = lines.iter().map(|line| CheckLine {
            state: line.state.into(),
            subject: line.subject.to_owned(),
            detail: line.detail.clone(),
            hint: hint_of(line.advice.as_ref()),
            advice: line.advice.clone(),
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

impl Reword for Checks {
    fn reword(&mut self, terms: &dyn Terms) {
        for line in &mut self.checks {
            reword_hint(&mut line.hint, line.advice.as_ref(), terms);
        }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<Advice>,
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
                advice: failure.advice.as_deref().cloned(),
                exit_code: exit_code(failure.kind),
            },
        }
    }
}
