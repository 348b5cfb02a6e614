//! The backup: the preflight, then capture, copy and verification of each collection, then the commit.

mod capture;
mod capture_error;
mod collection;
mod collection_limit;
mod commit;
mod copied_files;
mod databases;
mod flush;
mod format_checks;
mod gc_pause;
mod preflight;
mod settle;
mod snapshot;
mod snapshot_calls;
mod surplus;
mod verify;

pub(crate) use preflight::{
    check_backup_request, check_name_is_free, confirm_source_root, list_collections_of, list_instance,
};

use std::collections::BTreeMap;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::stream::{self, FuturesUnordered, StreamExt, TryStreamExt};
use model::ids::{PartitionId, PartitionScope};
use model::layout::backup::MB_SNAPSHOTS;
use model::manifest::{BackupFormat, CollectionBackup, Rbac};
use model::name::CollectionRef;
use model::plan::backup::{BackupPreview, BackupRequest, PlannedCollection, ResolvedFlush, Totals};
use storage::{CopyMethod, Mover, MoverOptions};

use self::collection_limit::CollectionLimit;
use self::flush::ClusterCut;
use crate::catalog::{Catalog, describe_imported_rows};
use crate::instance::Instance;
use crate::lease::Lease;
use crate::outage::warn_about_outages;
use crate::snapshot_record::SnapshotLedger;
use crate::warnings::Warnings;
use crate::{
    BackupReport, BackupState, DeleteRequest, Engine, EngineLimits, Error, Event, FailedCollection, JobCtx,
    Phase,
};

/// A backup that passed the preflight: what is selected, how it is flushed, and open connections.
///
/// [`Engine::backup`] executes it; until then nothing is changed.
#[derive(Debug)]
pub struct PreparedBackup {
    request: BackupRequest,
    flush: ResolvedFlush,
    format: BackupFormat,
    source: Instance,
    catalog: Catalog,
    mover: Mover,
    databases: Vec<String>,
    collections: Vec<CollectionRef>,
    /// The users, roles and grants, if the request demands them.
    rbac: Option<Rbac>,
    warnings: Vec<String>,
    started: Instant,
    started_ms: i64,
}

/// A backup during its execution.
struct BackupRun<'a> {
    prepared: PreparedBackup,
    engine: &'a Engine,
    /// The warnings recorded so far.
    warnings: Warnings<'a>,
    /// Limits the warning that rows cannot be compared to one for each backup.
    count_warning: Once,
    /// The snapshots that the backup has in Milvus.
    snapshots: Arc<SnapshotLedger>,
    ctx: &'a JobCtx,
}

/// A collection that was copied and verified.
struct CapturedCollection {
    backup: CollectionBackup,
    /// The number of rows by partition of an exported snapshot, which has no segments; empty if they are not known.
    rows: BTreeMap<PartitionId, u64>,
    /// The number of delete entries of each partition, and of all.
    deletes: BTreeMap<PartitionScope, u64>,
    /// The duration of the flush, without the wait for its segments.
    flush: Duration,
    warnings: Vec<String>,
}

/// The result of backing up one collection.
enum CollectionResult {
    Captured(Box<CapturedCollection>),
    /// The collection was dropped during the backup.
    Vanished(CollectionRef),
    /// Rows of the collection would be missing, so it is left out.
    Failed(FailedCollection),
}

impl Engine {
    /// Checks the name, Milvus and both storages, and resolves the selection. Changes nothing.
    pub async fn plan_backup(&self, request: &BackupRequest, ctx: &JobCtx) -> Result<PreparedBackup, Error> {
        ctx.emit(Event::Phase(Phase::Preflight));
        ctx.run(preflight::prepare_backup(self, request, ctx).boxed()).await
    }

    /// Creates the backup; on failure or cancellation, an unfinished backup remains.
    pub async fn backup(&self, prepared: PreparedBackup, ctx: &JobCtx) -> Result<BackupReport, Error> {
        let warnings = Warnings::new(ctx, prepared.warnings.clone());
        let record = prepared.catalog.layout(&prepared.request.name).meta_file(MB_SNAPSHOTS);
        let address = prepared.source.milvus.server().address.clone();
        let snapshots = Arc::new(SnapshotLedger::new(prepared.catalog.store.clone(), record, address));
        let run = BackupRun { prepared, engine: self, warnings, count_warning: Once::new(), snapshots, ctx };
        // Boxed to keep the future of the caller small.
        run.execute().boxed().await
    }
}

