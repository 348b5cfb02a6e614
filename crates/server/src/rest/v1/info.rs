//! A backup as the Go tool shows it: 0.4.15's keys and milliseconds, with the keys of later releases beside them.

use std::sync::Arc;

use engine::{BackupDetail, BackupSummary};
use jobs::{Job, JobState, Outcome};
use model::manifest::{Manifest, json};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::envelope::is_zero;
use super::schema::{CollectionBackupInfo, DatabaseBackupInfo};

/// The Go tool's states of a job.
pub(super) mod state {
    /// It has not begun.
    pub(crate) const INITIAL: i32 = 0;
    /// It runs.
    pub(crate) const EXECUTING: i32 = 1;
    /// It did what it was asked to.
    pub(crate) const SUCCESS: i32 = 2;
    /// It did not.
    pub(crate) const FAIL: i32 = 3;
}

/// A backup.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = v1::BackupInfo)]
pub(crate) struct BackupInfo {
    /// The id of the request that made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub id: String,
    /// 0 waits, 1 runs, 2 complete, 3 failed.
    pub state_code: i32,
    /// Why it failed.
    #[serde(rename = "errorMessage", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub error_message: String,
    /// When it began, milliseconds since 1970.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub start_time: i64,
    /// When it ended, milliseconds since 1970.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub end_time: i64,
    /// Percent.
    #[schema(minimum = 0, maximum = 100)]
    pub progress: i32,
    /// Its name.
    pub name: String,
    /// Its collections, with partitions, segments and files.
    #[serde(skip_serializing_if = "Collections::is_empty")]
    #[schema(value_type = Vec<CollectionBackupInfo>, required = false)]
    pub collection_backups: Collections,
    /// Bytes of its files.
    pub size: u64,
    /// Bytes of the files that say what it holds; told by `get_backup` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u64, required = false)]
    pub meta_size: Option<u64>,
    /// The version of the Milvus it was taken from.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub milvus_version: String,
    /// Its databases.
    #[serde(skip_serializing_if = "Databases::is_empty")]
    #[schema(value_type = Vec<DatabaseBackupInfo>, required = false)]
    pub database_backups: Databases,
}

impl BackupInfo {
    /// A backup on its store; `root` is Milvus's root path, for the paths of files. `simple` leaves partitions out, and
    /// no secret is shown in any case.
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
            database_backups: Databases(Arc::clone(&manifest)),
            collection_backups: Collections { manifest, root: Arc::clone(root) },
        }
    }

    /// What a list tells of a complete backup.
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

    /// The backup that a job makes, or made.
    pub(crate) fn of_job(job: &Job) -> Self {
        let size = match &job.outcome {
            Some(Outcome::Backup(report)) => report.bytes,
            _ => 0,
        };
        Self {
            id: job.id.clone(),
            state_code: match job.state {
                JobState::Queued => state::INITIAL,
                JobState::Running => state::EXECUTING,
                // what vanished is not in it, but it can be restored
                JobState::Succeeded | JobState::Partial => state::SUCCESS,
                JobState::Failed | JobState::Cancelled | JobState::Interrupted => state::FAIL,
            },
            error_message: error_message(job),
            start_time: job.started_ms.unwrap_or(job.created_ms),
            end_time: job.ended_ms.unwrap_or_default(),
            progress: progress(job),
            name: job.request.backup().to_owned(),
            size,
            milvus_version: job.milvus_version.clone().unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// Why a job did not do all.
pub(super) fn error_message(job: &Job) -> String {
    job.failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default()
}

/// How far a job is, percent; at least 1 until it is over.
pub(super) fn progress(job: &Job) -> i32 {
    let percent = i32::from(job.progress.percent());
    match job.state {
        JobState::Queued | JobState::Running => percent.max(1),
        JobState::Succeeded => 100,
        JobState::Partial | JobState::Failed | JobState::Cancelled | JobState::Interrupted => percent,
    }
}

/// The collections of a manifest, written one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collections {
    manifest: Arc<Manifest>,
    root: Arc<str>,
}

impl Collections {
    fn is_empty(&self) -> bool {
        self.manifest.collections.is_empty()
    }
}

impl Serialize for Collections {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { manifest, root } = self;
        to.collect_seq(
            manifest.collections.iter().map(|collection| json::collection(manifest, collection, root)),
        )
    }
}

/// The databases of a manifest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Databases(Arc<Manifest>);

impl Databases {
    fn is_empty(&self) -> bool {
        self.0.databases.is_empty()
    }
}

impl Serialize for Databases {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.databases.iter().map(json::database))
    }
}
