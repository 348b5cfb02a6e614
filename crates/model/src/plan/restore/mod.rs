//! The plan of a restore: the targets, and the import jobs of each, one for each partition wherever possible.

mod error;
mod indexes;
mod insert;
mod job;
mod jobs;
mod options;
mod properties;
mod rbac;
mod request;
mod snapshot;
mod target_schema;
mod targets;
#[cfg(test)]
mod tests;

pub use error::PlanError;
pub use insert::schema_for_inserts;
pub use job::{DeleteTreatment, ImportFiles, ImportJob, ImportJobKey, JobSegment};
pub use options::{RestoreMode, RestoreOptions};
pub use rbac::RbacAdditions;
pub use request::{
    CollectionOverride, DataAccess, DeleteEffect, ExistingTargetPolicy, EzkMapping, ImporterFacts,
    PrefixFacts, RestoreRequest, RowSubset, SkipParams, TargetFacts,
};

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::ids::{PartitionId, PartitionScope};
use crate::manifest::{
    CollectionBackup, Index, KeyValue, LoadState, Manifest, PartitionBackup, Schema, SnapshotBundle,
};
use crate::name::{BackupName, CollectionRef};
use crate::plan::backup::segments;
use properties::Properties;

/// The largest size of one import job in bytes; a larger partition is split.
pub const MAX_JOB_BYTES: u64 = 2 << 30;

/// The plan of a restore, which a dry run prints and a run executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestorePlan {
    /// The name of the backup.
    pub name: BackupName,
    /// The databases to create in the target.
    pub databases: Vec<String>,
    /// The properties that these databases get at the end.
    pub database_properties: Vec<(String, Vec<KeyValue>)>,
    /// The plans of the collections, in the order in which they are restored.
    pub collections: Vec<CollectionPlan>,
    /// The reason why data is staged; `None` if all data is imported in place.
    pub staging: Option<String>,
    /// The users, roles and grants to add, if the request demands that.
    pub rbac: Option<RbacAdditions>,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

/// The plan of one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionPlan {
    /// The position of the collection in the manifest's list.
    pub index: usize,
    /// The name of the collection in the backup.
    pub source: CollectionRef,
    /// The name of the collection in the target.
    pub target: CollectionRef,
    /// The name in progress reports: the source's, or the target's if the source has several targets.
    pub display_name: CollectionRef,
    /// Whether the target is created, replaced or used.
    pub action: TargetAction,
    /// The names of the snapshots that are destroyed when the existing target is dropped.
    pub destroyed_snapshots: Vec<String>,
    /// The plans of the partitions.
    pub partitions: Vec<PartitionPlan>,
    /// The import jobs, in an order in which they can be sent.
    pub jobs: Vec<ImportJob>,
    /// The schema with which the target is created, if it is not that of the backup.
    pub schema: Option<Schema>,
    /// The snapshot from which Milvus creates the target; `None` if it is created and imported.
    pub bundle: Option<SnapshotBundle>,
    /// The indexes to create.
    pub indexes: Vec<Index>,
    /// Whether to load the collection at the end.
    pub load: bool,
    /// The partitions to load, if only some were loaded in the source; empty for the whole collection.
    pub load_only: Vec<String>,
    /// The aliases to create at the end.
    pub aliases: Vec<String>,
    /// The number of shards with which the target is created.
    pub shards: i32,
    /// The description with which the target is created.
    pub description: String,
    /// The properties with which the target is created.
    pub properties: Vec<KeyValue>,
    /// The properties to set after the import.
    pub properties_after: Vec<KeyValue>,
}

/// What a restore does with the target collection before the import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetAction {
    /// Creates the target, which does not exist.
    Create,
    /// Drops the existing target and creates a new one.
    DropAndCreate,
    /// Uses the existing target.
    Use,
}

/// The plan of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionPlan {
    /// The id of the partition in the backup.
    pub id: PartitionId,
    /// The name of the partition, which is the same in the target.
    pub name: String,
    /// The number of rows that the import must report.
    pub rows: RowRange,
    /// How its rows get into the target.
    pub method: PartitionMethod,
    /// The number of files of its segments with rows, and their total size in bytes.
    pub files: (u64, u64),
}

/// How the rows of a partition get into the target, and why so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionMethod {
    /// The method.
    pub method: RestoreMethod,
    /// The reason in words; empty if there is no choice.
    pub reason: String,
}

