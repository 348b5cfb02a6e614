//! What a backup will do.

mod objects;
mod strategy;

pub use objects::{ObjectPair, Totals, object_pairs, segments};
pub use strategy::{FlushStrategy, StrategyError};

use serde::{Deserialize, Serialize};

use crate::manifest::CollectionBackup;
use crate::name::{BackupName, CollectionRef};
use crate::selection::Selection;

/// A request to make a backup. It is kept with the job that executes it, so unknown fields are ignored when it is read and
/// missing ones get their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRequest {
    /// The backup's name, checked for creation.
    pub name: BackupName,
    /// The collections to back up.
    #[serde(default = "Selection::everything")]
    pub selection: Selection,
    /// How collections are flushed.
    #[serde(default)]
    pub strategy: FlushStrategy,
    /// Whether a collection that is dropped while it is read, or of which rows would be missing, fails the backup.
    #[serde(default)]
    pub strict: bool,
    /// Whether Milvus's garbage collection is paused during the backup, even where the configuration does not say so.
    #[serde(default)]
    pub pause_gc: bool,
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
        }
    }
}

/// What a backup would copy as things are before the flush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPreview {
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
