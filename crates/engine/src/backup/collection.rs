//! Backs up one collection: captures, copies and verifies it, and repeats this if Milvus changed it meanwhile.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::time::Duration;

use model::ids::FileId;
use model::manifest::BackupFormat;
use model::name::CollectionRef;
use model::plan::backup::{CollectionCopyPlan, CopyAction, Origin};
use storage::CopyItem;

use super::capture::{CONTRADICTION_ATTEMPTS, DescribedCollection, Snapshot, contradiction_pauses};
use super::capture_error::CaptureError;
use super::copied_files::CopiedFiles;
use super::{BackupRun, CapturedCollection, CollectionResult, verify};
use crate::{Activity, CollectionPhase, Error, Event, FailedCollection};

/// The maximum number of rounds of listing and copying if a compaction or a drop removes files during the copy.
const MAX_ROUNDS: u32 = 8;

/// The number of rounds in which a collection with rows but without files is listed again before its root path counts
/// as wrong.
const WRONG_ROOT_ROUNDS: u32 = 2;

/// The time in which a dropped collection is created again if its application replaces it.
const RECREATION_PAUSE: Duration = Duration::from_secs(1);

/// The result of copying the files of one snapshot.
enum SnapshotCopy {
    Copied,
    /// A listed file does not exist any more, so the list is outdated.
    Changed,
}

