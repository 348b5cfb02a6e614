//! Taking a job in: is it one, may it be, and is it not there already?

use std::sync::Arc;

use engine::{Admission, Admit, Claim, JobCtx, Progress, now_ms};
use model::plan::restore::PlanError;
use rusqlite::ErrorCode;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::claims::Claims;
use crate::error::JobsError;
use crate::job::{Job, JobKind, JobState, OtherPlace, Request, Submission};
use crate::live::Live;
use crate::shared::Shared;
use crate::store::{Record, StoreError, rows};

/// The longest id and the longest key, bytes.
const LONGEST: usize = 128;

impl Shared {
    /// Takes a job in, and begins it if it is its turn.
    pub(crate) async fn submit(self: &Arc<Self>, submission: Submission) -> Result<Job, JobsError> {
        check(&submission)?;
        if let Some(job) = self.same(&submission)? {
            return Ok(job);
        }
        match self.admit(submission.clone()).await {
            // what it met may be the job of the same submission, which came a moment before
            Err(error) => self.same(&submission)?.ok_or(error),
            taken_in => taken_in,
        }
    }

    /// Takes one in that is no repetition of another.
    async fn admit(self: &Arc<Self>, submission: Submission) -> Result<Job, JobsError> {
        if let Some(id) = &submission.id
            && self.find(id)?.is_some()
        {
            return Err(JobsError::IdTaken(id.clone()));
        }
        // before the engine is asked, which would see what the other job makes and not know whose it is
        self.refuse(&submission.request, &submission.place, &Claims::default())?;
        let id = submission.id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let admission = self.ask(&id, &submission).await.map_err(|error| self.whose(error))?;
        // from here on it is taken in, whether or not the caller waits for the answer
        let shared = Arc::clone(self);
        let taken = async move { shared.take_in(id, submission, admission).await };
        let taken = tokio::spawn(taken.in_current_span());
        taken.await.map_err(|error| StoreError::Task(error.to_string()))?
    }

    /// Asks the engine.
    async fn ask(&self, id: &str, submission: &Submission) -> Result<Admission, engine::Error> {
        let place = &submission.place;
        let engine = self.engine.with_backup(place.bucket.as_deref(), place.root.as_deref())?;
        let what = match &submission.request {
            Request::Backup(request) => Admit::Backup(request),
            Request::Restore(request) => Admit::Restore(request),
            Request::Delete(request) => Admit::Delete(request),
        };
        let ctx = JobCtx::with_id(id, CancellationToken::new(), |_| {});
        engine.admit(what, &ctx).await
    }

    /// Of targets that exist: another job may be making them right now, and what helps then is to wait.
    fn whose(&self, error: engine::Error) -> JobsError {
        let engine::Error::Plan(PlanError::TargetsExist(names)) = &error else { return error.into() };
        let others = self.table().at_work();
        let made = names.iter().find_map(|name| {
            let claim = Claim::Collection(name.clone()).to_string();
            let live = others.iter().find(|live| live.claims.writes(&claim))?;
            Some(JobsError::Busy { claim, holder: live.id() })
        });
        made.unwrap_or_else(|| error.into())
    }

    /// One at a time, so that what is looked at is still so when the job is there.
    async fn take_in(
        self: Arc<Self>,
        id: String,
        submission: Submission,
        admission: Admission,
    ) -> Result<Job, JobsError> {
        let _alone = self.entrance.lock().await;
        if let Some(job) = self.same(&submission)? {
            return Ok(job);
        }
        let claims = Claims::of(&admission);
        let Submission { mut request, place, id: _, idempotency_key: key, by } = submission;
        // what exists now may be dropped; what is created until the job runs may not
        if let Request::Restore(request) = &mut request {
            request.confirmed_drops = Some(admission.drops.clone());
        }
        self.refuse(&request, &place, &claims)?;
        let job = Job {
            id,
            request,
            place,
            by,
            state: JobState::Queued,
            cancelling: false,
            ahead: None,
            created_ms: now_ms(),
            started_ms: None,
            ended_ms: None,
            milvus_version: admission.server,
            targets: admission.targets,
            progress: Progress::default(),
            outcome: None,
            failure: None,
        };
        let record = Record { job, seq: 0, claims };
        let kept = record.clone();
        let seq = self.store.write(move |connection| rows::insert(connection, &kept, key.as_deref())).await;
        let seq = seq.map_err(|error| {
            if taken(&error) { JobsError::IdTaken(record.job.id.clone()) } else { error.into() }
        })?;
        let kind = record.job.request.kind();
        let live = Arc::new(Live::new(Record { seq, ..record }));
        {
            let mut table = self.table();
            table.count(kind, None, Some(JobState::Queued));
            table.enter(Arc::clone(&live));
        }
        let job = live.now();
        tracing::info!(
            job = job.id,
            kind = kind.as_str(),
            backup = job.request.backup(),
            by = job.by,
            "is taken in"
        );
        self.turn();
        Ok(live.now())
    }

