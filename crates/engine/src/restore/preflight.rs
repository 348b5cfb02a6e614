//! The preflight of a restore: reads the backup, resolves the targets, and checks that the target supports them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Instant;

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::Milvus;
use model::ids::{PartitionId, PartitionScope};
use model::layout::backup::ManifestFile;
use model::manifest::{BackupFormat, CollectionBackup, Manifest};
use model::mapping::Targets;
use model::name::CollectionRef;
use model::plan::restore::{
    DataAccess, ExistingTargetPolicy, ImporterFacts, PlanError, PrefixFacts, RbacAdditions, RestoreMode,
    RestorePlan, RestoreRequest, TargetFacts, schema_for_inserts,
};
use model::version::ServerVersion;

use super::PreparedRestore;
use super::data_access::determine_data_access;
use super::delete_effects::find_delete_effects;
use super::destroyed_snapshots::find_destroyed_snapshots;
use super::insert::InsertCheck;
use super::inspect::{CONCURRENT_CALLS, inspect_target};
use super::plan_warnings::{
    describe_endangered_deletes, describe_unknown_indexes, describe_unused_keys, describe_used_targets,
};
use super::truncation::{CollectionEnds, find_ends};
use crate::backup::{confirm_source_root, list_collections_of};
use crate::catalog::{BackupDetail, BackupFacts, Catalog, describe_imported_rows, reject_damages};
use crate::instance::Instance;
use crate::{Advice, Engine, Error, Event, JobCtx};

/// A request that passed the checks of admission, with open connections; the files of the backup are not listed yet.
pub(crate) struct CheckedRestore {
    pub(crate) catalog: Catalog,
    pub(crate) target: Instance,
    pub(crate) targets: Targets,
    /// The existing collections that the restore will drop.
    pub(crate) drops: BTreeSet<CollectionRef>,
    /// Warnings about the snapshots that the drops destroy.
    drop_warnings: Vec<String>,
    /// The ends of the segments of each collection of a truncated restore.
    ends: CollectionEnds,
    detail: BackupDetail,
    facts: TargetFacts,
}

/// Reads the manifest, resolves and inspects the targets, and fails with every reason why the request is not possible.
pub(crate) async fn check_restore_request(
    engine: &Engine,
    request: &RestoreRequest,
) -> Result<CheckedRestore, Error> {
    let catalog = Catalog::open(engine)?;
    let detail = catalog.read_complete_backup(&request.name).await?;
    detail.check_format(&request.name)?;
    if request.options.rbac && detail.manifest.rbac.is_none() {
        return Err(Error::NoRbacInBackup(request.name.to_string()));
    }
    let targets = resolve_targets(&detail.manifest, request)?;
    let target = Instance::open(engine).await?;
    target.milvus.server().version.supported()?;
    if request.options.rbac && !target.milvus.capabilities().rbac {
        return Err(Error::NoRbac(target.milvus.server().version.to_string()));
    }
    let (drops, ends, facts) = (BTreeSet::new(), CollectionEnds::new(), TargetFacts::default());
    let mut checked =
        CheckedRestore { catalog, target, targets, drops, drop_warnings: Vec::new(), ends, detail, facts };
    let mut problems: Vec<Error> = if checked.is_snapshot() {
        check_snapshot_target(engine, &checked, request).err().into_iter().collect()
    } else {
        let selected = checked.selected_collections();
        let (ends, mut problems) = find_ends(request, &selected, &checked.target.milvus);
        problems.extend(schema_problems(&checked.target, &selected, request));
        checked.ends = ends;
        problems
    };
    let aliases = checked.wanted_aliases();
    let head = checked.catalog.layout(&request.name).manifest_file(ManifestFile::Head);
    let (backup, target) = (&checked.catalog.store, &checked.target);
    // Inserts need no access of the target to a store.
    let access = match request.mode() {
        RestoreMode::Insert => DataAccess::InPlace,
        RestoreMode::Auto | RestoreMode::Import => {
            determine_data_access(backup, &target.store, engine.config.limits.copy_mode, &head).await
        }
    };
    let facts = inspect_target(target, &checked.targets, aliases, access, request, &mut problems).await?;
    let facts = TargetFacts {
        max_job_bytes: Some(engine.config.limits.import_job_bytes),
        importer: describe_importer(&target.milvus).await,
        stores_nulls: target.milvus.capabilities().stores_nulls,
        ..facts
    };
    checked.facts = facts;
    // This plan lacks the files, which take longer to list, but finds every target that is not allowed.
    match checked.build_plan(request) {
        Ok(plan) => {
            checked.drops = plan.dropped_targets().cloned().collect();
            if request.mode() == RestoreMode::Insert {
                let obstacles = checked.insert_check(request).compare_fields(&plan);
                problems.extend(obstacles.into_iter().map(Error::from));
            }
        }
        Err(found) => problems.extend(found.into_iter().map(Error::from)),
    }
    if !problems.is_empty() {
        return Err(Error::from_problems(problems));
    }
    let destroyed = find_destroyed_snapshots(&checked.target, &checked.drops).await?;
    checked.facts.snapshots = destroyed.snapshots;
    checked.drop_warnings = destroyed.warnings;
    Ok(checked)
}

