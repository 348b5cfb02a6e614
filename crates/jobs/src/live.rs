//! A job that is not over, in memory: what it says of itself, who watches it, and how it is stopped.

use std::sync::OnceLock;

use engine::{Event, now_ms};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::claims::Claims;
use crate::job::{Job, JobState};
use crate::store::{Ended, Record};

/// Why a job was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody cancelled it.
    Cancelled,
    /// The server ends.
    Shutdown,
}

/// A job that is not over, or whose end is not kept yet.
#[derive(Debug)]
pub(crate) struct Live {
    /// Its place in the order of submissions.
    pub(crate) seq: i64,
    /// What it writes and reads.
    pub(crate) claims: Claims,
    /// As it is now; whoever subscribes hears of changes.
    pub(crate) job: watch::Sender<Job>,
    /// Pulled when it is over.
    pub(crate) over: CancellationToken,
    /// Pulled when it shall stop.
    pub(crate) cancel: CancellationToken,
    /// Rung when it enters a phase.
    pub(crate) phase: Notify,
    /// Rung when one of its collections does.
    pub(crate) step: Notify,
    /// Pulled to end its work wherever it is.
    pub(crate) abort: CancellationToken,
    stop: OnceLock<Stop>,
}

impl Live {
    /// A job that was just handed in, or read again.
    pub(crate) fn new(record: Record) -> Self {
        Self {
            seq: record.seq,
            claims: record.claims,
            job: watch::Sender::new(record.job),
            over: CancellationToken::new(),
            cancel: CancellationToken::new(),
            phase: Notify::new(),
            step: Notify::new(),
            abort: CancellationToken::new(),
            stop: OnceLock::new(),
        }
    }

    /// The job as it is now.
    pub(crate) fn now(&self) -> Job {
        self.job.borrow().clone()
    }

    /// Its id.
    pub(crate) fn id(&self) -> String {
        self.job.borrow().id.clone()
    }

    /// How far it is.
    pub(crate) fn state(&self) -> JobState {
        self.job.borrow().state
    }

    /// Takes in what happened.
    pub(crate) fn take(&self, event: &Event) {
        self.job.send_modify(|job| job.progress.take(event, now_ms()));
        match event {
            Event::Phase(_) => self.phase.notify_one(),
            Event::Collection { .. } => self.step.notify_one(),
            _ => {}
        }
    }

    /// It runs now.
    pub(crate) fn begin(&self, started_ms: i64) {
        self.job.send_modify(|job| {
            job.state = JobState::Running;
            job.started_ms = Some(started_ms);
            job.ahead = None;
        });
    }

    /// So many jobs come before it.
    pub(crate) fn wait_behind(&self, ahead: usize) {
        self.job.send_if_modified(|job| job.ahead.replace(ahead) != Some(ahead));
    }

    /// Tells it to stop; the first reason counts.
    pub(crate) fn stop(&self, why: Stop) {
        if self.stop.set(why).is_ok() {
            self.job.send_modify(|job| job.cancelling = true);
        }
        self.cancel.cancel();
    }

    /// Why it was told to stop, if it was.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.stop.get().copied()
    }

    /// It is over.
    pub(crate) fn end(&self, ended: Ended) {
        self.job.send_modify(|job| {
            job.state = ended.state;
            job.ended_ms = Some(ended.at_ms);
            job.outcome = ended.outcome;
            job.failure = ended.failure;
            job.cancelling = false;
            job.ahead = None;
        });
        self.over.cancel();
    }
}
