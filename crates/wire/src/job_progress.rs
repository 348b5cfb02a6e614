//! The progress of a job.

use engine::{CollectionPhase, CollectionProgress};
use model::name::CollectionRef;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Phase;

/// A completed amount and the total amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Completion {
    /// The completed amount.
    pub done: u64,
    /// The total amount, as far as it is known.
    pub all: u64,
}

impl Completion {
    /// Returns whether these objects are copied, given the import jobs of the same job or collection.
    ///
    /// The objects of a restore that imports in place have a total and are never copied.
    pub fn is_of_copied_objects(self, import_jobs: Self) -> bool {
        self.done > 0 || (self.all > 0 && import_jobs.all == 0)
    }
}

impl From<engine::Completion> for Completion {
    fn from(part: engine::Completion) -> Self {
        Self { done: part.done, all: part.all }
    }
}

/// The progress of a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobProgress {
    /// The current phase of the job, or its last one; null before the first.
    pub phase: Option<Phase>,
    /// The completed share of the job, from 0 to 100.
    #[schema(maximum = 100)]
    pub percent: u8,
    /// The number of copied files and of all files to copy.
    pub objects: Completion,
    /// The number of copied bytes and of all bytes to copy.
    pub bytes: Completion,
    /// The number of completed import jobs and of all import jobs.
    pub import_jobs: Completion,
    /// The copy rate in bytes per second; null unless files are being copied.
    pub bytes_per_second: Option<u64>,
    /// The seconds that the remaining copies take at that rate; null if they cannot be estimated.
    pub seconds_left: Option<u64>,
    /// The number of deleted objects.
    pub deleted: u64,
    /// The version of Milvus; null while it is not known, and for jobs that need no Milvus.
    pub milvus: Option<String>,
    /// The host and port of Milvus; null like `milvus`.
    pub address: Option<String>,
    /// The flush strategy of a backup; `staged` or `in place` for a restore; null for other jobs.
    pub how: Option<String>,
    /// The number of collections to process; 0 while it is not known.
    pub selected: usize,
    /// The number of databases of these collections.
    pub databases: usize,
    /// The collections that the job has begun to process; of a restore all, from the start of its imports on.
    pub collections: Vec<JobCollection>,
    /// Warnings for the operator; of more than 100, the newest.
    pub warnings: Vec<String>,
    /// Notes for the operator; of more than 100, the newest.
    pub notes: Vec<String>,
}

/// The progress of one collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobCollection {
    /// The name of the collection in the source, or in the target if a restore creates several targets from this source:
    /// `database.collection`.
    pub name: String,
    /// The name in the target; only if a restore gives the collection another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub target: Option<String>,
    /// The phase of the collection, null before its first one: `describing`, `flushing`, `listing`, `copying`,
    /// `verifying`, `creating`, `staging`, `importing`, `loading`, `done`, `vanished` or `failed`.
    pub phase: Option<String>,
    /// The reason of the failure; only if `phase` is `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// The number of copied files and of all files to copy.
    pub objects: Completion,
    /// The number of copied bytes and of all bytes to copy.
    pub bytes: Completion,
    /// The number of completed import jobs and of all import jobs.
    pub import_jobs: Completion,
    /// The number of imported rows.
    pub rows: u64,
}

impl From<&engine::Progress> for JobProgress {
    fn from(progress: &engine::Progress) -> Self {
        let totals = progress.totals();
        Self {
            phase: progress.phase.map(Phase::from),
            percent: totals.percent,
            objects: totals.objects.into(),
            bytes: totals.bytes.into(),
            import_jobs: totals.jobs.into(),
            bytes_per_second: totals.rate,
            seconds_left: totals.left.map(|left| left.as_secs()),
            deleted: progress.deleted,
            milvus: progress.server.clone(),
            address: progress.address.clone(),
            how: progress.how.clone(),
            selected: progress.selected,
            databases: progress.databases,
            collections: progress
                .collections
                .iter()
                .map(|(name, state)| JobCollection::new(name, state))
                .collect(),
            warnings: progress.warnings.clone(),
            notes: progress.notes.clone(),
        }
    }
}

impl JobCollection {
    /// Returns the name to show to people: that in the target, where it differs.
    pub fn shown_name(&self) -> &str {
        self.target.as_deref().unwrap_or(&self.name)
    }

    fn new(name: &CollectionRef, state: &CollectionProgress) -> Self {
        let reason = match &state.phase {
            Some(CollectionPhase::Failed(reason)) => Some(reason.clone()),
            _ => None,
        };
        Self {
            name: name.to_string(),
            target: state.target.as_ref().map(CollectionRef::to_string),
            phase: state.phase.as_ref().map(|phase| phase.as_str().to_owned()),
            reason,
            objects: state.objects.into(),
            bytes: state.bytes.into(),
            import_jobs: state.jobs.into(),
            rows: state.rows,
        }
    }
}

/// The completed share of a job and, while the job is active, its copy rate.
pub struct JobPace {
    /// The completed share of the job, from 0 to 100.
    pub percent: u8,
    /// The copy rate in bytes per second; `None` unless files are being copied.
    pub bytes_per_second: Option<u64>,
    /// The seconds that the remaining copies take at that rate; `None` if they cannot be estimated.
    pub seconds_left: Option<u64>,
}

impl From<&jobs::JobSnapshot> for JobPace {
    fn from(job: &jobs::JobSnapshot) -> Self {
        let totals = job.progress.totals();
        // The progress of a job that failed during its copies still shows their rate.
        let active = Some(totals).filter(|_| !job.state.is_over());
        Self {
            // The progress of a deletion has no total, so it never shows 100 percent.
            percent: if job.state == jobs::JobState::Succeeded { 100 } else { totals.percent },
            bytes_per_second: active.and_then(|totals| totals.rate),
            seconds_left: active.and_then(|totals| totals.left).map(|left| left.as_secs()),
        }
    }
}
