//! Staging: files are copied or written to the store of the target, and removed afterwards on every path.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::TryFutureExt;
use milvus::ImportPrefixes;
use model::ids::{PartitionId, SegmentId};
use model::key::ObjectKey;
use model::plan::restore::{DeleteTreatment, ImportFiles, StagedSegment};
use storage::{CopyItem, Mover, StorageErrorKind, Store};

use super::job::ImportTask;
use super::{RestoreRun, new_files};
use crate::lease::Lease;
use crate::marker::{Marker, MarkerUse, SignUse};
use crate::{Activity, CollectionPhase, Engine, Error, Event, JobCtx};

/// The name of the owner file of a staging directory.
const OWNER_FILE: &str = "mb_owner.json";

/// The files that an import job reads.
pub(super) struct ImportSource {
    /// The prefixes of the files, as the server sees them.
    pub(super) prefixes: ImportPrefixes,
    /// The directory to remove after the import; `None` if the job is imported in place.
    staged_dir: Option<ObjectKey>,
}

/// The staging directory of this restore, below the root path of the target.
pub(super) struct StagingDirectory {
    mover: Mover,
    store: Store,
    dir: ObjectKey,
    /// The number of jobs staged so far; each has a directory of its own.
    job_count: AtomicUsize,
    lease: Lease,
    keep: bool,
    ctx: JobCtx,
}

impl StagingDirectory {
    /// Removes the staging directories of crashed restores, then creates a new one with a lease.
    pub(super) async fn create(engine: &Engine, run: &RestoreRun<'_>) -> Result<Self, Error> {
        let store = run.prepared.target.store.clone();
        remove_stale_directories(run, &store).await?;
        // The id of the job is not used, because it may be any text.
        let dir = run.prepared.target.layout.staging_dir(&uuid::Uuid::new_v4().to_string());
        let mover = crate::backup::create_mover(&run.prepared.catalog.store, &store, &engine.config.limits)?;
        let Some(lease) = Lease::claim(engine, &store, &dir.join(OWNER_FILE), MarkerUse::Stage).await? else {
            return Err(Error::Task(format!("{dir} exists already")));
        };
        let (keep, ctx) = (run.prepared.request.keep_staged, run.ctx.clone());
        Ok(Self { mover, store, dir, job_count: AtomicUsize::new(0), lease, keep, ctx })
    }

    /// Stages the files of a job if its plan demands that, and returns the files to import.
    pub(super) async fn stage_job(&self, task: &ImportTask<'_>) -> Result<ImportSource, Error> {
        let (segments, with_rows) = match &task.job.files {
            ImportFiles::InPlace => return source_in_place(task),
            ImportFiles::InPlaceWithStagedDeletes(segments) => (segments, false),
            ImportFiles::Staged(segments) => (segments, true),
        };
        let (run, partition) = (task.run, task.partition_of_rows()?);
        run.emit_phase(task.plan, CollectionPhase::Staging);
        let number = self.job_count.fetch_add(1, Ordering::Relaxed);
        let layout = run.prepared.catalog.layout(&run.prepared.request.name);
        let place = StagedPlace {
            dir: self.dir.join(&format!("{partition}-{number}/")),
            binlogs: layout.binlogs_dir(),
        };
        let items = files_to_copy(task, partition, segments, with_rows).map(|(from, size)| CopyItem {
            to: place.of(&from),
            from,
            size,
        });
        let on_copied = |item: &CopyItem, _: &storage::CopyResult| {
            self.ctx
                .emit(Event::ObjectCopied { collection: task.plan.display_name.clone(), bytes: item.size });
        };
        let copied = self
            .mover
            .copy_all(items, self.ctx.cancel(), on_copied)
            .map_err(|e| Error::from(e.error).with_context(Activity::Stage(task.plan.display_name.clone())));
        self.lease.run(copied).await?;
        let written = new_files::write(task, segments, &layout, &place, &self.store);
        self.lease.run(written).await?;
        run.emit_phase(task.plan, CollectionPhase::Importing);
        let source = source_in_place(task)?;
        let (backup, target) = (&layout, &run.engine.config.source);
        let staged = |prefix: ObjectKey| target.server_path(&place.of(&prefix).as_prefix());
        let prefixes = ImportPrefixes {
            insert: if with_rows {
                staged(backup.insert_dir(task.backup.id, partition))
            } else {
                source.prefixes.insert
            },
            delta: if task.job.has_deltas {
                staged(backup.delta_dir(task.backup.id, task.job.scope))
            } else {
                String::new()
            },
        };
        Ok(ImportSource { prefixes, staged_dir: Some(place.dir) })
    }

