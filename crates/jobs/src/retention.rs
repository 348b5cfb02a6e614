//! Removal of jobs that finished longer ago than the retention period.

use std::sync::{Arc, Weak};
use std::time::Duration;

use engine::now_ms;
use tokio_util::sync::CancellationToken;

use crate::shared_state::SharedState;
use crate::store::{StoreError, statements};

/// The number of jobs removed in one transaction, so that other writes are not delayed for long.
const BATCH_SIZE: usize = 500;

/// Removes expired jobs now and then once in each `interval`, until `closed` is cancelled.
pub(crate) async fn remove_expired_jobs_periodically(
    shared: Weak<SharedState>,
    closed: CancellationToken,
    retention: Duration,
    interval: Duration,
) {
    loop {
        if let Some(shared) = shared.upgrade()
            && let Err(error) = remove_expired_jobs(&shared, retention).await
        {
            tracing::warn!("old jobs are not removed: {}", engine::chain(&error));
        }
        if closed.run_until_cancelled(tokio::time::sleep(interval)).await.is_none() {
            return;
        }
    }
}

/// Removes all jobs that finished longer ago than `retention`, except the newest backup that succeeded.
async fn remove_expired_jobs(shared: &Arc<SharedState>, retention: Duration) -> Result<(), StoreError> {
    let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    let before_ms = now_ms().saturating_sub(retention_ms);
    loop {
        let removed = shared
            .store
            .write(move |connection| statements::delete_expired_jobs(connection, before_ms, BATCH_SIZE))
            .await?;
        {
            let mut table = shared.lock_table();
            for (kind, state) in &removed {
                table.count_transition(*kind, Some(*state), None);
            }
        }
        if removed.len() < BATCH_SIZE {
            return Ok(());
        }
    }
}
