//! Backup: preflight, then each collection is captured, copied and verified, then the commit.

mod capture;
mod collection;
mod commit;
mod preflight;
mod settle;
mod verify;

pub(crate) use preflight::{Opened, collections_of, everything, open, storage_is_milvus};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::ids::PartitionId;
use model::layout::backup::MB_BEGIN;
use model::manifest::CollectionBackup;
use model::name::CollectionRef;
use model::plan::backup::{BackupPlan, BackupRequest, FlushStrategy, PlannedCollection, Totals};
use model::selection::Selected;
use storage::{CopyWay, Mover, MoverOptions};

use crate::catalog::Catalog;
use crate::clock::now_ms;
use crate::lease::{Lease, Marker};
use crate::source::Source;
use crate::{BackupReport, BackupState, Engine, Error, Event, FailedCollection, JobCtx, Limits, Phase};

/// What a call of [`Engine::backup`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupOutcome {
    /// A dry run: what would be done.
    Planned(BackupPlan),
    /// What was done.
    Done(BackupReport),
}

/// Everything a backup works with once the preflight is through.
struct Run<'a> {
    request: &'a BackupRequest,
    strategy: FlushStrategy,
    source: Source,
    catalog: Catalog,
    mover: Mover,
    databases: Vec<String>,
    collections: Vec<CollectionRef>,
    /// What the operator should know.
    warnings: Mutex<Vec<String>>,
    /// Told once that rows cannot be compared.
    uncounted: Once,
    tool: String,
    started_ms: i64,
    ctx: &'a JobCtx,
}

/// A collection that is in the backup.
struct Captured {
    backup: CollectionBackup,
    deletes: BTreeMap<PartitionId, u64>,
    flush: Duration,
    warnings: Vec<String>,
}

/// What became of a collection.
enum Taken {
    Captured(Box<Captured>),
    Vanished(CollectionRef),
    Failed(FailedCollection),
}

impl Engine {
    /// Backs up what the request selects.
    pub async fn backup(&self, request: &BackupRequest, ctx: &JobCtx) -> Result<BackupOutcome, Error> {
        let started = Instant::now();
        ctx.emit(Event::Phase(Phase::Preflight));
        let run = ctx.run(preflight::run(self, request, ctx).boxed()).await?;
        if request.dry_run {
            return ctx.run(run.plan()).await.map(BackupOutcome::Planned);
        }
        // not cancelled half-way: a marker that nobody stops would look alive
        ctx.check()?;
        ctx.emit(Event::Phase(Phase::Copy));
        let lease = run.begin(self).await?;
        let pause = request.pause_gc || self.config.limits.pause_gc;
        let paused = if pause { run.pause_gc().await } else { None };
        // boxed, so that the state of a whole backup is not a part of whoever waits for it
        let taking = run.take(&self.config.limits, &self.config.source.root_text, &lease).boxed();
        let done = ctx.run(taking).await;
        if let Some(paused) = paused {
            run.resume_gc(paused).await;
        }
        match done {
            Ok(report) => {
                lease.release().await;
                Ok(BackupOutcome::Done(BackupReport { elapsed: started.elapsed(), ..report }))
            }
            Err(error) => {
                lease.stop().await;
                let name = &request.name;
                ctx.emit(Event::Note(format!(
                    "{name} is unfinished; milvus-backup delete -n {name} removes it"
                )));
                Err(error)
            }
        }
    }
}

