//! Backs up one collection in snapshot format: Milvus itself exports a snapshot into the backup.

use std::collections::BTreeMap;
use std::sync::Arc;

use milvus::{ExportStatus, ExternalStore, SnapshotJobState, SnapshotRef};
use model::ids::PartitionId;
use model::layout::backup::MB_SNAPSHOTS;
use model::manifest::{CollectionBackup, SnapshotBundle};
use model::name::{BackupName, CollectionRef};
use model::plan::backup::PlannedCollection;
use model::segment::{ReportedSegment, SegmentState};

use super::capture::{DescribedCollection, assemble_backup};
use super::capture_error::CaptureError;
use super::settle::SettledSegments;
use super::snapshot_calls::{DROP_LIMIT, begin_export, create_and_pin, drop_snapshot};
use super::{BackupRun, CapturedCollection, PreparedBackup};
use crate::snapshot_job::{SnapshotJob, SnapshotJobKind};
use crate::snapshot_record::SnapshotRecord;
use crate::{CollectionPhase, Error, Event};

/// The number of snapshots that are tried until one is found whose number of rows is certain.
const MAX_SNAPSHOTS: u32 = 3;

/// The rows of each partition that has some.
type PartitionRows = BTreeMap<PartitionId, u64>;

/// A snapshot with what is known about its rows.
struct CreatedSnapshot {
    rows: PartitionRows,
    warnings: Vec<String>,
}

