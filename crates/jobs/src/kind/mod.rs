//! The kinds of jobs. Each kind has a file here; this file chooses the one that a job needs.

mod backup;
mod delete;
mod interrupted;
mod restore;

use engine::{Admission, Advice, BackupReport, DeleteOutcome, DeleteRequest, Engine, JobCtx, RestoreReport};
use model::plan::backup::BackupRequest;
use model::plan::restore::RestoreRequest;
use serde::{Deserialize, Serialize};

use crate::failure::JobFailure;

pub(crate) use interrupted::{Interrupted, display_name};

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

    /// Requests the admission of the job from the engine, which rejects jobs that are certain to fail.
    pub(crate) async fn admit(&self, engine: &Engine, ctx: &JobCtx) -> Result<Admission, engine::Error> {
        match self {
            Self::Backup(request) => engine.admit_backup(request, ctx).await,
            Self::Restore(request) => engine.admit_restore(request, ctx).await,
            Self::Delete(request) => engine.admit_delete(request, ctx).await,
        }
    }

    /// Allows the job to drop these targets only, which exist now, and not those that are created before it runs.
    pub(crate) fn confirm(&mut self, admission: &Admission) {
        if let Self::Restore(request) = self {
            request.confirmed_drops = Some(admission.drops.clone());
        }
    }

    /// Plans and executes the job with the engine.
    pub(crate) async fn execute(&self, engine: &Engine, ctx: &JobCtx) -> Result<JobOutcome, engine::Error> {
        match self {
            Self::Backup(request) => {
                let prepared = engine.plan_backup(request, ctx).await?;
                engine.backup(prepared, ctx).await.map(JobOutcome::Backup)
            }
            Self::Restore(request) => {
                let prepared = engine.plan_restore(request, ctx).await?;
                engine.restore(prepared, ctx).await.map(JobOutcome::Restore)
            }
            Self::Delete(request) => {
                let prepared = engine.plan_delete(request, ctx).await?;
                engine.delete(prepared, ctx).await.map(JobOutcome::Delete)
            }
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

    /// Returns what a job of this kind changes, which decides who may submit it.
    pub const fn effect(self) -> JobEffect {
        match self {
            Self::Backup => JobEffect::AddsBackup,
            Self::Restore => JobEffect::ChangesMilvus,
            Self::Delete => JobEffect::DeletesBackup,
        }
    }

    /// Returns the resource for which jobs of this kind compete.
    pub(crate) const fn slot(self) -> JobSlot {
        match self {
            Self::Backup | Self::Restore => JobSlot::Transfer,
            Self::Delete => JobSlot::Catalog,
        }
    }

    /// Describes what a job of this kind changed that stopped before its end, and as the advice how to continue.
    ///
    /// `request` is `None` if a later version of this program stored it; `outcome` is the report of the engine, if it
    /// returned one.
    pub(crate) fn describe_interruption(
        self,
        job: &Interrupted<'_>,
        request: Option<&EngineRequest>,
        outcome: Option<&JobOutcome>,
    ) -> (String, Advice) {
        match self {
            Self::Backup => backup::describe_interruption(job),
            Self::Restore => {
                let request = match request {
                    Some(EngineRequest::Restore(request)) => Some(request),
                    _ => None,
                };
                let report = match outcome {
                    Some(JobOutcome::Restore(report)) => Some(report),
                    _ => None,
                };
                restore::describe_interruption(job, request, report)
            }
            Self::Delete => delete::describe_interruption(job),
        }
    }

    /// Returns how to continue after a job whose request a later version of this program stored.
    pub(crate) fn advise_again(self, backup: String) -> Advice {
        match self {
            Self::Backup => Advice::CreateAgain,
            Self::Restore => Advice::RestoreAgain { backup },
            Self::Delete => Advice::DeleteAgain { backup, may_be_gone: false },
        }
    }
}

/// The resource for which jobs compete. Each has as many slots as the limit on running jobs, so that a short job does not
/// wait behind long ones that use another resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobSlot {
    /// Milvus, and the copying of data.
    Transfer,
    /// The listing and deletion of backups.
    Catalog,
}

/// What a job changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEffect {
    /// It adds a backup and changes nothing that exists.
    AddsBackup,
    /// It changes databases and collections in Milvus.
    ChangesMilvus,
    /// It deletes a backup.
    DeletesBackup,
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

impl JobOutcome {
    /// Notes in the advice of a restore that its options do not name the location of the backup, where it has another.
    pub(crate) fn with_location(mut self, is_elsewhere: bool) -> Self {
        if let Self::Restore(RestoreReport { remaining: Some(remaining), .. }) = &mut self {
            remaining.options_are_complete &= !is_elsewhere;
        }
        self
    }

    /// Describes what the job did not do; `None` if it did everything.
    pub(crate) fn describe_failure(&self) -> Option<JobFailure> {
        match self {
            Self::Backup(report) => backup::describe_failure(report),
            Self::Restore(report) => restore::describe_failure(report),
            Self::Delete(_) => None,
        }
    }

    /// Returns whether the outcome grows with the number of collections, so that a list of jobs omits it.
    pub(crate) fn is_large(&self) -> bool {
        matches!(self, Self::Restore(_))
    }
}
