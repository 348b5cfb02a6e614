//! The request of a job, as the server understood it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::FlushStrategy;
use crate::restore_request::JobRestoreOptions;

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
