//! A restore in the form of the Go tool: the keys and seconds of 0.4.15.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{CollectionOutcome, CollectionPhase, CollectionProgress, Completion};
use jobs::{EngineRequest, JobOutcome, JobSnapshot, JobState};
use model::manifest::{Manifest, json};
use model::name::CollectionRef;
use model::plan::restore::{ExistingTargetPolicy, RestoreRequest};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::envelope::is_zero;
use super::info::{error_message, progress, state};
use super::schema::CollectionBackupInfo;

/// A restore.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = v1::RestoreBackupTask)]
pub(crate) struct RestoreBackupTask {
    /// Id of the restore.
    pub id: String,
    /// 0 queued, 1 running, 2 everything is restored, 3 failed or only a part is restored.
    pub state_code: i32,
    /// Reason of the failure.
    #[serde(rename = "errorMessage", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub error_message: String,
    /// Start, in seconds since 1970.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub start_time: i64,
    /// End, in seconds since 1970.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub end_time: i64,
    /// Restored collections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub collection_restore_tasks: Vec<RestoreCollectionTask>,
    /// Restored bytes.
    pub restored_size: u64,
    /// Bytes to restore.
    pub to_restore_size: u64,
    /// Progress in percent.
    #[schema(minimum = 0, maximum = 100)]
    pub progress: i32,
}

/// The restore of a collection.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = v1::RestoreCollectionTask)]
pub(crate) struct RestoreCollectionTask {
    /// Id of the task.
    pub id: String,
    /// 0 queued, 1 running, 2 restored, 3 not restored.
    pub state_code: i32,
    /// Reason of the failure.
    #[serde(rename = "errorMessage", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub error_message: String,
    /// Start of the restore, in seconds since 1970.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub start_time: i64,
    /// End of the restore, in seconds since 1970.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub end_time: i64,
    /// The collection in the backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = CollectionBackupInfo, required = false)]
    pub coll_backup: Option<CollectionContent>,
    /// Name of the collection in the target.
    pub target_collection_name: String,
    /// Restored bytes.
    pub restored_size: u64,
    /// Bytes to restore.
    pub to_restore_size: u64,
    /// Progress in percent.
    #[schema(minimum = 0, maximum = 100)]
    pub progress: i32,
    /// Database of the collection in the target.
    pub target_db_name: String,
    /// The options of the restore.
    #[serde(flatten)]
    pub options: V1RestoreOptions,
}

/// The options of a restore.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = v1::RestoreOptions)]
pub(crate) struct V1RestoreOptions {
    /// Whether the data is omitted.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub meta_only: bool,
    /// Whether the indexes of the backup are created.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub restore_index: bool,
    /// Whether vector indexes are created as AUTOINDEX.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub use_auto_index: bool,
    /// Whether existing target collections are dropped first.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub drop_exist_collection: bool,
    /// Whether the indexes of existing target collections are dropped.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub drop_exist_index: bool,
    /// Whether data is imported into existing target collections.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub skip_create_collection: bool,
}

impl From<&RestoreRequest> for V1RestoreOptions {
    fn from(request: &RestoreRequest) -> Self {
        Self {
            meta_only: request.options.meta_only,
            restore_index: request.options.indexes,
            use_auto_index: request.options.auto_index,
            drop_exist_collection: request.options.existing == ExistingTargetPolicy::Drop,
            drop_exist_index: request.options.drop_indexes,
            skip_create_collection: request.options.existing == ExistingTargetPolicy::Use,
        }
    }
}

/// A collection of a manifest, by its position.
#[derive(Clone, Debug)]
pub(crate) struct CollectionContent {
    manifest: Arc<Manifest>,
    root: Arc<str>,
    place: usize,
}

impl Serialize for CollectionContent {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.manifest.collections.get(self.place) {
            Some(collection) => json::collection(&self.manifest, collection, &self.root).serialize(to),
            None => to.serialize_none(),
        }
    }
}

/// The collections of the backup that is restored, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct BackupContents {
    manifest: Arc<Manifest>,
    root: Arc<str>,
    places: BTreeMap<CollectionRef, usize>,
}

impl BackupContents {
    /// Indexes a manifest; `root` is Milvus's root path, for the paths of files.
    pub(crate) fn new(manifest: Manifest, root: &Arc<str>) -> Self {
        let named = manifest.collections.iter().enumerate();
        let places = named.map(|(place, collection)| (collection.name.clone(), place)).collect();
        Self { manifest: Arc::new(manifest), root: Arc::clone(root), places }
    }

