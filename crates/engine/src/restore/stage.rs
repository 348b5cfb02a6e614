//! Staging: files copied unchanged to where the target's Milvus can read them, and removed afterwards on every path.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::ids::{PartitionScope, SegmentId};
use model::key::ObjectKey;
use model::manifest::Segment;
use model::plan::restore::JobData;
use storage::{CopyItem, Mover, Store};

use super::Run;
use super::job::Job;
use crate::lease::{Claimed, Lease, Marker};
use crate::{CollectionPhase, Engine, Error, Event, JobCtx};

/// The file that tells who stages here.
const OWNER: &str = "mb_owner.json";

/// The two prefixes an import job reads.
pub(super) struct Prefixes {
    /// As the server sees it.
    pub(super) insert: String,
    /// Empty without delete logs.
    pub(super) delta: String,
    /// What to remove afterwards.
    staged: Option<ObjectKey>,
}

/// The directory below the target's root that this restore stages in.
pub(super) struct Staging {
    mover: Mover,
    store: Store,
    dir: ObjectKey,
    /// How many jobs were staged; each has a directory of its own.
    staged: AtomicUsize,
    lease: Lease,
    keep: bool,
    ctx: JobCtx,
}

impl Staging {
    /// Clears what crashed restores left, then takes a directory of its own.
    pub(super) async fn begin(engine: &Engine, run: &Run<'_>) -> Result<Self, Error> {
        let store = run.prepared.target.store.clone();
        clear_stale(run, &store).await?;
        // not the job's id, which may be any text
        let dir = run.prepared.target.layout.staging_dir(&uuid::Uuid::new_v4().to_string());
        let mover = crate::backup::mover(&run.prepared.catalog.store, &store, &engine.config.limits)?;
        let Claimed::Ours(lease) = Lease::claim(engine, &store, &dir.join(OWNER)).await? else {
            return Err(Error::Task(format!("{dir} is taken")));
        };
        let (keep, ctx) = (run.prepared.request.keep_staged, run.ctx.clone());
        Ok(Self { mover, store, dir, staged: AtomicUsize::new(0), lease, keep, ctx })
    }

    /// Brings a job's files to where the server can read them.
    pub(super) async fn bring(&self, job: &Job<'_>) -> Result<Prefixes, Error> {
        let JobData::Staged(segments) = &job.import.data else { return Ok(in_place(job)) };
        let run = job.run;
        run.phase(job.plan, CollectionPhase::Staging);
        let number = self.staged.fetch_add(1, Ordering::Relaxed);
        let dir = self.dir.join(&format!("{}-{number}/", job.partition.id));
        let layout = run.prepared.catalog.layout(&run.prepared.request.name);
        let binlogs = layout.binlogs_dir();
        let items = files(job, segments).map(|(from, size)| {
            let to = dir.join(from.below(&binlogs).unwrap_or(from.file_name()));
            CopyItem { from, to, size }
        });
        let on_copied = |item: &CopyItem, _: &storage::Copied| {
            self.ctx.emit(Event::ObjectCopied { collection: job.plan.called.clone(), bytes: item.size });
        };
        let copied = self.mover.copy_all(items, self.ctx.cancel(), on_copied).await;
        copied.map_err(|e| Error::from(e.error).during(format!("while staging {}", job.plan.called)))?;
        run.phase(job.plan, CollectionPhase::Importing);
        let below = |prefix: ObjectKey| prefix.below(&binlogs).map(|rest| dir.join(rest).as_dir());
        let partition = job.partition.id;
        let insert = below(layout.insert_dir(job.backup.id, partition)).unwrap_or_else(|| dir.clone());
        let delta = below(layout.delta_dir(job.backup.id, PartitionScope::One(partition)))
            .filter(|_| job.import.has_deltas);
        let target = &run.engine.config.source;
        Ok(Prefixes {
            insert: target.server_path(&insert),
            delta: delta.map(|d| target.server_path(&d)).unwrap_or_default(),
            staged: Some(dir),
        })
    }

    /// Removes a job's staged files once it is done with them.
    pub(super) async fn remove(&self, data: &Prefixes) {
        let Some(dir) = data.staged.as_ref().filter(|_| !self.keep) else { return };
        if let Err(error) =
            self.store.delete_below(dir, &tokio_util::sync::CancellationToken::new(), |_| {}).await
        {
            tracing::warn!("cannot remove {} yet: {error}", self.store.describe(dir));
        }
    }

    /// Removes the directory, or says what stays; returns what the operator should know.
    pub(super) async fn end(self, keep: bool) -> Option<String> {
        let place = self.store.describe(&self.dir);
        if keep {
            // without an owner file no later restore removes them
            self.lease.release().await;
            return Some(format!("staged files are kept in {place}"));
        }
        // what cannot be removed now is for the next restore, which knows it by its owner file
        self.lease.stop().await;
        let removed =
            self.store.delete_below(&self.dir, &tokio_util::sync::CancellationToken::new(), |_| {}).await;
        removed
            .err()
            .map(|error| format!("staged files are left in {place}: {error}; the next restore removes them"))
    }
}

/// What a crashed restore staged is removed once its owner has not been heard of for a while.
/// Directories without our owner file are not ours, and stay.
async fn clear_stale(run: &Run<'_>, store: &Store) -> Result<(), Error> {
    let root = run.prepared.target.layout.root().as_dir();
    let found = store.list_dirs(&root).await?;
    for name in found.dirs {
        let Some(id) = model::layout::milvus::staging_id(&name) else { continue };
        let dir = run.prepared.target.layout.staging_dir(id);
        let owner = Marker::read(store, &dir.join(OWNER)).await?;
        if owner.is_none_or(|owner| owner.is_live()) {
            continue;
        }
        let place = store.describe(&dir);
        run.ctx.emit(Event::Note(format!("removing what an earlier restore left in {place}")));
        let removed = store.delete_below(&dir, run.ctx.cancel(), |_| {}).await;
        removed?;
    }
    Ok(())
}

/// The prefixes of a partition as they lie in the backup.
pub(super) fn in_place(job: &Job<'_>) -> Prefixes {
    let layout = job.run.prepared.catalog.layout(&job.run.prepared.request.name);
    let backup = &job.run.engine.config.backup;
    let partition = job.partition.id;
    let delta =
        job.import.has_deltas.then(|| layout.delta_dir(job.backup.id, PartitionScope::One(partition)));
    Prefixes {
        insert: backup.server_path(&layout.insert_dir(job.backup.id, partition)),
        delta: delta.map(|d| backup.server_path(&d)).unwrap_or_default(),
        staged: None,
    }
}

/// The files of a job's segments with their sizes, where they lie in the backup.
fn files<'a>(job: &'a Job<'_>, wanted: &'a [SegmentId]) -> impl Iterator<Item = (ObjectKey, u64)> + 'a {
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