impl BackupRun<'_> {
    /// Backs up one collection; an error ends the whole backup.
    pub(super) async fn back_up_collection(&self, name: &CollectionRef) -> Result<CollectionResult, Error> {
        match self.capture_with_retries(name).await {
            Ok(captured) => {
                self.emit_phase(name, CollectionPhase::Done);
                captured.warnings.iter().for_each(|warning| self.warnings.record(warning.clone()));
                Ok(CollectionResult::Captured(Box::new(captured)))
            }
            Err(CaptureError::Vanished) => {
                self.emit_phase(name, CollectionPhase::Vanished);
                Ok(CollectionResult::Vanished(name.clone()))
            }
            Err(CaptureError::Incomplete(error)) if self.prepared.request.strict => Err(error),
            Err(CaptureError::Incomplete(error)) => {
                self.emit_phase(name, CollectionPhase::Failed(crate::error::chain(&error)));
                Ok(CollectionResult::Failed(FailedCollection {
                    collection: name.clone(),
                    reason: crate::error::chain(&error),
                    advice: error.advice(),
                }))
            }
            Err(CaptureError::Failed(error)) => Err(error.with_context(Activity::BackUp(name.clone()))),
        }
    }

    /// Captures a collection; it counts as dropped only if a second request confirms that.
    async fn capture_with_retries(&self, name: &CollectionRef) -> Result<CapturedCollection, CaptureError> {
        for pause in contradiction_pauses() {
            match self.capture_once(name).await {
                Err(CaptureError::Vanished) if self.exists_again(name, pause).await => {
                    tracing::info!("{name} was not found for a moment; reading it again");
                }
                captured => return captured,
            }
        }
        Err(CaptureError::Failed(Error::Unsteady {
            collection: name.to_string(),
            rounds: CONTRADICTION_ATTEMPTS,
        }))
    }

    /// Returns whether a collection that was not found exists again. It is looked for twice, after a pause and a moment
    /// later, because an application may be replacing it.
    async fn exists_again(&self, name: &CollectionRef, pause: Duration) -> bool {
        tokio::time::sleep(pause).await;
        if self.prepared.collection_exists(name).await {
            return true;
        }
        tokio::time::sleep(RECREATION_PAUSE).await;
        self.prepared.collection_exists(name).await
    }

    /// Captures a collection, and removes its copied files if it is not part of the backup.
    async fn capture_once(&self, name: &CollectionRef) -> Result<CapturedCollection, CaptureError> {
        if self.prepared.format == BackupFormat::Snapshot {
            return self.export_collection(name).await;
        }
        let mut described = self.describe_and_flush(name).await?;
        let captured = self.copy_until_unchanged(name, &mut described).await;
        if matches!(captured, Err(CaptureError::Vanished | CaptureError::Incomplete(_))) {
            self.remove_copied_files(&described).await.map_err(CaptureError::Failed)?;
        }
        captured
    }

    /// Lists, copies and verifies a collection until a round finds no change, at most [`MAX_ROUNDS`] times.
    async fn copy_until_unchanged(
        &self,
        name: &CollectionRef,
        described: &mut DescribedCollection,
    ) -> Result<CapturedCollection, CaptureError> {
        let copied = CopiedFiles::default();
        let mut last_error = None;
        for round in 0..MAX_ROUNDS {
            if round > 0 {
                tracing::info!("{name} changed while it was copied; listing it again");
                // A compaction writes its result shortly after it drops its input.
                tokio::time::sleep(Duration::from_millis(200) * (1 << round.min(5))).await;
                if !self.prepared.collection_exists(name).await {
                    return Err(CaptureError::Vanished);
                }
            }
            let snapshot = match self.take_snapshot(name, described).await {
                Ok(snapshot) => snapshot,
                // Segments that are being written, or orphaned files: another listing may show complete segments.
                Err(CaptureError::Failed(error @ Error::Segments { .. })) => {
                    last_error = Some(error);
                    continue;
                }
                // The name may have passed to a new collection between two requests.
                Err(CaptureError::Failed(error @ Error::WrongRoot { .. })) if round < WRONG_ROOT_ROUNDS => {
                    last_error = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if matches!(self.copy_files(name, &snapshot, &copied).await?, SnapshotCopy::Changed) {
                continue;
            }
            self.emit_phase(name, CollectionPhase::Verifying);
            match verify::verify_copy(self, &snapshot, &copied).await? {
                verify::Verdict::Complete => {
                    let deletes = self
                        .prepared
                        .catalog
                        .count_delete_entries(&self.prepared.request.name, &snapshot.backup)
                        .await
                        .map_err(Error::from)?;
                    let flush = described.cut.as_ref().map(|cut| cut.flush_duration).unwrap_or_default();
                    let Snapshot { backup, warnings, .. } = snapshot;
                    return Ok(CapturedCollection {
                        backup,
                        rows: BTreeMap::new(),
                        deletes,
                        flush,
                        warnings,
                    });
                }
                verify::Verdict::Differs(error) => last_error = Some(error),
            }
        }
        let unsteady = Error::Unsteady { collection: name.to_string(), rounds: MAX_ROUNDS };
        Err(match last_error.unwrap_or(unsteady) {
            // The files of one collection do not concern the others.
            error @ Error::Segments { .. } => CaptureError::Incomplete(error),
            error => CaptureError::Failed(error),
        })
    }

    /// Copies the files of a snapshot that earlier rounds did not copy.
    async fn copy_files(
        &self,
        name: &CollectionRef,
        snapshot: &Snapshot,
        copied: &CopiedFiles,
    ) -> Result<SnapshotCopy, Error> {
        self.emit_phase(name, CollectionPhase::Copying);
        let to = self.prepared.catalog.layout(&self.prepared.request.name);
        let is_present = |file: FileId| copied.contains(file.log);
        let plan =
            CollectionCopyPlan::new(&snapshot.backup, &self.prepared.source.layout, &to, is_present, None);
        let totals = plan.totals();
        self.ctx.emit(Event::Planned {
            collection: name.clone(),
            objects: totals.objects,
            bytes: totals.bytes,
        });
        let on_copied = |planned: &PlannedCopy, _: &storage::CopyResult| {
            copied.insert(planned.file.log);
            self.ctx.emit(Event::ObjectCopied { collection: name.clone(), bytes: planned.item.size });
        };
        let copies = plan.actions().filter_map(PlannedCopy::from_action);
        match self.prepared.mover.copy_all(copies, self.ctx.cancel(), on_copied).await {
            Ok(()) => Ok(SnapshotCopy::Copied),
            Err(error) if error.source_vanished() => Ok(SnapshotCopy::Changed),
            Err(error) => Err(Error::from(error.error)),
        }
    }

    /// Removes the copied files of a collection that is left out of the backup.
    async fn remove_copied_files(&self, described: &DescribedCollection) -> Result<(), Error> {
        let layout = self.prepared.catalog.layout(&self.prepared.request.name);
        let id = described.info.id;
        for dir in [layout.insert_collection_dir(id), layout.delta_collection_dir(id)] {
            self.prepared.catalog.store.delete_below(&dir, self.ctx.cancel(), |_| {}).await?;
        }
        Ok(())
    }
}

/// A file to copy.
struct PlannedCopy {
    file: FileId,
    item: CopyItem,
}

impl PlannedCopy {
    /// Returns the copy that an action needs; `None` if the file is present already.
    fn from_action(action: CopyAction) -> Option<Self> {
        let CopyAction { file, size, origin, to } = action;
        match origin {
            Origin::Milvus(from) => Some(Self { file, item: CopyItem { from, to, size } }),
            // A backup is not made on a base yet; a file that is not copied is found by the verification.
            Origin::Base(_) | Origin::Present => None,
        }
    }
}

impl Borrow<CopyItem> for PlannedCopy {
    fn borrow(&self) -> &CopyItem {
        &self.item
    }
}
