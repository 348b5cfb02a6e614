//! `check`, `config show` and errors for programs.

use engine::{Check, CheckState};
use serde::Serialize;

use crate::config::{Config, Row};
use crate::status::{Failure, exit_code, kind_name};

#[derive(Serialize)]
pub(crate) struct Checks<'a> {
    ok: bool,
    checks: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    state: String,
    subject: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

/// What a check found; `ok` unless a line failed.
pub(crate) fn checks(lines: &[Check]) -> Checks<'_> {
    Checks {
        ok: lines.iter().all(|line| line.state != CheckState::Fail),
        checks: lines
            .iter()
            .map(|line| Line {
                state: line.state.as_str().to_lowercase(),
                subject: line.subject,
                detail: &line.detail,
                hint: line.hint.as_deref(),
            })
            .collect(),
    }
}

#[derive(Serialize)]
pub(crate) struct Configuration<'a> {
    schema: &'static str,
    file: Option<String>,
    values: Vec<Row>,
    warnings: &'a [String],
}

/// Every value and its source, secrets masked.
pub(crate) fn config(config: &Config) -> Configuration<'_> {
    Configuration {
        schema: config.schema.name(),
        file: config.file.as_ref().map(|file| file.display().to_string()),
        values: config.rows(),
        warnings: &config.warnings,
    }
}

#[derive(Serialize)]
pub(crate) struct Failed<'a> {
    error: FailureOf<'a>,
}

#[derive(Serialize)]
struct FailureOf<'a> {
    kind: &'static str,
    message: &'a str,
    context: Option<&'a str>,
    hint: Option<&'a str>,
    exit_code: u8,
}

/// Why a verb ended without its result.
pub(crate) fn failure(failure: &Failure) -> Failed<'_> {
    Failed {
        error: FailureOf {
            kind: kind_name(failure.kind),
            message: &failure.message,
            context: failure.context.as_deref(),
            hint: failure.hint.as_deref(),
            exit_code: exit_code(failure.kind),
        },
    }
}
