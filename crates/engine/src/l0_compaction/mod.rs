//! The L0 compaction of a stored backup: a copy of it in which no delete entry is in an L0 segment.

mod copy;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use futures::{FutureExt, TryFutureExt};
use model::ids::SegmentId;
use model::layout::backup::ManifestFile;
use model::manifest::{BackupFormat, CollectionBackup, Manifest};
use model::name::BackupName;
use model::plan::backup::Totals;
use model::plan::restore::DeleteEffect;
use model::segment::SegmentKind;
use model::version::ServerVersion;
use storage::Mover;

use crate::backup::{check_name_is_free, create_mover};
use crate::catalog::{
    BackupDetail, BackupFacts, Catalog, SegmentEnds, describe_imported_rows, reject_damages,
};
use crate::clock::now_ms;
use crate::lease::Lease;
use crate::{BackupState, DeleteRequest, Engine, Error, Event, JobCtx, Phase};

/// The number of collections whose deletes are read at the same time.
const COLLECTIONS_AT_ONCE: usize = 4;

/// A request to fold the deletes of a backup's L0 segments into the delta logs of its other segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L0CompactionRequest {
    /// The name of the backup, which is not changed.
    pub name: BackupName,
    /// The name of the new backup.
    pub into: BackupName,
    /// Whether an existing backup with the new name is deleted first.
    pub replace: bool,
}

/// An L0 compaction that passed the preflight. [`Engine::compact_l0`] executes it; until then nothing is changed.
#[derive(Debug)]
pub struct PreparedL0Compaction {
    request: L0CompactionRequest,
    catalog: Catalog,
    mover: Mover,
    source: BackupDetail,
    /// The effect of deletes on the segments of each collection with delta logs, by its position in the manifest.
    effects: BTreeMap<usize, BTreeMap<SegmentId, DeleteEffect>>,
    /// The state of the existing backup with the new name, which is deleted first.
    replaced: Option<BackupState>,
    plan: L0CompactionOutcome,
    started: Instant,
}

impl PreparedL0Compaction {
    /// Returns what the compaction will do, without the elapsed time and with the size of the present backup.
    pub fn plan(&self) -> &L0CompactionOutcome {
        &self.plan
    }
}

/// What an L0 compaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L0CompactionOutcome {
    /// The name of the backup.
    pub name: BackupName,
    /// The name of the new backup.
    pub into: BackupName,
    /// Whether a backup with the new name existed and is deleted.
    pub replaces: bool,
    /// The number of collections.
    pub collections: usize,
    /// The number of L0 segments, which the new backup does not contain.
    pub l0_segments: usize,
    /// The number of segments that get a new delta log, or none if no row of them is deleted.
    pub folded_segments: usize,
    /// The number of rows that are deleted in these segments.
    pub deleted_rows: u64,
    /// The number of files of the new backup.
    pub objects: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The elapsed time.
    pub elapsed: Duration,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Reads the backup and its deletes, and checks that the new name is free. Changes nothing.
    pub async fn plan_l0_compaction(
        &self,
        request: &L0CompactionRequest,
        ctx: &JobCtx,
    ) -> Result<PreparedL0Compaction, Error> {
        ctx.emit(Event::Phase(Phase::Preflight));
        ctx.run(prepare(self, request).boxed()).await
    }

    /// Writes the new backup; on failure or cancellation, it is left unfinished. The old one is not changed.
    pub async fn compact_l0(
        &self,
        prepared: PreparedL0Compaction,
        ctx: &JobCtx,
    ) -> Result<L0CompactionOutcome, Error> {
        // Boxed to keep the future of the caller small.
        execute(self, prepared, ctx).boxed().await
    }
}

