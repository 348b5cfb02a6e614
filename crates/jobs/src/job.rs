//! The types of a job: its submission, its state and its snapshot.

use engine::Progress;
use model::name::CollectionRef;
use serde::{Deserialize, Serialize};

use crate::failure::JobFailure;
use crate::kind::{EngineRequest, JobKind, JobOutcome, display_name};

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
    /// The running jobs of which one must end before a job of this kind starts, as `KIND BACKUP (job ID)`; empty unless the
    /// job is queued.
    pub waits_for: Vec<String>,
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
        let outcome = self.outcome.filter(|outcome| !outcome.is_large());
        Self { targets: Vec::new(), progress, outcome, ..self }
    }

    /// Returns the name under which the progress of a restored collection is recorded.
    pub fn display_name<'a>(
        &self,
        source: &'a CollectionRef,
        target: &'a CollectionRef,
    ) -> &'a CollectionRef {
        display_name(&self.targets, source, target)
    }

    /// Returns whether the backup is at another location than the configured one.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.place != OtherPlace::default()
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
