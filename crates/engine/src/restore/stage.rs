//! Staging: files are copied or written to the store of the target, and removed afterwards on every path.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::TryFutureExt;
use milvus::ImportPrefixes;
use model::ids::{PartitionId, SegmentId};
use model::key::ObjectKey;
use model::plan::restore::{DeleteTreatment, ImportFiles, JobSegment};
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
    pub(super) prefixes: Vec<ImportPrefixes>,
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
        if task.job.files == ImportFiles::InPlace {
            return source_in_place(task);
        }
        let (run, partition) = (task.run, task.partition_of_rows()?);
        run.emit_phase(task.plan, CollectionPhase::Staging);
        let number = self.job_count.fetch_add(1, Ordering::Relaxed);
        let layout = run.prepared.catalog.layout(&run.prepared.request.name);
        let place = StagedPlace {
            dir: self.dir.join(&format!("{partition}-{number}/")),
            binlogs: layout.binlogs_dir(),
        };
        let items = files_to_copy(task, partition).map(|file| CopyItem {
            from: file.from,
            to: place.of(&file.place),
            size: file.size,
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
        let written = new_files::write(task, &layout, &place, &self.store);
        self.lease.run(written).await?;
        run.emit_phase(task.plan, CollectionPhase::Importing);
        let prefixes = find_prefixes(task, Some(&place))?;
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

/// Returns the files of a job in the backup itself.
pub(super) fn source_in_place(task: &ImportTask<'_>) -> Result<ImportSource, Error> {
    Ok(ImportSource { prefixes: find_prefixes(task, None)?, staged_dir: None })
}

/// Returns the prefixes that Milvus reads, in the backup and in the staging directory of the job.
fn find_prefixes(task: &ImportTask<'_>, staged: Option<&StagedPlace>) -> Result<Vec<ImportPrefixes>, Error> {
    let (job, collection, partition) = (task.job, task.backup.id, task.partition_of_rows()?);
    let layout = task.run.prepared.catalog.layout(&task.run.prepared.request.name);
    let config = &task.run.engine.config;
    let path = |prefix: ObjectKey, is_staged: bool| match staged {
        Some(place) if is_staged => config.source.server_path(&place.of(&prefix).as_prefix()),
        _ => config.backup.server_path(&prefix),
    };
    let stages_rows = job.files == ImportFiles::Staged;
    if !job.by_segment {
        let stages_deletes = job.files != ImportFiles::InPlace;
        let delta = job.has_deltas().then(|| path(layout.delta_dir(collection, job.scope), stages_deletes));
        let insert = path(layout.insert_dir(collection, partition), stages_rows);
        return Ok(vec![ImportPrefixes { insert, delta: delta.unwrap_or_default() }]);
    }
    let of_segment = |segment: &JobSegment| {
        let group = segment.id.0;
        let delta = segment.has_deltas.then(|| {
            path(layout.delta_group_dir(collection, partition, group), job.stages_deletes_of(segment))
        });
        ImportPrefixes {
            insert: path(layout.insert_group_dir(collection, partition, group), stages_rows),
            delta: delta.unwrap_or_default(),
        }
    };
    Ok(job.segments.iter().map(of_segment).collect())
}

/// A file of the backup that is staged unchanged.
struct FileToCopy {
    from: ObjectKey,
    /// Its key as it would be in a backup, from which its place in the staging directory follows.
    place: ObjectKey,
    size: u64,
}

/// Returns the files of the segments of a job that are staged unchanged.
fn files_to_copy<'a>(
    task: &'a ImportTask<'_>,
    partition: PartitionId,
) -> impl Iterator<Item = FileToCopy> + 'a {
    let layout = task.run.prepared.catalog.layout(&task.run.prepared.request.name);
    let (job, collection) = (task.job, task.backup.id);
    let wanted: HashMap<SegmentId, &JobSegment> = job.segments.iter().map(|s| (s.id, s)).collect();
    let segments = task.backup.segments_of(job.scope).iter();
    let segments = segments.filter_map(move |s| Some((s, *wanted.get(&s.id)?)));
    segments.flat_map(move |(s, planned)| {
        let stages_rows = job.files == ImportFiles::Staged && planned.deletes != DeleteTreatment::Applied;
        let stages_deletes = job.stages_deletes_of(planned) && planned.deletes == DeleteTreatment::Unchanged;
        let group = task.staged_group(s);
        let inserts = s.binlogs.iter().filter(|_| stages_rows).map(|b| {
            let key = |group| layout.insert_key(collection, partition, group, s.id, b.field, b.log);
            FileToCopy { from: key(s.group_id), place: key(group), size: b.size }
        });
        let deltas = s.delta_logs.iter().filter(|_| stages_deletes).map(|d| {
            let key = |group| layout.delta_key(collection, job.scope, group, s.id, d.log);
            FileToCopy { from: key(s.group_id), place: key(group), size: d.size }
        });
        inserts.chain(deltas).collect::<Vec<_>>()
    })
}