impl Run<'_> {
    /// Takes the name; of two that do so at the same time, one fails here or at the commit.
    async fn begin(&self, engine: &Engine) -> Result<Lease, Error> {
        let key = self.catalog.layout(&self.request.name).meta_file(MB_BEGIN);
        let taken = Lease::take(engine, &self.catalog.store, &key).await?;
        taken.map_err(|holder| self.taken_by(holder))
    }

    fn taken_by(&self, holder: Option<Marker>) -> Error {
        let name = self.request.name.to_string();
        match holder {
            Some(marker) if marker.is_live() => Error::NameTaken { name, state: BackupState::Running },
            _ => Error::NameTaken { name, state: BackupState::Unfinished },
        }
    }

    /// Takes every collection, then commits.
    async fn take(&self, limits: &Limits, log_root: &str, lease: &Lease) -> Result<BackupReport, Error> {
        let copying = Instant::now();
        let taken: Vec<Taken> = stream::iter(self.collections.clone())
            .map(|name| async move { self.take_collection(&name).await })
            .buffer_unordered(limits.backup_collections.get())
            .try_collect()
            .await?;
        let copy = copying.elapsed();
        let sorted = Sorted::of(taken);
        if self.request.strict
            && let Some(name) = sorted.vanished.first()
        {
            return Err(Error::Vanished(name.to_string()));
        }
        self.ctx.emit(Event::Phase(Phase::Commit));
        let report = self.report(&sorted, copy);
        commit::run(self, sorted.captured, &report, log_root, lease).await?;
        Ok(report)
    }

    /// What would be taken as things stand, without a flush.
    async fn plan(&self) -> Result<BackupPlan, Error> {
        let collections: Vec<Option<PlannedCollection>> = stream::iter(self.collections.clone())
            .map(|name| async move { self.preview(&name).await })
            .buffered(8)
            .try_collect()
            .await?;
        let mut warnings = self.warnings();
        if self.strategy == FlushStrategy::Serial {
            warnings.push(
                "counted before the flush: rows that are not flushed yet will be in the backup too"
                    .to_owned(),
            );
        }
        Ok(BackupPlan {
            name: self.request.name.clone(),
            strategy: self.strategy,
            databases: self.databases.clone(),
            collections: collections.into_iter().flatten().collect(),
            copy: way_in_words(self.mover.way()).to_owned(),
            warnings,
        })
    }

    /// Tells the operator something now, and again in the report.
    fn warn(&self, warning: String) {
        self.ctx.warn(warning.as_str());
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn report(&self, sorted: &Sorted, copy: Duration) -> BackupReport {
        let captured = &sorted.captured;
        let totals = captured.iter().map(|c| Totals::of(&c.backup));
        let (rows, objects, bytes) =
            totals.fold((0, 0, 0), |(r, o, b), t| (r + t.rows, o + t.objects, b + t.bytes));
        let sealed = || captured.iter().filter_map(|c| c.backup.seal_time_s);
        let mut warnings = self.warnings();
        if !self.source.milvus.capabilities().flush_persists_deletes && self.strategy == FlushStrategy::Serial
        {
            warnings.push(
                "a flush of this Milvus (2.2) does not write deletes of rows flushed before: \
                 deletes of the last ten minutes may be missing, and their rows come back in a restore"
                    .to_owned(),
            );
        }
        BackupReport {
            name: self.request.name.to_string(),
            collections: captured.len(),
            rows,
            deletes: captured.iter().flat_map(|c| c.deletes.values()).sum(),
            objects,
            bytes,
            elapsed: Duration::ZERO,
            flush: captured.iter().map(|c| c.flush).max().unwrap_or_default(),
            copy,
            cut: sealed().min().zip(sealed().max()),
            vanished: sorted.vanished.clone(),
            failed: sorted.failed.clone(),
            warnings,
        }
    }

    async fn pause_gc(&self) -> Option<tokio::task::JoinHandle<()>> {
        match self.source.milvus.gc_pause(GC_LEASE).await {
            Ok(()) => {
                let milvus = self.source.milvus.clone();
                Some(tokio::spawn(async move {
                    loop {
                        tokio::time::sleep(GC_LEASE / 2).await;
                        if let Err(error) = milvus.gc_pause(GC_LEASE).await {
                            tracing::warn!("cannot renew the pause of garbage collection: {error}");
                        }
                    }
                }))
            }
            Err(error) => {
                self.ctx.emit(Event::Note(format!("garbage collection is not paused: {error}")));
                None
            }
        }
    }

    async fn resume_gc(&self, renewal: tokio::task::JoinHandle<()>) {
        renewal.abort();
        if let Err(error) = self.source.milvus.gc_resume().await {
            self.ctx.warn(format!(
                "garbage collection of Milvus stays paused for up to {} s: {error}",
                GC_LEASE.as_secs()
            ));
        }
    }
}

/// For how long garbage collection is paused at a time, so that a crash leaves it paused no longer.
const GC_LEASE: Duration = Duration::from_mins(10);

/// What became of all collections, each kind in the order of names, so that two backups of the same source compare.
#[derive(Default)]
struct Sorted {
    captured: Vec<Captured>,
    vanished: Vec<CollectionRef>,
    failed: Vec<FailedCollection>,
}

impl Sorted {
    fn of(taken: Vec<Taken>) -> Self {
        let mut sorted = Self::default();
        for one in taken {
            match one {
                Taken::Captured(c) => sorted.captured.push(*c),
                Taken::Vanished(name) => sorted.vanished.push(name),
                Taken::Failed(failed) => sorted.failed.push(failed),
            }
        }
        sorted.captured.sort_by(|a, b| a.backup.name.cmp(&b.backup.name));
        sorted.vanished.sort();
        sorted.failed.sort_by(|a, b| a.collection.cmp(&b.collection));
        sorted
    }
}

pub(crate) fn way_in_words(way: CopyWay) -> &'static str {
    match way {
        CopyWay::ServerSide => "server-side copies",
        CopyWay::LocalCopy => "copies on the local disk",
        CopyWay::Streamed => "streamed through this machine",
    }
}

pub(crate) fn mover(from: &storage::Store, to: &storage::Store, limits: &Limits) -> Result<Mover, Error> {
    Mover::new(
        from.clone(),
        to.clone(),
        MoverOptions {
            mode: limits.copy_mode,
            concurrency: limits.copies.get(),
            multipart_threshold: limits.multipart_threshold,
            bytes_per_second: limits.bytes_per_second,
        },
    )
    .map_err(Error::from)
}

impl<'a> Run<'a> {
    fn new(
        engine: &Engine,
        request: &'a BackupRequest,
        opened: Opened,
        ctx: &'a JobCtx,
    ) -> Result<Self, Error> {
        let Opened { catalog, source, strategy, selected, warnings } = opened;
        let mover = mover(&source.store, &catalog.store, &engine.config.limits)?;
        let Selected { databases, collections } = selected;
        Ok(Self {
            request,
            strategy,
            source,
            catalog,
            mover,
            databases,
            collections,
            warnings: Mutex::new(warnings),
            uncounted: Once::new(),
            tool: engine.config.tool.clone(),
            started_ms: now_ms(),
            ctx,
        })
    }
}

/// The manifest is shared with the thread that encodes it.
type Shared = Arc<model::manifest::Manifest>;
