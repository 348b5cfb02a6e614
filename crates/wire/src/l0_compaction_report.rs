//! The report of an L0 compaction.

use engine::L0CompactionOutcome;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::duration_to_seconds;

/// The report of an L0 compaction or, with `dry_run`, its plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct L0CompactionReport {
    /// Whether this is a plan and nothing was written.
    pub dry_run: bool,
    /// The name of the backup, which is not changed.
    pub name: String,
    /// The name of the new backup.
    pub into: String,
    /// Whether an existing backup with the new name is deleted first.
    pub replaces: bool,
    /// The number of collections.
    pub collections: usize,
    /// The number of L0 segments, which the new backup does not contain.
    pub l0_segments: usize,
    /// The number of segments whose delta logs are replaced by a new one.
    pub folded_segments: usize,
    /// The number of deleted rows in these segments.
    pub deleted_rows: u64,
    /// The number of files of the new backup; in a plan, of the present one.
    pub objects: u64,
    /// The total size of these files in bytes.
    pub bytes: u64,
    /// The elapsed time in seconds; 0 in a plan.
    pub seconds: f64,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

impl L0CompactionReport {
    /// Creates the document of a compaction; with `dry_run`, of one that was prepared and not executed.
    pub fn new(outcome: &L0CompactionOutcome, dry_run: bool) -> Self {
        Self {
            dry_run,
            name: outcome.name.to_string(),
            into: outcome.into.to_string(),
            replaces: outcome.replaces,
            collections: outcome.collections,
            l0_segments: outcome.l0_segments,
            folded_segments: outcome.folded_segments,
            deleted_rows: outcome.deleted_rows,
            objects: outcome.objects,
            bytes: outcome.bytes,
            seconds: duration_to_seconds(outcome.elapsed),
            warnings: outcome.warnings.clone(),
        }
    }
}
