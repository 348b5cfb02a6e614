//! The request of a restore, and the facts about the target and the backup's store from which it is planned.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{PartitionId, SegmentId, Tso};
use crate::manifest::Schema;
use crate::mapping::Mapping;
use crate::name::{BackupName, CollectionRef};
use crate::selection::Selection;

use super::{RestoreMode, RestoreOptions};

/// A request to restore a backup.
///
/// It is stored with the job that executes it, so a reader ignores unknown fields and sets missing ones to their
/// defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRequest {
    /// The name of the backup.
    pub name: BackupName,
    /// The collections to restore, selected by their names in the backup.
    #[serde(default = "Selection::everything")]
    pub selection: Selection,
    /// The mapping of source names to target names.
    #[serde(default = "Mapping::identity")]
    pub mapping: Mapping,
    /// The targets to restore, selected by their names; by default all targets of the mapping. (0.5 without such a
    /// filter restores nothing for a `restorePlan`, and succeeds.)
    #[serde(default = "Selection::everything")]
    pub targets: Selection,
    /// The options that every front end offers.
    #[serde(flatten)]
    pub options: RestoreOptions,
    /// The part of each collection to restore; by default all of it.
    #[serde(default, skip_serializing_if = "RowSubset::is_everything")]
    pub subset: RowSubset,
    /// Whether to keep the staging directory at the end.
    #[serde(default)]
    pub keep_staged: bool,
    /// The properties and parameters that are not restored.
    #[serde(default)]
    pub skip: SkipParams,
    /// The largest number of shards with which a target is created; no limit if it is not more than 0.
    #[serde(default)]
    pub max_shards: Option<i32>,
    /// The attributes with which targets are created instead of the backup's; `max_shards` does not limit `shards`.
    #[serde(default)]
    pub overrides: BTreeMap<CollectionRef, CollectionOverride>,
    /// The keys of encryption zones to import with, by those in the backup; others are used as they are.
    #[serde(default, skip_serializing_if = "EzkMapping::is_empty")]
    pub ezk_mapping: EzkMapping,
    /// The existing targets that may be dropped; a plan that would drop others is rejected. `None` allows all drops.
    #[serde(default)]
    pub confirmed_drops: Option<BTreeSet<CollectionRef>>,
}

impl RestoreRequest {
    /// Requests everything in a backup under its old names, with data, indexes, aliases and load state.
    pub fn with_defaults(name: BackupName) -> Self {
        Self {
            name,
            selection: Selection::everything(),
            mapping: Mapping::identity(),
            targets: Selection::everything(),
            options: RestoreOptions::default(),
            subset: RowSubset::default(),
            keep_staged: false,
            skip: SkipParams::default(),
            max_shards: None,
            overrides: BTreeMap::new(),
            ezk_mapping: EzkMapping::default(),
            confirmed_drops: None,
        }
    }

    /// Returns the mode in which rows get into the target: a part of the rows or columns can only be inserted.
    pub fn mode(&self) -> RestoreMode {
        match self.options.mode {
            RestoreMode::Auto if self.subset.selects_values() => RestoreMode::Insert,
            mode => mode,
        }
    }
}

/// The part of each collection that is restored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowSubset {
    /// The names of the partitions; empty for all.
    pub partitions: Vec<String>,
    /// The largest number of rows of each collection.
    pub limit: Option<u64>,
    /// The names of the fields; empty for all.
    pub columns: Vec<String>,
}

impl RowSubset {
    /// Returns whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        self.partitions.is_empty() && !self.selects_values()
    }

    /// Returns whether rows or fields of a partition are left out.
    pub fn selects_values(&self) -> bool {
        self.limit.is_some() || !self.columns.is_empty()
    }

    /// Returns whether rows of a partition are left out, so that their number is not known beforehand.
    pub fn selects_rows(&self) -> bool {
        self.limit.is_some()
    }

    /// Returns whether a partition is restored.
    pub fn has_partition(&self, name: &str) -> bool {
        self.partitions.is_empty() || self.partitions.iter().any(|partition| partition == name)
    }

    /// Returns the names of the fields; `None` for all.
    pub fn named_columns(&self) -> Option<&[String]> {
        (!self.columns.is_empty()).then_some(self.columns.as_slice())
    }
}

/// New keys of encryption zones by those in a backup. They are secrets, which its debug form does not show.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EzkMapping(pub BTreeMap<String, String>);

impl EzkMapping {
    /// Returns whether no key is replaced.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the key to import with in place of one of a backup.
    pub fn apply<'a>(&'a self, key: &'a str) -> &'a str {
        self.0.get(key).map_or(key, String::as_str)
    }
}

