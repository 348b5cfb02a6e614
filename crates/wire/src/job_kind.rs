//! What depends on the kind of a job: its word, its request as the server understood it, and its report.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::advice::{Reword, Terms};
use crate::enumerations::word_enum;
use crate::restore_request::JobRestoreOptions;
use crate::{BackupReport, DeletionReport, FlushStrategy, RestoreReport};

word_enum! {
    /// The kind of a job.
    JobKind of jobs::JobKind {
        /// The job creates a backup.
        Backup = "backup",
        /// The job restores a backup.
        Restore = "restore",
        /// The job deletes a backup.
        Delete = "delete",
    }
}

/// The request of a job, with the fields of its kind of job and with all defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobRequest {
    /// The selected databases and collections, by their names in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub filter: Option<String>,
    /// The way in which the newest rows get into the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub strategy: Option<FlushStrategy>,
    /// Whether the backup fails if a collection is dropped while it is read or would lack rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub strict: Option<bool>,
    /// The source and the target of each collection of a restore.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<RestoreTarget>,
    /// The options of a restore.
    #[serde(flatten)]
    pub restore: JobRestoreOptions,
    /// The bucket of the backup; absent if it is the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub bucket: Option<String>,
    /// The backup root; absent if it is the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub root: Option<String>,
}

/// The source and the target of a restored collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RestoreTarget {
    /// The name of the collection in the backup: `database.collection`.
    pub source: String,
    /// The name of the collection in the target: `database.collection`.
    pub target: String,
}

impl From<&jobs::JobSnapshot> for JobRequest {
    fn from(job: &jobs::JobSnapshot) -> Self {
        let targets = job
            .targets
            .iter()
            .map(|(source, target)| RestoreTarget { source: source.to_string(), target: target.to_string() });
        let common = Self {
            targets: targets.collect(),
            bucket: job.place.bucket.clone(),
            root: job.place.root.clone(),
            ..Self::default()
        };
        match &job.request {
            Some(jobs::EngineRequest::Backup(request)) => Self {
                filter: Some(request.selection.to_string()),
                strategy: Some(request.strategy.into()),
                strict: Some(request.strict),
                ..common
            },
            Some(jobs::EngineRequest::Restore(request)) => Self {
                filter: Some(request.selection.to_string()),
                restore: request.options.into(),
                ..common
            },
            Some(jobs::EngineRequest::Delete(_)) | None => common,
        }
    }
}

/// The report of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum JobResult {
    /// The report of a backup.
    Backup(BackupReport),
    /// The report of a restore.
    Restore(RestoreReport),
    /// The report of a deletion.
    Delete(DeletionReport),
}

impl Reword for JobResult {
    fn reword(&mut self, terms: &dyn Terms) {
        match self {
            Self::Backup(report) => report.reword(terms),
            Self::Restore(report) => report.reword(terms),
            Self::Delete(_) => {}
        }
    }
}

impl From<&jobs::JobOutcome> for JobResult {
    fn from(outcome: &jobs::JobOutcome) -> Self {
        match outcome {
            jobs::JobOutcome::Backup(report) => Self::Backup(report.into()),
            jobs::JobOutcome::Restore(report) => Self::Restore(report.into()),
            jobs::JobOutcome::Delete(outcome) => Self::Delete(DeletionReport::new(outcome, false)),
        }
    }
}
