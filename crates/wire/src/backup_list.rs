//! The list of backups.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{BackupState, UtcTime};

/// The backups below the backup root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupList {
    /// The backups.
    pub backups: Vec<BackupSummary>,
}

/// One page of the list of backups, which is sorted by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupPage {
    /// The backups.
    pub backups: Vec<BackupSummary>,
    /// The `page_token` of the next page; null on the last page.
    pub next_page_token: Option<String>,
}

/// A backup as a list shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupSummary {
    /// The name of the backup.
    #[schema(example = "nightly")]
    pub name: String,
    /// The state of the backup.
    pub state: BackupState,
    /// The time at which the backup began; null if it is not known.
    pub taken: Option<UtcTime>,
    /// The total size of its data files in bytes; null if it is not known.
    pub bytes: Option<u64>,
    /// The number of collections; null for backups of the Go tool.
    pub collections: Option<u64>,
    /// The number of rows, including deleted ones; null for backups of the Go tool.
    pub rows: Option<u64>,
    /// The version of the source Milvus; null if it is not known.
    #[schema(example = "v2.3.5")]
    pub milvus: Option<String>,
    /// The name and version of the program that created the backup; null if they are not known.
    #[schema(example = "milvus-backup 0.1.0")]
    pub tool: Option<String>,
    /// The reason why the backup is damaged; absent if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<String>,
}

impl From<&engine::BackupSummary> for BackupSummary {
    fn from(backup: &engine::BackupSummary) -> Self {
        Self {
            name: backup.name.clone(),
            state: backup.state.into(),
            taken: backup.taken_ms.and_then(UtcTime::from_ms),
            bytes: backup.size,
            collections: backup.collections,
            rows: backup.rows,
            milvus: backup.milvus_version.clone(),
            tool: backup.tool.clone(),
            problem: backup.problem.clone(),
        }
    }
}
