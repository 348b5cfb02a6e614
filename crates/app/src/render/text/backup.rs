//! The plan and the report of a backup as text.

use std::fmt::Write;

use wire::{self, BackupPlan, BackupReport};

use super::super::units::{bytes, columns, counted, duration, time_of_day};
use super::{names, warnings};
use crate::render::CommandTerms;

/// The plan of a backup.
pub(crate) fn backup_plan(plan: &BackupPlan) -> String {
    let mut text = format!(
        "Would back up {} in {} as {} ({}{}): {}, {}, {}\n",
        counted(plan.collections.len(), "collection"),
        counted(plan.databases.len(), "database"),
        plan.name,
        plan.strategy,
        if plan.format == wire::BackupFormat::Snapshot { ", format snapshot" } else { "" },
        counted(plan.rows, "row"),
        counted(plan.objects, "object"),
        bytes(plan.bytes),
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

/// The report of a backup.
pub(crate) fn backup_report(report: &BackupReport, terms: &CommandTerms) -> String {
    let deleted = match report.deletes {
        0 => String::new(),
        deletes => format!(" ({})", counted(deletes, "delete entry")),
    };
    let mut text = format!(
        "Backup {} is complete: {}, {}{deleted}, {}, {}, in {} (flush {}, copy {}).\n",
        report.name,
        counted(report.collections, "collection"),
        counted(report.rows, "row"),
        counted(report.objects, "object"),
        bytes(report.bytes),
        duration(wire::duration_from_seconds(report.seconds)),
        duration(wire::duration_from_seconds(report.flush_seconds)),
        duration(wire::duration_from_seconds(report.copy_seconds)),
    );
    // Writing to a String cannot fail.
    let _ = match report.cut_from.zip(report.cut_to) {
        Some((from, _)) if report.cut_is_cluster_wide => {
            writeln!(text, "  cut of the whole cluster at {} UTC", time_of_day(from))
        }
        Some((from, to)) if from == to => writeln!(text, "  cut at {} UTC", time_of_day(from)),
        Some((from, to)) => {
            let (from, to) = (time_of_day(from), time_of_day(to));
            writeln!(text, "  consistent per collection, cut between {from} and {to} UTC")
        }
        None => Ok(()),
    };
    if !report.vanished.is_empty() {
        let vanished = names(&report.vanished);
        let _ = writeln!(
            text,
            "  not included: {vanished}, dropped during the backup (exit code {})",
            report.exit_code
        );
    }
    for failed in &report.failed {
        let _ =
            writeln!(text, "  failed: {}: {} (exit code {})", failed.name, failed.reason, report.exit_code);
        if let Some(hint) = &failed.hint {
            let _ = writeln!(text, "    hint: {hint}");
        }
    }
    let _ = writeln!(text, "Restore it with: {}", terms.command("restore", &format!(" -n {}", report.name)));
    text
}
