//! The report of the deletion of a backup.

use engine::DeleteOutcome;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::BackupState;

/// The report of the deletion of a backup or, with `dry_run`, its plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeletionReport {
    /// Whether this is a plan and nothing was deleted.
    pub dry_run: bool,
    /// The name of the backup.
    pub name: String,
    /// The state of the backup before the deletion.
    pub state: BackupState,
    /// The store and directory of the backup.
    pub place: String,
    /// The number of objects in the directory.
    pub objects: u64,
    /// The total size of these objects in bytes.
    pub bytes: u64,
    /// The runs that use the backup, which a forced deletion overrides.
    #[serde(default)]
    pub overridden: Vec<String>,
    /// Whether the bucket keeps old versions, so that its space is freed only by its own rules.
    #[serde(default)]
    pub keeps_versions: bool,
}

impl DeletionReport {
    /// Creates the document of a deletion; with `dry_run`, of one that was prepared and not executed.
    pub fn new(outcome: &DeleteOutcome, dry_run: bool) -> Self {
        Self {
            dry_run,
            name: outcome.backup.name.clone(),
            state: outcome.backup.state.into(),
            place: outcome.place.clone(),
            objects: outcome.objects,
            bytes: outcome.bytes,
            overridden: outcome.overridden.clone(),
            keeps_versions: outcome.keeps_versions,
        }
    }
}
