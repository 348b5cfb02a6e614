//! The audit log: one line for every change that was asked for, under the target `audit`.

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
