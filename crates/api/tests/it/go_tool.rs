//! Compares our `.proto` files with the messages, enums and calls of the Go tool, release 0.4.15, as tables.

use protox::prost_reflect::{DescriptorPool, FieldDescriptor, Kind};

/// The messages of 0.4.15, with the number, the name and the type of each field.
const MESSAGES: &[(&str, &str)] = &[
    (
        "CreateBackupRequest",
        "1 requestId: string, 2 backup_name: string, 3 collection_names: []string, 4 async: bool, \
         5 db_collections: google.protobuf.Value, 6 force: bool, 7 meta_only: bool, \
         8 gc_pause_enable: bool, 9 gc_pause_seconds: int32, 10 gc_pause_address: string",
    ),
    ("BackupInfoResponse", "1 requestId: string, 2 code: ResponseCode, 3 msg: string, 4 data: BackupInfo"),
    (
        "GetBackupRequest",
        "1 requestId: string, 2 backup_name: string, 3 backup_id: string, 4 bucket_name: string, \
         5 path: string, 6 without_detail: bool",
    ),
    ("ListBackupsRequest", "1 requestId: string, 2 collection_name: string"),
    ("ListBackupsResponse", "1 requestId: string, 2 code: ResponseCode, 3 msg: string, 4 data: []BackupInfo"),
    ("DeleteBackupRequest", "1 requestId: string, 2 backup_name: string"),
    ("DeleteBackupResponse", "1 requestId: string, 2 code: ResponseCode, 3 msg: string"),
    (
        "RestoreBackupRequest",
        "1 requestId: string, 2 backup_name: string, 3 collection_names: []string, \
         4 collection_suffix: string, 5 collection_renames: map<string,string>, 6 async: bool, \
         7 bucket_name: string, 8 path: string, 9 db_collections: google.protobuf.Value, \
         10 metaOnly: bool, 11 restoreIndex: bool, 12 useAutoIndex: bool, 13 dropExistCollection: bool, \
         14 dropExistIndex: bool, 15 skipCreateCollection: bool, 16 id: string",
    ),
    (
        "RestoreBackupResponse",
        "1 requestId: string, 2 code: ResponseCode, 3 msg: string, 4 data: RestoreBackupTask",
    ),
    ("GetRestoreStateRequest", "1 requestId: string, 2 id: string"),
    ("CheckRequest", ""),
    ("CheckResponse", "1 code: ResponseCode, 2 msg: string"),
    (
        "BackupInfo",
        "1 id: string, 2 state_code: BackupTaskStateCode, 3 errorMessage: string, 4 start_time: int64, \
         5 end_time: int64, 6 progress: int32, 7 name: string, 8 backup_timestamp: uint64, \
         9 collection_backups: []CollectionBackupInfo, 10 size: int64, 11 milvus_version: string",
    ),
    (
        "CollectionBackupInfo",
        "1 id: string, 2 state_code: BackupTaskStateCode, 3 errorMessage: string, 4 start_time: int64, \
         5 end_time: int64, 6 progress: int32, 7 collection_id: int64, 8 db_name: string, \
         9 collection_name: string, 10 schema: CollectionSchema, 11 shards_num: int32, \
         12 consistency_level: ConsistencyLevel, 13 partition_backups: []PartitionBackupInfo, \
         14 backup_timestamp: uint64, 15 size: int64, 16 has_index: bool, 17 index_infos: []IndexInfo, \
         18 load_state: string, 19 backup_physical_timestamp: uint64, \
         20 channel_checkpoints: map<string,string>, 21 l0_segments: []SegmentBackupInfo",
    ),
    (
        "PartitionBackupInfo",
        "1 partition_id: int64, 2 partition_name: string, 3 collection_id: int64, \
         4 segment_backups: []SegmentBackupInfo, 5 size: int64, 6 load_state: string",
    ),
    (
        "SegmentBackupInfo",
        "1 segment_id: int64, 2 collection_id: int64, 3 partition_id: int64, 4 num_of_rows: int64, \
         5 binlogs: []FieldBinlog, 6 statslogs: []FieldBinlog, 7 deltalogs: []FieldBinlog, 8 size: int64, \
         9 group_id: int64, 10 backuped: bool, 11 is_l0: bool",
    ),
    ("FieldBinlog", "1 fieldID: int64, 2 binlogs: []Binlog"),
    (
        "Binlog",
        "1 entries_num: int64, 2 timestamp_from: uint64, 3 timestamp_to: uint64, 4 log_path: string, \
         5 log_size: int64",
    ),
    (
        "IndexInfo",
        "1 field_name: string, 2 index_name: string, 3 index_type: string, 4 params: map<string,string>",
    ),
    ("CollectionLevelBackupInfo", "1 infos: []CollectionBackupInfo"),
    ("PartitionLevelBackupInfo", "1 infos: []PartitionBackupInfo"),
    ("SegmentLevelBackupInfo", "1 infos: []SegmentBackupInfo"),
    (
        "RestoreBackupTask",
        "1 id: string, 2 state_code: RestoreTaskStateCode, 3 errorMessage: string, 4 start_time: int64, \
         5 end_time: int64, 6 collection_restore_tasks: []RestoreCollectionTask, 7 restored_size: int64, \
         8 to_restore_size: int64, 9 progress: int32",
    ),
    (
        "RestoreCollectionTask",
        "1 id: string, 2 state_code: RestoreTaskStateCode, 3 errorMessage: string, 4 start_time: int64, \
         5 end_time: int64, 6 coll_backup: CollectionBackupInfo, 7 target_collection_name: string, \
         8 partition_restore_tasks: []RestorePartitionTask, 9 restored_size: int64, \
         10 to_restore_size: int64, 11 progress: int32, 12 target_db_name: string, 13 metaOnly: bool, \
         14 restoreIndex: bool, 15 useAutoIndex: bool, 16 dropExistCollection: bool, \
         17 dropExistIndex: bool, 18 skipCreateCollection: bool",
    ),
    (
        "RestorePartitionTask",
        "1 id: string, 2 state_code: RestoreTaskStateCode, 3 errorMessage: string, 4 start_time: int64, \
         5 end_time: int64, 6 progress: int32, 7 part_backup: PartitionBackupInfo",
    ),
    (
        "CollectionSchema",
        "1 name: string, 2 description: string, 3 autoID: bool, 4 fields: []FieldSchema, \
         5 enable_dynamic_field: bool",
    ),
    (
        "FieldSchema",
        "1 fieldID: int64, 2 name: string, 3 is_primary_key: bool, 4 description: string, \
         5 data_type: DataType, 6 type_params: []KeyValuePair, 7 index_params: []KeyValuePair, \
         8 autoID: bool, 9 state: FieldState, 10 element_type: DataType, 11 default_value: ValueField, \
         12 is_dynamic: bool, 13 is_partition_key: bool",
    ),
    (
        "ValueField",
        "1 bool_data: bool, 2 int_data: int32, 3 long_data: int64, 4 float_data: float, \
         5 double_data: double, 6 string_data: string, 7 bytes_data: bytes",
    ),
    ("KeyValuePair", "1 key: string, 2 value: string"),
    ("MsgPosition", "1 channel_name: string, 2 msgID: bytes, 3 msgGroup: string, 4 timestamp: uint64"),
    ("ChannelPosition", "1 name: string, 2 position: string"),
];