impl CheckedRestore {
    fn is_snapshot(&self) -> bool {
        self.manifest().format == BackupFormat::Snapshot
    }

    fn manifest(&self) -> &Manifest {
        &self.detail.manifest
    }

    /// Returns the selected collections of the backup.
    fn selected_collections(&self) -> Vec<&CollectionBackup> {
        let wanted: HashSet<&CollectionRef> = self.targets.collections.iter().map(|(name, _)| name).collect();
        self.manifest().collections.iter().filter(|c| wanted.contains(&c.name)).collect()
    }

    /// Returns the aliases to create, in the databases of their targets.
    fn wanted_aliases(&self) -> BTreeSet<CollectionRef> {
        let backups: HashMap<&CollectionRef, &CollectionBackup> =
            self.manifest().collections.iter().map(|c| (&c.name, c)).collect();
        let pairs = self.targets.collections.iter();
        pairs
            .filter_map(|(source, target)| Some((backups.get(source)?, target)))
            .flat_map(|(backup, target)| {
                backup
                    .aliases
                    .iter()
                    .map(|alias| CollectionRef::new(target.database.as_str(), alias.as_str()))
            })
            .collect()
    }

    fn insert_check<'a>(&'a self, request: &'a RestoreRequest) -> InsertCheck<'a> {
        InsertCheck {
            catalog: &self.catalog,
            request,
            manifest: self.manifest(),
            facts: &self.facts,
            capabilities: self.target.milvus.capabilities(),
        }
    }

    /// Computes the plan from everything that was read so far.
    fn build_plan(&self, request: &RestoreRequest) -> Result<RestorePlan, Vec<PlanError>> {
        let Targets { databases, collections, .. } = &self.targets;
        RestorePlan::new(self.manifest(), databases, collections, request, &self.facts)
    }
}