async fn prepare(engine: &Engine, request: &L0CompactionRequest) -> Result<PreparedL0Compaction, Error> {
    let started = Instant::now();
    let catalog = Catalog::open(engine)?;
    let source = catalog.read_complete_backup(&request.name).await?;
    source.check_format(&request.name)?;
    if source.manifest.format == BackupFormat::Snapshot {
        return Err(Error::NoBinlogs(request.name.to_string()));
    }
    let replaces = |state| request.replace && state != BackupState::Running && request.into != request.name;
    let replaced = check_name_is_free(&catalog, &request.into, replaces).await?;
    let mover = create_mover(&catalog.store, &catalog.store, &engine.config.limits)?;
    let inspections: Vec<_> = source
        .manifest
        .collections
        .iter()
        .map(|collection| catalog.inspect_collection(&request.name, collection).boxed())
        .collect();
    let inspected: Vec<_> = stream::iter(inspections).buffered(COLLECTIONS_AT_ONCE).try_collect().await?;
    reject_damages(&request.name, inspected.into_iter().flat_map(|(_, damages)| damages))?;
    let collections = source.manifest.collections.iter().enumerate();
    let reads: Vec<_> = collections
        .filter(|(_, collection)| has_delta_logs(collection))
        .map(|(index, collection)| {
            let found = catalog.find_delete_effects(&request.name, collection, SegmentEnds::new());
            found.map_ok(move |effects| (index, effects)).boxed()
        })
        .collect();
    let effects: BTreeMap<_, _> =
        stream::iter(reads).buffer_unordered(COLLECTIONS_AT_ONCE).try_collect().await?;
    let plan = summarize(request, &source.manifest, &effects, replaced.is_some());
    Ok(PreparedL0Compaction {
        request: request.clone(),
        catalog,
        mover,
        source,
        effects,
        replaced,
        plan,
        started,
    })
}

fn has_delta_logs(collection: &CollectionBackup) -> bool {
    model::plan::backup::segments(collection).any(|(_, segment)| !segment.delta_logs.is_empty())
}

fn summarize(
    request: &L0CompactionRequest,
    manifest: &Manifest,
    effects: &BTreeMap<usize, BTreeMap<SegmentId, DeleteEffect>>,
    replaces: bool,
) -> L0CompactionOutcome {
    let totals = Totals::of_manifest(manifest);
    let segments = manifest.collections.iter().flat_map(model::plan::backup::segments);
    let l0_segments = segments.filter(|(_, segment)| segment.kind == SegmentKind::Deletes).count();
    let (mut folded_segments, mut deleted_rows) = (0, 0);
    for (index, effects) in effects {
        let collection = manifest.collections.get(*index);
        for (_, segment) in collection.into_iter().flat_map(model::plan::backup::segments) {
            if let Some(effect) = effects.get(&segment.id).filter(|effect| !effect.own_logs_suffice) {
                folded_segments += 1;
                deleted_rows += segment.rows.saturating_sub(effect.live);
            }
        }
    }
    let mut warnings = Vec::new();
    if l0_segments == 0 {
        warnings.push(format!("{} has no L0 segments, so {} is a copy of it", request.name, request.into));
    }
    let collections: Vec<&CollectionBackup> = manifest.collections.iter().collect();
    warnings.extend(describe_imported_rows(&ServerVersion::parse(&manifest.milvus_version), &collections));
    L0CompactionOutcome {
        name: request.name.clone(),
        into: request.into.clone(),
        replaces,
        collections: manifest.collections.len(),
        l0_segments,
        folded_segments,
        deleted_rows,
        objects: totals.objects,
        bytes: totals.bytes,
        elapsed: Duration::ZERO,
        warnings,
    }
}

/// Executes a prepared compaction, and gives back the claims on both backups on every path.
async fn execute(
    engine: &Engine,
    prepared: PreparedL0Compaction,
    ctx: &JobCtx,
) -> Result<L0CompactionOutcome, Error> {
    let PreparedL0Compaction { request, catalog, .. } = &prepared;
    for warning in &prepared.plan.warnings {
        ctx.warn(warning.as_str());
    }
    // A cancellation must not interrupt a claim: a marker that is never stopped would look live.
    ctx.check()?;
    let reader = catalog.claim_for_reading(engine, &request.name).await?;
    let written = write_backup(engine, &prepared, reader.as_ref(), ctx).await;
    if let Some(reader) = reader {
        reader.release().await;
    }
    written
}

