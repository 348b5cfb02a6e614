//! Watching a job: a stream of its current state and every later change, until the job is finished.

use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::active_job::ActiveJob;
use crate::job::JobSnapshot;

/// The shortest time between two items of a stream; the last item does not wait for it.
const MIN_INTERVAL: Duration = Duration::from_millis(250);

/// Returns a stream of the job: its current state, then its changes, at most four a second.
///
/// The last item is the finished job. If `closed` is cancelled before the job has started, the stream ends without a
/// finished job. Changes are not queued for a slow watcher: each item is the state of the job when it is requested.
pub(crate) fn watch_job(
    active: Arc<ActiveJob>,
    closed: CancellationToken,
) -> impl Stream<Item = JobSnapshot> + Send + 'static {
    let changes = active.job.subscribe();
    unfold(Some((changes, None)), move |state| {
        let (active, closed) = (Arc::clone(&active), closed.clone());
        async move {
            let (mut changes, last) = state?;
            if let Some(last) = last {
                let changed = async {
                    tokio::time::sleep_until(last + MIN_INTERVAL).await;
                    // This cannot fail, because `active` owns the sender.
                    let _ignored = changes.changed().await;
                };
                tokio::select! {
                    () = active.finished.cancelled() => {}
                    // A job that has started is finished before `closed` is cancelled.
                    () = closed.cancelled() => if !active.finished.is_cancelled() { return None },
                    () = changed => {}
                }
            }
            let job = changes.borrow_and_update().clone();
            let next = (!job.state.is_over()).then(|| (changes, Some(Instant::now())));
            Some((job, next))
        }
    })
}
