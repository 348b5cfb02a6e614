//! The audit log (target `audit`): one line for each request that changes something or shows keys of rows, and one for
//! the end of its job.

use std::cell::Cell;

use jobs::JobSnapshot;
use tracing::Instrument as _;

use super::caller::Caller;
use wire::{Failure, FailureKind, kind_name};

tokio::task_local! {
    /// Whether the current request has an audit line.
    static RECORDED: Cell<bool>;
}

/// Runs `answer`; returns its result and whether an audit line was written.
pub(super) async fn watch_for_line<T>(answer: impl Future<Output = T>) -> (T, bool) {
    RECORDED.scope(Cell::new(false), async { (answer.await, RECORDED.with(Cell::get)) }).await
}

/// Runs work that continues if its request is dropped; its audit line counts for the request.
pub(crate) async fn run_detached<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::spawn(watch_for_line(work).in_current_span()).await;
    let (done, recorded) =
        done.map_err(|error| Failure::new(FailureKind::Failed, format!("internal server error: {error}")))?;
    if recorded {
        let _ = RECORDED.try_with(|noticed| noticed.set(true));
    }
    Ok(done)
}

/// Records a request and its result: the id of its job, if it has one, or its failure. The span of the request adds its id and address.
pub(crate) fn record_request(
    caller: &Caller,
    action: &str,
    subject: &str,
    job: Result<Option<&str>, &Failure>,
) {
    let (who, role) = (caller.name.as_str(), caller.role.as_str());
    // Fails outside of a request, where the flag has no reader.
    let _ = RECORDED.try_with(|recorded| recorded.set(true));
    match job {
        Ok(job) => tracing::info!(target: "audit", who, role, action, subject, job, result = "accepted"),
        Err(failure) => {
            let (result, reason) = (kind_name(failure.kind), failure.message.as_str());
            tracing::info!(target: "audit", who, role, action, subject, result, reason);
        }
    }
}

/// Records a change that was refused before its handler parsed it.
pub(super) fn record_refusal(caller: Option<&Caller>, action: &str, status: &str) {
    let who = caller.map_or("unknown", |caller| caller.name.as_str());
    let role = caller.map(|caller| caller.role.as_str());
    tracing::info!(target: "audit", who, role, action, status, result = "refused");
}

/// Records the end of a job.
pub(crate) fn record_end(job: &JobSnapshot) {
    let (who, action, subject) = (job.by.as_str(), job.kind.as_str(), job.backup.as_str());
    let reason = job.failure.as_ref().map(|failure| failure.message.as_str());
    tracing::info!(target: "audit", who, action, subject, job = job.id, result = job.state.as_str(), reason);
}
