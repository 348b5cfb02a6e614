//! The report of a restore.

use engine::Advice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::advice::{Reword, Terms, hint_of, reword_hint};
use crate::time::duration_to_seconds;
use crate::{DONE, FailureKind, exit_code};

/// The report of a restore that was executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RestoreReport {
    /// Always false.
    pub dry_run: bool,
    /// The name of the backup.
    pub name: String,
    /// The number of rows that the import jobs brought into the target.
    pub rows: u64,
    /// The smallest number of imported rows that matches the backup: its rows minus its delete entries.
    pub rows_min: u64,
    /// The largest number of imported rows that matches the backup: its rows.
    pub rows_max: u64,
    /// The duration of the whole restore in seconds.
    pub seconds: f64,
    /// The results of all collections of the plan.
    pub collections: Vec<RestoredCollection>,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
    /// Whether data was left out on request.
    #[serde(default)]
    pub meta_only: bool,
    /// The users, roles and grants that were added; absent if the request did not demand that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rbac: Option<RestoredRbac>,
    /// How to restore the collections that are not restored; absent if all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub hint: Option<String>,
    /// The suggested next step as data: `action` names it, the other fields depend on it (see docs/json.md).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "engine::known_advice")]
    #[schema(value_type = Object, nullable = false)]
    pub advice: Option<Advice>,
    /// The exit code of the command: 0 if everything is restored and lacks nothing.
    pub exit_code: u8,
}

/// The users, roles and grants that a restore added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RestoredRbac {
    /// The number of users that were added.
    pub users: usize,
    /// The number of roles that were added.
    pub roles: usize,
    /// The number of privilege groups that were added.
    pub privilege_groups: usize,
    /// The number of roles that were given to users.
    pub user_roles: usize,
    /// The number of privileges that were given to roles.
    pub grants: usize,
    /// The users, roles and privilege groups that the target had already.
    pub kept: Vec<String>,
    /// What is missing, with the reason of Milvus; a sentence each.
    pub lacks: Vec<String>,
}

impl From<&engine::RbacRestored> for RestoredRbac {
    fn from(restored: &engine::RbacRestored) -> Self {
        let engine::RbacRestored { users, roles, privilege_groups, user_roles, grants, kept, lacks } =
            restored.clone();
        Self { users, roles, privilege_groups, user_roles, grants, kept, lacks }
    }
}

impl Reword for RestoreReport {
    fn reword(&mut self, terms: &dyn Terms) {
        reword_hint(&mut self.hint, self.advice.as_ref(), terms);
        for error in self.collections.iter_mut().filter_map(|restored| restored.error.as_mut()) {
            reword_hint(&mut error.hint, error.advice.as_ref(), terms);
        }
    }
}

/// The result of one collection of a restore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RestoredCollection {
    /// The name of the collection in the backup: `database.collection`.
    pub source: String,
    /// The name of the collection in the target: `database.collection`.
    pub target: String,
    /// The outcome of the restore of this collection.
    pub outcome: CollectionOutcome,
    /// Whether this restore created the target collection and it still exists.
    pub created: bool,
    /// Whether this restore dropped a collection of this name first.
    #[serde(default)]
    pub dropped: bool,
    /// What the collection lacks beside its data, such as an index that Milvus refused; a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// The row counts of the partitions with data.
    pub partitions: Vec<PartitionRowCount>,
    /// The reason of the failure; only if `outcome` is `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<CollectionFailure>,
}

/// The outcome of the restore of one collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CollectionOutcome {
    /// The collection is restored completely.
    Done,
    /// The restore of the collection failed.
    Failed,
    /// The restore ended before this collection.
    NotBegun,
}

/// The number of imported rows of one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartitionRowCount {
    /// The name of the partition.
    pub name: String,
    /// The number of rows that the import jobs reported.
    pub rows: u64,
    /// The smallest number of imported rows that matches the backup: its rows minus its delete entries.
    pub rows_min: u64,
    /// The largest number of imported rows that matches the backup: its rows.
    pub rows_max: u64,
}

/// The reason why a collection is not restored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CollectionFailure {
    /// The kind of the failure.
    pub kind: FailureKind,
    /// What failed, on which object, and why, in one line.
    pub message: String,
    /// The suggested next step as text; null if there is none.
    pub hint: Option<String>,
    /// The suggested next step as data: `action` names it, the other fields depend on it (see docs/json.md).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "engine::known_advice")]
    #[schema(value_type = Object, nullable = false)]
    pub advice: Option<Advice>,
    /// Whether the number of imported rows does not match the backup.
    #[serde(default)]
    pub rows_differ: bool,
    /// The row count of the partition that does not match the backup; only if `rows_differ`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rows: Option<PartitionRowCount>,
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
            seconds: duration_to_seconds(report.elapsed),
            collections: report.collections.iter().map(RestoredCollection::from).collect(),
            warnings: report.warnings.clone(),
            meta_only: report.meta_only,
            rbac: report.rbac.as_ref().map(RestoredRbac::from),
            hint: hint_of(advice.as_ref()),
            advice,
            exit_code: report.kind().map_or(DONE, exit_code),
        }
    }
}

impl From<&engine::CollectionRestored> for RestoredCollection {
    fn from(restored: &engine::CollectionRestored) -> Self {
        let (outcome, error) = match &restored.outcome {
            engine::CollectionOutcome::Done => (CollectionOutcome::Done, None),
            engine::CollectionOutcome::NotBegun => (CollectionOutcome::NotBegun, None),
            engine::CollectionOutcome::Failed(failure) => (CollectionOutcome::Failed, Some(failure.into())),
        };
        Self {
            source: restored.source.to_string(),
            target: restored.target.to_string(),
            outcome,
            created: restored.created,
            dropped: restored.dropped,
            lacks: restored.lacks.clone(),
            partitions: restored.partitions.iter().map(PartitionRowCount::from).collect(),
            error,
        }
    }
}

impl From<&engine::PartitionRows> for PartitionRowCount {
    fn from(rows: &engine::PartitionRows) -> Self {
        Self {
            name: rows.partition.clone(),
            rows: rows.counted,
            rows_min: rows.expected.min,
            rows_max: rows.expected.max,
        }
    }
}

impl From<&engine::CollectionFailure> for CollectionFailure {
    fn from(failure: &engine::CollectionFailure) -> Self {
        Self {
            kind: failure.kind.into(),
            message: failure.message.clone(),
            hint: hint_of(failure.advice.as_ref()),
            advice: failure.advice.clone(),
            rows_differ: failure.rows.is_some(),
            rows: failure.rows.as_ref().map(PartitionRowCount::from),
        }
    }
}
