//! The report of a check of Milvus and both storages.

use std::fmt;

use engine::Advice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::CheckState;
use crate::advice::{Reword, Terms, hint_of, reword_hint};

/// The report of a check of Milvus and both storages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckReport {
    /// Whether no check failed.
    pub ok: bool,
    /// The results of the checks.
    pub checks: Vec<CheckResult>,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckResult {
    /// Whether the requirement is met.
    pub state: CheckState,
    /// The object of the check.
    #[schema(example = "backup storage")]
    pub subject: String,
    /// The finding, in words.
    pub detail: String,
    /// The suggested next step as text; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<String>,
    /// The suggested next step as data: `action` names it, the other fields depend on it (see docs/json.md).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "engine::known_advice")]
    #[schema(value_type = Object, nullable = false)]
    pub advice: Option<Advice>,
}

impl From<&[engine::Check]> for CheckReport {
    fn from(lines: &[engine::Check]) -> Self {
        let checks = lines.iter().map(|line| CheckResult {
            state: line.state.into(),
            subject: line.subject.to_owned(),
            detail: line.detail.clone(),
            hint: hint_of(line.advice.as_ref()),
            advice: line.advice.clone(),
        });
        Self { ok: lines.iter().all(|line| line.state != engine::CheckState::Fail), checks: checks.collect() }
    }
}

/// Writes a line for each check, with its hint below it, as `/api/v1/check` and the command line show it.
impl fmt::Display for CheckReport {
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

impl Reword for CheckReport {
    fn reword(&mut self, terms: &dyn Terms) {
        for line in &mut self.checks {
            reword_hint(&mut line.hint, line.advice.as_ref(), terms);
        }
    }
}
