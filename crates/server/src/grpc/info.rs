//! A backup in the messages of release 0.4.15, down to its files.

use api::backup;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use engine::BackupDetail;
use model::ids::{CollectionId, FieldId, LogId};
use model::manifest::{BackupFormat, CollectionBackup, Index, Manifest, PartitionBackup, Segment};

use super::schema::{key_values, schema};

/// Converts a backup on the store; `root` is Milvus's root path, for the paths of files. Without `files` it omits
/// partitions, segments and files. Encryption keys and users are always omitted.
pub(super) fn stored(detail: &BackupDetail, root: &str, files: bool) -> backup::BackupInfo {
    let manifest = &detail.manifest;
    let collections = manifest.collections.iter();
    backup::BackupInfo {
        id: manifest.id.clone(),
        state_code: backup::BackupTaskStateCode::BackupSuccess.into(),
        error_message: String::new(),
        start_time: manifest.start_time_ms.unwrap_or_default(),
        end_time: manifest.end_time_ms.unwrap_or_default(),
        progress: 100,
        name: detail.summary.name.clone(),
        backup_timestamp: 0,
        collection_backups: collections.map(|c| collection(manifest, c, root, files)).collect(),
        size: count(manifest.size),
        milvus_version: manifest.milvus_version.clone(),
        database_backups: databases(manifest),
        format: match &manifest.format {
            BackupFormat::Binlog => String::new(),
            BackupFormat::Snapshot => "snapshot".to_owned(),
            BackupFormat::Other(word) => word.clone(),
        },
    }
}

fn databases(manifest: &Manifest) -> Vec<backup::DatabaseBackupInfo> {
    let all = manifest.databases.iter().map(|database| backup::DatabaseBackupInfo {
        db_name: database.name.clone(),
        db_id: database.id,
        properties: key_values(&database.properties),
    });
    all.collect()
}

fn collection(
    manifest: &Manifest,
    c: &CollectionBackup,
    root: &str,
    files: bool,
) -> backup::CollectionBackupInfo {
    let checkpoints = c.channel_checkpoints.iter();
    backup::CollectionBackupInfo {
        id: manifest.id.clone(),
        state_code: backup::BackupTaskStateCode::BackupSuccess.into(),
        error_message: String::new(),
        start_time: c.start_time_s.unwrap_or_default(),
        end_time: c.end_time_s.unwrap_or_default(),
        progress: 100,
        collection_id: c.id.0,
        db_name: c.name.database.clone(),
        collection_name: c.name.collection.clone(),
        schema: Some(schema(&c.schema)),
        shards_num: c.shards,
        consistency_level: c.consistency.0,
        partition_backups: if files {
            c.partitions.iter().map(|p| partition(c.id, p, root)).collect()
        } else {
            Vec::new()
        },
        backup_timestamp: c.backup_timestamp.unwrap_or_default().0,
        size: count(c.size),
        has_index: !c.indexes.is_empty(),
        index_infos: c.indexes.iter().map(index).collect(),
        load_state: c.load_state.as_str().to_owned(),
        backup_physical_timestamp: c.seal_time_s.and_then(|s| u64::try_from(s).ok()).unwrap_or_default(),
        channel_checkpoints: checkpoints
            .map(|(name, at)| (name.clone(), BASE64_STANDARD.encode(at)))
            .collect(),
        l0_segments: if files {
            c.shared_segments.iter().map(|s| segment(c.id, s, root)).collect()
        } else {
            Vec::new()
        },
        properties: key_values(&c.properties),
        db_id: c.db_id,
        created_timestamp: c.created_timestamp.0,
        virtual_channel_names: c.virtual_channels.clone(),
        physical_channel_names: c.physical_channels.clone(),
        aliases: c.aliases.clone(),
        snapshot_backup: c.snapshot.as_ref().map(|bundle| backup::SnapshotBackupInfo {
            metadata_path: bundle.metadata_path.clone(),
            total_files: count(bundle.total_files),
            total_bytes: count(bundle.total_bytes),
        }),
    }
}

fn index(index: &Index) -> backup::IndexInfo {
    backup::IndexInfo {
        field_name: index.field_name.clone(),
        index_name: index.name.clone(),
        index_type: index.index_type.clone(),
        params: index.params.clone().into_iter().collect(),
        index_id: index.id,
    }
}

fn partition(collection: CollectionId, p: &PartitionBackup, root: &str) -> backup::PartitionBackupInfo {
    backup::PartitionBackupInfo {
        partition_id: p.id.0,
        partition_name: p.name.clone(),
        collection_id: collection.0,
        segment_backups: p.segments.iter().map(|s| segment(collection, s, root)).collect(),
        size: count(p.size),
        load_state: p.load_state.as_str().to_owned(),
    }
}

/// Converts a segment with its files.
pub(super) fn segment(collection: CollectionId, s: &Segment, root: &str) -> backup::SegmentBackupInfo {
    let below = |kind: &str| {
        let place = format!("{kind}/{collection}/{}/{}", s.partition.to_wire(), s.id);
        match root.trim_end_matches('/') {
            "" => place,
            root => format!("{root}/{place}"),
        }
    };
    let insert = below("insert_log");
    let columns = s.binlogs.chunk_by(|a, b| a.field == b.field).map(|column| {
        let field = column.first().map(|log| log.field).unwrap_or_default();
        let dir = format!("{insert}/{field}");
        files_of(field, column.iter().map(|log| file(&dir, log.log, log.size)).collect())
    });
    let delta = below("delta_log");
    let deletes: Vec<_> = s.delta_logs.iter().map(|log| file(&delta, log.log, log.size)).collect();
    backup::SegmentBackupInfo {
        segment_id: s.id.0,
        collection_id: collection.0,
        partition_id: s.partition.to_wire(),
        num_of_rows: count(s.rows),
        binlogs: columns.collect(),
        statslogs: Vec::new(),
        deltalogs: if deletes.is_empty() { Vec::new() } else { vec![files_of(FieldId::default(), deletes)] },
        size: count(s.size()),
        group_id: s.group_id.unwrap_or_default(),
        backuped: true,
        is_l0: !s.kind.has_rows(),
        v_channel: s.virtual_channel.clone().unwrap_or_default(),
        storage_version: s.storage_version.0,
    }
}

fn files_of(field: FieldId, binlogs: Vec<backup::Binlog>) -> backup::FieldBinlog {
    backup::FieldBinlog { field_id: field.0, binlogs }
}

fn file(dir: &str, log: LogId, size: u64) -> backup::Binlog {
    backup::Binlog {
        log_path: format!("{dir}/{log}"),
        log_size: count(size),
        log_id: log.0,
        ..Default::default()
    }
}

/// Converts a number for a message; a number that does not fit becomes the largest possible.
pub(super) fn count(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
