//! The reports that backups and restores return.
//!
//! They are stored with the jobs that made them, so a reader ignores unknown fields and sets missing ones to their
//! defaults.

use std::time::Duration;

use model::name::CollectionRef;
use model::plan::restore::{RestoreRequest, RowRange};
use serde::{Deserialize, Serialize};

use crate::{Advice, FailureKind, RemainingRestore};

/// The report of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupReport {
    /// The name of the backup.
    pub name: String,
    /// The number of collections in the backup.
    pub collections: usize,
    /// The number of rows, including deleted ones.
    pub rows: u64,
    /// The number of delete entries in the delta logs.
    pub deletes: u64,
    /// The number of copied files.
    pub objects: u64,
    /// The total size of the copied files in bytes.
    pub bytes: u64,
    /// The duration of the whole backup, including the preflight.
    pub elapsed: Duration,
    /// The duration of the longest flush of a collection, or of that of the whole cluster.
    pub flush: Duration,
    /// The duration of the phase in which collections are flushed, listed and copied.
    pub copy: Duration,
    /// The first and the last cut of a collection, or of a channel if the whole cluster was flushed, in seconds since 1970;
    /// `None` if nothing was flushed.
    pub cut: Option<(i64, i64)>,
    /// Whether the whole cluster was flushed at once.
    pub cut_is_cluster_wide: bool,
    /// The selected collections that were dropped during the backup.
    pub vanished: Vec<CollectionRef>,
    /// The selected collections that were left out because rows of them would be missing.
    pub failed: Vec<FailedCollection>,
    /// The warnings of the backup, in the order in which they occurred.
    pub warnings: Vec<String>,
}

impl BackupReport {
    /// Returns `None` if all selected collections succeeded, otherwise the kind of the failure.
    pub fn kind(&self) -> Option<FailureKind> {
        (!self.vanished.is_empty() || !self.failed.is_empty()).then_some(FailureKind::Partial)
    }
}

/// A collection that was left out of a backup because of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCollection {
    /// The name of the collection in the source.
    pub collection: CollectionRef,
    /// The error and its causes in one line.
    #[serde(default)]
    pub reason: String,
    /// The suggested next step.
    #[serde(default, deserialize_with = "crate::known_advice")]
    pub advice: Option<Advice>,
}

/// The report of a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestoreReport {
    /// The name of the backup.
    pub name: String,
    /// The results of all collections of the plan, in its order.
    pub collections: Vec<CollectionRestored>,
    /// The duration of the whole restore, including the preflight.
    pub elapsed: Duration,
    /// The warnings of the plan, of the aliases and of the staging directory.
    pub warnings: Vec<String>,
    /// Whether data was left out on request.
    pub meta_only: bool,
    /// What became of the users, roles and grants; `None` if the request does not demand them.
    pub rbac: Option<RbacRestored>,
    /// The collections that are not restored, and how to restore them; `None` if all are restored.
    pub remaining: Option<RemainingRestore>,
}

/// The users, roles and grants that a restore added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RbacRestored {
    /// The number of users that were added.
    pub users: usize,
    /// The number of roles that were added.
    pub roles: usize,
    /// The number of privilege groups that were added.
    pub privilege_groups: usize,
    /// The number of roles that were given to users.
    pub user_roles: usize,
    /// The number of privileges that were given to roles.
    pub grants: usize,
    /// The users, roles and privilege groups that the target had already.
    pub kept: Vec<String>,
    /// What is missing, with the reason of Milvus; a sentence each.
    pub lacks: Vec<String>,
}

