//! What a backup will do.

mod objects;
mod strategy;

pub use objects::{ObjectPair, Totals, object_pairs, segments};
pub use strategy::{FlushStrategy, StrategyError};

use serde::{Deserialize, Serialize};

use crate::manifest::CollectionBackup;
use crate::name::{BackupName, CollectionRef};
use crate::selection::Selection;

/// What a backup was asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRequest {
    /// The backup's name, checked for creation.
    pub name: BackupName,
    /// What to take.
    pub selection: Selection,
    /// How to flush.
    pub strategy: FlushStrategy,
    /// Whether a collection that vanishes while it is read fails the backup.
    pub strict: bool,
    /// Whether Milvus's garbage collection is paused meanwhile, even where the configuration does not say so.
    pub pause_gc: bool,
    /// Whether to stop at the plan; nothing is changed, so nothing is flushed.
    pub dry_run: bool,
}

impl BackupRequest {
    /// A backup of everything.
    pub fn of(name: BackupName) -> Self {
        Self {
            name,
            selection: Selection::everything(),
            strategy: FlushStrategy::Auto,
            strict: false,
            pause_gc: false,
            dry_run: false,
        }
    }
}

/// What a backup will do, or would have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPlan {
    /// The backup's name.
    pub name: BackupName,
    /// The resolved strategy.
    pub strategy: FlushStrategy,
    /// Selected databases.
    pub databases: Vec<String>,
    /// Selected collections.
    pub collections: Vec<PlannedCollection>,
    /// How the bytes travel, in words.
    pub copy: String,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// What will be taken of one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCollection {
    /// The collection.
    pub name: CollectionRef,
    /// The number of partitions.
    pub partitions: usize,
    /// The number of segments.
    pub segments: usize,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// The number of files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl From<&CollectionBackup> for PlannedCollection {
    fn from(c: &CollectionBackup) -> Self {
        let totals = Totals::of(c);
        Self {
            name: c.name.clone(),
            partitions: c.partitions.len(),
            segments: totals.segments,
            rows: totals.rows,
            objects: totals.objects,
            bytes: totals.bytes,
        }
    }
}
