//! Generators of manifests of every form that a reader can return.

use std::collections::{BTreeMap, BTreeSet};

use milvus_backup_model as model;

use model::ids::{CollectionId, FieldId, LogId, PartitionId, PartitionScope, SegmentId, Tso};
use model::manifest::{
    BackupFormat, Binlog, ClusterFlush, CollectionBackup, ConsistencyLevel, DataType, DatabaseBackup,
    DeltaLog, Field, Function, Grant, Index, IndexDetails, KeyValue, LoadState, Manifest, ManifestSummary,
    PartitionBackup, PrivilegeGroup, Rbac, Schema, Segment, SnapshotBundle, StructArrayField, User,
};
use model::name::CollectionRef;
use model::segment::{SegmentKind, StorageVersion};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z]{1,6}", "[\u{0}-\u{7f}<>&\"\\\\\u{2028}é🦀]{0,4}", any::<String>()]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..9)
}

fn pairs() -> impl Strategy<Value = Vec<KeyValue>> {
    btree_map(text(), text(), 0..3)
        .prop_map(|map| map.into_iter().map(|(key, value)| KeyValue { key, value }).collect())
}

prop_compose! {
    fn field()(
        id: i64, name in text(), flags: [bool; 8], description in text(), types: (i32, i32),
        type_params in pairs(), index_params in pairs(), default_value in option::of(bytes()), external_field in text(),
    ) -> Field {
        let [
            is_primary_key, auto_id, is_dynamic, is_partition_key, is_clustering_key, nullable, is_function_output,
            element_nullable,
        ] = flags;
        Field {
            id, name, is_primary_key, description, data_type: DataType(types.0), type_params, index_params,
            auto_id, element_type: DataType(types.1), is_dynamic, is_partition_key, is_clustering_key, nullable,
            is_function_output, default_value, external_field, element_nullable,
        }
    }
}

prop_compose! {
    fn function()(
        name in text(), id: i64, description in text(), kind: i32, inputs in vec((text(), any::<i64>()), 0..3),
        outputs in vec((text(), any::<i64>()), 0..3), params in pairs(),
    ) -> Function {
        let (input_field_names, input_field_ids) = inputs.into_iter().unzip();
        let (output_field_names, output_field_ids) = outputs.into_iter().unzip();
        Function {
            name, id, description, kind, input_field_names, input_field_ids, output_field_names,
            output_field_ids, params,
        }
    }
}

prop_compose! {
    fn schema()(
        name in text(), description in text(), auto_id: bool, fields in vec(field(), 0..3),
        enable_dynamic_field: bool, functions in vec(function(), 0..2),
        structs in vec((any::<i64>(), text(), text(), vec(field(), 0..2), pairs(), any::<bool>()), 0..2),
        external in (text(), text()), enable_namespace: bool,
    ) -> Schema {
        let struct_array_fields = structs
            .into_iter()
            .map(|(id, name, description, fields, type_params, nullable)| StructArrayField {
                id, name, description, fields, type_params, nullable,
            })
            .collect();
        Schema {
            name, description, auto_id, fields, enable_dynamic_field, properties: Vec::new(), functions,
            struct_array_fields, external_source: external.0, external_spec: external.1, enable_namespace,
        }
    }
}

prop_compose! {
    fn segment(scope: PartitionScope)(
        id: i64, rows: u64, is_l0: bool, group_id in option::of(1..i64::MAX), storage_version in 0..4_i64,
        channel in text(), binlogs in btree_set((0..4_i64, 1..i64::MAX, 0..1_000_000_u64), 0..6),
        delta_logs in btree_set((1..i64::MAX, 0..1_000_000_u64), 0..3),
    ) -> Segment {
        let binlogs = binlogs.into_iter().map(|(f, l, size)| Binlog { field: FieldId(f), log: LogId(l), size });
        let delta_logs = delta_logs.into_iter().map(|(l, size)| DeltaLog { log: LogId(l), size });
        Segment {
            id: SegmentId(id), partition: scope, rows, group_id,
            kind: SegmentKind::new(is_l0 || scope == PartitionScope::All, StorageVersion(storage_version)),
            storage_version: StorageVersion(storage_version),
            virtual_channel: Some(channel).filter(|name| !name.is_empty()), binlogs: binlogs.collect(), delta_logs: delta_logs.collect(),
        }
    }
}

fn load_state() -> impl Strategy<Value = LoadState> {
    prop_oneof![Just(LoadState::NotLoad), Just(LoadState::Loading), Just(LoadState::Loaded)]
}

fn partition(id: PartitionId) -> impl Strategy<Value = PartitionBackup> {
    (text(), vec(segment(PartitionScope::One(id)), 0..3), any::<u64>(), load_state()).prop_map(
        move |(name, segments, size, load_state)| PartitionBackup { id, name, segments, size, load_state },
    )
}

fn partitions() -> impl Strategy<Value = Vec<PartitionBackup>> {
    btree_set(0..i64::MAX, 0..3).prop_flat_map(|ids: BTreeSet<i64>| {
        ids.into_iter().map(|id| partition(PartitionId(id))).collect::<Vec<_>>()
    })
}