impl fmt::Debug for EzkMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EzkMapping({} keys)", self.0.len())
    }
}

/// Keys of properties and parameters that are not restored, because the target would not accept them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SkipParams {
    /// Keys of collection properties.
    pub collection_properties: Vec<String>,
    /// Keys of index parameters that old versions store with fields.
    pub field_index_params: Vec<String>,
    /// Keys of type parameters of fields.
    pub field_type_params: Vec<String>,
    /// Keys of index parameters. (0.5 accepts and ignores them; its development head uses them for snapshots only.)
    pub index_params: Vec<String>,
}

/// The attributes with which a target is created instead of the backup's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CollectionOverride {
    /// The number of shards, if more than 0.
    pub shards: Option<i32>,
    /// The description of the collection.
    pub description: Option<String>,
}

/// What to do with an existing target collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExistingTargetPolicy {
    /// Fails the restore before it changes anything.
    #[default]
    Refuse,
    /// Drops the collection and creates a new one.
    Drop,
    /// Imports into the collection, which must exist.
    Use,
}

/// Whether the Milvus of the target can read the backup in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DataAccess {
    /// It can: both use the same endpoint and bucket, or the same disk.
    #[default]
    InPlace,
    /// It cannot, for this reason in words.
    Staged(String),
}

/// The facts about the target and the backup's store from which a restore is planned.
#[derive(Clone, Debug, Default)]
pub struct TargetFacts {
    /// The databases of the target.
    pub databases: BTreeSet<String>,
    /// The target collections that exist.
    pub existing: BTreeSet<CollectionRef>,
    /// The schemas of the target collections that are used as they are, each with the number of partitions over which
    /// its partition key distributes rows.
    pub schemas: BTreeMap<CollectionRef, (Schema, i64)>,
    /// The requested aliases that exist already, each with the collection that has it.
    pub aliases: BTreeMap<CollectionRef, CollectionRef>,
    /// The snapshots of existing targets that are dropped, which Milvus destroys with them.
    pub snapshots: BTreeMap<CollectionRef, Vec<String>>,
    /// Whether the target can read the data in place.
    pub access: DataAccess,
    /// The largest size in bytes of a job with several segments; `None` for [`MAX_JOB_BYTES`](super::MAX_JOB_BYTES).
    pub max_job_bytes: Option<u64>,
    /// How the target imports.
    pub importer: ImporterFacts,
    /// Why the rows of target collections cannot be inserted; a target that is missing here has no known obstacle.
    pub insert_obstacles: BTreeMap<CollectionRef, String>,
    /// Whether the target stores missing values and defaults of fields.
    pub stores_nulls: bool,
    /// The number of rows that the backup records for each partition; needed for snapshots only.
    pub recorded_rows: BTreeMap<PartitionId, u64>,
    /// The facts about the prefix of each partition with data.
    pub prefixes: BTreeMap<PartitionId, PrefixFacts>,
}

/// How a target imports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImporterFacts {
    /// Whether it applies deletes regardless of their time.
    pub ignores_delete_times: bool,
    /// The largest number of segments of a job that reads the directory of each segment; `None` if a job reads that of
    /// a partition.
    pub max_segments: Option<usize>,
    /// Whether it reads files with groups of columns.
    pub reads_column_groups: bool,
    /// Whether it fills a column that a segment lacks, because the field was added later.
    pub fills_missing_columns: bool,
}

/// The facts about a partition's prefix in the backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixFacts {
    /// Whether objects exist that are not in the manifest; an import in place would read them too.
    pub foreign: bool,
    /// The number of delete entries in the delta logs.
    pub deletes: u64,
    /// The effect of delete entries on the segments whose rows were read: those to which delta logs apply, or all of a
    /// truncated restore.
    pub segments: BTreeMap<SegmentId, DeleteEffect>,
}

/// The effect of delete entries, and of the end of a truncated restore, on the rows of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteEffect {
    /// The number of rows that are restored.
    pub live: u64,
    /// Whether the segment's own delta logs have the same effect and a form that every Milvus imports. If not, entries of
    /// L0 segments delete some of the rows, or the logs have another form.
    pub own_logs_suffice: bool,
    /// Whether live rows have keys that were deleted before these rows were inserted.
    pub has_reinserted_rows: bool,
    /// Whether a key has both deleted and live rows.
    pub has_partly_deleted_keys: bool,
    /// The time after which rows and delete entries are left out; `None` to restore all of them.
    pub until: Option<Tso>,
    /// The number of rows after that time, which are not among the live ones.
    pub later: u64,
}