/// A method of getting rows into the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestoreMethod {
    /// Milvus imports the files.
    #[default]
    Import,
    /// This program inserts the rows.
    Insert,
}

/// The range of correct row counts: from the rows minus the delete entries, up to the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct RowRange {
    /// The count if every delete entry deletes a different row.
    pub min: u64,
    /// The count if no delete entry deletes a row.
    pub max: u64,
}

impl RowRange {
    /// Returns whether a row count is in the range.
    pub const fn contains(self, rows: u64) -> bool {
        self.min <= rows && rows <= self.max
    }
}

impl fmt::Display for RowRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max { self.max.fmt(f) } else { write!(f, "{} to {}", self.min, self.max) }
    }
}

impl RestorePlan {
    /// Plans the restore of `pairs` of collections (source name, target name) and of `databases` (target names).
    ///
    /// Fails with every problem of every collection.
    pub fn new(
        manifest: &Manifest,
        databases: &[String],
        pairs: &[(CollectionRef, CollectionRef)],
        request: &RestoreRequest,
        facts: &TargetFacts,
    ) -> Result<Self, Vec<PlanError>> {
        let mut problems = targets::existence_problems(pairs, request.options.existing, facts);
        problems.extend(targets::subset_problems(manifest, pairs, request));
        let positions: HashMap<&CollectionRef, usize> =
            manifest.collections.iter().enumerate().map(|(at, c)| (&c.name, at)).collect();
        let mut warnings = snapshot::check_request(manifest, request).unwrap_or_else(|problem| {
            problems.push(problem);
            Vec::new()
        });
        let mut collections = Vec::new();
        for (source, target) in pairs {
            let found = positions.get(source).and_then(|at| Some((*at, manifest.collections.get(*at)?)));
            let Some((index, backup)) = found else {
                problems.push(PlanError::NotInBackup(source.clone()));
                continue;
            };
            if !request.options.meta_only {
                let importer = match request.mode() {
                    // This program reads the rows.
                    RestoreMode::Insert => ImporterFacts {
                        reads_column_groups: true,
                        fills_missing_columns: true,
                        ..facts.importer
                    },
                    RestoreMode::Auto | RestoreMode::Import => facts.importer,
                };
                problems.extend(targets::segment_problems(backup, &importer));
            }
            if backup.schema.is_external() && backup.schema.hides_external_keys() {
                problems.push(PlanError::ExternalKeys(backup.name.clone()));
            }
            // Inserts name the fields, so that other differences than those of an import matter.
            if request.mode() != RestoreMode::Insert {
                problems.extend(targets::schema_problem(backup, target, facts));
            }
            let bundle = snapshot::bundle_of(manifest, backup).unwrap_or_else(|problem| {
                problems.push(problem);
                None
            });
            let plan = CollectionPlan::new(index, backup, bundle, target, request, facts, &mut warnings);
            collections.push(plan);
        }
        let mut sources: HashMap<CollectionRef, usize> = HashMap::new();
        for (source, _) in pairs {
            *sources.entry(source.clone()).or_default() += 1;
        }
        for plan in collections.iter_mut().filter(|plan| sources.get(&plan.source).is_some_and(|n| *n > 1)) {
            plan.display_name.clone_from(&plan.target);
        }
        problems.extend(targets::unconfirmed_drops(&collections, request.confirmed_drops.as_ref()));
        if !problems.is_empty() {
            // A source with several targets has its own problems only once.
            let mut seen = HashSet::new();
            problems.retain(|problem| seen.insert(problem.clone()));
            return Err(problems);
        }
        targets::remove_taken_aliases(&mut collections, &facts.aliases, &mut warnings);
        let mut jobs = collections.iter().flat_map(|plan| &plan.jobs);
        let staging = match &facts.access {
            DataAccess::Staged(why) => jobs.next().map(|_| why.clone()),
            // Whole segments are the larger matter where delta logs are staged too.
            DataAccess::InPlace => {
                let reasons = jobs.filter_map(|job| Some((job, reason_for_staging(job)?)));
                let main = reasons.max_by_key(|(job, _)| {
                    (job.files == ImportFiles::Staged, job.count(DeleteTreatment::Applied) > 0)
                });
                main.map(|(_, reason)| reason.to_owned())
            }
        };
        let databases = targets::missing_databases(databases, pairs, facts);
        Ok(Self {
            name: request.name.clone(),
            database_properties: databases
                .iter()
                .filter_map(|name| properties::of_database(manifest, name, pairs))
                .collect(),
            databases,
            collections,
            staging,
            rbac: None,
            warnings,
        })
    }

