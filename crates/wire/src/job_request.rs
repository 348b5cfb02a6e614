//! The request of a job, as the server understood it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Existing, FlushStrategy};

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
    /// Whether collections are restored without their data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub meta_only: Option<bool>,
    /// The treatment of target collections that exist already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub existing: Option<Existing>,
    /// Whether the backup's indexes are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub indexes: Option<bool>,
    /// Whether vector indexes become AUTOINDEX, with the same metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub auto_index: Option<bool>,
    /// Whether the indexes of target collections that exist already are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub drop_indexes: Option<bool>,
    /// Whether the collections that were loaded in the source are loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub load: Option<bool>,
    /// Whether the backup's aliases are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub aliases: Option<bool>,
    /// Whether a collection is dropped that the restore created and whose import failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cleanup_on_failure: Option<bool>,
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
                meta_only: Some(request.meta_only),
                existing: Some(request.existing.into()),
                indexes: Some(request.indexes),
                auto_index: Some(request.auto_index),
                drop_indexes: Some(request.drop_indexes),
                load: Some(request.load),
                aliases: Some(request.aliases),
                cleanup_on_failure: Some(request.cleanup_on_failure),
                ..common
            },
            Some(jobs::EngineRequest::Delete(_)) | None => common,
        }
    }
}
