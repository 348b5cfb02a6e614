//! The types of a job: its request, its caller, its state, its progress and its outcome.

use engine::{Advice, BackupReport, DeleteOutcome, DeleteRequest, FailureKind, Progress, RestoreReport};
use model::name::CollectionRef;
use model::plan::backup::BackupRequest;
use model::plan::restore::RestoreRequest;
use serde::{Deserialize, Serialize};

/// The request to the engine that a job executes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "at most a few hundred requests exist, and each is moved once")]
pub enum EngineRequest {
    /// Creates a backup.
    Backup(BackupRequest),
    /// Restores a backup.
    Restore(RestoreRequest),
    /// Deletes a backup.
    Delete(DeleteRequest),
}

impl EngineRequest {
    /// Returns the kind of the job that executes the request.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Backup(_) => JobKind::Backup,
            Self::Restore(_) => JobKind::Restore,
            Self::Delete(_) => JobKind::Delete,
        }
    }

    /// Returns the name of the backup that is created, restored or deleted.
    pub fn backup(&self) -> &str {
        match self {
            Self::Backup(request) => request.name.as_str(),
            Self::Restore(request) => request.name.as_str(),
            Self::Delete(request) => request.name.as_str(),
        }
    }
}

/// The kind of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// A backup is created.
    Backup,
    /// A backup is restored.
    Restore,
    /// A backup is deleted.
    Delete,
}

impl JobKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Backup, Self::Restore, Self::Delete];

    /// Returns the kind with this name, the inverse of `as_str`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Returns the name of the kind, as stored and as shown to users.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Delete => "delete",
        }
    }
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// The job waits in the queue.
    Queued,
    /// The job is running.
    Running,
    /// The job did everything that was requested.
    Succeeded,
    /// The job did a part of what was requested, which its outcome describes.
    Partial,
    /// The job failed.
    Failed,
    /// A caller cancelled the job.
    Cancelled,
    /// The server was shut down or crashed while the job was running.
    Interrupted,
}

impl JobState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Partial,
        Self::Failed,
        Self::Cancelled,
        Self::Interrupted,
    ];

    /// Returns the state with this name, the inverse of `as_str`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Returns the name of the state, as stored and as shown to users.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// Returns whether the job is finished, that is, neither queued nor running.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A backup location, as its differences from the configured one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPlace {
    /// The bucket in the configured store; `None` for the configured bucket.
    pub bucket: Option<String>,
    /// The backup root; `None` for the configured one.
    pub root: Option<String>,
}

/// The submission of a new job.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The request that the job executes.
    pub request: EngineRequest,
    /// The backup location; the default is the configured one.
    pub place: OtherPlace,
    /// The id of the job, at most 128 bytes without control characters; `None` for a random UUID.
    pub id: Option<String>,
    /// The key that makes a repeated submission return the existing job, at most 128 bytes without control characters.
    ///
    /// It applies to submissions by the same caller. A different request with the same key is an error; generated
    /// backup names count as equal.
    pub idempotency_key: Option<String>,
    /// Whether the name of the backup was generated, because the caller chose none.
    pub name_generated: bool,
    /// The name of the caller, as authenticated by the server.
    pub by: String,
}

/// The outcome of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobOutcome {
    /// The report of a backup.
    Backup(BackupReport),
    /// The report of a restore.
    Restore(RestoreReport),
    /// The result of a deletion.
    Delete(DeleteOutcome),
}

/// The reason why a job did not do everything that was requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// The kind of the failure.
    pub kind: FailureKind,
    /// The message, which includes the causes.
    pub message: String,
    /// The operation or phase in which the failure occurred, if known.
    pub context: Option<String>,
    /// The suggested next step, if one is known.
    #[serde(default, deserialize_with = "engine::known_advice")]
    pub advice: Option<Advice>,
}

/// The current state of a job.
#[derive(Clone, Debug)]
pub struct JobSnapshot {
    /// The id, unique among all stored jobs.
    pub id: String,
    /// The kind of the job.
    pub kind: JobKind,
    /// The name of the backup that is created, restored or deleted.
    pub backup: String,
    /// The request that the job executes; `None` if a later version of this program stored it.
    pub request: Option<EngineRequest>,
    /// The backup location; the default is the configured one.
    pub place: OtherPlace,
    /// The name of the caller who submitted the job.
    pub by: String,
    /// The state.
    pub state: JobState,
    /// Whether the job was requested to stop and has not stopped yet.
    pub cancelling: bool,
    /// The number of queued jobs that start before this one; `None` unless the job is queued.
    pub ahead: Option<usize>,
    /// The time of submission, in milliseconds since 1970.
    pub created_ms: i64,
    /// The time at which the job started, in milliseconds since 1970.
    pub started_ms: Option<i64>,
    /// The time at which the job ended, in milliseconds since 1970.
    pub ended_ms: Option<i64>,
    /// The version of Milvus at admission, such as `v2.3.5`; `None` for jobs that need no Milvus.
    pub milvus_version: Option<String>,
    /// The source and the target of each collection of a restore; empty for other jobs.
    pub targets: Vec<(CollectionRef, CollectionRef)>,
    /// The progress, of the job and of each collection.
    pub progress: Progress,
    /// The outcome, if the engine returned a report.
    pub outcome: Option<JobOutcome>,
    /// The failure; `None` if the job is active or succeeded.
    pub failure: Option<JobFailure>,
}

impl JobSnapshot {
    /// Returns the short form used in lists of finished jobs, without the data of single collections, of which there
    /// may be thousands.
    pub(crate) fn into_list_entry(self) -> Self {
        let (progress, _) = self.progress.split();
        let outcome = self.outcome.filter(|outcome| !matches!(outcome, JobOutcome::Restore(_)));
        Self { targets: Vec::new(), progress, outcome, ..self }
    }

    /// Returns the name under which the progress of a restored collection is recorded.
    ///
    /// This is the name of the source, or of the target if the source has several targets.
    pub fn display_name<'a>(
        &self,
        source: &'a CollectionRef,
        target: &'a CollectionRef,
    ) -> &'a CollectionRef {
        let several = self.targets.iter().filter(|(other, _)| other == source).nth(1).is_some();
        if several { target } else { source }
    }
}

/// The filter of a list of jobs; an empty field matches all jobs.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// The kinds of jobs to list.
    pub kinds: Vec<JobKind>,
    /// The states of jobs to list.
    pub states: Vec<JobState>,
    /// The name of the backup that the jobs create, restore or delete.
    pub backup: Option<String>,
}

/// A page of the list of jobs, newest first.
#[derive(Clone, Debug)]
pub struct JobPage {
    /// The jobs. Finished jobs have no data of single collections: no progress of collections, and for a restore no
    /// targets and no outcome.
    pub jobs: Vec<JobSnapshot>,
    /// The opaque token of the next page; `None` on the last page.
    pub next: Option<String>,
}
