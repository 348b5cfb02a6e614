//! Stopping of work in progress, so that what it began can still be completed or removed.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::Cause;

/// The time that a request in progress may still take after the copy was stopped.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(5);

/// Runs work; after `stop` is cancelled, waits at most [`STOP_GRACE`] for it and then returns the cause "cancelled".
pub(crate) async fn run_until_stopped<T>(
    stop: &CancellationToken,
    work: impl Future<Output = T>,
) -> Result<T, Cause> {
    let stopped = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_GRACE).await;
    };
    if stop.is_cancelled() {
        return Err(Cause::cancelled());
    }
    tokio::select! {
        biased;
        done = work => Ok(done),
        () = stopped => Err(Cause::cancelled()),
    }
}
