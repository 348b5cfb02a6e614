//! Outcomes for programs: the documents of `--output json`, described in docs/json.md. Fields are only ever added.

mod backup;
mod catalog;
mod diagnosis;
mod restore;

use serde::Serialize;

pub(crate) use backup::{backup_plan, backup_report};
pub(crate) use catalog::{deleted, detail, list};
pub(crate) use diagnosis::{checks, config, failure};
pub(crate) use restore::{restore_plan, restore_report};

/// A document as it is printed.
pub(crate) fn text(document: &impl Serialize) -> String {
    // Our documents have text keys and finite numbers, so this cannot fail.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// Seconds with milliseconds.
fn seconds(duration: std::time::Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}