    /// Returns the existing target collections that will be dropped.
    pub fn dropped_targets(&self) -> impl Iterator<Item = &CollectionRef> {
        dropped_targets(&self.collections)
    }

    /// Returns every import job of the plan.
    pub fn jobs(&self) -> impl Iterator<Item = &ImportJob> {
        self.collections.iter().flat_map(|plan| &plan.jobs)
    }
}

/// Returns the reason why files are staged that the target can read in place; `None` if they are not.
fn reason_for_staging(job: &ImportJob) -> Option<&'static str> {
    match job.files {
        ImportFiles::InPlace => None,
        ImportFiles::InPlaceWithStagedDeletes => {
            Some("delta logs only: the target does not import all of those in the backup")
        }
        ImportFiles::Staged if job.count(DeleteTreatment::Applied) > 0 => {
            Some("segments are rewritten: the target would also delete rows that were inserted again later")
        }
        ImportFiles::Staged if job.by_segment => Some(
            "segments share a directory in the backup, or it contains objects that are not part of the backup",
        ),
        ImportFiles::Staged => {
            Some("a partition is split, or its directory contains objects that are not part of the backup")
        }
    }
}

fn dropped_targets(plans: &[CollectionPlan]) -> impl Iterator<Item = &CollectionRef> {
    plans.iter().filter(|plan| plan.action == TargetAction::DropAndCreate).map(|plan| &plan.target)
}

/// Returns the partitions that were loaded, if others were not; empty if all or none were.
///
/// While a collection is being loaded, the load states of its partitions are not reliable, and with a partition key
/// either all partitions are loaded or none.
fn loaded_partitions(backup: &CollectionBackup) -> Vec<String> {
    if backup.load_state != LoadState::Loaded || backup.schema.has_partition_key() {
        return Vec::new();
    }
    let loaded = backup.partitions.iter().filter(|p| p.load_state != LoadState::NotLoad);
    let loaded: Vec<String> = loaded.map(|p| p.name.clone()).collect();
    if loaded.len() < backup.partitions.len() { loaded } else { Vec::new() }
}

/// Returns the override, or the number of shards in the backup up to the limit.
fn shards_to_create(backup: i32, other: Option<i32>, most: Option<i32>) -> i32 {
    let given = |n: &i32| *n > 0;
    other.filter(given).unwrap_or_else(|| most.filter(given).map_or(backup, |most| backup.min(most)))
}

