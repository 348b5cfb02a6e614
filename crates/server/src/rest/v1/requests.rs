//! What the Go tool's releases are asked, under the names they gave it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A backup to make. Without a selector everything is taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::CreateBackupRequest)]
pub(crate) struct CreateRequest {
    /// A letter or `_`, then letters, digits, `_`; made of the time if empty.
    #[schema(example = "nightly")]
    pub backup_name: String,
    /// Whether to answer at once instead of when the backup is over.
    #[serde(rename = "async")]
    pub asynchronous: bool,
    /// `coll` or `db.coll`; read if neither `filter` nor `db_collections` is given.
    pub collection_names: Vec<String>,
    /// Databases, each with a list of collections, or a string that holds such an object; an empty list is the whole
    /// database.
    #[schema(value_type = Option<Object>, example = json!({"default": ["books"], "shop": []}))]
    pub db_collections: Option<Value>,
    /// Databases, each with its collections: `["*"]` for all, none for the database alone. Goes before the others.
    pub filter: Option<BTreeMap<String, Collections>>,
    /// Not to flush; `strategy` goes before it.
    pub force: bool,
    /// Not to take data; `strategy` goes before it.
    pub meta_only: bool,
    /// `auto`, `serial_flush`, `bulk_flush`, `skip_flush` or `meta_only`.
    pub strategy: String,
    /// `auto` or `binlog`.
    pub format: String,
    /// To take users, roles and grants too; not built yet.
    pub rbac: bool,
    /// To take the details of indexes from etcd; not built yet.
    pub with_index_extra: bool,
    /// Another backup root; only where the server's configuration allows it.
    pub backup_root_path: String,
    /// Whether to pause Milvus's garbage collection meanwhile, also if the configuration does not.
    pub gc_pause_enable: bool,
    /// Without effect: a pause is renewed for as long as it is needed.
    pub gc_pause_seconds: i32,
    /// Without effect: the configuration tells where Milvus is managed.
    pub gc_pause_address: String,
}

/// Names of collections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::CollFilter)]
pub(crate) struct Collections {
    /// Names.
    pub colls: Vec<String>,
}

/// A backup to restore. Without a selector all of it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestoreBackupRequest)]
pub(crate) struct RestoreRequest {
    /// The request's id; the header `request_id` goes before it.
    #[serde(rename = "requestId")]
    pub request_id: String,
    /// The backup.
    #[schema(example = "nightly")]
    pub backup_name: String,
    /// Whether to answer at once instead of when the restore is over.
    #[serde(rename = "async")]
    pub asynchronous: bool,
    /// The id by which `get_restore` finds it; made of the time if empty.
    pub id: String,
    /// `coll` or `db.coll`, as they are named in the backup.
    pub collection_names: Vec<String>,
    /// Databases of the backup, each with a list of collections, or a string that holds such an object; goes before
    /// `collection_names`.
    #[schema(value_type = Option<Object>, example = json!({"default": ["books"], "shop": []}))]
    pub db_collections: Option<Value>,
    /// The same by the names in the target.
    #[schema(value_type = Option<Object>)]
    pub db_collections_after_rename: Option<Value>,
    /// What is added to the name of every collection without a rename of its own.
    #[schema(example = "_copy")]
    pub collection_suffix: String,
    /// New names by old ones: `coll`, `db.coll`, or `db.*` on both sides.
    pub collection_renames: BTreeMap<String, String>,
    /// The bucket the backup lies in, if another than the configured one; only where the configuration allows it.
    pub bucket_name: String,
    /// The root the backup lies below, if another than the configured one; only where the configuration allows it.
    pub path: String,
    /// Not to restore data.
    #[serde(rename = "metaOnly")]
    pub meta_only: bool,
    /// To create the backup's indexes.
    #[serde(rename = "restoreIndex")]
    pub restore_index: bool,
    /// To make vector indexes AUTOINDEX.
    #[serde(rename = "useAutoIndex")]
    pub use_auto_index: bool,
    /// To drop target collections that exist.
    #[serde(rename = "dropExistCollection")]
    pub drop_exist_collection: bool,
    /// To drop the indexes of target collections that exist.
    #[serde(rename = "dropExistIndex")]
    pub drop_exist_index: bool,
    /// To import into target collections that exist.
    #[serde(rename = "skipCreateCollection")]
    pub skip_create_collection: bool,
    /// Without effect.
    #[serde(rename = "skipImportDiskQuotaCheck")]
    pub skip_import_disk_quota_check: bool,
    /// To restore users, roles and grants too; not built yet.
    pub rbac: bool,
    /// The most shards a collection gets; 0 for no limit.
    #[serde(rename = "maxShardNum")]
    pub max_shard_num: i32,
    /// Properties and parameters to leave out.
    #[serde(rename = "skipParams")]
    pub skip_params: SkipParams,
    /// Without effect: as few import jobs are sent as the server takes.
    #[serde(rename = "useV2Restore")]
    pub use_v2_restore: bool,
    /// To import each channel only up to its checkpoint; not built yet.
    #[serde(rename = "truncateBinlogByTs")]
    pub truncate_binlog_by_ts: bool,
    /// New encryption keys by old ones; not built yet.
    #[serde(rename = "ezkMapping")]
    pub ezk_mapping: BTreeMap<String, String>,
    /// What goes where, in detail.
    #[serde(rename = "restorePlan")]
    pub restore_plan: Option<RestorePlan>,
}

