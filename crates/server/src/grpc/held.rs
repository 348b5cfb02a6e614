//! Calls that last as long as their job.

use jobs::{Job, JobState, Request};

use crate::{Caller, Service};
use wire::Failure;

/// Waits for a job and tells why it did not do all. Where the call ends before, since its deadline passed or its caller
/// left, the job is cancelled, unless it `goes_on`.
pub(super) async fn until_over(
    service: &Service,
    caller: &Caller,
    job: &Job,
    goes_on: bool,
) -> Result<Job, Failure> {
    let mut held = Held { service, caller, id: &job.id, let_go: goes_on };
    let job = service.wait(&job.id).await;
    held.let_go = true;
    let job = job?;
    // what vanished is not in a backup, but it can be restored
    let usable = job.state == JobState::Partial && matches!(job.request, Request::Backup(_));
    match job.failure {
        Some(failure) if !usable => Err(failure.into()),
        failure => Ok(Job { failure, ..job }),
    }
}

/// Cancels the job of a call that is dropped.
struct Held<'a> {
    service: &'a Service,
    caller: &'a Caller,
    id: &'a str,
    let_go: bool,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.let_go {
            return;
        }
        if let Err(failure) = self.service.cancel(self.caller, self.id) {
            tracing::debug!(
                job = self.id,
                reason = failure.message,
                "a job of a call that ended is not cancelled"
            );
        }
    }
}
