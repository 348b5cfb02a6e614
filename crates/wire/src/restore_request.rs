//! The options of a restore: in the request of `/api/v2`, which the command line also builds from its flags, and in the
//! request of a job.

use std::collections::BTreeMap;

use model::mapping::Mapping;
use model::plan::restore::{EzkMapping, RestoreOptions, RestoreRequest, RowSubset};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::request::{parse_existing_name, parse_filter};
use crate::{Existing, Failure, RestoreMode};

/// The request to restore collections of a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"backup": "nightly", "filter": "shop.orders", "suffix": "_copy"}))]
pub struct NewRestore {
    /// The name of the backup.
    pub backup: Option<String>,
    /// The collections to restore, by their names in the backup, as a comma-separated list of `db.*`, `db.collection`,
    /// `collection` (in the database `default`) and `db.` (the database without its collections). Names may contain `*`
    /// and `?`. Default: everything.
    pub filter: Option<String>,
    /// The new names by the names in the backup: `db.collection` to `db.collection`, or `db.*` to `db.*`.
    pub rename: BTreeMap<String, String>,
    /// The suffix that is appended to the name of every collection that is not renamed.
    pub suffix: Option<String>,
    /// How the rows get into the target.
    #[schema(default = "auto")]
    pub mode: RestoreMode,
    /// The names of the partitions to restore. Default: all.
    pub partitions: Vec<String>,
    /// The largest number of rows of each collection to restore, by inserts. Default: all.
    pub limit: Option<u64>,
    /// The names of the fields to restore, by inserts. A new collection has only these fields; in an existing one, the
    /// others must be nullable or have defaults. Default: all.
    pub columns: Vec<String>,
    /// Whether to restore collections without their data.
    pub meta_only: bool,
    /// Whether to create the backup's indexes.
    #[schema(default = true)]
    pub indexes: bool,
    /// Whether vector indexes become AUTOINDEX, with the same metric.
    pub auto_index: bool,
    /// The treatment of target collections that exist already.
    #[schema(default = "refuse")]
    pub existing: Existing,
    /// Whether to drop the indexes of target collections that exist already.
    pub drop_indexes: bool,
    /// Whether to load the collections that were loaded in the source.
    #[schema(default = true)]
    pub load: bool,
    /// Whether to create the backup's aliases.
    #[schema(default = true)]
    pub aliases: bool,
    /// Whether to drop a collection that the restore created and whose import failed.
    pub cleanup_on_failure: bool,
    /// Whether to add the users, roles and grants of the backup that the target lacks (Milvus 2.4.10 and later).
    pub rbac: bool,
    /// Whether to leave out the rows that are later than the checkpoints of the backup.
    pub truncate_by_ts: bool,
    /// The keys of encryption zones to import with, by those in the backup.
    #[schema(value_type = BTreeMap<String, String>)]
    pub ezk_mapping: EzkMapping,
    /// Whether to return the plan and change nothing.
    pub dry_run: bool,
}

impl Default for NewRestore {
    fn default() -> Self {
        Self::from(RestoreOptions::default())
    }
}

impl From<RestoreOptions> for NewRestore {
    /// Creates the request of everything in a backup that is still to be named.
    fn from(options: RestoreOptions) -> Self {
        let RestoreOptions {
            mode,
            existing,
            meta_only,
            indexes,
            auto_index,
            drop_indexes,
            load,
            aliases,
            cleanup_on_failure,
            rbac,
            truncate_by_ts,
        } = options;
        Self {
            backup: None,
            filter: None,
            rename: BTreeMap::new(),
            suffix: None,
            mode: mode.into(),
            partitions: Vec::new(),
            limit: None,
            columns: Vec::new(),
            meta_only,
            indexes,
            auto_index,
            existing: existing.into(),
            drop_indexes,
            load,
            aliases,
            cleanup_on_failure,
            rbac,
            truncate_by_ts,
            ezk_mapping: EzkMapping::default(),
            dry_run: false,
        }
    }
}

impl NewRestore {
    /// Converts this to the request of the engine; `keep_staged` is the setting of the configuration that keeps staged
    /// files.
    ///
    /// Fails if the backup is missing, or if a name, the filter or a rename rule is invalid.
    pub fn to_engine_request(&self, keep_staged: bool) -> Result<RestoreRequest, Failure> {
        let renames = self.rename.iter().map(|(from, to)| (from.as_str(), to.as_str()));
        let mapping = Mapping::from_renames(renames, self.suffix.as_deref());
        Ok(RestoreRequest {
            selection: parse_filter(self.filter.as_deref())?,
            mapping: mapping.map_err(engine::Error::Mapping)?,
            options: self.options(),
            subset: RowSubset {
                partitions: self.partitions.clone(),
                limit: self.limit,
                columns: self.columns.clone(),
            },
            keep_staged,
            ezk_mapping: self.ezk_mapping.clone(),
            ..RestoreRequest::with_defaults(parse_existing_name(self.backup.as_deref())?)
        })
    }

    fn options(&self) -> RestoreOptions {
        RestoreOptions {
            mode: self.mode.into(),
            existing: self.existing.into(),
            meta_only: self.meta_only,
            indexes: self.indexes,
            auto_index: self.auto_index,
            drop_indexes: self.drop_indexes,
            load: self.load,
            aliases: self.aliases,
            cleanup_on_failure: self.cleanup_on_failure,
            rbac: self.rbac,
            truncate_by_ts: self.truncate_by_ts,
        }
    }
}

/// The options of the restore that a job executes; all are absent for other jobs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobRestoreOptions {
    /// How the rows get into the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mode: Option<RestoreMode>,
    /// Whether collections are restored without their data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub meta_only: Option<bool>,
    /// The treatment of target collections that exist already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub existing: Option<Existing>,
    /// Whether the backup's indexes are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub indexes: Option<bool>,
    /// Whether vector indexes become AUTOINDEX, with the same metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub auto_index: Option<bool>,
    /// Whether the indexes of target collections that exist already are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub drop_indexes: Option<bool>,
    /// Whether the collections that were loaded in the source are loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub load: Option<bool>,
    /// Whether the backup's aliases are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub aliases: Option<bool>,
    /// Whether a collection is dropped that the restore created and whose import failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cleanup_on_failure: Option<bool>,
    /// Whether the users, roles and grants of the backup that the target lacks are added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rbac: Option<bool>,
    /// Whether the rows that are later than the checkpoints of the backup are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub truncate_by_ts: Option<bool>,
}

impl From<RestoreOptions> for JobRestoreOptions {
    fn from(options: RestoreOptions) -> Self {
        Self {
            mode: Some(options.mode.into()),
            meta_only: Some(options.meta_only),
            existing: Some(options.existing.into()),
            indexes: Some(options.indexes),
            auto_index: Some(options.auto_index),
            drop_indexes: Some(options.drop_indexes),
            load: Some(options.load),
            aliases: Some(options.aliases),
            cleanup_on_failure: Some(options.cleanup_on_failure),
            rbac: Some(options.rbac),
            truncate_by_ts: Some(options.truncate_by_ts),
        }
    }
}
