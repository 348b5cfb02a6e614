//! Staging: files are copied unchanged to the store of the target, and removed afterwards on every path.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::ids::{PartitionScope, SegmentId};
use model::key::ObjectKey;
use model::manifest::Segment;
use model::plan::restore::JobData;
use storage::{CopyItem, Mover, Store};

use super::RestoreRun;
use super::job::ImportJob;
use crate::lease::{Claimed, Lease, Marker};
use crate::{Activity, CollectionPhase, Engine, Error, Event, JobCtx};

/// The name of the owner file of a staging directory.
const OWNER_FILE: &str = "mb_owner.json";

/// The two prefixes that an import job reads.
pub(super) struct ImportPrefixes {
    /// The prefix of the binlogs, as the server sees it.
    pub(super) insert: String,
    /// The prefix of the delta logs, as the server sees it; empty if there are none.
    pub(super) delta: String,
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
        let Claimed::Ours(lease) = Lease::claim(engine, &store, &dir.join(OWNER_FILE)).await? else {
            return Err(Error::Task(format!("{dir} is taken")));
        };
        let (keep, ctx) = (run.prepared.request.keep_staged, run.ctx.clone());
        Ok(Self { mover, store, dir, job_count: AtomicUsize::new(0), lease, keep, ctx })
    }

    /// Stages the files of a job if its plan demands that, and returns the prefixes to import.
    pub(super) async fn stage_job(&self, job: &ImportJob<'_>) -> Result<ImportPrefixes, Error> {
        let JobData::Staged(segments) = &job.import.data else { return Ok(prefixes_in_place(job)) };
        let run = job.run;
        run.emit_phase(job.plan, CollectionPhase::Staging);
        let number = self.job_count.fetch_add(1, Ordering::Relaxed);
        let dir = self.dir.join(&format!("{}-{number}/", job.partition.id));
        let layout = run.prepared.catalog.layout(&run.prepared.request.name);
        let binlogs = layout.binlogs_dir();
        let items = files_of_segments(job, segments).map(|(from, size)| {
            let to = dir.join(from.below(&binlogs).unwrap_or(from.file_name()));
            CopyItem { from, to, size }
        });
        let on_copied = |item: &CopyItem, _: &storage::CopyResult| {
            self.ctx.emit(Event::ObjectCopied { collection: job.plan.called.clone(), bytes: item.size });
        };
        let copied = self.mover.copy_all(items, self.ctx.cancel(), on_copied).await;
        copied.map_err(|e| Error::from(e.error).with_context(Activity::Stage(job.plan.called.clone())))?;
        run.emit_phase(job.plan, CollectionPhase::Importing);
        let staged_prefix = |prefix: ObjectKey| prefix.below(&binlogs).map(|rest| dir.join(rest).as_dir());
        let partition = job.partition.id;
        let insert =
            staged_prefix(layout.insert_dir(job.backup.id, partition)).unwrap_or_else(|| dir.clone());
        let delta = staged_prefix(layout.delta_dir(job.backup.id, PartitionScope::One(partition)))
            .filter(|_| job.import.has_deltas);
        let target = &run.engine.config.source;
        Ok(ImportPrefixes {
            insert: target.server_path(&insert),
            delta: delta.map(|d| target.server_path(&d)).unwrap_or_default(),
            staged_dir: Some(dir),
        })
    }

    /// Removes the staged files of a completed job, unless the request demands to keep them.
    pub(super) async fn remove_job_files(&self, prefixes: &ImportPrefixes) {
        let Some(dir) = prefixes.staged_dir.as_ref().filter(|_| !self.keep) else { return };
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

/// Removes the staging directories whose lease has expired or was stopped.
///
/// Directories without an owner file belong to other tools and stay.
async fn remove_stale_directories(run: &RestoreRun<'_>, store: &Store) -> Result<(), Error> {
    let root = run.prepared.target.layout.root().as_dir();
    let found = store.list_level(&root).await?;
    for name in found.dirs {
        let Some(id) = model::layout::milvus::staging_id(&name) else { continue };
        let dir = run.prepared.target.layout.staging_dir(id);
        let owner = Marker::read(store, &dir.join(OWNER_FILE)).await?;
        if owner.is_none_or(|owner| owner.is_live()) {
            continue;
        }
        let place = store.describe(&dir);
        run.ctx.emit(Event::Note(format!("removing staged files of an earlier restore in {place}")));
        let removed = store.delete_below(&dir, run.ctx.cancel(), |_| {}).await;
        removed?;
    }
    Ok(())
}

/// Returns the prefixes of the partition in the backup itself.
pub(super) fn prefixes_in_place(job: &ImportJob<'_>) -> ImportPrefixes {
    let layout = job.run.prepared.catalog.layout(&job.run.prepared.request.name);
    let backup = &job.run.engine.config.backup;
    let partition = job.partition.id;
    let delta =
        job.import.has_deltas.then(|| layout.delta_dir(job.backup.id, PartitionScope::One(partition)));
    ImportPrefixes {
        insert: backup.server_path(&layout.insert_dir(job.backup.id, partition)),
        delta: delta.map(|d| backup.server_path(&d)).unwrap_or_default(),
        staged_dir: None,
    }
}

/// Returns the keys and sizes of the files of the given segments in the backup.
fn files_of_segments<'a>(
    job: &'a ImportJob<'_>,
    wanted: &'a [SegmentId],
) -> impl Iterator<Item = (ObjectKey, u64)> + 'a {
    let layout = job.run.prepared.catalog.layout(&job.run.prepared.request.name);
    let (collection, partition) = (job.backup.id, job.partition.id);
    let segments = job.backup.partitions.iter().filter(move |p| p.id == partition).flat_map(|p| &p.segments);
    let wanted: HashSet<SegmentId> = wanted.iter().copied().collect();
    segments.filter(move |s| wanted.contains(&s.id)).flat_map(move |s: &Segment| {
        let inserts = s
            .binlogs
            .iter()
            .map(|b| (layout.insert_key(collection, partition, s.group_id, s.id, b.field, b.log), b.size));
        let deltas = s.delta_logs.iter().map(|d| {
            (layout.delta_key(collection, PartitionScope::One(partition), s.group_id, s.id, d.log), d.size)
        });
        inserts.chain(deltas).collect::<Vec<_>>()
    })
}
