//! Acceptance of new jobs: validation, repeated submissions, admission by the engine, conflicts, and storage.

use std::sync::Arc;

use engine::{Admission, Claim, JobCtx, Progress, now_ms};
use rusqlite::ErrorCode;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::active_job::ActiveJob;
use crate::claims::Claims;
use crate::error::JobsError;
use crate::job::{JobSnapshot, JobState, OtherPlace, Submission};
use crate::kind::{EngineRequest, JobKind};
use crate::shared_state::SharedState;
use crate::store::{StoreError, StoredJob, statements};

/// The largest length of a job id or an idempotency key, in bytes.
const MAX_TEXT_BYTES: usize = 128;

impl SharedState {
    /// Accepts a new job and starts it if a slot is free; returns the existing job for a repeated submission.
    pub(crate) async fn submit(self: &Arc<Self>, submission: Submission) -> Result<JobSnapshot, JobsError> {
        validate_submission(&submission)?;
        if let Some(job) = self.find_repeated_job(&submission)? {
            return Ok(job);
        }
        match self.accept_new(submission.clone()).await {
            // The conflict may be with a concurrent submission with the same key, whose job is then the answer.
            Err(error) => self.find_repeated_job(&submission)?.ok_or(error),
            accepted => accepted,
        }
    }

    /// Accepts a submission that does not repeat an earlier one.
    async fn accept_new(self: &Arc<Self>, submission: Submission) -> Result<JobSnapshot, JobsError> {
        if let Some(id) = &submission.id
            && self.find_job(id)?.is_some()
        {
            return Err(JobsError::IdTaken(id.clone()));
        }
        // This comes before the admission, because the engine sees what an active job creates, but not which job.
        self.check_conflicts_and_capacity(&submission.request, &submission.place, &Claims::default())?;
        let id = submission.id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let admission =
            self.request_admission(&id, &submission).await.map_err(|error| self.attribute_targets(error))?;
        // The job is accepted from here on, even if the caller no longer waits for the answer.
        let shared = Arc::clone(self);
        let accepted = async move { shared.store_and_enqueue(id, submission, admission).await };
        let accepted = tokio::spawn(accepted.in_current_span());
        accepted.await.map_err(|error| StoreError::Task(error.to_string()))?
    }

    /// Requests the admission of the job from the engine, which rejects jobs that are certain to fail.
    async fn request_admission(&self, id: &str, submission: &Submission) -> Result<Admission, engine::Error> {
        let place = &submission.place;
        let engine = self.engine.with_backup(place.bucket.as_deref(), place.root.as_deref())?;
        let ctx = JobCtx::with_id(id, CancellationToken::new(), |_| {});
        submission.request.admit(&engine, &ctx).await
    }

    /// Replaces the error "targets exist" with `JobsError::Busy` if an active job writes one of the targets.
    ///
    /// The remedy then is to wait for that job, not to drop the target.
    fn attribute_targets(&self, error: engine::Error) -> JobsError {
        let names = error.existing_targets();
        let others = self.lock_table().active_jobs();
        let busy = names.into_iter().find_map(|name| {
            let claim = Claim::Collection(name.clone()).to_string();
            let holder = others.iter().find(|active| active.claims.contains_write(&claim))?;
            Some(JobsError::Busy { claim, holder: holder.id() })
        });
        busy.unwrap_or_else(|| error.into())
    }

    /// Checks the job against the other active jobs, stores it and adds it to the queue.
    ///
    /// One submission at a time does this, so that the result of the checks holds until the job is in the queue.
    async fn store_and_enqueue(
        self: Arc<Self>,
        id: String,
        submission: Submission,
        admission: Admission,
    ) -> Result<JobSnapshot, JobsError> {
        let _guard = self.submission_lock.lock().await;
        if let Some(job) = self.find_repeated_job(&submission)? {
            return Ok(job);
        }
        let claims = Claims::from_admission(&admission);
        let Submission { mut request, place, id: _, idempotency_key: key, name_generated, by } = submission;
        request.confirm(&admission);
        self.check_conflicts_and_capacity(&request, &place, &claims)?;
        let job = JobSnapshot {
            id,
            kind: request.kind(),
            backup: request.backup().to_owned(),
            request: Some(request),
            place,
            by,
            state: JobState::Queued,
            cancelling: false,
            ahead: None,
            waits_for: Vec::new(),
            created_ms: now_ms(),
            started_ms: None,
            ended_ms: None,
            milvus_version: admission.server,
            targets: admission.targets,
            progress: Progress::default(),
            outcome: None,
            failure: None,
        };
        let unnumbered = StoredJob { job, seq: 0, claims, name_generated };
        let inserted = unnumbered.clone();
        let seq = self
            .store
            .write(move |connection| statements::insert_job(connection, &inserted, key.as_deref()))
            .await;
        let seq = seq.map_err(|error| {
            if is_duplicate_id(&error) { JobsError::IdTaken(unnumbered.job.id.clone()) } else { error.into() }
        })?;
        let kind = unnumbered.job.kind;
        let active = Arc::new(ActiveJob::new(StoredJob { seq, ..unnumbered }));
        {
            let mut table = self.lock_table();
            table.count_transition(kind, None, Some(JobState::Queued));
            table.enqueue(Arc::clone(&active));
        }
        let job = active.snapshot();
        tracing::info!(job = job.id, kind = kind.as_str(), backup = job.backup, by = job.by, "accepted");
        self.start_queued_jobs();
        Ok(active.snapshot())
    }

