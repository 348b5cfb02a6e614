//! Jobs for unit tests.

use engine::{Event, Progress};
use model::name::CollectionRef;
use model::plan::backup::BackupRequest;

use crate::job::{JobSnapshot, JobState, OtherPlace};
use crate::kind::EngineRequest;

/// Returns the name of a collection in the default database.
pub(crate) fn collection(name: &str) -> CollectionRef {
    CollectionRef::new("default", name)
}

/// Creates a running job with the progress that these events add up to.
pub(crate) fn job_after_events(request: EngineRequest, events: &[Event]) -> JobSnapshot {
    let mut progress = Progress::default();
    for event in events {
        progress.take(event, 0);
    }
    let pair = |name: &str| (collection(name), collection(&format!("{name}_copy")));
    JobSnapshot {
        id: "1".into(),
        kind: request.kind(),
        backup: request.backup().to_owned(),
        request: Some(request),
        place: OtherPlace::default(),
        by: "alice".into(),
        state: JobState::Running,
        cancelling: false,
        ahead: None,
        waits_for: Vec::new(),
        created_ms: 0,
        started_ms: Some(0),
        ended_ms: None,
        milvus_version: None,
        targets: vec![pair("books"), pair("tags"), pair("pens")],
        progress,
        outcome: None,
        failure: None,
    }
}

/// Creates the request for a backup named `nightly`.
pub(crate) fn backup_request() -> EngineRequest {
    EngineRequest::Backup(BackupRequest::with_defaults("nightly".parse().unwrap()))
}
