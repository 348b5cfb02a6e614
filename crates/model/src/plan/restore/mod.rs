//! What a restore will do: the targets, and one import job a partition wherever that is possible.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{PartitionId, SegmentId};
use crate::manifest::{CollectionBackup, Index, KeyValue, LoadState, Manifest, PartitionBackup, Segment};
use crate::mapping::Mapping;
use crate::name::{BackupName, CollectionRef, DEFAULT_DATABASE};
use crate::selection::Selection;

/// What one import job may hold before a partition is split, bytes.
pub const MAX_JOB_BYTES: u64 = 2 << 30;

/// What a restore was asked to do.
#[derive(Clone, Debug)]
pub struct RestoreRequest {
    /// The backup.
    pub name: BackupName,
    /// Which of its collections, by source names.
    pub selection: Selection,
    /// Where they go.
    pub mapping: Mapping,
    /// Whether to leave the data out.
    pub meta_only: bool,
    /// Whether to create the backup's indexes.
    pub indexes: bool,
    /// Whether vector indexes become AUTOINDEX, keeping their metric.
    pub auto_index: bool,
    /// What to do with targets that exist.
    pub existing: Existing,
    /// Whether to drop the indexes of an existing target first.
    pub drop_indexes: bool,
    /// Whether to load what was loaded.
    pub load: bool,
    /// Whether to create the aliases.
    pub aliases: bool,
    /// Whether to drop what was created for a collection that then failed.
    pub cleanup_on_failure: bool,
    /// Whether to keep staged files.
    pub keep_staged: bool,
    /// Whether to stop at the plan.
    pub dry_run: bool,
}

/// What to do with a target collection that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Refuse the restore.
    #[default]
    Refuse,
    /// Drop it and create it anew.
    Drop,
    /// Import into it; it must exist.
    Use,
}

/// Whether the target's Milvus can read the backup where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It can: same endpoint and bucket, or the same disk.
    InPlace,
    /// It cannot; the reason in words.
    Staged(String),
}

/// What the target and the backup's store showed.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Databases of the target.
    pub databases: BTreeSet<String>,
    /// Which of the targets exist.
    pub existing: BTreeSet<CollectionRef>,
    /// Whether the data can be read in place.
    pub reach: Reach,
    /// Of each partition with data, what lies below its prefix.
    pub prefixes: BTreeMap<PartitionId, PrefixSeen>,
}

/// What lies below a partition's prefix in the backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrefixSeen {
    /// Whether objects lie there that the manifest does not know; an import would take them along.
    pub foreign: bool,
    /// Entries of its delete logs.
    pub deletes: u64,
}

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
    /// How the target comes to be.
    pub action: Action,
    /// Partitions with what goes into them.
    pub partitions: Vec<PartitionPlan>,
    /// Indexes to create.
    pub indexes: Vec<Index>,
    /// Whether to load it at the end.
    pub load: bool,
    /// Aliases to create at the end.
    pub aliases: Vec<String>,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Why a restore cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Targets exist and nothing was said about it.
    #[error("target collections exist already: {}", list(.0))]
    TargetsExist(Vec<CollectionRef>),
    /// Targets that should be used do not exist.
    #[error("target collections do not exist: {}", list(.0))]
    TargetsMissing(Vec<CollectionRef>),
    /// The backup holds what no served Milvus can import.
    #[error(
        "{0} holds segments of deletes (L0), which come with Milvus 2.4; restoring them comes with a later release"
    )]
    L0(CollectionRef),
    /// The backup holds what no served Milvus can import.
    #[error(
        "{0} holds segments of storage version {1}, which come with Milvus 2.6; restoring them comes with a later release"
    )]
    StorageVersion(CollectionRef, i64),
}

