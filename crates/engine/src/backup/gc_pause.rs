//! Pauses the garbage collection of Milvus while files are copied.

use std::time::Duration;

use milvus::{GcPauseTicket, Milvus, MilvusError};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::BackupRun;
use crate::catalog::{Catalog, GcPauseRecord};
use crate::clock::now_ms;
use crate::{Error, Event};

/// The duration of one pause, which is renewed after half of it; a crash leaves garbage collection paused no longer.
const PAUSE_DURATION: Duration = Duration::from_mins(10);

/// A pause of the garbage collection. It is renewed until this guard is dropped, and then lifted.
pub(super) struct GcPause {
    guard: DropGuard,
    lifted: JoinHandle<Result<(), MilvusError>>,
}

/// The pauses of one backup: where they are made and recorded.
struct Pauses {
    milvus: Milvus,
    catalog: Catalog,
    backup: String,
    /// A random id of this run, by which its record is found.
    run: String,
}

impl BackupRun<'_> {
    /// Pauses garbage collection; emits a note and returns `None` if Milvus cannot do that.
    ///
    /// Lifts the pauses that crashed runs left in this Milvus before.
    pub(super) async fn pause_gc(&self) -> Option<GcPause> {
        self.lift_left_pauses().await;
        let pauses = Pauses {
            milvus: self.prepared.source.milvus.clone(),
            catalog: self.prepared.catalog.clone(),
            backup: self.prepared.request.name.to_string(),
            run: uuid::Uuid::new_v4().to_string(),
        };
        let ticket = match pauses.pause().await {
            Ok(ticket) => ticket,
            Err(error) => {
                self.ctx.emit(Event::Note(format!("garbage collection is not paused: {error}")));
                return None;
            }
        };
        let ended = CancellationToken::new();
        let lifted = tokio::spawn(pauses.renew_until(ended.clone(), ticket));
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

    /// Lifts the pauses of runs that have ended without lifting them. They end by themselves too, so errors are only
    /// logged.
    async fn lift_left_pauses(&self) {
        let (catalog, milvus) = (&self.prepared.catalog, &self.prepared.source.milvus);
        let left = match catalog.find_gc_pauses(false).await {
            Ok(left) => left,
            Err(error) => {
                return tracing::warn!("cannot look for earlier pauses: {}", crate::error::chain(&error));
            }
        };
        let here = milvus.management_address();
        for (run, record) in left {
            // One without a ticket is the only pause of its Milvus, which the end of this run lifts.
            if record.until_ms > now_ms() && record.ticket.is_some() {
                if Some(record.management.as_str()) != here {
                    continue;
                }
                if let Err(error) = milvus.gc_resume(&record.ticket).await {
                    tracing::warn!("cannot lift the pause of {}: {error}", record.backup);
                    continue;
                }
                let note =
                    format!("lifted the pause of garbage collection that backup {} had left", record.backup);
                self.ctx.emit(Event::Note(note));
            }
            remove_record(catalog, &run).await;
        }
    }
}

impl Pauses {
    /// Returns whether another run that is alive pauses garbage collection in the same Milvus.
    async fn others_pause(&self) -> bool {
        let here = self.milvus.management_address();
        let records = self.catalog.find_gc_pauses(true).await.unwrap_or_default();
        records.iter().any(|(run, record)| *run != self.run && Some(record.management.as_str()) == here)
    }

    /// Makes a pause and records it. A pause that cannot be recorded still protects the copy.
    async fn pause(&self) -> Result<GcPauseTicket, MilvusError> {
        let ticket = self.milvus.gc_pause(PAUSE_DURATION).await?;
        let duration_ms = i64::try_from(PAUSE_DURATION.as_millis()).unwrap_or(i64::MAX);
        let record = GcPauseRecord {
            backup: self.backup.clone(),
            management: self.milvus.management_address().unwrap_or_default().to_owned(),
            ticket: ticket.clone(),
            until_ms: now_ms().saturating_add(duration_ms),
        };
        if let Err(error) = self.catalog.write_gc_pause(&self.run, &record).await {
            tracing::warn!("cannot record the pause of garbage collection: {}", crate::error::chain(&error));
        }
        Ok(ticket)
    }

    /// Renews the pause until the token is cancelled, then lifts it.
    async fn renew_until(
        self,
        ended: CancellationToken,
        mut ticket: GcPauseTicket,
    ) -> Result<(), MilvusError> {
        while ended.run_until_cancelled(tokio::time::sleep(PAUSE_DURATION / 2)).await.is_some() {
            // Not interrupted: a pause whose ticket is not known could not be lifted.
            match self.pause().await {
                Ok(next) => {
                    let previous = std::mem::replace(&mut ticket, next);
                    // Milvus keeps few pauses at the same time; before 2.6.8 there is only one, which must stay.
                    if previous != ticket
                        && let Err(error) = self.milvus.gc_resume(&previous).await
                    {
                        tracing::warn!("cannot lift the earlier pause of garbage collection: {error}");
                    }
                }
                Err(error) => tracing::warn!("cannot renew the pause of garbage collection: {error}"),
            }
        }
        // Without a ticket, Milvus would lift the pauses of other runs too, which end by themselves otherwise.
        if ticket.is_some() || !self.others_pause().await {
            self.milvus.gc_resume(&ticket).await?;
        }
        remove_record(&self.catalog, &self.run).await;
        Ok(())
    }
}

/// Removes the record of a pause that is lifted or has ended.
async fn remove_record(catalog: &Catalog, run: &str) {
    if let Err(error) = catalog.remove_gc_pause(run).await {
        tracing::warn!("cannot remove the record of a pause: {}", crate::error::chain(&error));
    }
}