impl BackupRun<'_> {
    /// Creates a snapshot of a collection, lets Milvus export it, and drops it on every path but that of an interruption.
    pub(super) async fn export_collection(
        &self,
        name: &CollectionRef,
    ) -> Result<CapturedCollection, CaptureError> {
        let mut described = self.describe_and_flush(name).await?;
        let request = &self.prepared.request;
        let snapshot = SnapshotRef { collection: name.clone(), name: snapshot_name(&request.name) };
        let exported = self.create_and_export(&snapshot, &mut described).await;
        self.release_snapshot(&snapshot).await;
        exported
    }

    async fn create_and_export(
        &self,
        snapshot: &SnapshotRef,
        described: &mut DescribedCollection,
    ) -> Result<CapturedCollection, CaptureError> {
        let name = &snapshot.collection;
        let CreatedSnapshot { rows, warnings } = self.create_snapshot(snapshot, described).await?;
        let milvus = &self.prepared.source.milvus;
        let time = milvus.snapshot_time(snapshot).await?;
        let partitions = milvus.list_partitions(name).await?;
        self.emit_phase(name, CollectionPhase::Copying);
        let bundle = self.export_snapshot(snapshot).await?;
        let flush = described.cut.as_ref().map(|cut| cut.flush_duration).unwrap_or_default();
        let backup = CollectionBackup {
            size: bundle.total_bytes,
            backup_timestamp: Some(time),
            snapshot: Some(bundle),
            ..assemble_backup(name, described, &partitions, Vec::new())
        };
        Ok(CapturedCollection { backup, rows, deletes: BTreeMap::new(), flush, warnings })
    }

    /// Creates and pins the snapshot, of which the numbers of rows must be the same before and after.
    async fn create_snapshot(
        &self,
        snapshot: &SnapshotRef,
        described: &mut DescribedCollection,
    ) -> Result<CreatedSnapshot, CaptureError> {
        let (name, milvus) = (&snapshot.collection, &self.prepared.source.milvus);
        self.emit_phase(name, CollectionPhase::Listing);
        let SettledSegments { segments, mut warnings } = match &mut described.cut {
            Some(cut) => self.wait_until_settled(name, cut).await?,
            None => self.prepared.list_flushed_segments(name).await?,
        };
        let description = format!("export of backup {}", self.prepared.request.name);
        let mut rows = count_rows(&segments);
        for round in 1.. {
            self.ctx.check()?;
            let create = create_and_pin(
                milvus.clone(),
                Arc::clone(&self.snapshots),
                snapshot.clone(),
                description.clone(),
            );
            self.finish_calls(create).await?;
            let after = count_rows(&milvus.segments(name).await?);
            if after == rows {
                break;
            }
            if round == MAX_SNAPSHOTS || !self.release_snapshot(snapshot).await {
                warnings.push(format!(
                    "{name} is written to while it is backed up: the rows in its snapshot are not counted"
                ));
                rows = PartitionRows::new();
                break;
            }
            rows = after;
        }
        Ok(CreatedSnapshot { rows, warnings })
    }

    /// Exports the snapshot and waits for the end of the job.
    async fn export_snapshot(&self, snapshot: &SnapshotRef) -> Result<SnapshotBundle, CaptureError> {
        let milvus = &self.prepared.source.milvus;
        let to = self.prepared.bundle_store(self.engine)?;
        // An export cannot be cancelled, so none is begun after an interruption.
        self.ctx.check()?;
        let begin = begin_export(milvus.clone(), Arc::clone(&self.snapshots), snapshot.clone(), to.clone());
        let id = self.finish_calls(begin).await?;
        let job = SnapshotJob { kind: SnapshotJobKind::Export, id, collection: snapshot.collection.clone() };
        tracing::debug!("{job} writes to {}", to.uri);
        let status = || async {
            let status = milvus.export_status(job.id, &to).await?;
            Ok((status.state.clone(), status))
        };
        let mut shown = ShownFiles::default();
        let show = |status: &ExportStatus| shown.show(self, &job.collection, status);
        let status = job.follow(self.engine.config.limits.stall, status, show).await?;
        let metadata_path = self.prepared.relative_metadata_path(&job, &status)?;
        let bundle = SnapshotBundle {
            metadata_path,
            total_files: status.total_files,
            total_bytes: status.total_bytes,
        };
        Ok(bundle)
    }

    /// Finishes calls that change snapshots even if the backup ends meanwhile, so that what they did is recorded.
    async fn finish_calls<T: Send + 'static>(
        &self,
        calls: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let running = self.snapshots.begin_calls().await;
        let task = tokio::spawn(async move {
            let _running = running;
            calls.await
        });
        task.await.map_err(|error| Error::Task(error.to_string()))?
    }

    /// Removes the pin of a snapshot and drops it; returns whether that succeeded. A failure is tried again at the end of
    /// the backup.
    async fn release_snapshot(&self, snapshot: &SnapshotRef) -> bool {
        let recorded = self.snapshots.snapshots().await;
        let Some(recorded) = recorded.into_iter().find(|recorded| recorded.reference() == *snapshot) else {
            return true;
        };
        let milvus = &self.prepared.source.milvus;
        match drop_snapshot(milvus, &recorded, DROP_LIMIT).await {
            Ok(()) => {
                self.record_drop(snapshot).await;
                true
            }
            Err(reason) => {
                tracing::warn!("cannot drop snapshot {snapshot} yet: {reason}");
                false
            }
        }
    }

    /// Drops the snapshots that an interrupted run of this name has left in this Milvus.
    pub(super) async fn drop_recorded_snapshots(&self) {
        let PreparedBackup { catalog, request, source, .. } = &self.prepared;
        let key = catalog.layout(&request.name).meta_file(MB_SNAPSHOTS);
        let Ok(Some(record)) = SnapshotRecord::read(&catalog.store, &key).await else { return };
        if record.milvus_address != source.milvus.server().address {
            if let Some(first) = record.describe_remaining().next() {
                self.warnings.record(first);
            }
            return;
        }
        for recorded in &record.snapshots {
            if let Err(reason) = drop_snapshot(&source.milvus, recorded, DROP_LIMIT).await {
                let snapshot = recorded.reference();
                self.warnings
                    .record(format!("snapshot {snapshot} remains in Milvus: {reason}; drop it there"));
            }
        }
    }

    /// Drops the snapshots that remain after an interruption or a failure, and warns about those that cannot be dropped.
    pub(super) async fn drop_remaining_snapshots(&self) {
        // A call that does not end in this time may have created a snapshot, which its record names.
        let _ = tokio::time::timeout(DROP_LIMIT, self.snapshots.wait_for_calls()).await;
        let remaining = self.snapshots.snapshots().await;
        let drops = remaining.iter().map(|recorded| async move {
            let snapshot = recorded.reference();
            match drop_snapshot(&self.prepared.source.milvus, recorded, DROP_LIMIT).await {
                Ok(()) => self.record_drop(&snapshot).await,
                Err(reason) => self.warnings.record(format!(
                    "snapshot {snapshot} remains in Milvus and keeps files of the collection: {reason}; drop it there"
                )),
            }
        });
        futures::future::join_all(drops).await;
    }

    /// Removes a dropped snapshot from the record.
    async fn record_drop(&self, snapshot: &SnapshotRef) {
        if let Err(error) = self.snapshots.remove(snapshot).await {
            tracing::warn!("cannot record that snapshot {snapshot} is dropped: {error}");
        }
    }
}