impl PreparedBackup {
    /// Lists the files that the backup would copy in the current state of Milvus, without a flush.
    pub async fn preview(&self, ctx: &JobCtx) -> Result<BackupPreview, Error> {
        let exports = self.format == BackupFormat::Snapshot;
        let preview = |name| {
            if exports { self.preview_export(name).boxed() } else { self.preview_collection(name).boxed() }
        };
        let previews: Vec<_> = self.collections.iter().map(preview).collect();
        let previews = stream::iter(previews).buffered(8).try_collect::<Vec<Option<PlannedCollection>>>();
        let collections = ctx.run(previews).await?;
        let mut warnings = self.warnings.clone();
        if self.flush.flushes() {
            warnings.push(
                "counted before the flush: rows that are not flushed yet will be in the backup too"
                    .to_owned(),
            );
        }
        Ok(BackupPreview {
            name: self.request.name.clone(),
            flush: self.flush,
            format: self.format.clone(),
            databases: self.databases.clone(),
            collections: collections.into_iter().flatten().collect(),
            copy: if exports {
                "snapshots, exported by Milvus itself; their size is not known before"
            } else {
                describe_copy_method(self.mover.copy_method())
            }
            .to_owned(),
            warnings,
        })
    }
}

impl BackupRun<'_> {
    /// Executes the backup and ends the lease and the pause of garbage collection on every path.
    async fn execute(self) -> Result<BackupReport, Error> {
        let Self { prepared, ctx, .. } = &self;
        let _outages = warn_about_outages(&prepared.source.milvus, ctx);
        // A cancellation must not interrupt the claim: a marker that is never stopped would look live.
        ctx.check()?;
        if prepared.request.replace_unfinished {
            self.remove_unfinished().await?;
        }
        ctx.emit(Event::Phase(Phase::Copy));
        let lease = prepared.catalog.claim_new_backup(self.engine, &prepared.request.name).await?;
        let pause = prepared.request.pause_gc || self.engine.config.limits.pause_gc;
        let paused = if pause { self.pause_gc().await } else { None };
        let result = ctx.run(lease.run(self.copy_and_commit(&lease)).boxed()).await;
        if !lease.was_lost() {
            self.drop_remaining_snapshots().await;
        }
        if let Some(paused) = paused {
            self.resume_gc(paused).await;
        }
        let report = prepared.catalog.end_writing(&prepared.request.name, lease, result, ctx).await?;
        Ok(BackupReport { elapsed: prepared.started.elapsed(), ..report })
    }

    /// Removes an unfinished backup of this name that no run uses.
    async fn remove_unfinished(&self) -> Result<(), Error> {
        let PreparedBackup { catalog, request, .. } = &self.prepared;
        let name = &request.name;
        let Some(found) = self.ctx.run(catalog.read_summary(name)).await? else { return Ok(()) };
        if found.state != BackupState::Unfinished {
            return Err(Error::NameTaken { name: name.to_string(), state: found.state });
        }
        self.ctx.emit(Event::Note(format!("replacing the unfinished backup {name}")));
        self.drop_recorded_snapshots().await;
        let request = DeleteRequest { name: name.clone(), force: false };
        catalog.claim_and_remove(self.engine, &request, found.state, self.ctx).await
    }

    /// Backs up every collection, then commits.
    async fn copy_and_commit(&self, lease: &Lease) -> Result<BackupReport, Error> {
        let cluster = self.flush_cluster().await?;
        let copy_started = Instant::now();
        let results = self.back_up_collections().await?;
        let copy = copy_started.elapsed();
        let sorted = SortedResults::new(results);
        if self.prepared.request.strict
            && let Some(name) = sorted.vanished.first()
        {
            return Err(Error::Vanished(name.to_string()));
        }
        self.ctx.emit(Event::Phase(Phase::Commit));
        let databases = self.describe_databases().await?;
        let report = self.build_report(&sorted, cluster.as_ref(), copy);
        let cluster_flush = cluster.map(|cluster| cluster.flushed.flush);
        commit::commit_backup(self, sorted.captured, (databases, cluster_flush), &report, lease).await?;
        Ok(report)
    }

    /// Backs up all collections, a limited number at the same time.
    async fn back_up_collections(&self) -> Result<Vec<CollectionResult>, Error> {
        let mut limit = CollectionLimit::new(self.engine.config.limits.backup_collections);
        let mut names = self.prepared.collections.clone().into_iter();
        let mut running = FuturesUnordered::new();
        let mut results = Vec::with_capacity(names.len());
        loop {
            while running.len() < limit.update(self.prepared.source.milvus.rate_limited_calls()) {
                let Some(name) = names.next() else { break };
                running.push(async move { self.back_up_collection(&name).await });
            }
            match running.next().await {
                Some(result) => results.push(result?),
                None => return Ok(results),
            }
        }
    }

    /// Builds the report; `elapsed` is set when the backup ends.
    fn build_report(
        &self,
        sorted: &SortedResults,
        cluster: Option<&ClusterCut>,
        copy: Duration,
    ) -> BackupReport {
        let captured = &sorted.captured;
        let totals = captured.iter().map(|c| Totals::of_collection(&c.backup));
        let (rows, objects, bytes) =
            totals.fold((0, 0, 0), |(r, o, b), t| (r + t.rows, o + t.objects, b + t.bytes));
        let rows = rows + captured.iter().flat_map(|c| c.rows.values()).sum::<u64>();
        let seal_times = || captured.iter().filter_map(|c| c.backup.seal_time_s);
        let cut = match cluster {
            Some(cluster) => cluster.flushed.cut.map(|(first, last)| (first.seconds(), last.seconds())),
            None => seal_times().min().zip(seal_times().max()),
        };
        let flushes = captured.iter().map(|c| c.flush).chain(cluster.map(|cluster| cluster.duration));
        let mut warnings = self.warnings.recorded();
        if !self.prepared.source.milvus.capabilities().flush_persists_deletes && self.prepared.flush.flushes()
        {
            warnings.push(
                "a flush of this Milvus (2.2) does not write deletes of rows flushed before: \
                 deletes of the last ten minutes may be missing, and their rows come back in a restore"
                    .to_owned(),
            );
        }
        let backups: Vec<&CollectionBackup> = captured.iter().map(|c| &c.backup).collect();
        warnings.extend(describe_imported_rows(&self.prepared.source.milvus.server().version, &backups));
        BackupReport {
            name: self.prepared.request.name.to_string(),
            collections: captured.len(),
            rows,
            deletes: captured.iter().flat_map(|c| c.deletes.values()).sum(),
            objects,
            bytes,
            elapsed: Duration::ZERO,
            flush: flushes.max().unwrap_or_default(),
            copy,
            cut,
            cut_is_cluster_wide: cluster.is_some(),
            vanished: sorted.vanished.clone(),
            failed: sorted.failed.clone(),
            warnings,
        }
    }
}

