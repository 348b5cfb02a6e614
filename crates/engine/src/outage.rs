//! Warns when Milvus stops answering during a run, whatever the run is waiting for.

use std::time::Duration;

use milvus::Milvus;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::JobCtx;

/// The time without an answer of the server after which a run gives up.
pub(crate) const MAX_OUTAGE: Duration = Duration::from_mins(3);

/// The shortest time between two warnings, so that a server which answers now and then causes few.
const QUIET: Duration = Duration::from_secs(30);

/// Watches a connection until the handle is dropped.
pub(crate) fn warn_about_outages(milvus: &Milvus, ctx: &JobCtx) -> AbortOnDropHandle<()> {
    let (mut outages, ctx) = (milvus.outages(), ctx.clone());
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut warned: Option<Instant> = None;
        // It ends with an error only after the connection.
        while outages.changed().await.is_ok() {
            let reason = outages.borrow_and_update().clone();
            let is_quiet = warned.is_some_and(|at| at.elapsed() < QUIET);
            if let Some(reason) = reason.filter(|_| !is_quiet) {
                warned = Some(Instant::now());
                let seconds = MAX_OUTAGE.as_secs();
                ctx.warn(format!("Milvus does not answer; retrying for up to {seconds} s: {reason}"));
            }
        }
    }))
}
