//! Jobs as messages.

use api::v1;
use engine::{CollectionOutcome, CollectionPhase, CollectionProgress, CollectionRestored, FailedCollection};
use jobs::{JobKind, JobOutcome, JobSnapshot, JobState};
use model::name::CollectionRef;

use super::info::count;
use super::status;
use wire::{ApiTerms, JobPace, describe_advice};

/// Converts a job.
pub(super) fn job(job: &JobSnapshot) -> v1::Job {
    v1::Job {
        id: job.id.clone(),
        kind: kind(job.kind).into(),
        backup: job.backup.clone(),
        state: state(job.state).into(),
        cancelling: job.cancelling,
        by: job.by.clone(),
        created_ms: job.created_ms,
        started_ms: job.started_ms.unwrap_or_default(),
        ended_ms: job.ended_ms.unwrap_or_default(),
        waits_for: job.waits_for.clone(),
        ahead: job.ahead.map(|ahead| i32::try_from(ahead).unwrap_or(i32::MAX)),
        milvus_version: job.milvus_version.clone().unwrap_or_default(),
        progress: Some(progress(job)),
        result: job.outcome.as_ref().map(result),
        failure: job.failure.clone().map(|failure| status::message(failure.into())),
    }
}

/// Converts the kind of a job.
pub(super) const fn kind(kind: JobKind) -> v1::JobKind {
    match kind {
        JobKind::Backup => v1::JobKind::Backup,
        JobKind::Restore => v1::JobKind::Restore,
        JobKind::Delete => v1::JobKind::Delete,
    }
}

/// Converts the state of a job.
pub(super) const fn state(state: JobState) -> v1::JobState {
    match state {
        JobState::Queued => v1::JobState::Queued,
        JobState::Running => v1::JobState::Running,
        JobState::Succeeded => v1::JobState::Succeeded,
        JobState::Partial => v1::JobState::Partial,
        JobState::Failed => v1::JobState::Failed,
        JobState::Cancelled => v1::JobState::Cancelled,
        JobState::Interrupted => v1::JobState::Interrupted,
    }
}

fn progress(job: &JobSnapshot) -> v1::Progress {
    let (progress, totals) = (&job.progress, job.progress.totals());
    let JobPace { percent, bytes_per_second, seconds_left } = JobPace::from(job);
    v1::Progress {
        percent: percent.into(),
        phase: progress.phase.map(engine::Phase::as_str).unwrap_or_default().to_owned(),
        objects: Some(part(totals.objects)),
        bytes: Some(part(totals.bytes)),
        imports: Some(part(totals.jobs)),
        bytes_per_second: bytes_per_second.map(count),
        seconds_left: seconds_left.map(count),
        collections: progress.collections.iter().map(|(name, of)| collection(name, of)).collect(),
        warnings: progress.warnings.clone(),
    }
}

fn collection(name: &CollectionRef, of: &CollectionProgress) -> v1::CollectionProgress {
    let target = of.target.as_ref();
    v1::CollectionProgress {
        database: name.database.clone(),
        collection: name.collection.clone(),
        phase: of.phase.as_ref().map(CollectionPhase::as_str).unwrap_or_default().to_owned(),
        objects: Some(part(of.objects)),
        bytes: Some(part(of.bytes)),
        imports: Some(part(of.jobs)),
        rows: count(of.rows),
        target_database: target.map(|target| target.database.clone()).unwrap_or_default(),
        target_collection: target.map(|target| target.collection.clone()).unwrap_or_default(),
    }
}

fn part(part: engine::Completion) -> v1::Part {
    v1::Part { done: count(part.done), all: count(part.all) }
}

fn result(outcome: &JobOutcome) -> v1::Result {
    use v1::result::Of;

    let of = match outcome {
        JobOutcome::Backup(report) => Of::Backup(v1::BackupResult {
            collections: count(report.collections),
            rows: count(report.rows),
            deletes: count(report.deletes),
            objects: count(report.objects),
            bytes: count(report.bytes),
            vanished: report.vanished.iter().map(ToString::to_string).collect(),
            warnings: report.warnings.clone(),
            failed: report.failed.iter().map(failed).collect(),
        }),
        JobOutcome::Restore(report) => Of::Restore(v1::RestoreResult {
            collections: report.collections.iter().map(restored).collect(),
            rows: count(report.rows()),
            warnings: report.warnings.clone(),
        }),
        JobOutcome::Delete(outcome) => {
            Of::Delete(v1::DeleteResult { objects: count(outcome.objects), bytes: count(outcome.bytes) })
        }
    };
    v1::Result { of: Some(of) }
}

fn failed(failed: &FailedCollection) -> v1::FailedCollection {
    v1::FailedCollection {
        name: failed.collection.to_string(),
        reason: failed.reason.clone(),
        hint: failed.advice.as_ref().map(|advice| describe_advice(advice, &ApiTerms)).unwrap_or_default(),
        advice: failed.advice.as_ref().and_then(status::advice),
    }
}

fn restored(collection: &CollectionRestored) -> v1::RestoredCollection {
    let failure = match &collection.outcome {
        CollectionOutcome::Failed(failure) => Some(status::message(failure.into())),
        CollectionOutcome::Done | CollectionOutcome::NotBegun => None,
    };
    v1::RestoredCollection {
        source: collection.source.to_string(),
        target: collection.target.to_string(),
        done: collection.outcome == CollectionOutcome::Done,
        created: collection.created,
        dropped: collection.dropped,
        rows: count(collection.partitions.iter().map(|partition| partition.counted).sum::<u64>()),
        failure,
    }
}
