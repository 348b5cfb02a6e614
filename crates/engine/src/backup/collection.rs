//! Takes one collection: captured, copied, verified; and again, where Milvus changed it meanwhile.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::ids::LogId;
use model::name::CollectionRef;
use model::plan::backup::{Totals, object_pairs};
use storage::CopyItem;

use super::capture::{CONTRADICTION_PAUSE, CONTRADICTIONS, Described, Miss, Snapshot};
use super::{Captured, Run, Taken, verify};
use crate::{CollectionPhase, Error, Event, FailedCollection};

/// How often a collection is listed anew when compaction, a drop or an index takes files away under the copy.
const ROUNDS: u32 = 8;

/// How often a collection with rows and without any files is listed anew before its root is called wrong.
const WRONG_ROOT_ROUNDS: u32 = 2;

/// What a round of copying came to.
enum Round {
    Copied,
    /// Files that were listed are gone, or are not what was listed.
    Changed,
}

impl Run<'_> {
    pub(super) async fn take_collection(&self, name: &CollectionRef) -> Result<Taken, Error> {
        match self.until_certain(name).await {
            Ok(captured) => {
                self.phase(name, CollectionPhase::Done);
                captured.warnings.iter().for_each(|warning| self.warn(warning.clone()));
                Ok(Taken::Captured(Box::new(captured)))
            }
            Err(Miss::Vanished) => {
                self.phase(name, CollectionPhase::Vanished);
                Ok(Taken::Vanished(name.clone()))
            }
            Err(Miss::Incomplete(error)) if self.prepared.request.strict => Err(error),
            Err(Miss::Incomplete(error)) => {
                self.phase(name, CollectionPhase::Failed(error.chain()));
                Ok(Taken::Failed(FailedCollection {
                    collection: name.clone(),
                    reason: error.chain(),
                    hint: error.hint(),
                }))
            }
            Err(Miss::Failed(error)) => Err(error.during(format!("while backing up {name}"))),
        }
    }

    /// Captures a collection; that it vanished is believed once Milvus says so twice.
    async fn until_certain(&self, name: &CollectionRef) -> Result<Captured, Miss> {
        let mut pause = CONTRADICTION_PAUSE;
        for _ in 0..CONTRADICTIONS {
            match self.capture(name).await {
                Err(Miss::Vanished) if self.prepared.exists(name).await => {
                    tracing::info!("{name} was not found for a moment; reading it again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                captured => return captured,
            }
        }
        Err(Miss::Failed(Error::Unsteady { collection: name.to_string(), rounds: CONTRADICTIONS }))
    }

    async fn capture(&self, name: &CollectionRef) -> Result<Captured, Miss> {
        let mut seen = self.describe(name).await?;
        let captured = self.rounds(name, &mut seen).await;
        if matches!(captured, Err(Miss::Vanished | Miss::Incomplete(_))) {
            self.forget(&seen).await.map_err(Miss::Failed)?;
        }
        captured
    }

    async fn rounds(&self, name: &CollectionRef, seen: &mut Described) -> Result<Captured, Miss> {
        let copied = Copied::default();
        let mut last = None;
        for round in 0..ROUNDS {
            if round > 0 {
                tracing::info!("{name} changed while it was copied; listing it again");
                // a compaction writes its result a moment after it drops its input
                tokio::time::sleep(std::time::Duration::from_millis(200) * (1 << round.min(5))).await;
                if !self.prepared.exists(name).await {
                    return Err(Miss::Vanished);
                }
            }
            let snapshot = match self.snapshot(name, seen).await {
                Ok(snapshot) => snapshot,
                // half-listed segments, or orphans: another look tells
                Err(Miss::Failed(error @ Error::Segments { .. })) => {
                    last = Some(error);
                    continue;
                }
                // all files at once may be those of an older collection of this name
                Err(Miss::Failed(error @ Error::WrongRoot { .. })) if round < WRONG_ROOT_ROUNDS => {
                    last = Some(error);
                    continue;
                }
                Err(miss) => return Err(miss),
            };
            if matches!(self.copy(name, &snapshot, &copied).await?, Round::Changed) {
                continue;
            }
            self.phase(name, CollectionPhase::Verifying);
            match verify::run(self, &snapshot, &copied).await? {
                verify::Verdict::Whole => {
                    let deletes = self
                        .prepared
                        .catalog
                        .count_deletes(&self.prepared.request.name, &snapshot.backup)
                        .await?;
                    let flush = seen.cut.as_ref().map(|cut| cut.took).unwrap_or_default();
                    let Snapshot { backup, warnings, .. } = snapshot;
                    return Ok(Captured { backup, deletes, flush, warnings });
                }
                verify::Verdict::Differs(error) => last = Some(error),
            }
        }
        Err(Miss::Failed(last.unwrap_or(Error::Unsteady { collection: name.to_string(), rounds: ROUNDS })))
    }

    async fn copy(&self, name: &CollectionRef, snapshot: &Snapshot, copied: &Copied) -> Result<Round, Error> {
        self.phase(name, CollectionPhase::Copying);
        let totals = Totals::of(&snapshot.backup);
        self.ctx.emit(Event::Planned {
            collection: name.clone(),
            objects: totals.objects,
            bytes: totals.bytes,
        });
        let to = self.prepared.catalog.layout(&self.prepared.request.name);
        let items = object_pairs(&snapshot.backup, &self.prepared.source.layout, &to)
            .filter(|pair| log_id(pair.to.file_name()).is_none_or(|log| !copied.holds(log)))
            .map(|pair| CopyItem { from: pair.from, to: pair.to, size: pair.size });
        let on_copied = |item: &CopyItem, _: &storage::Copied| {
            if let Some(log) = log_id(item.to.file_name()) {
                copied.add(log);
            }
            self.ctx.emit(Event::ObjectCopied { collection: name.clone(), bytes: item.size });
        };
        match self.prepared.mover.copy_all(items, self.ctx.cancel(), on_copied).await {
            Ok(()) => Ok(Round::Copied),
            Err(error) if error.source_vanished() => Ok(Round::Changed),
            Err(error) => Err(Error::from(error.error)),
        }
    }

    /// Removes what was copied of a collection that is not in the backup.
    async fn forget(&self, seen: &Described) -> Result<(), Error> {
        let layout = self.prepared.catalog.layout(&self.prepared.request.name);
        for dir in [layout.insert_collection_dir(seen.info.id), layout.delta_collection_dir(seen.info.id)] {
            self.prepared.catalog.store.delete_below(&dir, self.ctx.cancel(), |_| {}).await?;
        }
        Ok(())
    }
}

/// The files of a collection that lie in the backup already, over all rounds.
#[derive(Default)]
pub(super) struct Copied(Mutex<HashSet<LogId>>);

impl Copied {
    pub(super) fn is_empty(&self) -> bool {
        self.logs().is_empty()
    }

    /// Has a file copied again, which is not there as it should be.
    pub(super) fn forget(&self, log: LogId) {
        self.logs().remove(&log);
    }

    fn holds(&self, log: LogId) -> bool {
        self.logs().contains(&log)
    }

    fn add(&self, log: LogId) {
        self.logs().insert(log);
    }

    fn logs(&self) -> MutexGuard<'_, HashSet<LogId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_id(name: &str) -> Option<LogId> {
    name.parse().ok().map(LogId)
}
