//! What a restore will do: the targets, and one import job a partition wherever that is possible.

mod error;
mod indexes;
mod jobs;
mod properties;
mod request;
mod targets;
#[cfg(test)]
mod tests;

pub use error::PlanError;
pub use request::{Existing, Override, PrefixSeen, Reach, RestoreRequest, Seen, SkipParams};

use std::collections::HashMap;

use crate::ids::{PartitionId, SegmentId};
use crate::manifest::{CollectionBackup, Index, KeyValue, LoadState, Manifest};
use crate::name::{BackupName, CollectionRef};
use properties::Properties;

/// What one import job may hold before a partition is split, bytes.
pub const MAX_JOB_BYTES: u64 = 2 << 30;

/// What a restore will do, or would have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestorePlan {
    /// The backup.
    pub name: BackupName,
    /// Databases to create.
    pub databases: Vec<String>,
    /// Collections, in order.
    pub collections: Vec<CollectionPlan>,
    /// Why data is staged, where it is.
    pub staging: Option<String>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// What happens to one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionPlan {
    /// Its place in the manifest's list.
    pub index: usize,
    /// The name in the backup.
    pub source: CollectionRef,
    /// The name in the target.
    pub target: CollectionRef,
    /// What it is called meanwhile: its source's name, or its target's where the source has several.
    pub called: CollectionRef,
    /// How the target comes to be.
    pub action: Action,
    /// Partitions with what goes into them.
    pub partitions: Vec<PartitionPlan>,
    /// Indexes to create.
    pub indexes: Vec<Index>,
    /// Whether to load it at the end.
    pub load: bool,
    /// The partitions to load, where not all of them were; empty for the whole collection.
    pub load_only: Vec<String>,
    /// Aliases to create at the end.
    pub aliases: Vec<String>,
    /// The number of shards to create it with.
    pub shards: i32,
    /// The description to create it with.
    pub description: String,
    /// Properties to create it with.
    pub properties: Vec<KeyValue>,
    /// Properties to set once the data is in.
    pub properties_after: Vec<KeyValue>,
}

/// How a target collection comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is created.
    Create,
    /// The existing one is dropped and a new one created.
    DropAndCreate,
    /// The existing one is used.
    Use,
}

/// What goes into one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionPlan {
    /// Its id in the backup.
    pub id: PartitionId,
    /// Its name.
    pub name: String,
    /// How many rows the import must report.
    pub rows: RowRange,
    /// Import jobs; none without data.
    pub jobs: Vec<JobPlan>,
}

/// How many rows are right: between rows less delete entries, and rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RowRange {
    /// If every delete entry hit a row of its own.
    pub min: u64,
    /// If none did.
    pub max: u64,
}

impl RowRange {
    /// Whether a count is right.
    pub const fn contains(self, rows: u64) -> bool {
        self.min <= rows && rows <= self.max
    }
}

/// One import job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPlan {
    /// Where its files are read from.
    pub data: JobData,
    /// Whether it has delete logs.
    pub has_deltas: bool,
    /// Files.
    pub objects: u64,
    /// Bytes.
    pub bytes: u64,
    /// How many rows the job must report.
    pub rows: RowRange,
}

/// Where an import job's files are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobData {
    /// The partition's prefix in the backup, as it lies.
    InPlace,
    /// The named segments of the partition, copied unchanged below the target's root first.
    Staged(Vec<SegmentId>),
}

impl RestorePlan {
    /// Plans the restore of `pairs` (source name, target name) of a backup, and of `databases` (targets).
    pub fn new(
        manifest: &Manifest,
        databases: &[String],
        pairs: &[(CollectionRef, CollectionRef)],
        request: &RestoreRequest,
        seen: &Seen,
    ) -> Result<Self, PlanError> {
        targets::check(pairs, request.existing, seen)?;
        let places: HashMap<&CollectionRef, usize> =
            manifest.collections.iter().enumerate().map(|(at, c)| (&c.name, at)).collect();
        let mut warnings = Vec::new();
        let mut collections = Vec::new();
        for (source, target) in pairs {
            let place = places.get(source).and_then(|at| Some((*at, manifest.collections.get(*at)?)));
            let (index, backup) = place.ok_or_else(|| PlanError::NotInBackup(source.clone()))?;
            targets::check_segments(backup)?;
            collections.push(CollectionPlan::new(index, backup, target, request, seen, &mut warnings));
        }
        let mut sources: HashMap<CollectionRef, usize> = HashMap::new();
        for (source, _) in pairs {
            *sources.entry(source.clone()).or_default() += 1;
        }
        for plan in collections.iter_mut().filter(|plan| sources.get(&plan.source).is_some_and(|n| *n > 1)) {
            plan.called.clone_from(&plan.target);
        }
        targets::check_drops(&collections, request.confirmed_drops.as_ref())?;
        targets::leave_taken_aliases(&mut collections, &seen.aliases, &mut warnings);
        let staged = collections
            .iter()
            .flat_map(CollectionPlan::jobs)
            .any(|job| matches!(job.data, JobData::Staged(_)));
        let staging = staged.then(|| match &seen.reach {
            Reach::Staged(why) => why.clone(),
            Reach::InPlace => "a partition is split, or foreign objects lie among its files".to_owned(),
        });
        Ok(Self {
            name: request.name.clone(),
            databases: targets::missing_databases(databases, pairs, seen),
            collections,
            staging,
            warnings,
        })
    }

