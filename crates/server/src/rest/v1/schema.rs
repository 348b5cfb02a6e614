//! The trees that backups hold, described for the `OpenAPI` document; [`model::manifest::json`] writes them.
#![expect(dead_code, clippy::struct_field_names, reason = "these describe what another crate writes")]

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// A collection of a backup.
#[derive(ToSchema)]
#[schema(as = v1::CollectionBackupInfo)]
pub(super) struct CollectionBackupInfo {
    /// The backup's id.
    #[schema(required = false)]
    id: String,
    /// When reading it began, seconds since 1970.
    #[schema(required = false)]
    start_time: i64,
    /// When reading it ended, seconds since 1970.
    #[schema(required = false)]
    end_time: i64,
    /// Its id in the source.
    #[schema(required = false)]
    collection_id: i64,
    /// Its database.
    db_name: String,
    /// Its name.
    collection_name: String,
    /// Its schema, under the names of Milvus's `CollectionSchema`.
    #[schema(value_type = Object)]
    schema: (),
    /// Shards.
    #[schema(required = false)]
    shards_num: i32,
    /// When it was created, as Milvus's timestamp.
    #[schema(required = false)]
    created_timestamp: u64,
    /// Milvus's channels of its shards.
    #[schema(required = false)]
    virtual_channel_names: Vec<String>,
    /// The channels they are carried by.
    #[schema(required = false)]
    physical_channel_names: Vec<String>,
    /// 0 strong, 1 session, 2 bounded, 3 eventually, 4 customized.
    #[schema(required = false)]
    consistency_level: i32,
    /// Its partitions; left out by `http.simpleResponse`.
    #[schema(required = false)]
    partition_backups: Vec<PartitionBackupInfo>,
    /// The moment it was cut at, as Milvus's timestamp.
    #[schema(required = false)]
    backup_timestamp: u64,
    /// Bytes of its files.
    size: u64,
    /// Whether it has an index.
    has_index: bool,
    /// Its indexes.
    #[schema(required = false)]
    index_infos: Vec<IndexInfo>,
    /// `Loaded`, `Loading` or `NotLoad`.
    #[schema(required = false)]
    load_state: String,
    /// The moment it was cut at, seconds since 1970.
    #[schema(required = false)]
    backup_physical_timestamp: u64,
    /// By channel, in Base64.
    #[schema(required = false)]
    channel_checkpoints: BTreeMap<String, String>,
    /// Segments of deletes for all partitions.
    #[schema(required = false)]
    l0_segments: Vec<SegmentBackupInfo>,
    /// Its properties.
    #[schema(required = false)]
    properties: Vec<KeyValuePair>,
    /// Its database's id in the source.
    #[schema(required = false)]
    db_id: i64,
    /// Its aliases.
    #[schema(required = false)]
    aliases: Vec<String>,
}

/// A partition of a backup.
#[derive(ToSchema)]
#[schema(as = v1::PartitionBackupInfo)]
struct PartitionBackupInfo {
    /// Its id in the source.
    #[schema(required = false)]
    partition_id: i64,
    /// Its name.
    partition_name: String,
    /// Its collection's id.
    #[schema(required = false)]
    collection_id: i64,
    /// Its segments.
    #[schema(required = false)]
    segment_backups: Vec<SegmentBackupInfo>,
    /// Bytes of its files.
    size: u64,
    /// `Loaded`, `Loading` or `NotLoad`.
    #[schema(required = false)]
    load_state: String,
}

/// A segment of a backup.
#[derive(ToSchema)]
#[schema(as = v1::SegmentBackupInfo)]
struct SegmentBackupInfo {
    /// Its id in the source.
    #[schema(required = false)]
    segment_id: i64,
    /// Its collection's id.
    #[schema(required = false)]
    collection_id: i64,
    /// Its partition's id; -1 for all.
    #[schema(required = false)]
    partition_id: i64,
    /// Rows, deleted ones included.
    #[schema(required = false)]
    num_of_rows: u64,
    /// Files of its fields.
    #[schema(required = false)]
    binlogs: Vec<FieldBinlog>,
    /// Files of its deletes; an empty object for none.
    #[schema(required = false)]
    deltalogs: Vec<FieldBinlog>,
    /// Bytes of its files.
    size: u64,
    /// A level of its path in the backup.
    #[schema(required = false)]
    group_id: i64,
    /// Whether its files are in the backup.
    #[schema(required = false)]
    backuped: bool,
    /// Whether it holds deletes alone.
    #[schema(required = false)]
    is_l0: bool,
    /// The channel it came by.
    #[schema(required = false)]
    v_channel: String,
    /// Milvus's version of the form of its files.
    #[schema(required = false)]
    storage_version: i64,
}

/// Files of one field.
#[derive(ToSchema)]
#[schema(as = v1::FieldBinlog)]
struct FieldBinlog {
    /// The field's id; of deletes that of the file.
    #[serde(rename = "fieldID")]
    #[schema(required = false)]
    field_id: i64,
    /// The files.
    #[schema(required = false)]
    binlogs: Vec<Binlog>,
}

/// One file.
#[derive(ToSchema)]
#[schema(as = v1::Binlog)]
struct Binlog {
    /// Where it lay in Milvus's storage.
    log_path: String,
    /// Its bytes.
    log_size: u64,
    /// Its id.
    log_id: i64,
}

/// An index.
#[derive(ToSchema)]
#[schema(as = v1::IndexInfo)]
struct IndexInfo {
    /// Its field.
    field_name: String,
    /// Its name.
    index_name: String,
    /// Its type.
    #[schema(required = false)]
    index_type: String,
    /// Its parameters.
    #[schema(required = false)]
    params: BTreeMap<String, String>,
    /// Its id in the source.
    #[schema(required = false)]
    index_id: i64,
}

/// A database of a backup.
#[derive(ToSchema)]
#[schema(as = v1::DatabaseBackupInfo)]
pub(super) struct DatabaseBackupInfo {
    /// Its name.
    db_name: String,
    /// Its id in the source.
    #[schema(required = false)]
    db_id: i64,
    /// Its properties.
    #[schema(required = false)]
    properties: Vec<KeyValuePair>,
}

/// A key and its value.
#[derive(ToSchema)]
#[schema(as = v1::KeyValuePair)]
struct KeyValuePair {
    /// The key.
    key: String,
    /// The value.
    value: String,
}
