//! What a restore was asked to do, and what was found where it shall be done.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::PartitionId;
use crate::mapping::Mapping;
use crate::name::{BackupName, CollectionRef};
use crate::selection::Selection;

/// What a restore was asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
