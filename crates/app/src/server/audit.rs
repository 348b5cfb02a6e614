//! The audit log, under the target `audit`: one line for every change that was asked for, one for its end.

use jobs::Job;

use super::caller::Caller;
use crate::status::{Failure, kind_name};

/// Records that a caller asked for a change and what came of it. Where it came from and its request id stand in the
/// span of the request, which the line carries.
pub(crate) fn record(caller: &Caller, action: &str, subject: &str, job: Result<&str, &Failure>) {
    let (who, role) = (caller.name.as_str(), caller.role.as_str());
    match job {
        Ok(job) => tracing::info!(target: "audit", who, role, action, subject, job, result = "accepted"),
        Err(failure) => {
            let (result, reason) = (kind_name(failure.kind), failure.message.as_str());
            tracing::info!(target: "audit", who, role, action, subject, result, reason);
        }
    }
}

/// Records how a job ended.
pub(crate) fn ended(job: &Job) {
    let (who, action, subject) = (job.by.as_str(), job.request.kind().as_str(), job.request.backup());
    let reason = job.failure.as_ref().map(|failure| failure.message.as_str());
    tracing::info!(target: "audit", who, action, subject, job = job.id, result = job.state.as_str(), reason);
}
