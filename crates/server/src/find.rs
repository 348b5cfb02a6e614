//! Which backup is meant by an id or a name.

use engine::BackupDetail;
use jobs::{Job, JobFilter, JobKind, JobState, OtherPlace, Request};
use model::name::BackupName;

use super::{Asked, Service};
use wire::{Failure, Kind};

/// A backup as it was found.
pub(crate) enum Found {
    /// It is complete.
    Stored {
        /// What it holds.
        detail: Box<BackupDetail>,
        /// Where it lies.
        place: OtherPlace,
    },
    /// It is being made, or was to be.
    Job(Box<Job>),
}

impl From<Job> for Found {
    fn from(job: Job) -> Self {
        Self::Job(Box::new(job))
    }
}

impl Service {
    /// The backup that is meant by an id, which goes first, or a name.
    pub(crate) async fn find(&self, asked: &Asked, id: &str, name: &str) -> Result<Found, Failure> {
        match (id, name) {
            ("", "") => Err(Failure::usage("empty backup name and backup id")
                .hint("name a backup by backup_name or backup_id")),
            ("", name) => self.find_by_name(asked, &name.parse().map_err(engine::Error::Name)?).await,
            (id, _) => self.find_by_id(asked, id).await,
        }
    }

    /// By the job that makes or made it, else by what stands in the backups themselves.
    async fn find_by_id(&self, asked: &Asked, id: &str) -> Result<Found, Failure> {
        let job = match self.job(&asked.caller, id) {
            Ok(job) => Some(job).filter(|job| matches!(job.request, Request::Backup(_))),
            Err(failure) if failure.kind == Kind::NotFound => None,
            Err(failure) => return Err(failure),
        };
        let (asked, name) = match job {
            Some(job) if made(job.state) => {
                let name = job.request.backup().to_owned();
                (Asked { place: job.place, ..asked.clone() }, Some(name))
            }
            Some(job) => return Ok(job.into()),
            None => {
                let backups = self.list(asked).await?;
                let found = backups.into_iter().find(|backup| backup.id.as_deref() == Some(id));
                (asked.clone(), found.map(|backup| backup.name))
            }
        };
        let name: BackupName = name.ok_or_else(|| none(id))?.parse().map_err(engine::Error::Name)?;
        let detail = self.get(&asked, &name).await?;
        // one of the same name may have come after it
        if detail.manifest.id == id { Ok(stored(detail, asked)) } else { Err(none(id)) }
    }

    /// By what runs, else by what lies on the storage, else by what failed and was not deleted since.
    async fn find_by_name(&self, asked: &Asked, name: &BackupName) -> Result<Found, Failure> {
        let there = |job: &Job| job.place == asked.place;
        if let Some(job) = self.live_backup(&asked.caller, name.as_str())?.filter(there) {
            return Ok(job.into());
        }
        let failure = match self.get(asked, name).await {
            Ok(detail) => return Ok(stored(detail, asked.clone())),
            Err(failure) => failure,
        };
        let filter = JobFilter {
            kinds: vec![JobKind::Backup, JobKind::Delete],
            backup: Some(name.to_string()),
            ..JobFilter::default()
        };
        let newest = self.jobs(&asked.caller, &filter, None, 1)?.jobs.into_iter().next();
        let failed = |job: &Job| matches!(job.request, Request::Backup(_)) && !made(job.state);
        match newest.filter(|job| there(job) && failed(job)) {
            Some(job) if failure.kind != Kind::Unreachable => Ok(job.into()),
            _ => Err(failure),
        }
    }
}

/// Whether such a job left a backup that can be restored.
fn made(state: JobState) -> bool {
    matches!(state, JobState::Succeeded | JobState::Partial)
}

fn stored(detail: BackupDetail, asked: Asked) -> Found {
    Found::Stored { detail: Box::new(detail), place: asked.place }
}

fn none(id: &str) -> Failure {
    Failure::new(Kind::NotFound, format!("there is no backup with the id {id}"))
        .hint("the list of backups shows which there are")
}