/// The messages and request fields that later releases of the Go tool added.
const LATER_MESSAGES: &[(&str, &str)] = &[
    (
        "CreateBackupRequest",
        "11 rbac: bool, 12 backup_root_path: string, 13 filter: map<string,CollFilter>, 14 strategy: string, \
         15 with_index_extra: bool, 16 format: string",
    ),
    ("SnapshotBackupInfo", "1 metadata_path: string, 2 total_files: int64, 3 total_bytes: int64"),
    (
        "RestoreBackupRequest",
        "17 skipImportDiskQuotaCheck: bool, 18 rbac: bool, 19 maxShardNum: int32, 20 skipParams: SkipParams, \
         21 useV2Restore: bool, 22 truncateBinlogByTs: bool, \
         23 db_collections_after_rename: google.protobuf.Value, 24 restorePlan: RestorePlan, \
         25 ezkMapping: map<string,string>",
    ),
    ("CollFilter", "1 colls: []string"),
    (
        "SkipParams",
        "1 collectionProperties: []string, 2 fieldIndexParams: []string, 3 fieldTypeParams: []string, \
         4 indexParams: []string",
    ),
    ("RestorePlan", "1 mapping: []RestoreMapping, 2 filter: map<string,CollFilter>"),
    (
        "RestoreMapping",
        "1 source: string, 2 target: string, 3 withProp: bool, 4 colls: []RestoreCollectionMapping",
    ),
    ("RestoreCollectionMapping", "1 source: string, 2 target: string, 3 override: RestoreCollectionOverride"),
    ("RestoreCollectionOverride", "1 shardNum: int32, 2 description: string"),
];

