//! `restore` for programs.

use engine::{CollectionOutcome, RestoreReport};
use model::plan::restore::{Action, CollectionPlan, JobData, RestorePlan};
use serde::Serialize;

use super::super::Target;
use super::seconds;
use crate::status::kind_name;

#[derive(Serialize)]
pub(crate) struct Plan<'a> {
    dry_run: bool,
    name: String,
    milvus: &'a str,
    address: &'a str,
    collections_in_backup: usize,
    databases_to_create: &'a [String],
    staging: Option<&'a str>,
    collections: Vec<Planned<'a>>,
    jobs: usize,
    objects: u64,
    bytes: u64,
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Planned<'a> {
    source: String,
    target: String,
    action: &'static str,
    rows_min: u64,
    rows_max: u64,
    load: bool,
    aliases: &'a [String],
    indexes: Vec<&'a str>,
    partitions: Vec<Partition<'a>>,
}

#[derive(Serialize)]
struct Partition<'a> {
    name: &'a str,
    rows_min: u64,
    rows_max: u64,
    jobs: Vec<Job>,
}

#[derive(Serialize)]
struct Job {
    staged: bool,
    objects: u64,
    bytes: u64,
}

/// What a restore would do.
pub(crate) fn restore_plan<'a>(plan: &'a RestorePlan, target: &'a Target) -> Plan<'a> {
    Plan {
        dry_run: true,
        name: plan.name.to_string(),
        milvus: &target.server,
        address: &target.address,
        collections_in_backup: target.available,
        databases_to_create: &plan.databases,
        staging: plan.staging.as_deref(),
        collections: plan.collections.iter().map(collection).collect(),
        jobs: plan.jobs().count(),
        objects: plan.jobs().map(|job| job.objects).sum(),
        bytes: plan.jobs().map(|job| job.bytes).sum(),
        warnings: &plan.warnings,
    }
}

fn collection(plan: &CollectionPlan) -> Planned<'_> {
    let partitions = plan.partitions.iter().map(|partition| Partition {
        name: &partition.name,
        rows_min: partition.rows.min,
        rows_max: partition.rows.max,
        jobs: partition
            .jobs
            .iter()
            .map(|job| Job {
                staged: matches!(job.data, JobData::Staged(_)),
                objects: job.objects,
                bytes: job.bytes,
            })
            .collect(),
    });
    Planned {
        source: plan.source.to_string(),
        target: plan.target.to_string(),
        action: match plan.action {
            Action::Create => "create",
            Action::DropAndCreate => "drop_and_create",
            Action::Use => "use",
        },
        rows_min: plan.rows().min,
        rows_max: plan.rows().max,
        load: plan.load,
        aliases: &plan.aliases,
        indexes: plan.indexes.iter().map(|index| index.name.as_str()).collect(),
        partitions: partitions.collect(),
    }
}

#[derive(Serialize)]
pub(crate) struct Report<'a> {
    dry_run: bool,
    name: &'a str,
    rows: u64,
    rows_min: u64,
    rows_max: u64,
    seconds: f64,
    collections: Vec<Restored<'a>>,
    warnings: &'a [String],
    exit_code: u8,
}

#[derive(Serialize)]
struct Restored<'a> {
    source: String,
    target: String,
    outcome: &'static str,
    created: bool,
    partitions: Vec<Counted<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure<'a>>,
}

#[derive(Serialize)]
struct Counted<'a> {
    name: &'a str,
    rows: u64,
    rows_min: u64,
    rows_max: u64,
}

#[derive(Serialize)]
struct Failure<'a> {
    kind: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
}

/// What a restore did.
pub(crate) fn restore_report(report: &RestoreReport, exit_code: u8) -> Report<'_> {
    let collections = report.collections.iter().map(|restored| {
        let (outcome, error) = match &restored.outcome {
            CollectionOutcome::Done => ("done", None),
            CollectionOutcome::NotBegun => ("not_begun", None),
            CollectionOutcome::Failed(failure) => {
                let (kind, hint) = (kind_name(failure.kind), failure.hint.as_deref());
                ("failed", Some(Failure { kind, message: &failure.message, hint }))
            }
        };
        let partitions = restored.partitions.iter().map(|partition| Counted {
            name: &partition.partition,
            rows: partition.counted,
            rows_min: partition.expected.min,
            rows_max: partition.expected.max,
        });
        Restored {
            source: restored.source.to_string(),
            target: restored.target.to_string(),
            outcome,
            created: restored.created,
            partitions: partitions.collect(),
            error,
        }
    });
    Report {
        dry_run: false,
        name: &report.name,
        rows: report.rows(),
        rows_min: report.expected().min,
        rows_max: report.expected().max,
        seconds: seconds(report.elapsed),
        collections: collections.collect(),
        warnings: &report.warnings,
        exit_code,
    }
}
