//! The jobs of a server.

use engine::Advice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::advice::{Reword, Terms, hint_of, reword_hint};
use crate::job_kind::JobRequest;
use crate::{Failure, FailureKind, JobKind, JobPace, JobProgress, JobResult, JobState, UtcTime};

/// One page of the list of jobs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    /// The jobs. Finished jobs lack the data of single collections: `progress.collections`, `request.targets` and the
    /// `result` of a restore.
    pub jobs: Vec<Job>,
    /// The `page_token` of the next page; null on the last page.
    pub next_page_token: Option<String>,
}

impl From<&jobs::JobPage> for JobPage {
    fn from(page: &jobs::JobPage) -> Self {
        Self { jobs: page.jobs.iter().map(Job::from).collect(), next_page_token: page.next.clone() }
    }
}

/// A job of the server: one backup, restore or deletion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The id of the job.
    #[schema(example = "0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55")]
    pub id: String,
    /// The kind of the job.
    pub kind: JobKind,
    /// The name of the backup that the job creates, restores or deletes.
    #[schema(example = "nightly")]
    pub backup: String,
    /// The state of the job.
    pub state: JobState,
    /// Whether the job was requested to stop and has not stopped yet.
    pub cancelling: bool,
    /// The number of queued jobs that start before this one; null unless the job is queued.
    pub ahead: Option<usize>,
    /// The running jobs of which one must end before this one starts, as `KIND BACKUP (job ID)`; empty unless the job is
    /// queued.
    #[serde(default)]
    pub waits_for: Vec<String>,
    /// The name of the caller who submitted the job.
    pub by: String,
    /// The request that the job executes.
    pub request: JobRequest,
    /// The time at which the job was submitted.
    pub created: Option<UtcTime>,
    /// The time at which the job started; null while it is queued.
    pub started: Option<UtcTime>,
    /// The time at which the job ended; null while it is active.
    pub ended: Option<UtcTime>,
    /// The progress of the job.
    pub progress: JobProgress,
    /// The report of the job; null if it has none.
    pub result: Option<JobResult>,
    /// The reason why the job did not do everything that was requested; null if the job is active or succeeded.
    pub error: Option<JobError>,
}

/// The reason why a job did not do everything that was requested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobError {
    /// The kind of the failure.
    pub kind: FailureKind,
    /// What failed, on which object, and why.
    pub message: String,
    /// The operation during which the failure occurred; null if `message` says it.
    pub context: Option<String>,
    /// The suggested next step as text; null if there is none.
    pub hint: Option<String>,
    /// The suggested next step as data: `action` names it, the other fields depend on it (see docs/json.md).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "engine::known_advice")]
    #[schema(value_type = Object, nullable = false)]
    pub advice: Option<Advice>,
}

impl Reword for Job {
    fn reword(&mut self, terms: &dyn Terms) {
        if let Some(error) = &mut self.error {
            reword_hint(&mut error.hint, error.advice.as_ref(), terms);
        }
        if let Some(result) = &mut self.result {
            result.reword(terms);
        }
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        let JobError { kind, message, context, hint, advice } = error;
        Self { kind, message, context, hint, advice: advice.map(Box::new) }
    }
}

impl From<&jobs::JobFailure> for JobError {
    fn from(failure: &jobs::JobFailure) -> Self {
        Self {
            kind: failure.kind.into(),
            message: failure.message.clone(),
            context: failure.context.clone(),
            hint: hint_of(failure.advice.as_ref()),
            advice: failure.advice.clone(),
        }
    }
}

impl From<&jobs::JobSnapshot> for Job {
    fn from(job: &jobs::JobSnapshot) -> Self {
        let JobPace { percent, bytes_per_second, seconds_left } = JobPace::from(job);
        let progress = JobProgress::from(&job.progress);
        Self {
            id: job.id.clone(),
            kind: job.kind.into(),
            backup: job.backup.clone(),
            state: job.state.into(),
            cancelling: job.cancelling,
            ahead: job.ahead,
            waits_for: job.waits_for.clone(),
            by: job.by.clone(),
            request: JobRequest::from(job),
            created: UtcTime::from_ms(job.created_ms),
            started: job.started_ms.and_then(UtcTime::from_ms),
            ended: job.ended_ms.and_then(UtcTime::from_ms),
            progress: JobProgress { percent, bytes_per_second, seconds_left, ..progress },
            result: job.outcome.as_ref().map(JobResult::from),
            error: job.failure.as_ref().map(JobError::from),
        }
    }
}
