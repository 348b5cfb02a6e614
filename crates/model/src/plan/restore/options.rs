//! The options of a restore other than its selection and its targets.

use serde::{Deserialize, Serialize};

use super::ExistingTargetPolicy;

/// How the rows of a backup get into the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoreMode {
    /// Small partitions are inserted where that is faster and gives the same rows; all others are imported.
    #[default]
    Auto,
    /// Milvus imports the files of the backup, from its own storage.
    Import,
    /// This program reads the rows and inserts them, which needs no storage of the target and no particular version.
    Insert,
}

/// The options of a restore that the command line, the APIs and an advice share.
///
/// They are stored with the job that executes the restore, so missing ones get their defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestoreOptions {
    /// How the rows get into the target.
    pub mode: RestoreMode,
    /// What to do with existing targets.
    pub existing: ExistingTargetPolicy,
    /// Whether to restore collections without their data.
    pub meta_only: bool,
    /// Whether to create the backup's indexes.
    pub indexes: bool,
    /// Whether vector indexes become AUTOINDEX, with the same metric.
    pub auto_index: bool,
    /// Whether to drop the indexes of an existing target first.
    pub drop_indexes: bool,
    /// Whether to load the collections that were loaded in the source.
    pub load: bool,
    /// Whether to create the backup's aliases.
    pub aliases: bool,
    /// Whether to drop a collection that the restore created and whose import failed.
    pub cleanup_on_failure: bool,
    /// Whether to add the users, roles and grants of the backup that the target lacks.
    pub rbac: bool,
    /// Whether to leave out the rows of each channel that are later than the checkpoint of the backup.
    pub truncate_by_ts: bool,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self {
            mode: RestoreMode::Auto,
            existing: ExistingTargetPolicy::Refuse,
            meta_only: false,
            indexes: true,
            auto_index: false,
            drop_indexes: false,
            load: true,
            aliases: true,
            cleanup_on_failure: false,
            rbac: false,
            truncate_by_ts: false,
        }
    }
}

/// Returns what those options of a request demand that are given.
pub(super) fn demands<const N: usize>(options: [(bool, &'static str); N]) -> Vec<&'static str> {
    options.into_iter().filter_map(|(is_given, what)| is_given.then_some(what)).collect()
}
