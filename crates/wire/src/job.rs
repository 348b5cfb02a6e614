//! Jobs of a server.

use engine::{Advice, CollectionPhase, CollectionProgress};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BackupReport, Deleted, Existing, JobKind, JobState, Phase, RestoreReport, Strategy, Time};
use crate::advice::{Reword, Terms, hint_of, reword_hint};
use crate::{Failure, Kind};

/// A page of jobs, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    /// The jobs; those that are over without what concerns single collections.
    pub jobs: Vec<Job>,
    /// What asks for the next page; null on the last.
    pub next_page_token: Option<String>,
}

impl From<&jobs::JobPage> for JobPage {
    fn from(page: &jobs::JobPage) -> Self {
        Self { jobs: page.jobs.iter().map(Job::from).collect(), next_page_token: page.next.clone() }
    }
}

/// A job as it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id.
    #[schema(example = "0d3b1c52-0f0e-4f3e-8f0a-7f1f7a1a5a55")]
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// The backup it is about.
    #[schema(example = "nightly")]
    pub backup: String,
    /// How far it is.
    pub state: JobState,
    /// Whether it was told to stop and has not stopped yet.
    pub cancelling: bool,
    /// How many jobs come before it; only while it is queued.
    pub ahead: Option<usize>,
    /// Who asked for it.
    pub by: String,
    /// What was asked.
    pub request: JobRequest,
    /// When it was handed in.
    pub created: Option<Time>,
    /// When it began to run.
    pub started: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
    /// How far it is in numbers.
    pub progress: JobProgress,
    /// What came of it: a backup's, a restore's or a deletion's document.
    pub result: Option<JobResult>,
    /// Why it did not do all.
    pub error: Option<JobError>,
}

/// What was asked; of each kind of job its own fields, as they were understood.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobRequest {
    /// What was selected, by source names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub filter: Option<String>,
    /// How the newest rows get into the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub strategy: Option<Strategy>,
    /// Whether a collection that is dropped while it is read fails the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub strict: Option<bool>,
    /// Each collection of a restore and where it goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// Whether data is left out of the restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub meta_only: Option<bool>,
    /// What is done with target collections that exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub existing: Option<Existing>,
    /// Whether the backup's indexes are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub indexes: Option<bool>,
    /// Whether vector indexes become AUTOINDEX with the same metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub auto_index: Option<bool>,
    /// Whether the indexes of target collections that exist are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub drop_indexes: Option<bool>,
    /// Whether is loaded what was loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub load: Option<bool>,
    /// Whether the aliases are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub aliases: Option<bool>,
    /// Whether is dropped what was created for a collection that then fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cleanup_on_failure: Option<bool>,
    /// The bucket of the backup, where it is not the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub bucket: Option<String>,
    /// The backup root, where it is not the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub root: Option<String>,
}

/// A collection and where it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Target {
    /// `database.collection` in the backup.
    pub source: String,
    /// `database.collection` in the target.
    pub target: String,
}

/// So much of so much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Part {
    /// So much is done.
    pub done: u64,
    /// Of so much.
    pub all: u64,
}

impl Part {
    /// Whether these objects are copied; those that are imported where they lie never are.
    pub fn are_copied(self, import_jobs: Self) -> bool {
        self.done > 0 || (self.all > 0 && import_jobs.all == 0)
    }
}

impl From<engine::Completion> for Part {
    fn from(part: engine::Completion) -> Self {
        Self { done: part.done, all: part.all }
    }
}

/// How far a job is in numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobProgress {
    /// What is being done.
    pub phase: Option<Phase>,
    /// Of a hundred.
    #[schema(maximum = 100)]
    pub percent: u8,
    /// Files copied.
    pub objects: Part,
    /// Bytes copied.
    pub bytes: Part,
    /// Import jobs done.
    pub import_jobs: Part,
    /// Bytes a second, while files are copied.
    pub bytes_per_second: Option<u64>,
    /// How long the copies still take at that rate.
    pub seconds_left: Option<u64>,
    /// Objects deleted.
    pub deleted: u64,
    /// The version of the Milvus it works on.
    pub milvus: Option<String>,
    /// Its host and port.
    pub address: Option<String>,
    /// How it is done, such as `serial_flush`.
    pub how: Option<String>,
    /// How many collections there are to do; 0 while that is not known.
    pub selected: usize,
    /// In how many databases they are.
    pub databases: usize,
    /// The collections begun.
    pub collections: Vec<JobCollection>,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// What the operator may like to know.
    pub notes: Vec<String>,
}

/// How far one collection is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobCollection {
    /// `database.collection` in the source.
    pub name: String,
    /// What is done with it: `describing`, `flushing`, `listing`, `copying`, `verifying`, `creating`, `staging`,
    /// `importing`, `loading`, `done`, `vanished` or `failed`.
    pub phase: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// Files copied.
    pub objects: Part,
    /// Bytes copied.
    pub bytes: Part,
    /// Import jobs done.
    pub import_jobs: Part,
    /// Rows imported.
    pub rows: u64,
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum JobResult {
    /// Of a backup.
    Backup(BackupReport),
    /// Of a restore.
    Restore(RestoreReport),
    /// Of a deletion.
    Delete(Deleted),
}

