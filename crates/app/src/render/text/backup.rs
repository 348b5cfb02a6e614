//! `create` for people.

use std::fmt::Write;

use engine::BackupReport;
use model::plan::backup::{BackupPlan, PlannedCollection};

use super::super::units::{bytes, columns, count, counted, duration, time_of_day};
use super::{names, warnings};

/// What a backup would do.
pub(crate) fn backup_plan(plan: &BackupPlan) -> String {
    let sum = |of: fn(&PlannedCollection) -> u64| plan.collections.iter().map(of).sum::<u64>();
    let mut text = format!(
        "Would back up {} in {} as {} ({}): {}, {}, {}\n",
        counted(plan.collections.len(), "collection"),
        counted(plan.databases.len(), "database"),
        plan.name,
        plan.strategy.as_str(),
        counted(sum(|c| c.rows), "row"),
        counted(sum(|c| c.objects), "object"),
        bytes(sum(|c| c.bytes)),
    );
    let rows: Vec<[String; 6]> = plan
        .collections
        .iter()
        .map(|c| {
            [
                format!("  {}", c.name),
                counted(c.partitions, "partition"),
                counted(c.segments, "segment"),
                counted(c.rows, "row"),
                counted(c.objects, "object"),
                bytes(c.bytes),
            ]
        })
        .collect();
    text.push_str(&columns(&rows));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "Data: {}", plan.copy);
    warnings(&mut text, &plan.warnings);
    text
}

/// What a backup did.
pub(crate) fn backup_report(report: &BackupReport, code: u8) -> String {
    let deleted = match report.deletes {
        0 => String::new(),
        deletes => format!(" ({} deleted)", count(deletes)),
    };
    let mut text = format!(
        "Backup {} is complete: {}, {}{deleted}, {}, {}, in {} (flush {}, copy {}).\n",
        report.name,
        counted(report.collections, "collection"),
        counted(report.rows, "row"),
        counted(report.objects, "object"),
        bytes(report.bytes),
        duration(report.elapsed),
        duration(report.flush),
        duration(report.copy),
    );
    // Writing to a String cannot fail.
    let _ = match report.cut {
        Some((from, to)) if from == to => writeln!(text, "  cut at {} UTC", time_of_day(from)),
        Some((from, to)) => {
            let (from, to) = (time_of_day(from), time_of_day(to));
            writeln!(text, "  consistent per collection, cut between {from} and {to} UTC")
        }
        None => Ok(()),
    };
    if !report.vanished.is_empty() {
        let vanished = names(&report.vanished);
        let _ = writeln!(text, "  not included: {vanished}, dropped while it was read (exit code {code})");
    }
    let _ = writeln!(text, "Restore it with: milvus-backup restore -n {}", report.name);
    text
}
