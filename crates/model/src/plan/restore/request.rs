//! What a restore was asked to do, and what was found where it shall be done.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::PartitionId;
use crate::mapping::Mapping;
use crate::name::{BackupName, CollectionRef};
use crate::selection::Selection;

/// A request to restore a backup. It is kept with the job that executes it, so unknown fields are ignored when it is read and
/// missing ones get their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRequest {
    /// The backup.
    pub name: BackupName,
    /// Which of its collections, by source names.
    #[serde(default = "Selection::everything")]
    pub selection: Selection,
    /// Where they go.
    #[serde(default = "Mapping::identity")]
    pub mapping: Mapping,
    /// Which of the targets, by their names; a plan without such a filter means all it leads to. (0.5 restores
    /// nothing then and calls it a success.)
    #[serde(default = "Selection::everything")]
    pub targets: Selection,
    /// Whether to leave the data out.
    #[serde(default)]
    pub meta_only: bool,
    /// Whether to create the backup's indexes.
    #[serde(default = "yes")]
    pub indexes: bool,
    /// Whether vector indexes become AUTOINDEX, keeping their metric.
    #[serde(default)]
    pub auto_index: bool,
    /// What to do with targets that exist.
    #[serde(default)]
    pub existing: Existing,
    /// Whether to drop the indexes of an existing target first.
    #[serde(default)]
    pub drop_indexes: bool,
    /// Whether to load what was loaded.
    #[serde(default = "yes")]
    pub load: bool,
    /// Whether to create the aliases.
    #[serde(default = "yes")]
    pub aliases: bool,
    /// Whether to drop what was created for a collection that then failed.
    #[serde(default)]
    pub cleanup_on_failure: bool,
    /// Whether to keep staged files.
    #[serde(default)]
    pub keep_staged: bool,
    /// Parameters that are left out.
    #[serde(default)]
    pub skip: SkipParams,
    /// The most shards that a target is created with, if more than 0.
    #[serde(default)]
    pub max_shards: Option<i32>,
    /// What is created otherwise than it was, by target; where `shards` is given, `max_shards` does not count.
    #[serde(default)]
    pub overrides: BTreeMap<CollectionRef, Override>,
    /// Existing targets that may be dropped, where only these were confirmed: a plan that would drop others is refused.
    #[serde(default)]
    pub confirmed_drops: Option<BTreeSet<CollectionRef>>,
}

impl RestoreRequest {
    /// Everything of a backup under its old names, with its data, indexes, aliases and load state.
    pub fn of(name: BackupName) -> Self {
        Self {
            name,
            selection: Selection::everything(),
            mapping: Mapping::identity(),
            targets: Selection::everything(),
            meta_only: false,
            indexes: true,
            auto_index: false,
            existing: Existing::default(),
            drop_indexes: false,
            load: true,
            aliases: true,
            cleanup_on_failure: false,
            keep_staged: false,
            skip: SkipParams::default(),
            max_shards: None,
            overrides: BTreeMap::new(),
            confirmed_drops: None,
        }
    }
}

/// The default of what a restore does unless it is told not to.
fn yes() -> bool {
    true
}

/// Keys of parameters that a restore leaves out, where the target would not take them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SkipParams {
    /// Of collections.
    pub collection_properties: Vec<String>,
    /// Of fields, kept there by old versions.
    pub field_index_params: Vec<String>,
    /// Of the types of fields.
    pub field_type_params: Vec<String>,
    /// Of indexes. (0.5 takes this and does nothing with it, head does so for snapshots only.)
    pub index_params: Vec<String>,
}

/// What of a target is created otherwise than it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Override {
    /// The number of shards, if more than 0.
    pub shards: Option<i32>,
    /// The description.
    pub description: Option<String>,
}

/// What to do with a target collection that exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// It can: same endpoint and bucket, or the same disk.
    #[default]
    InPlace,
    /// It cannot; the reason in words.
    Staged(String),
}

/// What the target and the backup's store showed.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Databases of the target.
    pub databases: BTreeSet<String>,
    /// Which of the targets exist.
    pub existing: BTreeSet<CollectionRef>,
    /// Of the wanted aliases, which name something already, and what.
    pub aliases: BTreeMap<CollectionRef, CollectionRef>,
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
