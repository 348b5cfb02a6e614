//! Plans, reports and tables as text for people.

mod backup;
mod catalog;
mod check;
mod contents;
mod diagnosis;
mod jobs;
mod l0compact;
mod restore;
mod rows;

use std::fmt::Write;

pub(crate) use backup::{backup_plan, backup_report};
pub(crate) use catalog::{delete_plan, delete_question, deleted, detail, list};
pub(crate) use check::check_report;
pub(crate) use contents::contents;
pub(crate) use diagnosis::config;
pub(crate) use jobs::{cancelled, job, jobs, state};
pub(crate) use l0compact::{l0_compaction_plan, l0_compaction_report};
pub(crate) use restore::{restore_failure, restore_plan, restore_question, restore_report, restored_rows};
pub(crate) use rows::{RowTable, TABLE_ROWS};

/// Appends warnings, one line each.
fn warnings(text: &mut String, warnings: &[String]) {
    for warning in warnings {
        text.push_str("Warning: ");
        text.push_str(warning);
        text.push('\n');
    }
}

/// Comma-separated names; at most ten, and the number of the others.
fn names<T: ToString>(names: &[T]) -> String {
    const SHOWN: usize = 10;
    let mut text = names.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        // Writing to a String cannot fail.
        let _ = write!(text, " and {} more", names.len() - SHOWN);
    }
    text
}