    fn of(&self, collection: &CollectionRef) -> Option<CollectionContent> {
        let place = *self.places.get(collection)?;
        Some(CollectionContent { manifest: Arc::clone(&self.manifest), root: Arc::clone(&self.root), place })
    }

    fn size(&self, collection: &CollectionRef) -> Option<u64> {
        Some(self.manifest.collections.get(*self.places.get(collection)?)?.size)
    }
}

impl RestoreBackupTask {
    /// Converts the restore that a job executes or has executed; `contents` may be empty.
    pub(crate) fn of_job(job: &JobSnapshot, contents: &BackupContents) -> Self {
        let tasks: Vec<_> = job
            .targets
            .iter()
            .enumerate()
            .map(|(place, (source, target))| task(job, contents, place, source, target))
            .collect();
        let (start_time, end_time) = times(job);
        Self {
            id: job.id.clone(),
            state_code: match job.state {
                JobState::Queued => state::INITIAL,
                JobState::Running => state::EXECUTING,
                JobState::Succeeded => state::SUCCESS,
                JobState::Partial | JobState::Failed | JobState::Cancelled | JobState::Interrupted => {
                    state::FAIL
                }
            },
            error_message: error_message(job),
            start_time,
            end_time,
            restored_size: tasks.iter().map(|task| task.restored_size).fold(0, u64::saturating_add),
            to_restore_size: tasks.iter().map(|task| task.to_restore_size).fold(0, u64::saturating_add),
            collection_restore_tasks: tasks,
            progress: progress(job),
        }
    }
}

fn task(
    job: &JobSnapshot,
    contents: &BackupContents,
    place: usize,
    source: &CollectionRef,
    target: &CollectionRef,
) -> RestoreCollectionTask {
    let options = match &job.request {
        Some(EngineRequest::Restore(request)) => request.into(),
        _ => V1RestoreOptions::default(),
    };
    let seen = job.progress.collections.get(job.display_name(source, target));
    let (state_code, error_message) = ending(job, target, seen);
    let known = contents.size(source).or_else(|| seen.map(|seen| seen.bytes.all)).unwrap_or_default();
    let to_restore_size = if options.meta_only { 0 } else { known };
    let part = seen.map(CollectionProgress::part).unwrap_or_default();
    let of = |whole: u64| if state_code == state::SUCCESS { whole } else { share(part, whole) };
    let (start_time, end_time) = times(job);
    RestoreCollectionTask {
        id: format!("{}_{place}", job.id),
        state_code,
        error_message,
        start_time,
        end_time,
        coll_backup: contents.of(source),
        target_collection_name: target.collection.clone(),
        restored_size: of(to_restore_size),
        to_restore_size,
        progress: i32::try_from(of(100)).unwrap_or(100),
        target_db_name: target.database.clone(),
        options,
    }
}

/// Returns the state and error of a collection: from the outcome, else from the progress, else from the state of the
/// job.
fn ending(job: &JobSnapshot, target: &CollectionRef, seen: Option<&CollectionProgress>) -> (i32, String) {
    let outcome = match &job.outcome {
        Some(JobOutcome::Restore(report)) => report.collections.iter().find(|done| done.target == *target),
        _ => None,
    };
    match (outcome.map(|done| &done.outcome), seen.and_then(|seen| seen.phase.as_ref())) {
        (Some(CollectionOutcome::Done), _) | (None, Some(CollectionPhase::Done)) => {
            (state::SUCCESS, String::new())
        }
        (Some(CollectionOutcome::Failed(failure)), _) => (state::FAIL, failure.message.clone()),
        (None, Some(CollectionPhase::Failed(reason))) => (state::FAIL, reason.clone()),
        _ if job.state.is_over() => (state::FAIL, "not restored".to_owned()),
        (_, Some(_)) => (state::EXECUTING, String::new()),
        (_, None) => (state::INITIAL, String::new()),
    }
}

fn share(part: Completion, of: u64) -> u64 {
    let share = u128::from(part.done.min(part.all)) * u128::from(of);
    share.checked_div(u128::from(part.all)).and_then(|share| u64::try_from(share).ok()).unwrap_or_default()
}