impl PreparedBackup {
    /// Returns where Milvus writes the bundles of this backup.
    pub(super) fn bundle_store(&self, engine: &crate::Engine) -> Result<ExternalStore, Error> {
        let layout = self.catalog.layout(&self.request.name);
        let key = layout.bundle_dir();
        let key = model::key::ObjectKey::new(key.as_str().trim_end_matches('/'));
        Ok(engine.config.backup.external_store(&key, &engine.config.source)?)
    }

    /// Returns the path of the metadata file of a completed export below the directory of the backup.
    fn relative_metadata_path(&self, job: &SnapshotJob, status: &ExportStatus) -> Result<String, Error> {
        let layout = self.catalog.layout(&self.request.name);
        let (uri, dir) = (&status.metadata_uri, layout.bundle_dir());
        let below = uri.split_once(&format!("/{dir}")).map(|(_, below)| below);
        let path = below.and_then(|below| {
            let metadata_path = format!("{}{below}", dir.relative_to(layout.dir())?);
            let bundle = SnapshotBundle { metadata_path, ..SnapshotBundle::default() };
            bundle.checked_metadata_path().is_ok().then_some(bundle.metadata_path)
        });
        path.ok_or_else(|| {
            job.failure(&format!("Milvus reports the metadata at {uri:?}, which is no place below {dir}"))
        })
    }

    /// Describes a collection that would be exported; the number and size of its files are not known before that.
    pub(super) async fn preview_export(
        &self,
        name: &CollectionRef,
    ) -> Result<Option<PlannedCollection>, Error> {
        let milvus = &self.source.milvus;
        let listed = async {
            let partitions = milvus.list_partitions(name).await?.len();
            Ok::<_, CaptureError>((partitions, self.list_flushed_segments(name).await?.segments))
        };
        match listed.await {
            Ok((partitions, segments)) => Ok(Some(PlannedCollection {
                name: name.clone(),
                partitions,
                segments: segments.len(),
                rows: count_rows(&segments).values().sum(),
                objects: 0,
                bytes: 0,
            })),
            Err(CaptureError::Vanished) => Ok(None),
            Err(CaptureError::Incomplete(error) | CaptureError::Failed(error)) => Err(error),
        }
    }
}

/// Returns the name of the snapshots of a backup, in the characters that Milvus accepts.
fn snapshot_name(backup: &BackupName) -> String {
    let accepted = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    format!("mbk_{}", backup.as_str().chars().map(accepted).collect::<String>())
}

/// Counts the flushed rows of each partition.
fn count_rows(segments: &[ReportedSegment]) -> PartitionRows {
    let mut rows = PartitionRows::new();
    for segment in segments.iter().filter(|s| s.state == SegmentState::Flushed && s.kind.has_rows()) {
        if let model::ids::PartitionScope::One(partition) = segment.partition {
            *rows.entry(partition).or_default() += segment.rows;
        }
    }
    rows
}

/// The files of an export that were shown as copied.
#[derive(Default)]
struct ShownFiles {
    planned: (u64, u64),
    copied: u64,
}

impl ShownFiles {
    /// Emits the totals of an export if they are new, and the files that were copied since the last call.
    fn show(&mut self, run: &BackupRun<'_>, collection: &CollectionRef, status: &ExportStatus) {
        let (objects, bytes) = (status.total_files, status.total_bytes);
        if objects > 0 && self.planned != (objects, bytes) {
            self.planned = (objects, bytes);
            run.ctx.emit(Event::Planned { collection: collection.clone(), objects, bytes });
        }
        let is_complete = status.state == SnapshotJobState::Completed;
        let copied = if is_complete { objects } else { status.copied_files.min(objects) };
        for file in self.copied..copied {
            // Milvus reports the size of all files at the end.
            let bytes = if is_complete && file + 1 == copied { bytes } else { 0 };
            run.ctx.emit(Event::ObjectCopied { collection: collection.clone(), bytes });
        }
        self.copied = self.copied.max(copied);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_named_after_the_backup_in_the_characters_of_milvus() {
        let name = |backup: &str| snapshot_name(&backup.parse().unwrap());
        assert_eq!(name("nightly_2"), "mbk_nightly_2");
        assert_eq!(name("2026-11.1"), "mbk_2026_11_1");
    }
}
