//! What a restore would do, and what it did.

use engine::{Advice, CollectionOutcome};
use model::ids::PartitionScope;
use model::plan::restore::{CollectionPlan, ImportFiles, PartitionPlan};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Action, seconds};
use crate::advice::{Reword, Terms, hint_of, reword_hint};
use crate::{DONE, Kind, exit_code};

/// What a restore would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RestorePlan {
    /// Always true.
    pub dry_run: bool,
    /// The backup.
    pub name: String,
    /// The target's version.
    pub milvus: String,
    /// Its host and port.
    pub address: String,
    /// How many collections the backup holds.
    pub collections_in_backup: usize,
    /// Databases the target lacks.
    pub databases_to_create: Vec<String>,
    /// Why data is copied first, if it is.
    pub staging: Option<String>,
    /// The collections to restore.
    pub collections: Vec<PlannedRestore>,
    /// Import jobs.
    pub jobs: usize,
    /// Files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// What would happen to one collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedRestore {
    /// `database.collection` in the backup.
    pub source: String,
    /// `database.collection` in the target.
    pub target: String,
    /// How the target comes to be.
    pub action: Action,
    /// The fewest rows that are right.
    pub rows_min: u64,
    /// The most rows that are right.
    pub rows_max: u64,
    /// Whether it is loaded at the end.
    pub load: bool,
    /// Aliases to create.
    pub aliases: Vec<String>,
    /// Indexes to create.
    pub indexes: Vec<String>,
    /// What goes into its partitions.
    pub partitions: Vec<PlannedPartition>,
}

/// What would go into one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedPartition {
    /// Its name.
    pub name: String,
    /// The fewest rows that are right.
    pub rows_min: u64,
    /// The most rows that are right.
    pub rows_max: u64,
    /// Import jobs.
    pub jobs: Vec<ImportJob>,
}

/// An import job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportJob {
    /// Whether its files are copied first.
    pub staged: bool,
    /// Its files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl RestorePlan {
    /// The document of a restore that was not executed.
    pub fn of(prepared: &engine::PreparedRestore) -> Self {
        let (plan, server) = (prepared.plan(), prepared.server());
        Self {
            dry_run: true,
            name: plan.name.to_string(),
            milvus: server.version.to_string(),
            address: server.address.clone(),
            collections_in_backup: prepared.collections_in_backup(),
            databases_to_create: plan.databases.clone(),
            staging: plan.staging.clone(),
            collections: plan.collections.iter().map(PlannedRestore::from).collect(),
            jobs: plan.jobs().count(),
            objects: plan.jobs().map(|job| job.objects).sum(),
            bytes: plan.jobs().map(|job| job.bytes).sum(),
            warnings: plan.warnings.clone(),
        }
    }
}

impl From<&CollectionPlan> for PlannedRestore {
    fn from(plan: &CollectionPlan) -> Self {
        Self {
            source: plan.source.to_string(),
            target: plan.target.to_string(),
            action: plan.action.into(),
            rows_min: plan.rows().min,
            rows_max: plan.rows().max,
            load: plan.load,
            aliases: plan.aliases.clone(),
            indexes: plan.indexes.iter().map(|index| index.name.clone()).collect(),
            partitions: plan
                .partitions
                .iter()
                .map(|partition| PlannedPartition::of(plan, partition))
                .collect(),
        }
    }
}

