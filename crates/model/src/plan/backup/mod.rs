//! The request and the preview of a backup, and the copying of its files.

mod copy_plan;
mod format;
mod strategy;
mod totals;

pub use copy_plan::{BaseFiles, CollectionCopyPlan, CopyAction, FileTotals, Origin};
pub use format::{FormatError, RequestedFormat};
pub use strategy::{FlushStrategy, ResolvedFlush, StrategyError};
pub use totals::{Totals, segments};

use serde::{Deserialize, Serialize};

use crate::manifest::{BackupFormat, CollectionBackup};
use crate::name::{BackupName, CollectionRef};
use crate::selection::Selection;

/// A request to make a backup.
///
/// It is stored with the job that executes it, so a reader ignores unknown fields and sets missing ones to their
/// defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRequest {
    /// The name of the backup, valid for a new one.
    pub name: BackupName,
    /// The databases and collections to back up.
    #[serde(default = "Selection::everything")]
    pub selection: Selection,
    /// The flush strategy for all collections.
    #[serde(default)]
    pub strategy: FlushStrategy,
    /// The format in which the backup stores rows.
    #[serde(default)]
    pub format: RequestedFormat,
    /// Whether the backup fails if a collection is dropped while it is read, or if rows of a collection would be missing.
    #[serde(default)]
    pub strict: bool,
    /// Whether to pause Milvus's garbage collection during the backup, even if the configuration does not enable that.
    #[serde(default)]
    pub pause_gc: bool,
    /// Whether the backup replaces an unfinished one of its name whose run has ended.
    #[serde(default)]
    pub replace_unfinished: bool,
    /// Whether the backup contains the users with the hashes of their passwords, roles and grants.
    #[serde(default)]
    pub rbac: bool,
}

impl BackupRequest {
    /// Requests a backup of everything with the default options.
    pub fn with_defaults(name: BackupName) -> Self {
        Self {
            name,
            selection: Selection::everything(),
            strategy: FlushStrategy::Auto,
            format: RequestedFormat::Auto,
            strict: false,
            pause_gc: false,
            replace_unfinished: false,
            rbac: false,
        }
    }
}

/// What a backup would copy, computed before the flush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPreview {
    /// The name of the backup.
    pub name: BackupName,
    /// How the collections would be flushed.
    pub flush: ResolvedFlush,
    /// The format in which the backup would store rows.
    pub format: BackupFormat,
    /// The names of the selected databases.
    pub databases: Vec<String>,
    /// What the backup would copy of each selected collection.
    pub collections: Vec<PlannedCollection>,
    /// The way in which files would be copied, in words.
    pub copy: String,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

/// What a backup would copy of one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCollection {
    /// The name of the collection.
    pub name: CollectionRef,
    /// The number of partitions.
    pub partitions: usize,
    /// The number of segments.
    pub segments: usize,
    /// The number of rows, deleted ones included.
    pub rows: u64,
    /// The number of files.
    pub objects: u64,
    /// The size of the files in bytes.
    pub bytes: u64,
}

impl PlannedCollection {
    /// Sums up the plan of copying this snapshot.
    pub fn new(snapshot: &CollectionBackup, files: FileTotals) -> Self {
        let totals = Totals::of_collection(snapshot);
        Self {
            name: snapshot.name.clone(),
            partitions: snapshot.partitions.len(),
            segments: totals.segments,
            rows: totals.rows,
            objects: files.objects,
            bytes: files.bytes,
        }
    }
}