/// Checks everything that can be checked without changes, and returns the prepared restore.
pub(super) async fn prepare_restore(
    engine: &Engine,
    request: &RestoreRequest,
    ctx: &JobCtx,
) -> Result<PreparedRestore, Error> {
    let started = Instant::now();
    let mut checked = check_restore_request(engine, request).await?;
    if !checked.targets.unused.is_empty() {
        ctx.warn(format!("no collection matches the rename rule {}", checked.targets.unused.join(", ")));
    }
    let mut uncounted = Vec::new();
    if checked.is_snapshot() {
        let damages = checked.catalog.inspect_bundles(&request.name, checked.manifest()).await?;
        reject_damages(&request.name, damages.into_iter())?;
        let facts = checked.detail.facts.iter().flat_map(BackupFacts::rows);
        checked.facts.recorded_rows = facts.map(|(id, rows)| (PartitionId(id), rows)).collect();
    } else if !request.options.meta_only {
        let mut prefixes = inspect_prefixes(&checked, request).await?;
        let collections = checked.selected_collections();
        let ignores_times = checked.facts.importer.ignores_delete_times;
        let (catalog, name) = (&checked.catalog, &request.name);
        let ends_of = |c: &CollectionBackup| checked.ends.get(&c.name).cloned().unwrap_or_default();
        let with_ends = collections.iter().map(|c| (*c, ends_of(c))).collect();
        uncounted = find_delete_effects(catalog, name, with_ends, ignores_times, &mut prefixes, ctx).await?;
        let source = ServerVersion::parse(&checked.manifest().milvus_version);
        uncounted.extend(describe_imported_rows(&source, &collections));
        checked.facts.prefixes = prefixes;
    }
    let as_error =
        |problems: Vec<PlanError>| Error::from_problems(problems.into_iter().map(Error::from).collect());
    let mut plan = checked.build_plan(request).map_err(as_error)?;
    let obstacles = checked.insert_check(request).check_rows(&plan).await?;
    if !obstacles.is_empty() {
        if request.mode() == RestoreMode::Insert {
            return Err(Error::from_problems(obstacles.into_iter().map(Error::from).collect()));
        }
        let obstacles = obstacles.into_iter().map(|obstacle| (obstacle.target, obstacle.problems.join("; ")));
        checked.facts.insert_obstacles = obstacles.collect();
        plan = checked.build_plan(request).map_err(as_error)?;
    }
    plan.warnings.extend(checked.target.milvus.server().version.describe_unknown());
    plan.warnings.append(&mut uncounted);
    plan.warnings.append(&mut checked.drop_warnings);
    plan.warnings.extend(describe_used_targets(&checked.target, &plan).await?);
    if let Some(silent) = describe_silent_rest(&checked.target.milvus).await {
        ctx.emit(Event::Note(silent.to_owned()));
    }
    let capabilities = checked.target.milvus.capabilities();
    let index_warnings = describe_unknown_indexes(&plan, capabilities);
    plan.warnings.extend(index_warnings);
    plan.warnings.extend(describe_endangered_deletes(&plan, capabilities));
    plan.warnings.extend(describe_unused_keys(request, checked.manifest()));
    let is_snapshot = checked.is_snapshot();
    let CheckedRestore { catalog, target, ends, detail, facts, .. } = checked;
    // Milvus would not find files that are staged below a wrong root path, and a wrong bucket must not cost the
    // collections that are dropped. On a disk, Milvus reads absolute paths and needs no root path for that.
    let absolute_paths = target.store.traits().absolute_paths;
    if plan.jobs().next().is_some()
        && (!absolute_paths
            || plan.staging.is_some()
            || request.options.existing == ExistingTargetPolicy::Drop)
    {
        let contents = list_collections_of(&target, facts.databases).await?;
        confirm_source_root(&target, &contents.collections).await?;
    }
    let server = target.milvus.server();
    ctx.emit(Event::Overview {
        server: server.version.to_string(),
        address: server.address.clone(),
        collections: plan.collections.len(),
        databases: plan.collections.iter().map(|c| &c.target.database).collect::<BTreeSet<_>>().len(),
        how: match (&plan.staging, is_snapshot) {
            (_, true) => "snapshots",
            (Some(_), false) => "staged",
            (None, false) if request.mode() == RestoreMode::Insert => "by inserts",
            (None, false) => "in place",
        }
        .to_owned(),
    });
    let (request, mut manifest) = (request.clone(), detail.manifest);
    let rbac = manifest.rbac.take().filter(|_| request.options.rbac);
    if let Some(rbac) = &rbac {
        // The target is compared again at the end. Reading it now finds a missing privilege before anything is changed.
        plan.rbac = Some(RbacAdditions::new(rbac, &target.milvus.read_rbac().await?));
    }
    Ok(PreparedRestore { request, catalog, target, manifest, ends, rbac, plan, started })
}

/// Resolves selection and mapping to pairs of source and target names.
///
/// If the selection matches only new names, the error has a hint with the names in the backup.
fn resolve_targets(manifest: &Manifest, request: &RestoreRequest) -> Result<Targets, Error> {
    let collections: Vec<CollectionRef> = manifest.collections.iter().map(|c| c.name.clone()).collect();
    let databases: BTreeSet<String> = manifest
        .databases
        .iter()
        .map(|d| d.name.clone())
        .chain(collections.iter().map(|c| c.database.clone()))
        .collect();
    let databases: Vec<String> = databases.into_iter().collect();
    let selected = request.selection.select(&databases, &collections).map_err(|error| {
        let renamed = request.mapping.resolve(&databases, &collections).ok();
        let matched = renamed.and_then(|targets| targets.only(&request.selection).ok());
        let names: Vec<CollectionRef> = matched
            .iter()
            .flat_map(|targets| &targets.collections)
            .map(|(source, _)| source.clone())
            .collect();
        let advice = (!names.is_empty()).then(|| Box::new(Advice::FilterBySourceNames { names }));
        Error::Selection(error, advice)
    })?;
    let targets = request.mapping.resolve(&selected.whole_databases, &selected.collections)?;
    targets
        .only(&request.targets)
        .map_err(|error| Error::Selection(error, Some(Box::new(Advice::FilterByTargetNames))))
}