    /// Fails if the job conflicts with an active job, or if there is no room for it in the queue.
    ///
    /// Jobs for one backup name at one backup location conflict even without claims, unless both are restores. So the
    /// check can be made before the admission, which determines the claims.
    fn check_conflicts_and_capacity(
        &self,
        request: &EngineRequest,
        place: &OtherPlace,
        claims: &Claims,
    ) -> Result<(), JobsError> {
        // The comparison may cover thousands of collections, so the lock is released before it.
        let others = self.lock_table().active_jobs();
        for other in others {
            let job = other.job.borrow();
            let both_read = request.kind() == JobKind::Restore && job.kind == JobKind::Restore;
            let same_backup = job.backup == request.backup() && job.place == *place;
            let claim = if same_backup && !both_read {
                Some(format!("backup {}", request.backup()))
            } else {
                claims.find_conflict(&other.claims)
            };
            if let Some(claim) = claim {
                return Err(JobsError::Busy { claim, holder: job.id.clone() });
            }
        }
        self.lock_table().check_capacity(request.kind())
    }

    /// Returns the job of an earlier submission by the same caller with the same idempotency key.
    ///
    /// Fails with `JobsError::KeyReused` if that submission had another request.
    fn find_repeated_job(&self, submission: &Submission) -> Result<Option<JobSnapshot>, JobsError> {
        let Some(key) = &submission.idempotency_key else { return Ok(None) };
        let stored =
            self.store.read(|connection| statements::select_job_by_key(connection, &submission.by, key))?;
        let Some(StoredJob { job: stored, name_generated, .. }) = stored else { return Ok(None) };
        let job = self.find_job(&stored.id)?.unwrap_or(stored);
        let reused = || JobsError::KeyReused { key: key.clone(), job: job.id.clone() };
        let Some(earlier) = &job.request else { return Err(reused()) };
        let mut repeated = submission.request.clone();
        // A request without a backup name gets a new generated name each time, which makes no difference.
        if let (EngineRequest::Backup(repeated), EngineRequest::Backup(earlier)) = (&mut repeated, earlier)
            && submission.name_generated
            && name_generated
        {
            repeated.name = earlier.name.clone();
        }
        if let (EngineRequest::Restore(repeated), EngineRequest::Restore(earlier)) = (&mut repeated, earlier)
        {
            repeated.confirmed_drops.clone_from(&earlier.confirmed_drops);
        }
        // The stored forms are compared, so that fields that are not stored make no difference.
        let to_stored_form = |request: &EngineRequest| serde_json::to_value(request).ok();
        if to_stored_form(earlier) == to_stored_form(&repeated) && job.place == submission.place {
            Ok(Some(job))
        } else {
            Err(reused())
        }
    }

    /// Returns a job, from memory if it is active and from the store otherwise; `None` if there is no such job.
    pub(crate) fn find_job(&self, id: &str) -> Result<Option<JobSnapshot>, JobsError> {
        let active = self.lock_table().get(id).cloned();
        match active {
            Some(active) => Ok(Some(active.snapshot())),
            None => Ok(self.store.read(|connection| statements::select_job(connection, id))?),
        }
    }
}

/// Returns whether the insertion failed because another job has the id, as for two concurrent submissions with one id.
fn is_duplicate_id(error: &StoreError) -> bool {
    matches!(error, StoreError::Sql { cause, .. } if cause.sqlite_error_code() == Some(ErrorCode::ConstraintViolation))
}

/// Checks the job id and the idempotency key that the caller chose.
fn validate_submission(submission: &Submission) -> Result<(), JobsError> {
    validate_text("the id of a job", submission.id.as_deref())?;
    validate_text("an idempotency key", submission.idempotency_key.as_deref())
}

/// Checks that a text, if given, is not empty, not longer than 128 bytes and free of control characters.
fn validate_text(what: &'static str, text: Option<&str>) -> Result<(), JobsError> {
    let problem = match text {
        Some("") => "must not be empty",
        Some(text) if text.len() > MAX_TEXT_BYTES => "may have at most 128 bytes",
        Some(text) if text.chars().any(char::is_control) => "must not contain control characters",
        _ => return Ok(()),
    };
    Err(JobsError::BadText { what, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_any_printable_text_of_at_most_128_bytes() {
        for good in ["a", "Sicherung täglich", "../x?y=1&z", &"x".repeat(128)] {
            assert!(validate_text("an id", Some(good)).is_ok(), "{good}");
        }
        for bad in ["", "a\nb", "\u{85}", "a\0", &"x".repeat(129), &"ä".repeat(65)] {
            assert!(validate_text("an id", Some(bad)).is_err(), "{bad:?}");
        }
    }
}
