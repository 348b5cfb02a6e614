//! Watching a job: as it is now, then as it changes, until it is over.

use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::job::Job;
use crate::live::Live;

/// The shortest time between two items; the last one does not wait for it.
const EVERY: Duration = Duration::from_millis(250);

/// The job now, then at most four times a second while it changes; the last item is over.
///
/// What a slow watcher does not take is not kept for it: it gets the job as it is when it asks. Where the server ends
/// before the job has begun, the stream ends without one that is over.
pub(crate) fn watch(live: Arc<Live>, closed: CancellationToken) -> impl Stream<Item = Job> + Send + 'static {
    let changes = live.job.subscribe();
    unfold(Some((changes, None)), move |state| {
        let (live, closed) = (Arc::clone(&live), closed.clone());
        async move {
            let (mut changes, last) = state?;
            if let Some(last) = last {
                let changed = async {
                    tokio::time::sleep_until(last + EVERY).await;
                    // it cannot fail: its sender is held here
                    let _held = changes.changed().await;
                };
                tokio::select! {
                    () = live.over.cancelled() => {}
                    // A job that began was over before that.
                    () = closed.cancelled() => if !live.over.is_cancelled() { return None },
                    () = changed => {}
                }
            }
            let job = changes.borrow_and_update().clone();
            let next = (!job.state.is_over()).then(|| (changes, Some(Instant::now())));
            Some((job, next))
        }
    })
}
