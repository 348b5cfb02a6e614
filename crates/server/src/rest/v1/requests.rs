//! The requests of `/api/v1`, with the field names of the Go tool's releases.

use std::collections::BTreeMap;

use model::plan::restore::EzkMapping;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// The backup to create. Without a selector it contains everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::CreateBackupRequest)]
pub(crate) struct V1CreateRequest {
    /// Name of the backup: a letter or `_`, then letters, digits and `_`. Default: generated from the current time.
    #[schema(example = "nightly")]
    pub backup_name: String,
    /// Whether to respond when the backup is accepted, not when it is finished.
    #[serde(rename = "async")]
    pub asynchronous: bool,
    /// Selected collections as `coll` or `db.coll`. Ignored if `filter` or `db_collections` is given.
    pub collection_names: Vec<String>,
    /// Selected databases, each with a list of collections; an empty list selects the whole database. An object, or a
    /// string that contains it.
    #[schema(value_type = Option<Object>, example = json!({"default": ["books"], "shop": []}))]
    pub db_collections: Option<Value>,
    /// Selected databases, each with its collections: `["*"]` selects all, an empty list only the database itself.
    /// Overrides the other selectors.
    pub filter: Option<BTreeMap<String, CollectionNames>>,
    /// Whether to skip the flush. Ignored if `strategy` is given.
    pub force: bool,
    /// Whether to omit the data. Ignored if `strategy` is given.
    pub meta_only: bool,
    /// Flush strategy: `auto`, `serial_flush`, `bulk_flush`, `skip_flush` or `meta_only`.
    pub strategy: String,
    /// Format of the backup: `auto` (which is `binlog`), `binlog` or `snapshot` (Milvus 3.0.1 and later).
    pub format: String,
    /// Whether to include users, roles and grants. Not supported yet.
    pub rbac: bool,
    /// Whether to include index details from etcd. Not supported yet.
    pub with_index_extra: bool,
    /// Another backup root. Rejected unless `server.allow_backup_root_path` is set.
    pub backup_root_path: String,
    /// Whether to pause Milvus's garbage collection during the backup, whatever the configuration says.
    pub gc_pause_enable: bool,
    /// No effect: the pause is renewed until the backup ends.
    pub gc_pause_seconds: i32,
    /// No effect: the configuration sets the management address of Milvus.
    pub gc_pause_address: String,
}

/// The selected collections of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::CollFilter)]
pub(crate) struct CollectionNames {
    /// Names of the collections.
    pub colls: Vec<String>,
}

/// The restore to execute. Without a selector everything in the backup is restored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestoreBackupRequest)]
pub(crate) struct V1RestoreRequest {
    /// Id of the request. The header `request_id` overrides it.
    #[serde(rename = "requestId")]
    pub request_id: String,
    /// Name of the backup.
    #[schema(example = "nightly")]
    pub backup_name: String,
    /// Whether to respond when the restore is accepted, not when it is finished.
    #[serde(rename = "async")]
    pub asynchronous: bool,
    /// Id of the restore, for `get_restore`. Default: generated from the current time.
    pub id: String,
    /// Selected collections as `coll` or `db.coll`, by their names in the backup.
    pub collection_names: Vec<String>,
    /// Selected databases of the backup, each with a list of collections. An object, or a string that contains it.
    /// Overrides `collection_names`.
    #[schema(value_type = Option<Object>, example = json!({"default": ["books"], "shop": []}))]
    pub db_collections: Option<Value>,
    /// The same, by the names in the target.
    #[schema(value_type = Option<Object>)]
    pub db_collections_after_rename: Option<Value>,
    /// Suffix for the name of every collection that is not renamed.
    #[schema(example = "_copy")]
    pub collection_suffix: String,
    /// New names by old names: `coll`, `db.coll`, or `db.*` on both sides.
    pub collection_renames: BTreeMap<String, String>,
    /// Another bucket with the backup. Rejected unless `server.allow_backup_root_path` is set.
    pub bucket_name: String,
    /// Another backup root. Rejected unless `server.allow_backup_root_path` is set.
    pub path: String,
    /// Whether to omit the data.
    #[serde(rename = "metaOnly")]
    pub meta_only: bool,
    /// Whether to create the indexes of the backup.
    #[serde(rename = "restoreIndex")]
    pub restore_index: bool,
    /// Whether to create vector indexes as AUTOINDEX.
    #[serde(rename = "useAutoIndex")]
    pub use_auto_index: bool,
    /// Whether to drop existing target collections first.
    #[serde(rename = "dropExistCollection")]
    pub drop_exist_collection: bool,
    /// Whether to drop the indexes of existing target collections.
    #[serde(rename = "dropExistIndex")]
    pub drop_exist_index: bool,
    /// Whether to import into existing target collections.
    #[serde(rename = "skipCreateCollection")]
    pub skip_create_collection: bool,
    /// No effect.
    #[serde(rename = "skipImportDiskQuotaCheck")]
    pub skip_import_disk_quota_check: bool,
    /// Whether to restore users, roles and grants. Not supported yet.
    pub rbac: bool,
    /// Largest number of shards of a collection; 0 for no limit.
    #[serde(rename = "maxShardNum")]
    pub max_shard_num: i32,
    /// Properties and parameters to omit.
    #[serde(rename = "skipParams")]
    pub skip_params: V1SkipParams,
    /// No effect: the restore always uses as few import jobs as possible.
    #[serde(rename = "useV2Restore")]
    pub use_v2_restore: bool,
    /// Whether to import each channel only up to its checkpoint.
    #[serde(rename = "truncateBinlogByTs")]
    pub truncate_binlog_by_ts: bool,
    /// New keys of encryption zones by those in the backup.
    #[serde(rename = "ezkMapping")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub ezk_mapping: EzkMapping,
    /// Mapping of databases and collections to targets.
    #[serde(rename = "restorePlan")]
    pub restore_plan: Option<V1RestorePlan>,
}