/// Fails if the target cannot restore exported snapshots, or cannot copy those of the backup into its storage.
fn check_snapshot_target(
    engine: &Engine,
    checked: &CheckedRestore,
    request: &RestoreRequest,
) -> Result<(), Error> {
    let milvus = &checked.target.milvus;
    if !milvus.capabilities().exports_snapshots {
        return Err(Error::NoSnapshotRestore(milvus.server().version.to_string()));
    }
    let bundle = checked.catalog.layout(&request.name).bundle_dir();
    let config = &engine.config;
    config.backup.external_store(&bundle, &config.source).map(drop).map_err(Error::SnapshotSource)
}

/// Returns for each collection what the version of the target does not support of its schema and the import of its data.
fn schema_problems(target: &Instance, backups: &[&CollectionBackup], request: &RestoreRequest) -> Vec<Error> {
    let capabilities = target.milvus.capabilities();
    let inserts = request.mode() == RestoreMode::Insert;
    if inserts && request.options.existing == ExistingTargetPolicy::Use {
        return Vec::new();
    }
    let problem = |backup: &&CollectionBackup| {
        let columns = request.subset.named_columns();
        let adapted = schema_for_inserts(&backup.schema, capabilities.stores_nulls, columns);
        let mut problems = capabilities.schema_problems(if inserts { &adapted } else { &backup.schema });
        if !inserts && !request.options.meta_only {
            problems.extend(capabilities.import_problems(&backup.schema));
        }
        (!problems.is_empty()).then(|| Error::Schema {
            can_insert: !inserts && capabilities.schema_problems(&adapted).is_empty(),
            version: target.milvus.server().version.to_string(),
            collection: backup.name.to_string(),
            problems: problems.iter().map(ToString::to_string).collect(),
        })
    };
    backups.iter().filter_map(problem).collect()
}

/// The largest number of segments of one job; Milvus refuses more than 1,024 by default.
const MAX_SEGMENTS: usize = 256;

/// Describes how a Milvus imports whose REST service should answer and does not; `None` for all others.
pub(crate) async fn describe_silent_rest(milvus: &Milvus) -> Option<&'static str> {
    let is_silent = milvus.capabilities().rest && !milvus.has_rest().await;
    is_silent.then_some(
        "the REST service of Milvus does not answer: import jobs go over gRPC, one for each segment",
    )
}

/// Returns how a target imports.
async fn describe_importer(milvus: &Milvus) -> ImporterFacts {
    let capabilities = milvus.capabilities();
    let max_segments = match capabilities.rest {
        false => None,
        true if milvus.has_rest().await => Some(MAX_SEGMENTS),
        // A job that is sent over gRPC reads one directory.
        true => Some(1),
    };
    ImporterFacts {
        ignores_delete_times: !capabilities.import_applies_deletes_by_time,
        max_segments,
        reads_column_groups: capabilities.imports_column_groups,
        fills_missing_columns: capabilities.fills_missing_columns,
    }
}

/// Compares the objects of the selected collections with the manifest, and determines their delete entries.
///
/// Fails with the first five damages. The delete entries come from our own manifest if there is one, otherwise from
/// the delta logs.
async fn inspect_prefixes(
    checked: &CheckedRestore,
    request: &RestoreRequest,
) -> Result<BTreeMap<PartitionId, PrefixFacts>, Error> {
    let CheckedRestore { catalog, detail, .. } = checked;
    let name = &request.name;
    let scope = |id| PartitionScope::One(PartitionId(id));
    let recorded: Option<BTreeMap<PartitionScope, u64>> =
        detail.facts.as_ref().map(|facts| facts.deletes().map(|(id, n)| (scope(id), n)).collect());
    let recorded = recorded.as_ref();
    let inspections: Vec<_> = checked
        .selected_collections()
        .into_iter()
        .map(|backup| {
            let inspection = async move {
                let (seen, damages) = catalog.inspect_collection(name, backup).await?;
                let deletes = match recorded {
                    Some(recorded) => recorded.clone(),
                    None if damages.is_empty() => catalog.count_delete_entries(name, backup).await?,
                    None => BTreeMap::new(),
                };
                let seen = seen.into_iter().map(move |(id, seen)| {
                    let deletes = deletes.get(&PartitionScope::One(id)).copied().unwrap_or_default();
                    (id, PrefixFacts { deletes, ..seen })
                });
                Ok::<_, Error>((seen, damages))
            };
            inspection.boxed()
        })
        .collect();
    let inspected: Vec<_> = stream::iter(inspections).buffered(CONCURRENT_CALLS).try_collect().await?;
    let (seen, damages): (Vec<_>, Vec<_>) = inspected.into_iter().unzip();
    reject_damages(name, damages.into_iter().flatten())?;
    Ok(seen.into_iter().flatten().collect())
}
