//! Pauses the garbage collection of Milvus while files are copied.

use std::time::Duration;

use milvus::{GcPauseTicket, Milvus, MilvusError};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::BackupRun;
use crate::{Error, Event};

/// The duration of one pause, which is renewed after half of it; a crash leaves garbage collection paused no longer.
const PAUSE_DURATION: Duration = Duration::from_mins(10);

/// A pause of the garbage collection. It is renewed until this guard is dropped, and then lifted.
pub(super) struct GcPause {
    guard: DropGuard,
    lifted: JoinHandle<Result<(), MilvusError>>,
}

impl BackupRun<'_> {
    /// Pauses garbage collection; emits a note and returns `None` if Milvus cannot do that.
    pub(super) async fn pause_gc(&self) -> Option<GcPause> {
        let milvus = self.prepared.source.milvus.clone();
        let ticket = match milvus.gc_pause(PAUSE_DURATION).await {
            Ok(ticket) => ticket,
            Err(error) => {
                self.ctx.emit(Event::Note(format!("garbage collection is not paused: {error}")));
                return None;
            }
        };
        let ended = CancellationToken::new();
        let lifted = tokio::spawn(renew_until(ended.clone(), milvus, ticket));
        Some(GcPause { guard: ended.drop_guard(), lifted })
    }

    /// Lifts the pause and waits for the answer of Milvus; emits a warning if that fails.
    pub(super) async fn resume_gc(&self, pause: GcPause) {
        let GcPause { guard, lifted } = pause;
        drop(guard);
        let lifted = match lifted.await {
            Ok(lifted) => lifted.map_err(Error::from),
            Err(error) => Err(Error::Task(error.to_string())),
        };
        if let Err(error) = lifted {
            self.ctx.warn(format!(
                "garbage collection of Milvus remains paused for up to {} s: {error}",
                PAUSE_DURATION.as_secs()
            ));
        }
    }
}

/// Renews the pause until the token is cancelled, then lifts it.
async fn renew_until(
    ended: CancellationToken,
    milvus: Milvus,
    mut ticket: GcPauseTicket,
) -> Result<(), MilvusError> {
    while ended.run_until_cancelled(tokio::time::sleep(PAUSE_DURATION / 2)).await.is_some() {
        // Not interrupted: a pause whose ticket is not known could not be lifted.
        match milvus.gc_pause(PAUSE_DURATION).await {
            Ok(next) => {
                let previous = std::mem::replace(&mut ticket, next);
                // Milvus keeps few pauses at the same time; before 2.6.8 there is only one, which must stay.
                if previous != ticket
                    && let Err(error) = milvus.gc_resume(&previous).await
                {
                    tracing::warn!("cannot lift the earlier pause of garbage collection: {error}");
                }
            }
            Err(error) => tracing::warn!("cannot renew the pause of garbage collection: {error}"),
        }
    }
    milvus.gc_resume(&ticket).await
}
