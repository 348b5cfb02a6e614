//! The audit log, under the target `audit`: one line for every change that was asked for, one for its end.

use std::cell::Cell;

use jobs::Job;
use tracing::Instrument as _;

use super::caller::Caller;
use wire::{Failure, Kind, kind_name};

tokio::task_local! {
    /// Whether the request that is being answered has its line.
    static RECORDED: Cell<bool>;
}

/// Answers a request, and tells whether that left a line.
pub(super) async fn noticing<T>(answer: impl Future<Output = T>) -> (T, bool) {
    RECORDED.scope(Cell::new(false), async { (answer.await, RECORDED.with(Cell::get)) }).await
}

/// Does what goes on when the request that it is done for is dropped; its line is that of the request.
pub(crate) async fn outliving<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::spawn(noticing(work).in_current_span()).await;
    let (done, recorded) =
        done.map_err(|error| Failure::new(Kind::Failed, format!("the server made a mistake: {error}")))?;
    if recorded {
        let _ = RECORDED.try_with(|noticed| noticed.set(true));
    }
    Ok(done)
}

/// Records that a caller asked for a change and what came of it. Where it came from and its request id stand in the
/// span of the request, which the line carries.
pub(crate) fn record(caller: &Caller, action: &str, subject: &str, job: Result<&str, &Failure>) {
    let (who, role) = (caller.name.as_str(), caller.role.as_str());
    // Outside of a request there is nothing to notice.
    let _ = RECORDED.try_with(|recorded| recorded.set(true));
    match job {
        Ok(job) => tracing::info!(target: "audit", who, role, action, subject, job, result = "accepted"),
        Err(failure) => {
            let (result, reason) = (kind_name(failure.kind), failure.message.as_str());
            tracing::info!(target: "audit", who, role, action, subject, result, reason);
        }
    }
}

/// Records a request for a change that did not come as far as that: from nobody known, or one that cannot be read.
pub(super) fn refused(caller: Option<&Caller>, action: &str, status: &str) {
    let who = caller.map_or("unknown", |caller| caller.name.as_str());
    let role = caller.map(|caller| caller.role.as_str());
    tracing::info!(target: "audit", who, role, action, status, result = "refused");
}

/// Records how a job ended.
pub(crate) fn ended(job: &Job) {
    let (who, action, subject) = (job.by.as_str(), job.request.kind().as_str(), job.request.backup());
    let reason = job.failure.as_ref().map(|failure| failure.message.as_str());
    tracing::info!(target: "audit", who, action, subject, job = job.id, result = job.state.as_str(), reason);
}