/// The enums of 0.4.15, with the name and the number of each value.
const ENUMS: &[(&str, &str)] = &[
    (
        "ResponseCode",
        "Success 0, Not_Support 1, No_Permission 2, Fail 3, Parameter_Error 400, \
         Request_Object_Not_Found 404",
    ),
    (
        "BackupTaskStateCode",
        "BACKUP_INITIAL 0, BACKUP_EXECUTING 1, BACKUP_SUCCESS 2, BACKUP_FAIL 3, BACKUP_TIMEOUT 4",
    ),
    ("RestoreTaskStateCode", "INITIAL 0, EXECUTING 1, SUCCESS 2, FAIL 3, TIMEOUT 4"),
    ("ConsistencyLevel", "Strong 0, Session 1, Bounded 2, Eventually 3, Customized 4"),
    (
        "DataType",
        "None 0, Bool 1, Int8 2, Int16 3, Int32 4, Int64 5, Float 10, Double 11, String 20, VarChar 21, \
         Array 22, Json 23, BinaryVector 100, FloatVector 101, Float16Vector 102, BFloat16Vector 103, \
         SparseFloatVector 104",
    ),
    ("FieldState", "FieldCreated 0, FieldCreating 1, FieldDropping 2, FieldDropped 3"),
];

/// The calls of 0.4.15: name, request, response.
const CALLS: &[[&str; 3]] = &[
    ["CreateBackup", "CreateBackupRequest", "BackupInfoResponse"],
    ["GetBackup", "GetBackupRequest", "BackupInfoResponse"],
    ["ListBackups", "ListBackupsRequest", "ListBackupsResponse"],
    ["DeleteBackup", "DeleteBackupRequest", "DeleteBackupResponse"],
    ["RestoreBackup", "RestoreBackupRequest", "RestoreBackupResponse"],
    ["GetRestore", "GetRestoreStateRequest", "RestoreBackupResponse"],
    ["Check", "CheckRequest", "CheckResponse"],
];

/// Decodes the descriptors that the build script generated from our files.
fn decode_descriptors() -> DescriptorPool {
    DescriptorPool::decode(milvus_backup_api::DESCRIPTORS).expect("the descriptors can be decoded")
}

/// Formats a field in the notation of the tables: number, name, type.
fn format_field(field: &FieldDescriptor) -> String {
    let type_name = |kind: Kind| match kind {
        Kind::Message(message) => {
            message.full_name().strip_prefix("milvus.proto.backup.").unwrap_or(message.full_name()).to_owned()
        }
        Kind::Enum(values) => values.name().to_owned(),
        scalar => format!("{scalar:?}"),
    };
    let kind = match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            let entry_type = |field: FieldDescriptor| type_name(field.kind());
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            format!("map<{},{}>", entry_type(key), entry_type(value))
        }
        kind if field.is_list() => format!("[]{}", type_name(kind)),
        kind => type_name(kind),
    };
    format!("{} {}: {kind}", field.number(), field.name())
}

#[test]
fn messages_have_the_fields_of_the_go_tool() {
    let pool = decode_descriptors();
    for (message, fields) in MESSAGES.iter().chain(LATER_MESSAGES) {
        let message = pool
            .get_message_by_name(&format!("milvus.proto.backup.{message}"))
            .unwrap_or_else(|| panic!("{message} is missing"));
        let actual: Vec<_> = message.fields().map(|f| format_field(&f)).collect();
        for expected in fields.split(", ").filter(|expected| !expected.is_empty()) {
            assert!(
                actual.iter().any(|actual| actual == expected),
                "{}: {expected} is not among {actual:?}",
                message.name()
            );
        }
    }
}

#[test]
fn enums_have_the_values_of_0_4_15() {
    let pool = decode_descriptors();
    for (name, values) in ENUMS {
        let descriptor = pool
            .get_enum_by_name(&format!("milvus.proto.backup.{name}"))
            .unwrap_or_else(|| panic!("{name} is missing"));
        let actual: Vec<_> = descriptor.values().map(|v| format!("{} {}", v.name(), v.number())).collect();
        for expected in values.split(", ") {
            assert!(
                actual.iter().any(|actual| actual == expected),
                "{name}: {expected} is not among {actual:?}"
            );
        }
    }
}

#[test]
fn the_service_has_exactly_the_calls_of_0_4_15() {
    let pool = decode_descriptors();
    let service =
        pool.get_service_by_name("milvus.proto.backup.MilvusBackupService").expect("the definition exists");
    let actual: Vec<_> = service
        .methods()
        .map(|m| {
            assert!(!m.is_client_streaming() && !m.is_server_streaming(), "{}", m.name());
            [m.name().to_owned(), m.input().name().to_owned(), m.output().name().to_owned()]
        })
        .collect();
    assert_eq!(actual, CALLS);
}

#[test]
fn the_fields_of_value_field_form_one_oneof() {
    let value = decode_descriptors()
        .get_message_by_name("milvus.proto.backup.ValueField")
        .expect("the definition exists");
    let oneof = value.oneofs().next().expect("the message has a oneof");
    assert_eq!((oneof.name(), oneof.fields().len()), ("data", value.fields().len()));
}