/// Keys to leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = v1::SkipParams)]
pub(crate) struct SkipParams {
    /// Of collections' properties.
    pub collection_properties: Vec<String>,
    /// Of fields' index parameters.
    pub field_index_params: Vec<String>,
    /// Of fields' type parameters.
    pub field_type_params: Vec<String>,
    /// Of indexes' parameters.
    pub index_params: Vec<String>,
}

/// What goes where; what is not named keeps its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestorePlan)]
pub(crate) struct RestorePlan {
    /// Databases, and collections in them.
    pub mapping: Vec<DatabaseMapping>,
    /// Which targets are restored: databases, each with its collections, `["*"]` for all.
    pub filter: Option<BTreeMap<String, Collections>>,
}

/// Where a database goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestoreMapping)]
pub(crate) struct DatabaseMapping {
    /// Its name in the backup.
    pub source: String,
    /// Its name in the target.
    pub target: String,
    /// Without effect.
    #[serde(rename = "withProp")]
    pub with_prop: bool,
    /// Its collections.
    pub colls: Vec<CollectionMapping>,
}

/// Where a collection goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestoreCollectionMapping)]
pub(crate) struct CollectionMapping {
    /// Its name in the backup.
    pub source: String,
    /// Its name in the target.
    pub target: String,
    /// What is to be different there.
    #[serde(rename = "override")]
    pub different: Different,
}

/// What is to be different in the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestoreCollectionOverride)]
pub(crate) struct Different {
    /// The number of shards; 0 for that of the backup.
    #[serde(rename = "shardNum")]
    pub shard_num: i32,
    /// The description; empty for that of the backup.
    pub description: String,
}

/// A backup to bring to the standby of a cluster pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = v1::RestoreSecondaryRequest)]
pub(crate) struct RestoreSecondaryRequest {
    /// The request's id, which is the restore's too.
    #[serde(rename = "requestId")]
    pub request_id: String,
    /// The backup.
    pub backup_name: String,
    /// The cluster it was made of.
    #[serde(rename = "sourceClusterID")]
    pub source_cluster: String,
    /// The cluster to restore to.
    #[serde(rename = "targetClusterID")]
    pub target_cluster: String,
    /// Whether to answer at once.
    #[serde(rename = "async")]
    pub asynchronous: bool,
    /// The root the backup lies below, if another than the configured one.
    pub path: String,
}

/// Which backups are listed.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only backups that hold a collection of this name, in any database.
    pub collection_name: String,
}

/// Which backup is meant; the id goes before the name.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct GetBackupQuery {
    /// The id of the request that made it.
    pub backup_id: String,
    /// Its name.
    pub backup_name: String,
    /// The root it lies below, if another than the configured one; only where the configuration allows it.
    pub path: String,
}

/// Which backup is deleted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteQuery {
    /// Its name.
    pub backup_name: String,
}

/// Which restore is meant.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct GetRestoreQuery {
    /// Its id.
    pub id: String,
}