impl PlannedPartition {
    fn of(collection: &CollectionPlan, plan: &PartitionPlan) -> Self {
        let jobs = collection.jobs_of(PartitionScope::One(plan.id)).map(|job| ImportJob {
            staged: matches!(job.files, ImportFiles::Staged(_)),
            objects: job.objects,
            bytes: job.bytes,
        });
        Self {
            name: plan.name.clone(),
            rows_min: plan.rows.min,
            rows_max: plan.rows.max,
            jobs: jobs.collect(),
        }
    }
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RestoreReport {
    /// Always false.
    pub dry_run: bool,
    /// The backup.
    pub name: String,
    /// Rows counted in the target.
    pub rows: u64,
    /// The fewest rows that are right.
    pub rows_min: u64,
    /// The most rows that are right.
    pub rows_max: u64,
    /// How long all took.
    pub seconds: f64,
    /// Every collection of the plan.
    pub collections: Vec<Restored>,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// Whether data was left out on request.
    #[serde(default)]
    pub meta_only: bool,
    /// How to restore the collections that are not restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<String>,
    /// The suggested next step as data: `action` names it, the other fields depend on it (see docs/json.md).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "engine::known_advice")]
    #[schema(value_type = Object, nullable = false)]
    pub advice: Option<Advice>,
    /// What the command line ends with.
    pub exit_code: u8,
}

impl Reword for RestoreReport {
    fn reword(&mut self, terms: &dyn Terms) {
        reword_hint(&mut self.hint, self.advice.as_ref(), terms);
        for error in self.collections.iter_mut().filter_map(|restored| restored.error.as_mut()) {
            reword_hint(&mut error.hint, error.advice.as_ref(), terms);
        }
    }
}

/// What became of one collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Restored {
    /// `database.collection` in the backup.
    pub source: String,
    /// `database.collection` in the target.
    pub target: String,
    /// How it ended.
    pub outcome: RestoreOutcome,
    /// Whether it was created by this restore and still exists.
    pub created: bool,
    /// Partitions with data.
    pub partitions: Vec<Counted>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<RestoredFailure>,
}

/// How the restore of a collection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestoreOutcome {
    /// All of it is there.
    Done,
    /// Not all of it is there.
    Failed,
    /// Nothing was done about it.
    NotBegun,
}

/// The rows of one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Counted {
    /// Its name.
    pub name: String,
    /// Rows the imports reported.
    pub rows: u64,
    /// The fewest rows that are right.
    pub rows_min: u64,
    /// The most rows that are right.
    pub rows_max: u64,
}

/// Why a collection is not restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RestoredFailure {
    /// What kind of failure.
    pub kind: Kind,
    /// The error with its causes, in a line.
    pub message: String,
    /// The suggested next step.
    pub hint: Option<String>,
    /// The suggested next step as data: `action` names it, the other fields depend on it (see docs/json.md).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "engine::known_advice")]
    #[schema(value_type = Object, nullable = false)]
    pub advice: Option<Advice>,
    /// Whether the rows counted are not those of the backup.
    #[serde(default)]
    pub rows_differ: bool,
    /// The partition whose rows are not those of the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rows: Option<Counted>,
}

impl From<&engine::RestoreReport> for RestoreReport {
    fn from(report: &engine::RestoreReport) -> Self {
        let advice = report.remaining.clone().map(|remaining| Advice::RestoreRemaining(Box::new(remaining)));
        Self {
            dry_run: false,
            name: report.name.clone(),
            rows: report.rows(),
            rows_min: report.expected().min,
            rows_max: report.expected().max,
            seconds: seconds(report.elapsed),
            collections: report.collections.iter().map(Restored::from).collect(),
            warnings: report.warnings.clone(),
            meta_only: report.meta_only,
            hint: hint_of(advice.as_ref()),
            advice,
            exit_code: report.kind().map_or(DONE, exit_code),
        }
    }
}

impl From<&engine::CollectionRestored> for Restored {
    fn from(restored: &engine::CollectionRestored) -> Self {
        let (outcome, error) = match &restored.outcome {
            CollectionOutcome::Done => (RestoreOutcome::Done, None),
            CollectionOutcome::NotBegun => (RestoreOutcome::NotBegun, None),
            CollectionOutcome::Failed(failure) => (RestoreOutcome::Failed, Some(failure.into())),
        };
        Self {
            source: restored.source.to_string(),
            target: restored.target.to_string(),
            outcome,
            created: restored.created,
            partitions: restored.partitions.iter().map(Counted::from).collect(),
            error,
        }
    }
}

impl From<&engine::PartitionRows> for Counted {
    fn from(rows: &engine::PartitionRows) -> Self {
        Self {
            name: rows.partition.clone(),
            rows: rows.counted,
            rows_min: rows.expected.min,
            rows_max: rows.expected.max,
        }
    }
}

impl From<&engine::CollectionFailure> for RestoredFailure {
    fn from(failure: &engine::CollectionFailure) -> Self {
        Self {
            kind: failure.kind.into(),
            message: failure.message.clone(),
            hint: hint_of(failure.advice.as_ref()),
            advice: failure.advice.clone(),
            rows_differ: failure.rows.is_some(),
            rows: failure.rows.as_ref().map(Counted::from),
        }
    }
}