    /// The targets that exist and will be dropped.
    pub fn drops(&self) -> impl Iterator<Item = &CollectionRef> {
        dropped(&self.collections)
    }

    /// Every import job of the plan.
    pub fn jobs(&self) -> impl Iterator<Item = &JobPlan> {
        self.collections.iter().flat_map(CollectionPlan::jobs)
    }
}

fn dropped(plans: &[CollectionPlan]) -> impl Iterator<Item = &CollectionRef> {
    plans.iter().filter(|plan| plan.action == Action::DropAndCreate).map(|plan| &plan.target)
}

/// The partitions that were loaded, if others were not. What is said of partitions while a collection is still being
/// loaded cannot be relied on, and with a partition key all are loaded or none.
fn loaded_partitions(backup: &CollectionBackup) -> Vec<String> {
    if backup.load_state != LoadState::Loaded || backup.schema.fields.iter().any(|f| f.is_partition_key) {
        return Vec::new();
    }
    let loaded = backup.partitions.iter().filter(|p| p.load_state != LoadState::NotLoad);
    let loaded: Vec<String> = loaded.map(|p| p.name.clone()).collect();
    if loaded.len() < backup.partitions.len() { loaded } else { Vec::new() }
}

/// The override, or what the backup says up to the limit.
fn shards(backup: i32, other: Option<i32>, most: Option<i32>) -> i32 {
    let given = |n: &i32| *n > 0;
    other.filter(given).unwrap_or_else(|| most.filter(given).map_or(backup, |most| backup.min(most)))
}

impl CollectionPlan {
    fn new(
        index: usize,
        backup: &CollectionBackup,
        target: &CollectionRef,
        request: &RestoreRequest,
        seen: &Seen,
        warnings: &mut Vec<String>,
    ) -> Self {
        let action = targets::action(target, request.existing, seen);
        let partitions = backup.partitions.iter();
        // what exists keeps its properties
        let properties =
            if action == Action::Use { Properties::default() } else { Properties::of(backup, &request.skip) };
        if let Some(ttl) = properties.ttl_s() {
            warnings.push(format!(
                "{target} has a TTL of {ttl} s, which begins anew for its rows with the restore"
            ));
        }
        let indexes: Vec<Index> = backup
            .indexes
            .iter()
            .filter(|_| request.indexes)
            .map(|index| indexes::to_create(index, backup, request))
            .collect();
        let wanted = request.load && backup.load_state != LoadState::NotLoad;
        // one that exists may have indexes of its own
        let load = wanted && (!indexes.is_empty() || action == Action::Use);
        if wanted && !load {
            warnings.push(format!(
                "{target} was loaded, but cannot be without its index; create one and load it"
            ));
        }
        let other = request.overrides.get(target);
        let description = other.and_then(|o| o.description.as_ref()).unwrap_or(&backup.schema.description);
        Self {
            index,
            source: backup.name.clone(),
            target: target.clone(),
            called: backup.name.clone(),
            action,
            partitions: partitions
                .map(|p| if request.meta_only { jobs::no_data(p) } else { jobs::with_data(p, seen) })
                .collect(),
            indexes,
            load,
            load_only: if load { loaded_partitions(backup) } else { Vec::new() },
            aliases: if request.aliases { backup.aliases.clone() } else { Vec::new() },
            shards: shards(backup.shards, other.and_then(|o| o.shards), request.max_shards),
            description: description.clone(),
            properties: properties.before,
            properties_after: properties.after,
        }
    }

    /// Every import job of the collection.
    pub fn jobs(&self) -> impl Iterator<Item = &JobPlan> {
        self.partitions.iter().flat_map(|p| &p.jobs)
    }

    /// How many rows the import must report.
    pub fn rows(&self) -> RowRange {
        self.partitions.iter().fold(RowRange::default(), |sum, p| RowRange {
            min: sum.min.saturating_add(p.rows.min),
            max: sum.max.saturating_add(p.rows.max),
        })
    }
}