    /// Removes the staged files of a completed job, unless the request demands to keep them.
    pub(super) async fn remove_job_files(&self, source: &ImportSource) {
        let Some(dir) = source.staged_dir.as_ref().filter(|_| !self.keep) else { return };
        if let Err(error) =
            self.store.delete_below(dir, &tokio_util::sync::CancellationToken::new(), |_| {}).await
        {
            tracing::warn!("cannot remove {} yet: {error}", self.store.describe(dir));
        }
    }

    /// Ends the lease and removes the directory, or keeps it; returns a warning if files remain.
    pub(super) async fn remove_or_keep(self, keep: bool) -> Option<String> {
        let place = self.store.describe(&self.dir);
        if keep {
            // Without an owner file, no later restore removes the directory.
            self.lease.release().await;
            return Some(format!("staged files are kept in {place}"));
        }
        // The next restore finds remaining files by the stopped owner file and removes them.
        self.lease.stop().await;
        let removed =
            self.store.delete_below(&self.dir, &tokio_util::sync::CancellationToken::new(), |_| {}).await;
        removed
            .err()
            .map(|error| format!("staged files are left in {place}: {error}; the next restore removes them"))
    }
}

/// The directory into which the files of one job are staged, with the same paths below it as below the backup.
pub(super) struct StagedPlace {
    dir: ObjectKey,
    /// The directory of the binlogs in the backup.
    binlogs: ObjectKey,
}

impl StagedPlace {
    /// Returns the staged key of a file or directory of the backup.
    pub(super) fn of(&self, key: &ObjectKey) -> ObjectKey {
        self.dir.join(key.relative_to(&self.binlogs).unwrap_or(key.file_name()))
    }
}

/// Removes the staging directories whose lease has expired or was stopped.
///
/// Directories without an owner file belong to other tools and stay.
async fn remove_stale_directories(run: &RestoreRun<'_>, store: &Store) -> Result<(), Error> {
    let reader = run.engine.config.server.as_ref();
    let root = run.prepared.target.layout.root().as_prefix();
    let found = store.list_level(&root).await?;
    for name in found.dirs {
        let Some(id) = model::layout::milvus::staging_id(&name) else { continue };
        let dir = run.prepared.target.layout.staging_dir(id);
        let key = dir.join(OWNER_FILE);
        let Some(owner) = Marker::read(store, &key).await? else { continue };
        if owner.last_sign_of_life(store, &key, reader, SignUse::Decision).await?.is_some() {
            continue;
        }
        let place = store.describe(&dir);
        run.ctx.emit(Event::Note(format!("removing staged files of an earlier restore in {place}")));
        if let Err(error) = store.delete_below(&dir, run.ctx.cancel(), |_| {}).await {
            if error.kind() == StorageErrorKind::Cancelled {
                return Err(error.into());
            }
            run.ctx.warn(format!("cannot remove staged files of an earlier restore in {place}: {error}"));
        }
    }
    Ok(())
}

/// Returns the files of the partition in the backup itself.
pub(super) fn source_in_place(task: &ImportTask<'_>) -> Result<ImportSource, Error> {
    let layout = task.run.prepared.catalog.layout(&task.run.prepared.request.name);
    let backup = &task.run.engine.config.backup;
    let delta = task.job.has_deltas.then(|| layout.delta_dir(task.backup.id, task.job.scope));
    let prefixes = ImportPrefixes {
        insert: backup.server_path(&layout.insert_dir(task.backup.id, task.partition_of_rows()?)),
        delta: delta.map(|d| backup.server_path(&d)).unwrap_or_default(),
    };
    Ok(ImportSource { prefixes, staged_dir: None })
}

/// Returns the keys and sizes of the files of the given segments in the backup that are staged unchanged.
fn files_to_copy<'a>(
    task: &'a ImportTask<'_>,
    partition: PartitionId,
    wanted: &[StagedSegment],
    with_rows: bool,
) -> impl Iterator<Item = (ObjectKey, u64)> + 'a {
    let layout = task.run.prepared.catalog.layout(&task.run.prepared.request.name);
    let (collection, scope) = (task.backup.id, task.job.scope);
    let wanted: HashMap<SegmentId, DeleteTreatment> = wanted.iter().map(|s| (s.id, s.deletes)).collect();
    let segments = task.backup.segments_of(scope).iter();
    let segments = segments.filter_map(move |s| Some((s, *wanted.get(&s.id)?)));
    segments.flat_map(move |(s, deletes)| {
        let copies_rows = with_rows && deletes != DeleteTreatment::Applied;
        let inserts =
            s.binlogs.iter().filter(|_| copies_rows).map(|b| {
                (layout.insert_key(collection, partition, s.group_id, s.id, b.field, b.log), b.size)
            });
        let deltas = s
            .delta_logs
            .iter()
            .filter(|_| deletes == DeleteTreatment::Unchanged)
            .map(|d| (layout.delta_key(collection, scope, s.group_id, s.id, d.log), d.size));
        inserts.chain(deltas).collect::<Vec<_>>()
    })
}
