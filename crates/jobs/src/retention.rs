//! Removes jobs that have been over for long.

use std::sync::{Arc, Weak};
use std::time::Duration;

use engine::now_ms;
use tokio_util::sync::CancellationToken;

use crate::shared::Shared;
use crate::store::{StoreError, rows};

/// How many are removed in one go, so that other writes come between.
const AT_ONCE: usize = 500;

/// Removes now and, each time that `sweep` has passed, until the jobs are closed.
pub(crate) async fn run(shared: Weak<Shared>, closed: CancellationToken, keep: Duration, sweep: Duration) {
    loop {
        if let Some(shared) = shared.upgrade()
            && let Err(error) = remove(&shared, keep).await
        {
            tracing::warn!("old jobs are not removed: {}", engine::chain(&error));
        }
        if closed.run_until_cancelled(tokio::time::sleep(sweep)).await.is_none() {
            return;
        }
    }
}

async fn remove(shared: &Arc<Shared>, keep: Duration) -> Result<(), StoreError> {
    let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    let before_ms = now_ms().saturating_sub(keep_ms);
    loop {
        let removed =
            shared.store.write(move |connection| rows::remove(connection, before_ms, AT_ONCE)).await?;
        {
            let mut table = shared.table();
            for (kind, state) in &removed {
                table.count(*kind, Some(*state), None);
            }
        }
        if removed.len() < AT_ONCE {
            return Ok(());
        }
    }
}
