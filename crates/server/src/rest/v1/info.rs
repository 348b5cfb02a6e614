//! A backup in the form of the Go tool: the keys and milliseconds of 0.4.15, and the keys of later releases.

use std::sync::Arc;

use engine::{BackupDetail, BackupSummary};
use jobs::{JobOutcome, JobSnapshot, JobState};
use model::manifest::{Manifest, json};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::envelope::is_zero;
use super::schema::{CollectionBackupInfo, DatabaseBackupInfo};

/// The states of a job in the Go tool.
pub(super) mod state {
    /// The job is queued.
    pub(crate) const INITIAL: i32 = 0;
    /// The job is running.
    pub(crate) const EXECUTING: i32 = 1;
    /// The job succeeded.
    pub(crate) const SUCCESS: i32 = 2;
    /// The job failed.
    pub(crate) const FAIL: i32 = 3;
}

/// A backup.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = v1::BackupInfo)]
pub(crate) struct BackupInfo {
    /// Id of the backup, which is the id of the request that created it.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub id: String,
    /// 0 queued, 1 running, 2 complete, 3 failed.
    pub state_code: i32,
    /// Reason of the failure.
    #[serde(rename = "errorMessage", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub error_message: String,
    /// Start, in milliseconds since 1970.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub start_time: i64,
    /// End, in milliseconds since 1970.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub end_time: i64,
    /// Progress in percent.
    #[schema(minimum = 0, maximum = 100)]
    pub progress: i32,
    /// Name of the backup.
    pub name: String,
    /// Collections with partitions, segments and files.
    #[serde(skip_serializing_if = "ManifestCollections::is_empty")]
    #[schema(value_type = Vec<CollectionBackupInfo>, required = false)]
    pub collection_backups: ManifestCollections,
    /// Size of the files, in bytes.
    pub size: u64,
    /// Size of the metadata files, in bytes; only in responses of `get_backup`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    pub meta_size: Option<u64>,
    /// Version of the Milvus from which the backup was created.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub milvus_version: String,
    /// Databases.
    #[serde(skip_serializing_if = "ManifestDatabases::is_empty")]
    #[schema(value_type = Vec<DatabaseBackupInfo>, required = false)]
    pub database_backups: ManifestDatabases,
}

impl BackupInfo {
    /// Converts a backup on the store; `root` is Milvus's root path, for the paths of files. `simple` omits partitions.
    /// Encryption keys are always omitted.
    pub(super) fn stored(backup: BackupDetail, root: &Arc<str>, simple: bool) -> Self {
        let mut manifest = backup.manifest;
        for database in &mut manifest.databases {
            database.ezk.clear();
        }
        if simple {
            for collection in &mut manifest.collections {
                collection.partitions = Vec::new();
            }
        }
        let manifest = Arc::new(manifest);
        Self {
            id: manifest.id.clone(),
            state_code: state::SUCCESS,
            error_message: String::new(),
            start_time: manifest.start_time_ms.unwrap_or_default(),
            end_time: manifest.end_time_ms.unwrap_or_default(),
            progress: 100,
            name: backup.summary.name,
            size: manifest.size,
            meta_size: None,
            milvus_version: manifest.milvus_version.clone(),
            database_backups: ManifestDatabases(Arc::clone(&manifest)),
            collection_backups: ManifestCollections { manifest, root: Arc::clone(root) },
        }
    }

    /// Converts the summary of a complete backup.
    pub(super) fn of_summary(backup: &BackupSummary) -> Self {
        Self {
            id: backup.id.clone().unwrap_or_default(),
            state_code: state::SUCCESS,
            start_time: backup.taken_ms.unwrap_or_default(),
            end_time: backup.ended_ms.unwrap_or_default(),
            progress: 100,
            name: backup.name.clone(),
            size: backup.size.unwrap_or_default(),
            milvus_version: backup.milvus_version.clone().unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Converts the backup that a job creates or has created.
    pub(crate) fn of_job(job: &JobSnapshot) -> Self {
        let size = match &job.outcome {
            Some(JobOutcome::Backup(report)) => report.bytes,
            _ => 0,
        };
        Self {
            id: job.id.clone(),
            state_code: match job.state {
                JobState::Queued => state::INITIAL,
                JobState::Running => state::EXECUTING,
                // Collections that vanished are missing, but the backup can be restored.
                JobState::Succeeded | JobState::Partial => state::SUCCESS,
                JobState::Failed | JobState::Cancelled | JobState::Interrupted => state::FAIL,
            },
            error_message: error_message(job),
            start_time: job.started_ms.unwrap_or(job.created_ms),
            end_time: job.ended_ms.unwrap_or_default(),
            progress: progress(job),
            name: job.backup.clone(),
            size,
            milvus_version: job.milvus_version.clone().unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// Returns the reason why a job did not do everything that was requested.
pub(super) fn error_message(job: &JobSnapshot) -> String {
    job.failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default()
}

/// Returns the progress of a job in percent: at least 1 until the job is finished.
pub(super) fn progress(job: &JobSnapshot) -> i32 {
    let percent = i32::from(job.progress.totals().percent);
    match job.state {
        JobState::Queued | JobState::Running => percent.max(1),
        JobState::Succeeded => 100,
        JobState::Partial | JobState::Failed | JobState::Cancelled | JobState::Interrupted => percent,
    }
}

/// The collections of a manifest, serialized one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ManifestCollections {
    manifest: Arc<Manifest>,
    root: Arc<str>,
}

impl ManifestCollections {
    fn is_empty(&self) -> bool {
        self.manifest.collections.is_empty()
    }
}

impl Serialize for ManifestCollections {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { manifest, root } = self;
        to.collect_seq(
            manifest.collections.iter().map(|collection| json::collection(manifest, collection, root)),
        )
    }
}

/// The databases of a manifest.
#[derive(Clone, Debug, Default)]
pub(crate) struct ManifestDatabases(Arc<Manifest>);

impl ManifestDatabases {
    fn is_empty(&self) -> bool {
        self.0.databases.is_empty()
    }
}

impl Serialize for ManifestDatabases {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.databases.iter().map(json::database))
    }
}
