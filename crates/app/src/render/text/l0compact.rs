//! `l0compact` for people.

use wire::L0CompactionReport;

use super::super::units::{bytes, count, counted, duration};
use super::warnings;

/// What a compaction would do.
pub(crate) fn l0_compaction_plan(plan: &L0CompactionReport) -> String {
    let mut text = format!(
        "Would copy {} ({}, {}, {}) to {}{}\n{}",
        plan.name,
        counted(plan.collections, "collection"),
        counted(plan.objects, "object"),
        bytes(plan.bytes),
        plan.into,
        if plan.replaces { ", deleting the present backup of this name first" } else { "" },
        describe_folding("Would fold", plan),
    );
    warnings(&mut text, &plan.warnings);
    text
}

/// The report of a compaction.
pub(crate) fn l0_compaction_report(report: &L0CompactionReport) -> String {
    format!(
        "Copied {} to {} in {}: {}, {}.\n{}",
        report.name,
        report.into,
        duration(wire::duration_from_seconds(report.seconds)),
        counted(report.objects, "object"),
        bytes(report.bytes),
        describe_folding("Folded", report),
    )
}

/// Describes what happens to the deletes; empty if nothing does.
fn describe_folding(verb: &str, report: &L0CompactionReport) -> String {
    if report.l0_segments == 0 && report.folded_segments == 0 {
        return String::new();
    }
    format!(
        "{verb} the deletes of {} into {}, in which {} deleted\n",
        counted(report.l0_segments, "L0 segment"),
        counted(report.folded_segments, "segment"),
        match report.deleted_rows {
            1 => "1 row is".to_owned(),
            rows => format!("{} rows are", count(rows)),
        },
    )
}