/// Keys of properties and parameters to omit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = v1::SkipParams)]
pub(crate) struct V1SkipParams {
    /// Keys of collection properties.
    pub collection_properties: Vec<String>,
    /// Keys of the index parameters of fields.
    pub field_index_params: Vec<String>,
    /// Keys of the type parameters of fields.
    pub field_type_params: Vec<String>,
    /// Keys of index parameters.
    pub index_params: Vec<String>,
}

/// Mapping of databases and collections to targets; everything else keeps its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestorePlan)]
pub(crate) struct V1RestorePlan {
    /// Mappings of databases and their collections.
    pub mapping: Vec<DatabaseMapping>,
    /// Restored targets: databases, each with its collections; `["*"]` selects all.
    pub filter: Option<BTreeMap<String, CollectionNames>>,
}

/// Mapping of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestoreMapping)]
pub(crate) struct DatabaseMapping {
    /// Name in the backup.
    pub source: String,
    /// Name in the target.
    pub target: String,
    /// No effect.
    #[serde(rename = "withProp")]
    pub with_prop: bool,
    /// Mappings of collections of the database.
    pub colls: Vec<CollectionMapping>,
}

/// Mapping of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestoreCollectionMapping)]
pub(crate) struct CollectionMapping {
    /// Name in the backup.
    pub source: String,
    /// Name in the target.
    pub target: String,
    /// Settings that replace those of the backup.
    #[serde(rename = "override")]
    pub different: CollectionOverride,
}

/// Settings of a target collection that replace those of the backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestoreCollectionOverride)]
pub(crate) struct CollectionOverride {
    /// Number of shards; 0 for that of the backup.
    #[serde(rename = "shardNum")]
    pub shard_num: i32,
    /// Description; empty for that of the backup.
    pub description: String,
}

/// The restore of a backup to the standby of a cluster pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestoreSecondaryRequest)]
pub(crate) struct RestoreSecondaryRequest {
    /// Id of the request and of the restore.
    #[serde(rename = "requestId")]
    pub request_id: String,
    /// Name of the backup.
    pub backup_name: String,
    /// Cluster from which the backup was created.
    #[serde(rename = "sourceClusterID")]
    pub source_cluster: String,
    /// Cluster to restore to.
    #[serde(rename = "targetClusterID")]
    pub target_cluster: String,
    /// Whether to respond when the restore is accepted, not when it is finished.
    #[serde(rename = "async")]
    pub asynchronous: bool,
    /// Another backup root.
    pub path: String,
}

/// The parameters of `list`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only backups that contain a collection of this name, in any database.
    pub collection_name: String,
}

/// The parameters of `get_backup`; the id overrides the name.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct GetBackupQuery {
    /// Id of the backup, which is the id of the request that created it.
    pub backup_id: String,
    /// Name of the backup.
    pub backup_name: String,
    /// Another backup root. Rejected unless `server.allow_backup_root_path` is set.
    pub path: String,
}

/// The parameters of `delete`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteQuery {
    /// Name of the backup.
    pub backup_name: String,
}

/// The parameters of `get_restore`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct GetRestoreQuery {
    /// Id of the restore.
    pub id: String,
}