/// Why a job did not do all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobError {
    /// What kind of failure.
    pub kind: Kind,
    /// What happened, to what, with its causes.
    pub message: String,
    /// What was being done.
    pub context: Option<String>,
    /// The suggested next step.
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
        match &mut self.result {
            Some(JobResult::Backup(report)) => report.reword(terms),
            Some(JobResult::Restore(report)) => report.reword(terms),
            Some(JobResult::Delete(_)) | None => {}
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

impl From<&jobs::JobOutcome> for JobResult {
    fn from(outcome: &jobs::JobOutcome) -> Self {
        match outcome {
            jobs::JobOutcome::Backup(report) => Self::Backup(report.into()),
            jobs::JobOutcome::Restore(report) => Self::Restore(report.into()),
            jobs::JobOutcome::Delete(outcome) => Self::Delete(Deleted::of(outcome, false)),
        }
    }
}

impl From<&jobs::JobSnapshot> for Job {
    fn from(job: &jobs::JobSnapshot) -> Self {
        let Pace { percent, bytes_per_second, seconds_left } = Pace::from(job);
        let progress = JobProgress::from(&job.progress);
        Self {
            id: job.id.clone(),
            kind: job.kind.into(),
            backup: job.backup.clone(),
            state: job.state.into(),
            cancelling: job.cancelling,
            ahead: job.ahead,
            by: job.by.clone(),
            request: JobRequest::of(job),
            created: Time::from_ms(job.created_ms),
            started: job.started_ms.and_then(Time::from_ms),
            ended: job.ended_ms.and_then(Time::from_ms),
            progress: JobProgress { percent, bytes_per_second, seconds_left, ..progress },
            result: job.outcome.as_ref().map(JobResult::from),
            error: job.failure.as_ref().map(JobError::from),
        }
    }
}

/// How far a job is of a hundred, and how fast, as long as it goes on.
pub struct Pace {
    /// Of a hundred.
    pub percent: u8,
    /// Bytes a second, while files are copied.
    pub bytes_per_second: Option<u64>,
    /// How long the copies still take at that rate.
    pub seconds_left: Option<u64>,
}

impl From<&jobs::JobSnapshot> for Pace {
    fn from(job: &jobs::JobSnapshot) -> Self {
        let progress = &job.progress;
        // Copies that were cut off look as if they went on.
        let copies = Some(progress).filter(|_| !job.state.is_over());
        Self {
            // Of a deletion nobody knows before its end how much there is to do.
            percent: if job.state == jobs::JobState::Succeeded { 100 } else { progress.percent() },
            bytes_per_second: copies.and_then(engine::Progress::rate),
            seconds_left: copies.and_then(engine::Progress::left).map(|left| left.as_secs()),
        }
    }
}

impl JobRequest {
    fn of(job: &jobs::JobSnapshot) -> Self {
        let targets = job
            .targets
            .iter()
            .map(|(source, target)| Target { source: source.to_string(), target: target.to_string() });
        let common = Self {
            targets: targets.collect(),
            bucket: job.place.bucket.clone(),
            root: job.place.root.clone(),
            ..Self::default()
        };
        match &job.request {
            Some(jobs::EngineRequest::Backup(request)) => Self {
                filter: Some(request.selection.to_string()),
                strategy: Some(request.strategy.into()),
                strict: Some(request.strict),
                ..common
            },
            Some(jobs::EngineRequest::Restore(request)) => Self {
                filter: Some(request.selection.to_string()),
                meta_only: Some(request.meta_only),
                existing: Some(request.existing.into()),
                indexes: Some(request.indexes),
                auto_index: Some(request.auto_index),
                drop_indexes: Some(request.drop_indexes),
                load: Some(request.load),
                aliases: Some(request.aliases),
                cleanup_on_failure: Some(request.cleanup_on_failure),
                ..common
            },
            Some(jobs::EngineRequest::Delete(_)) | None => common,
        }
    }
}

impl From<&engine::Progress> for JobProgress {
    fn from(progress: &engine::Progress) -> Self {
        Self {
            phase: progress.phase.map(Phase::from),
            percent: progress.percent(),
            objects: progress.objects().into(),
            bytes: progress.bytes().into(),
            import_jobs: progress.jobs().into(),
            bytes_per_second: progress.rate(),
            seconds_left: progress.left().map(|left| left.as_secs()),
            deleted: progress.deleted,
            milvus: progress.server.clone(),
            address: progress.address.clone(),
            how: progress.how.clone(),
            selected: progress.selected,
            databases: progress.databases,
            collections: progress.collections.iter().map(|(name, of)| collection(name, of)).collect(),
            warnings: progress.warnings.clone(),
            notes: progress.notes.clone(),
        }
    }
}

fn collection(name: &model::name::CollectionRef, of: &CollectionProgress) -> JobCollection {
    let reason = match &of.phase {
        Some(CollectionPhase::Failed(reason)) => Some(reason.clone()),
        _ => None,
    };
    JobCollection {
        name: name.to_string(),
        phase: of.phase.as_ref().map(|phase| phase.as_str().to_owned()),
        reason,
        objects: of.objects.into(),
        bytes: of.bytes.into(),
        import_jobs: of.jobs.into(),
        rows: of.rows,
    }
}
