//! Backup: preflight, then each collection is captured, copied and verified, then the commit.

mod capture;
mod collection;
mod commit;
mod gc_pause;
mod preflight;
mod settle;
mod verify;

pub(crate) use preflight::{collections_of, everything, open, storage_is_milvus};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::ids::PartitionId;
use model::layout::backup::MB_BEGIN;
use model::manifest::CollectionBackup;
use model::name::CollectionRef;
use model::plan::backup::{BackupPreview, BackupRequest, FlushStrategy, PlannedCollection, Totals};
use storage::{CopyWay, Mover, MoverOptions};

use crate::catalog::Catalog;
use crate::instance::Instance;
use crate::lease::{Claimed, Lease, OtherOwner};
use crate::{BackupReport, BackupState, Engine, Error, Event, FailedCollection, JobCtx, Limits, Phase};

/// A backup that passed the preflight: what is selected, how it is flushed, and open connections.
///
/// [`Engine::backup`] executes it; until then nothing is changed.
#[derive(Debug)]
pub struct PreparedBackup {
    request: BackupRequest,
    strategy: FlushStrategy,
    source: Instance,
    catalog: Catalog,
    mover: Mover,
    databases: Vec<String>,
    collections: Vec<CollectionRef>,
    warnings: Vec<String>,
    started: Instant,
    started_ms: i64,
}

/// A backup while it is executed.
struct Run<'a> {
    prepared: PreparedBackup,
    engine: &'a Engine,
    /// The warnings so far.
    warnings: Mutex<Vec<String>>,
    /// Completed by the one warning that rows cannot be compared.
    uncounted: Once,
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
    /// Checks the name, Milvus and both storages, and selects what the request asks for. Changes nothing.
    pub async fn plan_backup(&self, request: &BackupRequest, ctx: &JobCtx) -> Result<PreparedBackup, Error> {
        ctx.emit(Event::Phase(Phase::Preflight));
        ctx.run(preflight::run(self, request, ctx).boxed()).await
    }

    /// Makes the backup.
    pub async fn backup(&self, prepared: PreparedBackup, ctx: &JobCtx) -> Result<BackupReport, Error> {
        let warnings = Mutex::new(prepared.warnings.clone());
        let run = Run { prepared, engine: self, warnings, uncounted: Once::new(), ctx };
        // boxed, so that the state of a whole backup is not a part of the caller's future
        run.execute().boxed().await
    }
}

impl PreparedBackup {
    /// Lists what the backup would copy as things are now, without a flush.
    pub async fn preview(&self, ctx: &JobCtx) -> Result<BackupPreview, Error> {
        let previews: Vec<_> =
            self.collections.iter().map(|name| self.preview_collection(name).boxed()).collect();
        let previews = stream::iter(previews).buffered(8).try_collect::<Vec<Option<PlannedCollection>>>();
        let collections = ctx.run(previews).await?;
        let mut warnings = self.warnings.clone();
        if self.strategy == FlushStrategy::Serial {
            warnings.push(
                "counted before the flush: rows that are not flushed yet will be in the backup too"
                    .to_owned(),
            );
        }
        Ok(BackupPreview {
            name: self.request.name.clone(),
            strategy: self.strategy,
            databases: self.databases.clone(),
            collections: collections.into_iter().flatten().collect(),
            copy: way_in_words(self.mover.way()).to_owned(),
            warnings,
        })
    }
}

impl Run<'_> {
    async fn execute(self) -> Result<BackupReport, Error> {
        let Self { prepared, ctx, .. } = &self;
        // not cancelled half-way: a marker that nobody stops would look alive
        ctx.check()?;
        ctx.emit(Event::Phase(Phase::Copy));
        let lease = self.begin().await?;
        let pause = prepared.request.pause_gc || self.engine.config.limits.pause_gc;
        let paused = if pause { self.pause_gc().await } else { None };
        let done = ctx.run(self.take(&lease).boxed()).await;
        if let Some(paused) = paused {
            self.resume_gc(paused).await;
        }
        match done {
            Ok(report) => {
                lease.release().await;
                Ok(BackupReport { elapsed: prepared.started.elapsed(), ..report })
            }
            Err(error) => {
                lease.stop().await;
                let name = &prepared.request.name;
                ctx.emit(Event::Note(format!(
                    "{name} is unfinished; milvus-backup delete -n {name} removes it"
                )));
                Err(error)
            }
        }
    }

    /// Takes the name; of two that do so at the same time, one fails here or at the commit.
    async fn begin(&self) -> Result<Lease, Error> {
        let PreparedBackup { catalog, request, .. } = &self.prepared;
        let key = catalog.layout(&request.name).meta_file(MB_BEGIN);
        match Lease::claim(self.engine, &catalog.store, &key).await? {
            Claimed::Ours(lease) => Ok(lease),
            Claimed::Theirs(owner) => Err(self.name_taken(&owner)),
        }
    }

    fn name_taken(&self, owner: &OtherOwner) -> Error {
        let name = self.prepared.request.name.to_string();
        match &owner.0 {
            Some(marker) if marker.is_live() => Error::NameTaken { name, state: BackupState::Running },
            _ => Error::NameTaken { name, state: BackupState::Unfinished },
        }
    }

    /// Takes every collection, then commits.
    async fn take(&self, lease: &Lease) -> Result<BackupReport, Error> {
        let copying = Instant::now();
        let taken: Vec<Taken> = stream::iter(self.prepared.collections.clone())
            .map(|name| async move { self.take_collection(&name).await })
            .buffer_unordered(self.engine.config.limits.backup_collections.get())
            .try_collect()
            .await?;
        let copy = copying.elapsed();
        let sorted = Sorted::of(taken);
        if self.prepared.request.strict
            && let Some(name) = sorted.vanished.first()
        {
            return Err(Error::Vanished(name.to_string()));
        }
        self.ctx.emit(Event::Phase(Phase::Commit));
        let report = self.report(&sorted, copy);
        commit::run(self, sorted.captured, &report, lease).await?;
        Ok(report)
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
        if !self.prepared.source.milvus.capabilities().flush_persists_deletes
            && self.prepared.strategy == FlushStrategy::Serial
        {
            warnings.push(
                "a flush of this Milvus (2.2) does not write deletes of rows flushed before: \
                 deletes of the last ten minutes may be missing, and their rows come back in a restore"
                    .to_owned(),
            );
        }
        BackupReport {
            name: self.prepared.request.name.to_string(),
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
}

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

/// The manifest is shared with the thread that encodes it.
type Shared = Arc<model::manifest::Manifest>;
