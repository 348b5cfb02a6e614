//! The `OpenAPI` description of the trees in a backup; [`model::manifest::json`] writes them.
#![expect(dead_code, clippy::struct_field_names, reason = "these describe what another crate writes")]

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// A collection in a backup.
#[derive(ToSchema)]
#[schema(as = v1::CollectionBackupInfo)]
pub(super) struct CollectionBackupInfo {
    /// Id of the backup.
    #[schema(required = false)]
    id: String,
    /// Start of its backup, in seconds since 1970.
    #[schema(required = false)]
    start_time: i64,
    /// End of its backup, in seconds since 1970.
    #[schema(required = false)]
    end_time: i64,
    /// Id of the collection in the source.
    #[schema(required = false)]
    collection_id: i64,
    /// Database of the collection.
    db_name: String,
    /// Name of the collection.
    collection_name: String,
    /// Schema, with the names of Milvus's `CollectionSchema`.
    #[schema(value_type = Object)]
    schema: (),
    /// Number of shards.
    #[schema(required = false)]
    shards_num: i32,
    /// Time of its creation, as a Milvus timestamp.
    #[schema(required = false)]
    created_timestamp: u64,
    /// Virtual channels of the shards.
    #[schema(required = false)]
    virtual_channel_names: Vec<String>,
    /// Physical channels of the shards.
    #[schema(required = false)]
    physical_channel_names: Vec<String>,
    /// 0 strong, 1 session, 2 bounded, 3 eventually, 4 customized.
    #[schema(required = false)]
    consistency_level: i32,
    /// Partitions; omitted with `http.simpleResponse`.
    #[schema(required = false)]
    partition_backups: Vec<PartitionBackupInfo>,
    /// Moment up to which rows are in the backup, as a Milvus timestamp.
    #[schema(required = false)]
    backup_timestamp: u64,
    /// Size of the files, in bytes.
    size: u64,
    /// Whether the collection has an index.
    has_index: bool,
    /// Indexes.
    #[schema(required = false)]
    index_infos: Vec<IndexInfo>,
    /// `Loaded`, `Loading` or `NotLoad`.
    #[schema(required = false)]
    load_state: String,
    /// Moment up to which rows are in the backup, in seconds since 1970.
    #[schema(required = false)]
    backup_physical_timestamp: u64,
    /// Checkpoints by channel, in Base64.
    #[schema(required = false)]
    channel_checkpoints: BTreeMap<String, String>,
    /// Segments with delete entries for all partitions.
    #[schema(required = false)]
    l0_segments: Vec<SegmentBackupInfo>,
    /// Properties.
    #[schema(required = false)]
    properties: Vec<KeyValuePair>,
    /// Id of the database in the source.
    #[schema(required = false)]
    db_id: i64,
    /// Aliases.
    #[schema(required = false)]
    aliases: Vec<String>,
}

/// A partition in a backup.
#[derive(ToSchema)]
#[schema(as = v1::PartitionBackupInfo)]
struct PartitionBackupInfo {
    /// Id of the partition in the source.
    #[schema(required = false)]
    partition_id: i64,
    /// Name of the partition.
    partition_name: String,
    /// Id of the collection.
    #[schema(required = false)]
    collection_id: i64,
    /// Segments.
    #[schema(required = false)]
    segment_backups: Vec<SegmentBackupInfo>,
    /// Size of the files, in bytes.
    size: u64,
    /// `Loaded`, `Loading` or `NotLoad`.
    #[schema(required = false)]
    load_state: String,
}

/// A segment in a backup.
#[derive(ToSchema)]
#[schema(as = v1::SegmentBackupInfo)]
struct SegmentBackupInfo {
    /// Id of the segment in the source.
    #[schema(required = false)]
    segment_id: i64,
    /// Id of the collection.
    #[schema(required = false)]
    collection_id: i64,
    /// Id of the partition; -1 for all partitions.
    #[schema(required = false)]
    partition_id: i64,
    /// Number of rows, including deleted rows.
    #[schema(required = false)]
    num_of_rows: u64,
    /// Files of the fields.
    #[schema(required = false)]
    binlogs: Vec<FieldBinlog>,
    /// Files of the delete entries; an empty object if there are none.
    #[schema(required = false)]
    deltalogs: Vec<FieldBinlog>,
    /// Size of the files, in bytes.
    size: u64,
    /// Additional level of the path in the backup.
    #[schema(required = false)]
    group_id: i64,
    /// Whether the files are in the backup.
    #[schema(required = false)]
    backuped: bool,
    /// Whether the segment contains only delete entries.
    #[schema(required = false)]
    is_l0: bool,
    /// Virtual channel of the segment.
    #[schema(required = false)]
    v_channel: String,
    /// Milvus's version of the file format.
    #[schema(required = false)]
    storage_version: i64,
}

/// The files of a field.
#[derive(ToSchema)]
#[schema(as = v1::FieldBinlog)]
struct FieldBinlog {
    /// Id of the field; for delete entries, the id of the file.
    #[serde(rename = "fieldID")]
    #[schema(required = false)]
    field_id: i64,
    /// Files.
    #[schema(required = false)]
    binlogs: Vec<Binlog>,
}

/// A file.
#[derive(ToSchema)]
#[schema(as = v1::Binlog)]
struct Binlog {
    /// Path of the file in Milvus's store.
    log_path: String,
    /// Size in bytes.
    log_size: u64,
    /// Id of the file.
    log_id: i64,
}

/// An index.
#[derive(ToSchema)]
#[schema(as = v1::IndexInfo)]
struct IndexInfo {
    /// Name of the field.
    field_name: String,
    /// Name of the index.
    index_name: String,
    /// Type of the index.
    #[schema(required = false)]
    index_type: String,
    /// Parameters.
    #[schema(required = false)]
    params: BTreeMap<String, String>,
    /// Id of the index in the source.
    #[schema(required = false)]
    index_id: i64,
}

/// A database in a backup.
#[derive(ToSchema)]
#[schema(as = v1::DatabaseBackupInfo)]
pub(super) struct DatabaseBackupInfo {
    /// Name of the database.
    db_name: String,
    /// Id of the database in the source.
    #[schema(required = false)]
    db_id: i64,
    /// Properties.
    #[schema(required = false)]
    properties: Vec<KeyValuePair>,
}

/// A key with its value.
#[derive(ToSchema)]
#[schema(as = v1::KeyValuePair)]
struct KeyValuePair {
    /// Key.
    key: String,
    /// Value.
    value: String,
}