fn list(names: &[CollectionRef]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl RestorePlan {
    /// Plans the restore of `pairs` (source name, target name) of a backup.
    pub fn new(
        manifest: &Manifest,
        databases: &[String],
        pairs: &[(CollectionRef, CollectionRef)],
        request: &RestoreRequest,
        seen: &Seen,
    ) -> Result<Self, PlanError> {
        check_targets(pairs, request.existing, seen)?;
        let mut warnings = Vec::new();
        let mut collections = Vec::new();
        for (source, target) in pairs {
            let Some((index, backup)) =
                manifest.collections.iter().enumerate().find(|(_, c)| &c.name == source)
            else {
                continue;
            };
            check_segments(backup)?;
            collections.push(collection(index, backup, target, request, seen, &mut warnings));
        }
        let wanted: BTreeSet<&str> = pairs
            .iter()
            .map(|(_, target)| target.database.as_str())
            .chain(databases.iter().map(String::as_str))
            .filter(|db| *db != DEFAULT_DATABASE)
            .collect();
        let databases =
            wanted.into_iter().filter(|db| !seen.databases.contains(*db)).map(str::to_owned).collect();
        let staged = collections
            .iter()
            .flat_map(CollectionPlan::jobs)
            .any(|job| matches!(job.data, JobData::Staged(_)));
        let staging = staged.then(|| match &seen.reach {
            Reach::Staged(why) => why.clone(),
            Reach::InPlace => "a partition is split, or foreign objects lie among its files".to_owned(),
        });
        Ok(Self { name: request.name.clone(), databases, collections, staging, warnings })
    }

    /// Every import job of the plan.
    pub fn jobs(&self) -> impl Iterator<Item = &JobPlan> {
        self.collections.iter().flat_map(CollectionPlan::jobs)
    }
}

impl CollectionPlan {
    /// Every import job of the collection.
    pub fn jobs(&self) -> impl Iterator<Item = &JobPlan> {
        self.partitions.iter().flat_map(|p| &p.jobs)
    }

    /// How many rows the import must report.
    pub fn rows(&self) -> RowRange {
        self.partitions.iter().fold(RowRange::default(), |sum, p| RowRange {
            min: sum.min + p.rows.min,
            max: sum.max + p.rows.max,
        })
    }
}

fn check_targets(
    pairs: &[(CollectionRef, CollectionRef)],
    existing: Existing,
    seen: &Seen,
) -> Result<(), PlanError> {
    let (present, missing): (Vec<_>, Vec<_>) =
        pairs.iter().map(|(_, target)| target.clone()).partition(|target| seen.existing.contains(target));
    match existing {
        Existing::Refuse if !present.is_empty() => Err(PlanError::TargetsExist(present)),
        Existing::Use if !missing.is_empty() => Err(PlanError::TargetsMissing(missing)),
        _ => Ok(()),
    }
}

fn check_segments(backup: &CollectionBackup) -> Result<(), PlanError> {
    for (_, segment) in super::backup::segments(backup) {
        if segment.is_l0 {
            // a meta-only backup of 0.4 lists segments without a single file
            if segment.objects() > 0 {
                return Err(PlanError::L0(backup.name.clone()));
            }
        } else if segment.storage_version > 1 {
            return Err(PlanError::StorageVersion(backup.name.clone(), segment.storage_version));
        }
    }
    Ok(())
}

fn collection(
    index: usize,
    backup: &CollectionBackup,
    target: &CollectionRef,
    request: &RestoreRequest,
    seen: &Seen,
    warnings: &mut Vec<String>,
) -> CollectionPlan {
    let action = match request.existing {
        Existing::Use => Action::Use,
        Existing::Drop if seen.existing.contains(target) => Action::DropAndCreate,
        _ => Action::Create,
    };
    let partitions: Vec<PartitionPlan> = backup
        .partitions
        .iter()
        .map(|p| if request.meta_only { partition_without_data(p) } else { partition(p, seen) })
        .collect();
    let (properties, properties_after) =
        if action == Action::Use { (Vec::new(), Vec::new()) } else { properties(backup) };
    if let Some(ttl) = properties_after.iter().find(|kv| kv.key == TTL) {
        warnings.push(format!(
            "{target} has a TTL of {} s, set once the data is in; its rows keep their time from the moment of restore",
            ttl.value
        ));
    }
    let indexes = if request.indexes {
        backup.indexes.iter().map(|i| index_for(i, backup, request.auto_index)).collect()
    } else {
        Vec::new()
    };
    let load = request.load && backup.load_state != LoadState::NotLoad && !indexes.is_empty();
    if request.load && backup.load_state != LoadState::NotLoad && indexes.is_empty() && action != Action::Use
    {
        warnings
            .push(format!("{target} was loaded, but cannot be without its index; create one and load it"));
    }
    let aliases = if request.aliases { backup.aliases.clone() } else { Vec::new() };
    CollectionPlan {
        index,
        source: backup.name.clone(),
        target: target.clone(),
        action,
        partitions,
        indexes,
        load,
        aliases,
        properties,
        properties_after,
    }
}

/// The property whose number of seconds Milvus counts from a row's own time.
const TTL: &str = "collection.ttl.seconds";

/// Properties that only the server may set: replayed, they would lock out or confuse the target.
const SERVER_PROPERTIES: [&str; 3] = ["replicate.", "max_field_id", "cipher."];

/// Properties that would expire, deny or slow down the restore itself.
fn is_set_after(key: &str) -> bool {
    key == TTL || key.contains(".force.deny.") || key.contains("Rate.")
}

fn properties(backup: &CollectionBackup) -> (Vec<KeyValue>, Vec<KeyValue>) {
    let mut union: BTreeMap<&str, &KeyValue> = BTreeMap::new();
    for kv in backup.schema.properties.iter().chain(&backup.properties) {
        union.insert(&kv.key, kv);
    }
    union
        .into_values()
        .filter(|kv| !SERVER_PROPERTIES.iter().any(|p| kv.key.starts_with(p)))
        .cloned()
        .partition(|kv| !is_set_after(&kv.key))
}

fn index_for(index: &Index, backup: &CollectionBackup, auto: bool) -> Index {
    let vector = backup.schema.fields.iter().any(|f| f.name == index.field_name && f.data_type.is_vector());
    let mut index = index.clone();
    if auto && vector {
        index.params.retain(|key, _| key == "metric_type");
        "AUTOINDEX".clone_into(&mut index.index_type);
        index.params.insert("index_type".to_owned(), index.index_type.clone());
    } else if index.index_type == "marisa-trie" {
        // the name older servers report; CreateIndex only takes the newer one
        "Trie".clone_into(&mut index.index_type);
        index.params.insert("index_type".to_owned(), index.index_type.clone());
    }
    index
}

fn partition_without_data(p: &PartitionBackup) -> PartitionPlan {
    PartitionPlan { id: p.id, name: p.name.clone(), rows: RowRange::default(), jobs: Vec::new() }
}

fn partition(p: &PartitionBackup, seen: &Seen) -> PartitionPlan {
    let with_data: Vec<&Segment> = p.segments.iter().filter(|s| !s.is_l0 && !s.binlogs.is_empty()).collect();
    if with_data.is_empty() {
        return partition_without_data(p);
    }
    let prefix = seen.prefixes.get(&p.id).copied().unwrap_or_default();
    let rows: u64 = with_data.iter().map(|s| s.rows).sum();
    let rows = RowRange { min: rows.saturating_sub(prefix.deletes), max: rows };
    let groups = split(&with_data);
    let in_place = seen.reach == Reach::InPlace && !prefix.foreign && groups.len() == 1;
    let jobs = groups
        .into_iter()
        .map(|group| {
            let max = group.iter().map(|s| s.rows).sum::<u64>();
            JobPlan {
                data: if in_place {
                    JobData::InPlace
                } else {
                    JobData::Staged(group.iter().map(|s| s.id).collect())
                },
                has_deltas: group.iter().any(|s| !s.delta_logs.is_empty()),
                objects: group.iter().map(|s| s.objects() as u64).sum(),
                bytes: group.iter().map(|s| s.size()).sum(),
                rows: RowRange { min: max.saturating_sub(prefix.deletes), max },
            }
        })
        .collect();
    PartitionPlan { id: p.id, name: p.name.clone(), rows, jobs }
}

/// Consecutive segments, together at most [`MAX_JOB_BYTES`]; a larger segment stands alone.
fn split<'a>(segments: &[&'a Segment]) -> Vec<Vec<&'a Segment>> {
    let mut groups: Vec<Vec<&Segment>> = Vec::new();
    let mut bytes = 0;
    for segment in segments {
        let size = segment.size();
        match groups.last_mut() {
            Some(group) if bytes + size <= MAX_JOB_BYTES => {
                group.push(segment);
                bytes += size;
            }
            _ => {
                groups.push(vec![segment]);
                bytes = size;
            }
        }
    }
    groups
}
