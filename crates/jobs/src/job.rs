//! What a job is: what was asked, by whom, how far it is and what came of it.

use engine::{BackupReport, DeleteOutcome, DeleteRequest, Kind, Progress, RestoreReport};
use model::name::CollectionRef;
use model::plan::backup::BackupRequest;
use model::plan::restore::RestoreRequest;
use serde::{Deserialize, Serialize};

/// What a job shall do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "there are a few hundred at most, and each is handed on once")]
pub enum Request {
    /// Make a backup.
    Backup(BackupRequest),
    /// Restore one.
    Restore(RestoreRequest),
    /// Delete one.
    Delete(DeleteRequest),
}

impl Request {
    /// What kind of job it makes.
    pub fn kind(&self) -> JobKind {
        match self {
            Self::Backup(_) => JobKind::Backup,
            Self::Restore(_) => JobKind::Restore,
            Self::Delete(_) => JobKind::Delete,
        }
    }

    /// The backup it is about.
    pub fn backup(&self) -> &str {
        match self {
            Self::Backup(request) => request.name.as_str(),
            Self::Restore(request) => request.name.as_str(),
            Self::Delete(request) => request.name.as_str(),
        }
    }
}

/// What kind of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// A backup is made.
    Backup,
    /// A backup is restored.
    Restore,
    /// A backup is deleted.
    Delete,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Backup, Self::Restore, Self::Delete];

    /// The kind of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The kind in a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Delete => "delete",
        }
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// It runs.
    Running,
    /// It did all it was asked to.
    Succeeded,
    /// It did a part of it; the outcome tells which.
    Partial,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// The server ended while it ran.
    Interrupted,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Partial,
        Self::Failed,
        Self::Cancelled,
        Self::Interrupted,
    ];

    /// The state of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The state in a word.
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

    /// Whether nothing more is to come.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// Another place of backups than the configured one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPlace {
    /// The bucket, of the configured store.
    pub bucket: Option<String>,
    /// The root.
    pub root: Option<String>,
}

/// What is said when a job is handed in.
#[derive(Clone, Debug)]
pub struct Submission {
    /// What it shall do.
    pub request: Request,
    /// Where the backup lies or comes, if not at the configured place.
    pub place: OtherPlace,
    /// The id it shall have; a random UUID without one.
    pub id: Option<String>,
    /// Of two submissions with the same key and request, the second gets the job of the first; names of backups that
    /// were generated make no difference.
    pub idempotency_key: Option<String>,
    /// Who asks, as the door knows them.
    pub by: String,
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Of a backup.
    Backup(BackupReport),
    /// Of a restore.
    Restore(RestoreReport),
    /// Of a deletion.
    Delete(DeleteOutcome),
}

/// Why a job ended without doing all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// What kind of failure.
    pub kind: Kind,
    /// What happened, to what, with its causes in one breath.
    pub message: String,
    /// What was being done.
    pub context: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// A job as it is now.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What it does.
    pub request: Request,
    /// Where the backup lies, if not at the configured place.
    pub place: OtherPlace,
    /// Who asked for it.
    pub by: String,
    /// How far it is.
    pub state: JobState,
    /// Whether it was told to stop and has not stopped yet.
    pub cancelling: bool,
    /// How many jobs come to run before it does, those that run now not counted; only while it is queued.
    pub ahead: Option<usize>,
    /// When it was handed in, milliseconds since 1970.
    pub created_ms: i64,
    /// When it began to run.
    pub started_ms: Option<i64>,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// The version of the Milvus it works on, such as `v2.3.5`, where it was asked.
    pub milvus_version: Option<String>,
    /// Of a restore, each collection's source and target.
    pub targets: Vec<(CollectionRef, CollectionRef)>,
    /// How far its collections are.
    pub progress: Progress,
    /// What came of it.
    pub outcome: Option<Outcome>,
    /// Why it did not do all.
    pub failure: Option<JobFailure>,
}

impl Job {
    /// As a list shows it that is over: without what concerns single collections, of which there may be thousands.
    pub(crate) fn listed(self) -> Self {
        let (progress, _) = self.progress.split();
        let outcome = self.outcome.filter(|outcome| !matches!(outcome, Outcome::Restore(_)));
        Self { targets: Vec::new(), progress, outcome, ..self }
    }

    /// The name that the progress of a restored collection goes by: the target's where its source has several.
    pub fn called<'a>(&self, source: &'a CollectionRef, target: &'a CollectionRef) -> &'a CollectionRef {
        let several = self.targets.iter().filter(|(other, _)| other == source).nth(1).is_some();
        if several { target } else { source }
    }
}

/// Which jobs are asked for; empty fields ask for all.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Kinds.
    pub kinds: Vec<JobKind>,
    /// States.
    pub states: Vec<JobState>,
    /// The name of a backup.
    pub backup: Option<String>,
}

/// A part of the list of jobs, newest first.
#[derive(Clone, Debug)]
pub struct JobPage {
    /// The jobs; those that are over without what concerns single collections: their progress, the targets and the
    /// outcome of a restore.
    pub jobs: Vec<Job>,
    /// Where the next page begins, if there is one; opaque.
    pub next: Option<String>,
}