impl CollectionPlan {
    fn new(
        index: usize,
        backup: &CollectionBackup,
        bundle: Option<SnapshotBundle>,
        target: &CollectionRef,
        request: &RestoreRequest,
        facts: &TargetFacts,
        warnings: &mut Vec<String>,
    ) -> Self {
        let action = targets::target_action(target, request.options.existing, facts);
        // an existing target keeps its properties, and a snapshot brings its own
        let properties = if action == TargetAction::Use || bundle.is_some() {
            Properties::default()
        } else {
            Properties::new(backup, &request.skip)
        };
        let effects = backup.partitions.iter().filter_map(|partition| facts.prefixes.get(&partition.id));
        let later: u64 = effects.flat_map(|prefix| prefix.segments.values()).map(|effect| effect.later).sum();
        if later > 0 {
            let rows = match later {
                1 => "1 row that is later than the checkpoints of the backup is".to_owned(),
                _ => format!("{later} rows that are later than the checkpoints of the backup are"),
            };
            warnings.push(format!("{target}: {rows} left out"));
        }
        let has_deletes = || segments(backup).any(|(_, segment)| !segment.delta_logs.is_empty());
        if request.options.truncate_by_ts && has_deletes() {
            warnings.push(format!(
                "{target}: deletes that are later than the checkpoints are left out, so the rows that they delete come back"
            ));
        }
        if let Some(ttl) = properties.ttl_s() {
            warnings
                .push(format!("{target} has a TTL of {ttl} s, which restarts for its rows at the restore"));
        }
        let indexes: Vec<Index> = backup
            .indexes
            .iter()
            .filter(|_| request.options.indexes || bundle.is_some())
            .filter(|index| {
                request.subset.named_columns().is_none_or(|names| names.contains(&index.field_name))
            })
            .map(|index| match bundle {
                Some(_) => index.clone(),
                None => indexes::index_to_create(index, backup, request),
            })
            .collect();
        let wanted = request.options.load && backup.load_state != LoadState::NotLoad;
        // an existing target may have indexes already
        let load = wanted && (!indexes.is_empty() || action == TargetAction::Use);
        if wanted && !load {
            warnings.push(format!(
                "{target} was loaded, but cannot be loaded without its index; create an index and load it"
            ));
        }
        let selected: Vec<&PartitionBackup> = backup
            .partitions
            .iter()
            .filter(|partition| request.subset.has_partition(&partition.name))
            .collect();
        let (partitions, jobs) = if bundle.is_some() {
            (snapshot::plan_partitions(backup, facts), Vec::new())
        } else if request.options.meta_only {
            (selected.into_iter().map(jobs::plan_without_data).collect(), Vec::new())
        } else {
            jobs::plan_partitions(&selected, facts)
        };
        let is_adapted =
            request.mode() == RestoreMode::Insert && action != TargetAction::Use && bundle.is_none();
        let schema = is_adapted.then(|| {
            insert::schema_for_inserts(&backup.schema, facts.stores_nulls, request.subset.named_columns())
        });
        let other = request.overrides.get(target);
        let description = other.and_then(|o| o.description.as_ref()).unwrap_or(&backup.schema.description);
        let mut plan = Self {
            index,
            source: backup.name.clone(),
            target: target.clone(),
            display_name: backup.name.clone(),
            action,
            destroyed_snapshots: if action == TargetAction::DropAndCreate {
                facts.snapshots.get(target).cloned().unwrap_or_default()
            } else {
                Vec::new()
            },
            partitions,
            jobs,
            schema,
            bundle,
            indexes,
            load,
            load_only: if load { loaded_partitions(backup) } else { Vec::new() },
            aliases: if request.options.aliases { backup.aliases.clone() } else { Vec::new() },
            shards: shards_to_create(backup.shards, other.and_then(|o| o.shards), request.max_shards),
            description: description.clone(),
            properties: properties.before,
            properties_after: properties.after,
        };
        if plan.bundle.is_none() && !request.options.meta_only {
            insert::choose_methods(&mut plan, request, facts);
        }
        if request.subset.selects_rows() {
            for rows in plan.partitions.iter_mut().map(|partition| &mut partition.rows) {
                *rows = RowRange { min: 0, max: rows.max.min(request.subset.limit.unwrap_or(u64::MAX)) };
            }
        }
        plan
    }

    /// Returns the partitions with rows that are inserted.
    pub fn inserted_partitions(&self) -> impl Iterator<Item = &PartitionPlan> {
        let inserts =
            |plan: &&PartitionPlan| plan.method.method == RestoreMethod::Insert && plan.rows.max > 0;
        self.partitions.iter().filter(inserts)
    }

    /// Returns the number of files to import, or to read and insert, and their total size in bytes.
    pub fn size(&self) -> (u64, u64) {
        let bundle = self.bundle.iter().map(|bundle| (bundle.total_files, bundle.total_bytes));
        let jobs = self.jobs.iter().map(|job| (job.objects, job.bytes));
        let inserts = self.inserted_partitions().map(|partition| partition.files);
        let parts = bundle.chain(jobs).chain(inserts);
        parts.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1.saturating_add(part.1)))
    }

    /// Returns the number of import jobs and of partitions to insert.
    pub fn steps(&self) -> usize {
        self.jobs.len() + self.inserted_partitions().count()
    }

    /// Returns the import jobs of one partition, or of all partitions together.
    pub fn jobs_of(&self, scope: PartitionScope) -> impl Iterator<Item = &ImportJob> {
        self.jobs.iter().filter(move |job| job.scope == scope)
    }

    /// The number of rows that the import must report.
    pub fn rows(&self) -> RowRange {
        self.partitions.iter().fold(RowRange::default(), |sum, p| RowRange {
            min: sum.min.saturating_add(p.rows.min),
            max: sum.max.saturating_add(p.rows.max),
        })
    }
}
