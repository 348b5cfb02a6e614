//! An active job in memory: its current state, the signals for its watchers, and the requests to stop it.

use std::sync::OnceLock;

use engine::{Event, now_ms};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::claims::Claims;
use crate::job::{JobSnapshot, JobState};
use crate::store::{EndRecord, StoredJob};

/// The reason for which a job was requested to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// A caller cancelled the job.
    Cancelled,
    /// The server is shutting down.
    Shutdown,
}

/// A job that is queued or running, or that is finished but whose end is not stored yet.
#[derive(Debug)]
pub(crate) struct ActiveJob {
    /// The position of the job in the order of submission.
    pub(crate) seq: i64,
    /// The claims of the job.
    pub(crate) claims: Claims,
    /// The current state of the job; subscribers are notified of every change.
    pub(crate) job: watch::Sender<JobSnapshot>,
    /// Cancelled when the job is finished.
    pub(crate) finished: CancellationToken,
    /// Cancelled to make the job stop at a safe point.
    pub(crate) cancel: CancellationToken,
    /// Notified when the job enters a phase.
    pub(crate) phase_changed: Notify,
    /// Notified when a collection of the job enters a phase.
    pub(crate) collection_changed: Notify,
    /// Cancelled to drop the work of the job at any point.
    pub(crate) abort: CancellationToken,
    stop_reason: OnceLock<StopReason>,
}

impl ActiveJob {
    /// Creates the in-memory form of a job that was just submitted or was read from the store.
    pub(crate) fn new(stored: StoredJob) -> Self {
        Self {
            seq: stored.seq,
            claims: stored.claims,
            job: watch::Sender::new(stored.job),
            finished: CancellationToken::new(),
            cancel: CancellationToken::new(),
            phase_changed: Notify::new(),
            collection_changed: Notify::new(),
            abort: CancellationToken::new(),
            stop_reason: OnceLock::new(),
        }
    }

    /// Returns a copy of the current state of the job.
    pub(crate) fn snapshot(&self) -> JobSnapshot {
        self.job.borrow().clone()
    }

    pub(crate) fn id(&self) -> String {
        self.job.borrow().id.clone()
    }

    pub(crate) fn state(&self) -> JobState {
        self.job.borrow().state
    }

    /// Adds an event of the engine to the progress of the job.
    pub(crate) fn apply_event(&self, event: &Event) {
        self.job.send_modify(|job| job.progress.take(event, now_ms()));
        match event {
            Event::Phase(_) => self.phase_changed.notify_one(),
            Event::Collection { .. } => self.collection_changed.notify_one(),
            _ => {}
        }
    }

    /// Marks the job as running since `started_ms`, in milliseconds since 1970.
    pub(crate) fn mark_running(&self, started_ms: i64) {
        self.job.send_modify(|job| {
            job.state = JobState::Running;
            job.started_ms = Some(started_ms);
            job.ahead = None;
            job.waits_for.clear();
        });
    }

    /// Sets the number of queued jobs that start before this one, and the running jobs of which one must end first.
    pub(crate) fn set_queue_position(&self, ahead: usize, waits_for: Vec<String>) {
        self.job.send_if_modified(|job| {
            let changed = job.ahead != Some(ahead) || job.waits_for != waits_for;
            (job.ahead, job.waits_for) = (Some(ahead), waits_for);
            changed
        });
    }

    /// Describes the job for others that wait for it.
    pub(crate) fn describe(&self) -> String {
        let job = self.job.borrow();
        format!("{} {} (job {})", job.kind.as_str(), job.backup, job.id)
    }

    /// Requests that the job stops at a safe point; only the first reason is kept.
    pub(crate) fn request_stop(&self, reason: StopReason) {
        if self.stop_reason.set(reason).is_ok() {
            self.job.send_modify(|job| job.cancelling = true);
        }
        self.cancel.cancel();
    }

    /// Returns the reason of the first request to stop; `None` if there was no such request.
    pub(crate) fn stop_reason(&self) -> Option<StopReason> {
        self.stop_reason.get().copied()
    }

    /// Marks the job as finished and wakes everything that waits for its end.
    pub(crate) fn mark_finished(&self, end: EndRecord) {
        self.job.send_modify(|job| {
            job.state = end.state;
            job.ended_ms = Some(end.at_ms);
            job.outcome = end.outcome;
            job.failure = end.failure;
            job.cancelling = false;
            job.ahead = None;
            job.waits_for.clear();
        });
        self.finished.cancel();
    }
}