impl RestoreReport {
    /// Returns `None` if all selected collections succeeded, otherwise the kind of the failure.
    pub fn kind(&self) -> Option<FailureKind> {
        let done = self.collections.iter().filter(|c| c.outcome == CollectionOutcome::Done).count();
        let rows_differ = self
            .collections
            .iter()
            .any(|c| matches!(&c.outcome, CollectionOutcome::Failed(f) if f.rows.is_some()));
        let interrupted = self.collections.iter().any(
            |c| matches!(&c.outcome, CollectionOutcome::Failed(f) if f.kind == FailureKind::Interrupted),
        );
        if interrupted {
            Some(FailureKind::Interrupted)
        } else if done == self.collections.len() {
            let lacks = self.collections.iter().map(|c| &c.lacks);
            let mut lacks = lacks.chain(self.rbac.iter().map(|rbac| &rbac.lacks));
            lacks.any(|lacks| !lacks.is_empty()).then_some(FailureKind::Partial)
        } else if done > 0 || rows_differ {
            Some(FailureKind::Partial)
        } else {
            let first_failure = self.collections.iter().find_map(|c| match &c.outcome {
                CollectionOutcome::Failed(failure) => Some(failure.kind),
                _ => None,
            });
            first_failure.or(Some(FailureKind::Failed))
        }
    }

    /// Returns the collections that are not restored, and how to restore them; `None` if all are restored.
    pub(crate) fn find_remaining(&self, request: &RestoreRequest) -> Option<RemainingRestore> {
        let mut remaining =
            self.collections.iter().filter(|c| c.outcome != CollectionOutcome::Done).peekable();
        remaining.peek()?;
        let may_exist = remaining.clone().any(|c| c.created);
        let may_have_rows =
            |c: &CollectionRestored| matches!(c.outcome, CollectionOutcome::Failed(_)) && !c.created;
        let has_rows = remaining.clone().any(may_have_rows);
        let advice = RemainingRestore::new(request, remaining.map(|c| (&c.source, &c.target)), may_exist);
        Some(RemainingRestore { rows_may_repeat: advice.rows_may_repeat && has_rows, ..advice })
    }

    /// Returns the number of rows that the imports of all collections reported.
    pub fn rows(&self) -> u64 {
        self.collections.iter().flat_map(|c| &c.partitions).map(|p| p.counted).sum()
    }

    /// Returns the row range that the imports of all collections must reach.
    pub fn expected(&self) -> RowRange {
        self.collections.iter().flat_map(|c| &c.partitions).fold(RowRange::default(), |sum, p| RowRange {
            min: sum.min + p.expected.min,
            max: sum.max + p.expected.max,
        })
    }
}

/// The result of restoring one collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionRestored {
    /// The name of the collection in the backup.
    pub source: CollectionRef,
    /// The name of the collection in the target.
    pub target: CollectionRef,
    /// Whether this restore created the target collection and did not drop it again.
    #[serde(default)]
    pub created: bool,
    /// Whether this restore dropped a collection of this name first.
    #[serde(default)]
    pub dropped: bool,
    /// The outcome of the restore of this collection.
    pub outcome: CollectionOutcome,
    /// What the collection lacks beside its data, such as an index that Milvus refused; a sentence each.
    #[serde(default)]
    pub lacks: Vec<String>,
    /// The row counts of the partitions that contain data; after a failure, those of the inserts that were confirmed.
    #[serde(default)]
    pub partitions: Vec<PartitionRows>,
}

/// The outcome of restoring one collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionOutcome {
    /// The collection is restored completely.
    Done,
    /// The restore of the collection failed.
    Failed(CollectionFailure),
    /// The restore ended before it started this collection.
    NotBegun,
}

/// The reason why a collection was not restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionFailure {
    /// The kind of the error.
    pub kind: FailureKind,
    /// The error and its causes in one line.
    #[serde(default)]
    pub message: String,
    /// The suggested next step.
    #[serde(default, deserialize_with = "crate::known_advice")]
    pub advice: Option<Advice>,
    /// The partition whose number of imported rows is outside its row range, if that is the cause.
    #[serde(default)]
    pub rows: Option<PartitionRows>,
}

/// The number of imported and expected rows of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionRows {
    /// The name of the partition.
    pub partition: String,
    /// The number of rows that the import jobs reported.
    pub counted: u64,
    /// The row range of the partition.
    pub expected: RowRange,
}