async fn write_backup(
    engine: &Engine,
    prepared: &PreparedL0Compaction,
    reader: Option<&Lease>,
    ctx: &JobCtx,
) -> Result<L0CompactionOutcome, Error> {
    let PreparedL0Compaction { request, catalog, replaced, .. } = prepared;
    let into = &request.into;
    if let Some(state) = *replaced {
        ctx.emit(Event::Note(format!("deleting the present backup {into}")));
        let deletion = DeleteRequest { name: into.clone(), force: false };
        catalog.claim_and_remove(engine, &deletion, state, ctx).await?;
    }
    ctx.emit(Event::Phase(Phase::Copy));
    let lease = catalog.claim_new_backup(engine, into).await?;
    let copied = async {
        let copy = copy_and_commit(engine, prepared, &lease, ctx);
        match reader {
            Some(reader) => reader.run(copy).await,
            None => copy.await,
        }
    };
    let written = ctx.run(lease.run(copied).boxed()).await;
    // Where the files are being deleted, that is the cause of other failures.
    let written = match (written, lease.confirm().await) {
        (Err(_), Err(lost @ Error::LeaseLost { .. })) => Err(lost),
        (written, _) => written,
    };
    catalog.end_writing(into, lease, written, ctx).await
}

/// Copies each collection, then writes the metadata files, the commit marker last.
async fn copy_and_commit(
    engine: &Engine,
    prepared: &PreparedL0Compaction,
    lease: &Lease,
    ctx: &JobCtx,
) -> Result<L0CompactionOutcome, Error> {
    let PreparedL0Compaction { request, catalog, source, .. } = prepared;
    let mut collections = Vec::with_capacity(source.manifest.collections.len());
    let mut facts = BTreeMap::new();
    for (index, collection) in source.manifest.collections.iter().enumerate() {
        let (copied, collection_facts) = copy::copy_collection(prepared, index, collection, ctx).await?;
        facts.insert(copied.name.to_string(), collection_facts);
        collections.push(copied);
    }
    ctx.emit(Event::Phase(Phase::Commit));
    let facts = BackupFacts {
        format_version: 1,
        tool: engine.config.tool.clone(),
        job: ctx.id().to_owned(),
        milvus_version: source.manifest.milvus_version.clone(),
        started_ms: source.summary.taken_ms.or(source.manifest.start_time_ms).unwrap_or_default(),
        ended_ms: now_ms(),
        collections: facts,
        ..source.facts.clone().unwrap_or_default()
    };
    let manifest = Manifest {
        id: facts.job.clone(),
        name: request.into.to_string(),
        collections,
        summary: Some(facts.summarize()),
        ..source.manifest.clone()
    };
    let totals = Totals::of_manifest(&manifest);
    let manifest = Arc::new(Manifest { size: totals.bytes, ..manifest });
    let log_root = &engine.config.source.root_text;
    catalog.write_manifest_files(&request.into, &manifest, &facts, log_root).await?;
    lease.confirm().await?;
    catalog.write_commit_marker(&request.into, &manifest, log_root).await?;
    // A forced deletion may have begun meanwhile, and the commit marker must not remain without data.
    if let Err(lost) = lease.confirm().await {
        let head = catalog.layout(&request.into).manifest_file(ManifestFile::Head);
        catalog.store.delete(&[head]).await?;
        return Err(lost);
    }
    let elapsed = prepared.started.elapsed();
    Ok(L0CompactionOutcome { objects: totals.objects, bytes: totals.bytes, elapsed, ..prepared.plan.clone() })
}