/// The results of all collections by kind, each sorted by name so that backups of the same source are comparable.
#[derive(Default)]
struct SortedResults {
    captured: Vec<CapturedCollection>,
    vanished: Vec<CollectionRef>,
    failed: Vec<FailedCollection>,
}

impl SortedResults {
    fn new(results: Vec<CollectionResult>) -> Self {
        let mut sorted = Self::default();
        for result in results {
            match result {
                CollectionResult::Captured(c) => sorted.captured.push(*c),
                CollectionResult::Vanished(name) => sorted.vanished.push(name),
                CollectionResult::Failed(failed) => sorted.failed.push(failed),
            }
        }
        sorted.captured.sort_by(|a, b| a.backup.name.cmp(&b.backup.name));
        sorted.vanished.sort();
        sorted.failed.sort_by(|a, b| a.collection.cmp(&b.collection));
        sorted
    }
}

/// Describes the method of copying for previews and checks.
pub(crate) fn describe_copy_method(method: CopyMethod) -> &'static str {
    match method {
        CopyMethod::ServerSide => "server-side copies",
        CopyMethod::Kernel => "copies on the local disk",
        CopyMethod::Streamed => "streamed through this machine",
    }
}

/// Creates a mover between two stores with the limits of an engine.
pub(crate) fn create_mover(
    from: &storage::Store,
    to: &storage::Store,
    limits: &EngineLimits,
) -> Result<Mover, Error> {
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
