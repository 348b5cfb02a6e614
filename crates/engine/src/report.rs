//! What a job did.

use std::time::Duration;

use model::name::CollectionRef;
use model::plan::restore::RowRange;
use serde::{Deserialize, Serialize};

use crate::Kind;

/// What a backup did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    /// The backup's name.
    pub name: String,
    /// Collections in it.
    pub collections: usize,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// Delete entries among its delete logs.
    pub deletes: u64,
    /// Files.
    pub objects: u64,
    /// Bytes.
    pub bytes: u64,
    /// How long all took.
    pub elapsed: Duration,
    /// The longest flush of a collection.
    pub flush: Duration,
    /// From the first copied object to the last.
    pub copy: Duration,
    /// The first and the last moment a collection was sealed, seconds since 1970.
    pub cut: Option<(i64, i64)>,
    /// Selected collections that are not in it, because they vanished.
    pub vanished: Vec<CollectionRef>,
    /// Selected collections that are not in it, because rows of them would have been missing.
    #[serde(default)]
    pub failed: Vec<FailedCollection>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

impl BackupReport {
    /// How it ended: `None` when done in full.
    pub fn kind(&self) -> Option<Kind> {
        (!self.vanished.is_empty() || !self.failed.is_empty()).then_some(Kind::Partial)
    }
}

/// A collection that a backup left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCollection {
    /// The collection.
    pub collection: CollectionRef,
    /// The error with its causes, in a line.
    pub reason: String,
    /// What to do.
    pub hint: Option<String>,
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreReport {
    /// The backup's name.
    pub name: String,
    /// Every collection of the plan.
    pub collections: Vec<CollectionRestored>,
    /// How long all took.
    pub elapsed: Duration,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

impl RestoreReport {
    /// How it ended: `None` when done in full.
    pub fn kind(&self) -> Option<Kind> {
        let done = self.collections.iter().filter(|c| c.outcome == CollectionOutcome::Done).count();
        let short = self
            .collections
            .iter()
            .any(|c| matches!(&c.outcome, CollectionOutcome::Failed(f) if f.rows_differ));
        let interrupted = self
            .collections
            .iter()
            .any(|c| matches!(&c.outcome, CollectionOutcome::Failed(f) if f.kind == Kind::Interrupted));
        if interrupted {
            Some(Kind::Interrupted)
        } else if done == self.collections.len() {
            None
        } else if done > 0 || short {
            Some(Kind::Partial)
        } else {
            let first = self.collections.iter().find_map(|c| match &c.outcome {
                CollectionOutcome::Failed(failure) => Some(failure.kind),
                _ => None,
            });
            first.or(Some(Kind::Failed))
        }
    }

    /// Rows counted in the target.
    pub fn rows(&self) -> u64 {
        self.collections.iter().flat_map(|c| &c.partitions).map(|p| p.counted).sum()
    }

    /// Rows that were expected.
    pub fn expected(&self) -> RowRange {
        self.collections.iter().flat_map(|c| &c.partitions).fold(RowRange::default(), |sum, p| RowRange {
            min: sum.min + p.expected.min,
            max: sum.max + p.expected.max,
        })
    }
}

/// What became of one collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionRestored {
    /// The name in the backup.
    pub source: CollectionRef,
    /// The name in the target.
    pub target: CollectionRef,
    /// Whether it was created by this restore and still exists.
    pub created: bool,
    /// How it ended.
    pub outcome: CollectionOutcome,
    /// Partitions with data.
    pub partitions: Vec<PartitionRows>,
}

/// How the restore of a collection ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionOutcome {
    /// All of it is there.
    Done,
    /// Not all of it is there.
    Failed(CollectionFailure),
    /// Nothing was done about it.
    NotBegun,
}

/// Why a collection is not restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionFailure {
    /// What kind of failure.
    pub kind: Kind,
    /// The error with its causes, in a line.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Whether the rows counted are not those of the backup.
    pub rows_differ: bool,
}

/// The rows of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRows {
    /// Its name.
    pub partition: String,
    /// Rows the imports reported.
    pub counted: u64,
    /// Rows they had to report.
    pub expected: RowRange,
}
