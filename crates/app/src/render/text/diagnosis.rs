//! `check` and `config show` for people.

use std::fmt::Write;

use super::super::units::columns;
use crate::config::Config;
use crate::wire::{CheckState, Checks};

/// One line a check, hints below.
pub(crate) fn checks(checks: &Checks) -> String {
    let width = checks.checks.iter().map(|line| line.subject.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for line in &checks.checks {
        let state = if line.state == CheckState::Fail { "FAIL".to_owned() } else { line.state.to_string() };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{state:<4}  {:<width$}  {}", line.subject, line.detail);
        if let Some(hint) = &line.hint {
            let _ = writeln!(text, "      hint: {hint}");
        }
    }
    text
}

/// Every value and its source.
pub(crate) fn config(config: &Config) -> String {
    let mut rows = vec![["KEY", "VALUE", "SOURCE"].map(str::to_owned)];
    rows.extend(config.rows().into_iter().map(|row| {
        let source = match (row.source_key, row.inherited_from) {
            (Some(key), _) => format!("{} ({key})", row.source),
            (None, Some(from)) => format!("{} ({from})", row.source),
            (None, None) => row.source,
        };
        [row.key.to_owned(), row.value, source]
    }));
    columns(&rows)
}
