//! Calls that last as long as their job.

use jobs::{JobKind, JobSnapshot, JobState};

use crate::{Caller, Service};
use wire::Failure;

/// Waits for the end of a job; fails if the job did not do everything that was requested.
///
/// If the call ends earlier, by its deadline or because its caller leaves, the job is cancelled unless it
/// `outlives_call`.
pub(super) async fn wait_for_job(
    service: &Service,
    caller: &Caller,
    job: &JobSnapshot,
    outlives_call: bool,
) -> Result<JobSnapshot, Failure> {
    let mut guard = CancelOnDrop { service, caller, id: &job.id, disarmed: outlives_call };
    let job = service.wait(&job.id).await;
    guard.disarmed = true;
    let job = job?;
    // Collections that vanished are missing, but the backup can be restored.
    let usable = job.state == JobState::Partial && job.kind == JobKind::Backup;
    match job.failure {
        Some(failure) if !usable => Err(failure.into()),
        failure => Ok(JobSnapshot { failure, ..job }),
    }
}

/// Cancels the job of a call that is dropped.
struct CancelOnDrop<'a> {
    service: &'a Service,
    caller: &'a Caller,
    id: &'a str,
    disarmed: bool,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if self.disarmed {
            return;
        }
        if let Err(failure) = self.service.cancel(self.caller, self.id) {
            tracing::debug!(
                job = self.id,
                reason = failure.message,
                "cannot cancel the job of a call that ended"
            );
        }
    }
}