    /// Refuses what another job is at, and what there is no room for.
    ///
    /// The same name at the same place is told before the engine was asked, which knows the claims.
    fn refuse(&self, request: &Request, place: &OtherPlace, claims: &Claims) -> Result<(), JobsError> {
        // not compared under the lock: there may be thousands of collections
        let others = self.table().at_work();
        for live in others {
            let job = live.job.borrow();
            let both_read = request.kind() == JobKind::Restore && job.request.kind() == JobKind::Restore;
            let same = job.request.backup() == request.backup() && job.place == *place;
            let claim = if same && !both_read {
                Some(format!("backup {}", request.backup()))
            } else {
                claims.clash(&live.claims)
            };
            if let Some(claim) = claim {
                return Err(JobsError::Busy { claim, holder: job.id.clone() });
            }
        }
        self.table().has_room()
    }

    /// The job that an earlier submission with the same key made.
    fn same(&self, submission: &Submission) -> Result<Option<Job>, JobsError> {
        let Some(key) = &submission.idempotency_key else { return Ok(None) };
        let Some(job) = self.store.read(|connection| rows::by_key(connection, &submission.by, key))? else {
            return Ok(None);
        };
        let job = self.find(&job.id)?.unwrap_or(job);
        let mut asked = submission.request.clone();
        // who names no backup gets a new name each time
        if let (Request::Backup(asked), Request::Backup(kept)) = (&mut asked, &job.request)
            && asked.name.is_generated()
            && kept.name.is_generated()
        {
            asked.name = kept.name.clone();
        }
        if let (Request::Restore(asked), Request::Restore(kept)) = (&mut asked, &job.request) {
            asked.confirmed_drops.clone_from(&kept.confirmed_drops);
        }
        // the forms they are kept in are compared: what is not kept makes no difference
        let form = |request: &Request| serde_json::to_value(request).ok();
        if form(&job.request) == form(&asked) && job.place == submission.place {
            Ok(Some(job))
        } else {
            Err(JobsError::KeyReused { key: key.clone(), job: job.id })
        }
    }

    /// A job, from memory while it is not over, else from the store.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Job>, JobsError> {
        let live = self.table().get(id).cloned();
        match live {
            Some(live) => Ok(Some(live.now())),
            None => Ok(self.store.read(|connection| rows::get(connection, id))?),
        }
    }
}

/// Whether another job has the id: of two with the same new id, the entrance lets one in first.
fn taken(error: &StoreError) -> bool {
    matches!(error, StoreError::Sql { cause, .. } if cause.sqlite_error_code() == Some(ErrorCode::ConstraintViolation))
}

fn check(submission: &Submission) -> Result<(), JobsError> {
    check_text("the id of a job", submission.id.as_deref())?;
    check_text("an idempotency key", submission.idempotency_key.as_deref())
}

fn check_text(what: &'static str, text: Option<&str>) -> Result<(), JobsError> {
    let problem = match text {
        Some("") => "must not be empty",
        Some(text) if text.len() > LONGEST => "may have at most 128 bytes",
        Some(text) if text.chars().any(char::is_control) => "must not hold control characters",
        _ => return Ok(()),
    };
    Err(JobsError::BadText { what, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_any_text_that_can_be_shown_and_is_not_too_long() {
        for good in ["a", "Sicherung täglich", "../x?y=1&z", &"x".repeat(128)] {
            assert!(check_text("an id", Some(good)).is_ok(), "{good}");
        }
        for bad in ["", "a\nb", "\u{85}", "a\0", &"x".repeat(129), &"ä".repeat(65)] {
            assert!(check_text("an id", Some(bad)).is_err(), "{bad:?}");
        }
    }
}