/// Returns the start and end of a job, in seconds since 1970.
fn times(job: &JobSnapshot) -> (i64, i64) {
    (job.started_ms.unwrap_or(job.created_ms) / 1000, job.ended_ms.unwrap_or_default() / 1000)
}

#[cfg(test)]
mod tests {
    use engine::{Event, FailureKind, Phase, Progress};
    use jobs::{JobFailure, OtherPlace};

    use super::*;
    use crate::rest::v1::info::BackupInfo;

    fn job(state: JobState, request: EngineRequest) -> JobSnapshot {
        let (a, b) = (CollectionRef::new("db", "a"), CollectionRef::new("db", "b"));
        let mut progress = Progress::default();
        let planned = |collection: &CollectionRef| Event::Planned {
            collection: collection.clone(),
            objects: 1,
            bytes: 100,
        };
        let importing = Event::Import { collection: a.clone(), done: 1, jobs: 4, rows: 0 };
        for event in [Event::Phase(Phase::Import), planned(&a), planned(&b), importing] {
            progress.take(&event, 0);
        }
        JobSnapshot {
            id: "r".to_owned(),
            kind: request.kind(),
            backup: request.backup().to_owned(),
            request: Some(request),
            place: OtherPlace::default(),
            by: "me".to_owned(),
            state,
            cancelling: false,
            ahead: None,
            waits_for: Vec::new(),
            created_ms: 5_000,
            started_ms: (state != JobState::Queued).then_some(7_999),
            ended_ms: state.is_over().then_some(9_001),
            milvus_version: Some("v2.3.5".to_owned()),
            targets: vec![(a, CollectionRef::new("db", "a_x")), (b, CollectionRef::new("db", "b_x"))],
            progress,
            outcome: None,
            failure: None,
        }
    }

    fn restore(state: JobState) -> JobSnapshot {
        job(state, EngineRequest::Restore(RestoreRequest::with_defaults("nightly".parse().unwrap())))
    }

    #[test]
    fn states_and_times_are_those_of_the_go_tool() {
        for (state, code, times) in [
            (JobState::Queued, 0, (5, 0)),
            (JobState::Running, 1, (7, 0)),
            (JobState::Succeeded, 2, (7, 9)),
            (JobState::Partial, 3, (7, 9)),
            (JobState::Failed, 3, (7, 9)),
            (JobState::Cancelled, 3, (7, 9)),
            (JobState::Interrupted, 3, (7, 9)),
        ] {
            let task = RestoreBackupTask::of_job(&restore(state), &BackupContents::default());
            assert_eq!((task.state_code, (task.start_time, task.end_time)), (code, times), "{state:?}");
            assert!((0..=100).contains(&task.progress), "{state:?}");
        }
        let backup = |state| {
            job(
                state,
                EngineRequest::Backup(model::plan::backup::BackupRequest::with_defaults(
                    "x".parse().unwrap(),
                )),
            )
        };
        for (state, code, start) in [
            (JobState::Queued, 0, 5_000),
            (JobState::Running, 1, 7_999),
            (JobState::Partial, 2, 7_999),
            (JobState::Interrupted, 3, 7_999),
        ] {
            let info = BackupInfo::of_job(&backup(state));
            assert_eq!((info.state_code, info.start_time), (code, start), "milliseconds: {state:?}");
        }
    }

    #[test]
    fn progress_of_a_collection_is_in_bytes_and_percent() {
        let task = RestoreBackupTask::of_job(&restore(JobState::Running), &BackupContents::default());
        let [a, b] = task.collection_restore_tasks.as_slice() else { panic!("{task:?}") };
        assert_eq!((a.restored_size, a.to_restore_size, a.progress), (25, 100, 25));
        assert_eq!((b.restored_size, b.to_restore_size, b.progress), (0, 100, 0));
        assert_eq!((task.restored_size, task.to_restore_size), (25, 200));
        assert_eq!((a.id.as_str(), b.target_collection_name.as_str()), ("r_0", "b_x"));
    }

    #[test]
    fn a_failed_restore_says_why() {
        let failure =
            JobFailure { kind: FailureKind::Failed, message: "no".to_owned(), context: None, advice: None };
        let failed = JobSnapshot { failure: Some(failure), ..restore(JobState::Failed) };
        let task = RestoreBackupTask::of_job(&failed, &BackupContents::default());
        assert_eq!((task.state_code, task.error_message.as_str()), (3, "no"));
        assert!(task.collection_restore_tasks.iter().all(|task| task.state_code == 3));
    }
}
