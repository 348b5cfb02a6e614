//! `create` for programs.

use engine::BackupReport;
use model::plan::backup::BackupPlan;
use serde::Serialize;

use super::super::units::rfc3339;
use super::seconds;

#[derive(Serialize)]
pub(crate) struct Plan<'a> {
    dry_run: bool,
    name: String,
    strategy: &'static str,
    copy: &'a str,
    databases: &'a [String],
    collections: Vec<Planned>,
    rows: u64,
    objects: u64,
    bytes: u64,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Planned {
    name: String,
    partitions: usize,
    segments: usize,
    rows: u64,
    objects: u64,
    bytes: u64,
}

/// What a backup would do.
pub(crate) fn backup_plan(plan: &BackupPlan) -> Plan<'_> {
    let collections: Vec<_> = plan
        .collections
        .iter()
        .map(|c| Planned {
            name: c.name.to_string(),
            partitions: c.partitions,
            segments: c.segments,
            rows: c.rows,
            objects: c.objects,
            bytes: c.bytes,
        })
        .collect();
    Plan {
        dry_run: true,
        name: plan.name.to_string(),
        strategy: plan.strategy.as_str(),
        copy: &plan.copy,
        databases: &plan.databases,
        rows: collections.iter().map(|c| c.rows).sum(),
        objects: collections.iter().map(|c| c.objects).sum(),
        bytes: collections.iter().map(|c| c.bytes).sum(),
        collections,
        warnings: &plan.warnings,
    }
}

#[derive(Serialize)]
pub(crate) struct Report<'a> {
    dry_run: bool,
    name: &'a str,
    state: &'static str,
    collections: usize,
    rows: u64,
    deletes: u64,
    objects: u64,
    bytes: u64,
    seconds: f64,
    flush_seconds: f64,
    copy_seconds: f64,
    cut_from: Option<String>,
    cut_to: Option<String>,
    vanished: Vec<String>,
    warnings: &'a [String],
    exit_code: u8,
}

/// What a backup did.
pub(crate) fn backup_report(report: &BackupReport, exit_code: u8) -> Report<'_> {
    let time = |seconds: i64| rfc3339(seconds.saturating_mul(1000));
    Report {
        dry_run: false,
        name: &report.name,
        state: "complete",
        collections: report.collections,
        rows: report.rows,
        deletes: report.deletes,
        objects: report.objects,
        bytes: report.bytes,
        seconds: seconds(report.elapsed),
        flush_seconds: seconds(report.flush),
        copy_seconds: seconds(report.copy),
        cut_from: report.cut.and_then(|(from, _)| time(from)),
        cut_to: report.cut.and_then(|(_, to)| time(to)),
        vanished: report.vanished.iter().map(ToString::to_string).collect(),
        warnings: &report.warnings,
        exit_code,
    }
}
