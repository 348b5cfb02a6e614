//! Finds a backup by id or name, among the jobs and on the store.

use engine::BackupDetail;
use jobs::{JobFilter, JobKind, JobSnapshot, JobState, OtherPlace};
use model::name::BackupName;

use super::{RequestContext, Service};
use wire::{Failure, FailureKind};

/// A backup that was found.
pub(crate) enum FoundBackup {
    /// The backup is complete.
    Stored {
        /// The contents of the backup.
        detail: Box<BackupDetail>,
        /// The location of the backup.
        place: OtherPlace,
    },
    /// A job creates the backup, or has failed to.
    Job(Box<JobSnapshot>),
}

impl From<JobSnapshot> for FoundBackup {
    fn from(job: JobSnapshot) -> Self {
        Self::Job(Box::new(job))
    }
}

impl Service {
    /// Finds a backup by id, or by name if the id is empty.
    pub(crate) async fn find_backup(
        &self,
        context: &RequestContext,
        id: &str,
        name: &str,
    ) -> Result<FoundBackup, Failure> {
        match (id, name) {
            ("", "") => {
                Err(Failure::usage("empty backup name and backup id").hint("set backup_name or backup_id"))
            }
            ("", name) => self.find_by_name(context, &name.parse().map_err(engine::Error::Name)?).await,
            (id, _) => self.find_by_id(context, id).await,
        }
    }

    /// Finds a backup by the id of its job, else by the ids in the stored backups.
    async fn find_by_id(&self, context: &RequestContext, id: &str) -> Result<FoundBackup, Failure> {
        let job = match self.job(&context.caller, id) {
            Ok(job) => Some(job).filter(|job| job.kind == JobKind::Backup),
            Err(failure) if failure.kind == FailureKind::NotFound => None,
            Err(failure) => return Err(failure),
        };
        let (context, name) = match job {
            Some(job) if left_a_backup(job.state) => {
                let name = job.backup.clone();
                (RequestContext { place: job.place, ..context.clone() }, Some(name))
            }
            Some(job) => return Ok(job.into()),
            None => {
                let backups = self.list(context).await?;
                let found = backups.into_iter().find(|backup| backup.id.as_deref() == Some(id));
                (context.clone(), found.map(|backup| backup.name))
            }
        };
        let name: BackupName = name.ok_or_else(|| no_such_id(id))?.parse().map_err(engine::Error::Name)?;
        let detail = self.get(&context, &name).await?;
        // A later backup may have the same name.
        if detail.manifest.id == id { Ok(stored(detail, context)) } else { Err(no_such_id(id)) }
    }

    /// Finds a backup by name: an active job, else a stored backup, else the newest job if it failed.
    async fn find_by_name(
        &self,
        context: &RequestContext,
        name: &BackupName,
    ) -> Result<FoundBackup, Failure> {
        let is_here = |job: &JobSnapshot| job.place == context.place;
        if let Some(job) = self.active_backup_job(&context.caller, name.as_str())?.filter(is_here) {
            return Ok(job.into());
        }
        let failure = match self.get(context, name).await {
            Ok(detail) => return Ok(stored(detail, context.clone())),
            Err(failure) => failure,
        };
        let filter = JobFilter {
            kinds: vec![JobKind::Backup, JobKind::Delete],
            backup: Some(name.to_string()),
            ..JobFilter::default()
        };
        let newest = self.jobs(&context.caller, &filter, None, 1)?.jobs.into_iter().next();
        let failed = |job: &JobSnapshot| job.kind == JobKind::Backup && !left_a_backup(job.state);
        match newest.filter(|job| is_here(job) && failed(job)) {
            Some(job) if failure.kind != FailureKind::Unreachable => Ok(job.into()),
            _ => Err(failure),
        }
    }
}

/// Returns whether a job in this state left a backup that can be restored.
fn left_a_backup(state: JobState) -> bool {
    matches!(state, JobState::Succeeded | JobState::Partial)
}

fn stored(detail: BackupDetail, context: RequestContext) -> FoundBackup {
    FoundBackup::Stored { detail: Box::new(detail), place: context.place }
}

fn no_such_id(id: &str) -> Failure {
    Failure::new(FailureKind::NotFound, format!("there is no backup with the id {id}"))
        .hint("list the backups to see their ids")
}