fn indexes() -> impl Strategy<Value = Vec<Index>> {
    let details = (any::<i64>(), any::<[i32; 2]>(), any::<u64>(), [pairs(), pairs(), pairs()], any::<bool>())
        .prop_map(
            |(
                field_id,
                [first, last],
                time,
                [type_params, index_params, user_index_params],
                is_auto_index,
            )| {
                IndexDetails {
                    field_id,
                    create_time: Tso(time),
                    type_params,
                    index_params,
                    user_index_params,
                    is_auto_index,
                    min_index_version: first,
                    max_index_version: last,
                }
            },
        );
    let index = (text(), text(), text(), btree_map(text(), text(), 0..3), any::<i64>(), details);
    vec(
        index.prop_map(|(field_name, name, index_type, params, id, details)| Index {
            field_name,
            name,
            index_type,
            params,
            id,
            details,
        }),
        0..3,
    )
}

prop_compose! {
    fn channels()(
        checkpoints in btree_map(text(), bytes(), 0..2), virtuals in vec(text(), 0..2), physicals in vec(text(), 0..2),
    ) -> (BTreeMap<String, Vec<u8>>, Vec<String>, Vec<String>) {
        (checkpoints, virtuals, physicals)
    }
}

prop_compose! {
    fn collection(id: CollectionId)(
        names in ("[a-z]{1,4}", text()), mut schema in schema(), shards: i32, consistency: i32,
        partitions in partitions(), shared_segments in vec(segment(PartitionScope::All), 0..2), size: u64,
        indexes in indexes(), load_state in load_state(), cut in option::of(1..u64::MAX),
        times in (option::of(1..i64::MAX), option::of(1..i64::MAX), option::of(1..i64::MAX)),
        channels in channels(), properties in pairs(), db_id: i64, created: u64, aliases in vec(text(), 0..2),
        snapshot in option::of(("[a-z]{1,4}", any::<u64>(), any::<u64>())),
    ) -> CollectionBackup {
        schema.properties.clone_from(&properties);
        let (channel_checkpoints, virtual_channels, physical_channels) = channels;
        CollectionBackup {
            id, name: CollectionRef::new(names.0, names.1), schema, shards,
            consistency: ConsistencyLevel(consistency), partitions, shared_segments, size, indexes, load_state,
            backup_timestamp: cut.map(Tso), seal_time_s: times.0, channel_checkpoints, start_time_s: times.1,
            end_time_s: times.2, properties, db_id, created_timestamp: Tso(created), virtual_channels,
            physical_channels, aliases,
            snapshot: snapshot.map(|(metadata_path, total_files, total_bytes)| SnapshotBundle {
                metadata_path, total_files, total_bytes,
            }),
        }
    }
}

fn rbac() -> impl Strategy<Value = Rbac> {
    let user = (text(), text(), vec(text(), 0..2)).prop_map(|(name, password_hash, roles)| User {
        name,
        password_hash,
        roles,
    });
    let grant =
        [0; 6].map(|_| text()).prop_map(|[role, object, object_name, grantor, privilege, db_name]| Grant {
            role,
            object,
            object_name,
            grantor,
            privilege,
            db_name,
        });
    let group =
        (text(), vec(text(), 0..2)).prop_map(|(name, privileges)| PrivilegeGroup { name, privileges });
    (vec(user, 0..2), vec(text(), 1..3), vec(grant, 0..2), vec(group, 0..2))
        .prop_map(|(users, roles, grants, privilege_groups)| Rbac { users, roles, grants, privilege_groups })
}

fn format() -> impl Strategy<Value = BackupFormat> {
    prop_oneof![
        Just(BackupFormat::Binlog),
        Just(BackupFormat::Snapshot),
        "[x-z]{1,3}".prop_map(BackupFormat::Other)
    ]
}

prop_compose! {
    fn summary()(tool in text(), taken_ms: i64, counts: [u64; 5]) -> ManifestSummary {
        let [collections, rows, deletes, objects, snapshot_bytes] = counts;
        ManifestSummary { format_version: 1, tool, taken_ms, collections, rows, deletes, objects, snapshot_bytes }
    }
}

prop_compose! {
    fn cluster_flush()(
        messages in btree_map(text(), bytes(), 1..3), control_channel in text(),
        physical_channels in vec(text(), 0..3),
    ) -> ClusterFlush {
        ClusterFlush { messages, control_channel, physical_channels }
    }
}

prop_compose! {
    /// Generates a manifest with everything that `full_meta.json` can contain, and a summary.
    pub(crate) fn manifest()(
        id in "[a-z]{1,4}", name in text(), times in (option::of(1..i64::MAX), option::of(1..i64::MAX)), size: u64,
        milvus_version in text(), format in format(),
        databases in vec((text(), any::<i64>(), pairs(), text()), 0..3),
        collections in btree_set(any::<i64>(), 0..3).prop_flat_map(|ids| {
            ids.into_iter().map(|id| collection(CollectionId(id))).collect::<Vec<_>>()
        }),
        rbac in option::of(rbac()), cluster_flush in option::of(cluster_flush()), summary in option::of(summary()),
    ) -> Manifest {
        let databases = databases
            .into_iter()
            .map(|(name, id, properties, ezk)| DatabaseBackup { name, id, properties, ezk })
            .collect();
        Manifest {
            id, name, start_time_ms: times.0, end_time_ms: times.1, size, milvus_version, format, databases,
            collections, rbac, cluster_flush, summary,
        }
    }
}
