//! Recorded backups, and the reading of their collections.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::TryStreamExt;
use milvus_backup_rows::{
    DeleteMap, DeltaFile, DeltaFiles, InsertFile, KeyType, ReadOptions, RowCounts, RowsError, SegmentFiles,
    SegmentReader,
};
use model::ids::{PartitionId, PartitionScope, SegmentId};
use model::key::ObjectKey;
use model::layout::backup::BackupLayout;
use model::manifest::{Binlog, CollectionBackup, DeltaLog, KeyValue, Manifest, Schema, json};
use serde_json::Value;
use storage::{Store, StoreConfig};

use crate::json_rows;

/// Returns the path of a fixture of this crate.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Returns the path of a fixture that all crates use.
pub(crate) fn shared_fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("testkit/fixtures").join(name)
}

pub(crate) fn disk() -> Store {
    Store::open(&StoreConfig::Disk).unwrap()
}

/// A backup on the local disk.
pub(crate) struct Backup {
    pub(crate) store: Store,
    pub(crate) manifest: Manifest,
    layout: BackupLayout,
}

/// What was read of a collection.
#[derive(Default)]
pub(crate) struct CollectionRows {
    pub(crate) rows: Vec<Value>,
    pub(crate) counts: RowCounts,
}

impl Backup {
    pub(crate) fn open(dir: &Path) -> Self {
        let file = std::fs::read(dir.join("meta/full_meta.json")).unwrap();
        // One of the fixtures was made by hand and lacks a name.
        let mut file: Value = serde_json::from_slice(&file).unwrap();
        file["name"] = "b".into();
        let root = ObjectKey::new(dir.parent().unwrap().to_str().unwrap());
        let name = dir.file_name().unwrap().to_str().unwrap().parse().unwrap();
        Self {
            store: disk(),
            manifest: json::read_full(file.to_string().as_bytes()).unwrap(),
            layout: BackupLayout::new(&root, &name),
        }
    }

    pub(crate) fn collection(&self, name: &str) -> &CollectionBackup {
        self.manifest.collections.iter().find(|it| it.name.to_string() == name).unwrap()
    }

    /// Returns the row segments of a collection with their files, sorted by id.
    pub(crate) async fn segments(&self, collection: &CollectionBackup) -> Vec<SegmentFiles> {
        let mut segments: BTreeMap<SegmentId, SegmentFiles> = BTreeMap::new();
        let mut objects = self.store.list(&self.layout.insert_collection_dir(collection.id));
        while let Some(object) = objects.try_next().await.unwrap() {
            let (key, _) = self.layout.parse_insert(&object.key).unwrap();
            let recorded = collection.segments_of(PartitionScope::One(key.partition));
            let rows = recorded.iter().find(|segment| segment.id == key.segment).map(|segment| segment.rows);
            let segment = segments.entry(key.segment).or_insert_with(|| SegmentFiles {
                collection: key.collection,
                partition: key.partition,
                segment: key.segment,
                rows: rows.filter(|rows| *rows > 0),
                files: Vec::new(),
            });
            let binlog = Binlog { field: key.field, log: key.log, size: object.meta.size };
            segment.files.push(InsertFile { key: object.key, binlog });
        }
        segments.into_values().collect()
    }

    /// Returns the delta logs of a collection, of row segments and of L0 segments.
    pub(crate) async fn delta_logs(&self, collection: &CollectionBackup) -> Vec<DeltaFiles> {
        let mut segments: BTreeMap<SegmentId, DeltaFiles> = BTreeMap::new();
        let mut objects = self.store.list(&self.layout.delta_collection_dir(collection.id));
        while let Some(object) = objects.try_next().await.unwrap() {
            let (key, _) = self.layout.parse_delta(&object.key).unwrap();
            let segment = segments.entry(key.segment).or_insert_with(|| DeltaFiles {
                collection: key.collection,
                partition: key.partition,
                segment: key.segment,
                files: Vec::new(),
                until: None,
            });
            let log = DeltaLog { log: key.log, size: object.meta.size };
            segment.files.push(DeltaFile { key: object.key, log });
        }
        segments.into_values().collect()
    }

    /// Reads the entries of a segment's own delta logs, and of each L0 segment that applies to it.
    pub(crate) async fn deletes_of(
        &self,
        collection: &CollectionBackup,
        schema: &Schema,
        segment: &SegmentFiles,
    ) -> Result<(Arc<DeleteMap>, Vec<Arc<DeleteMap>>), RowsError> {
        let key_type = KeyType::of(schema).unwrap();
        let (mut own, mut others) = (Arc::new(DeleteMap::new(key_type)), Vec::new());
        let row_segments = self.segments(collection).await;
        for log in self.delta_logs(collection).await {
            let is_l0 = !row_segments.iter().any(|segment| segment.segment == log.segment);
            let scopes = [PartitionScope::All, PartitionScope::One(segment.partition)];
            if log.segment != segment.segment && (!is_l0 || !scopes.contains(&log.partition)) {
                continue;
            }
            let map = Arc::new(DeleteMap::read(&self.store, key_type, std::slice::from_ref(&log)).await?);
            if is_l0 { others.push(map) } else { own = map }
        }
        Ok((own, others))
    }

    /// Reads all live rows of a collection as JSON, with the names of their partitions.
    pub(crate) async fn read(&self, name: &str, options: &ReadOptions) -> CollectionRows {
        let collection = self.collection(name);
        self.read_as(collection, &collection.schema, options).await.unwrap()
    }

    /// Reads a collection with another schema than the recorded one.
    pub(crate) async fn read_as(
        &self,
        collection: &CollectionBackup,
        schema: &Schema,
        options: &ReadOptions,
    ) -> Result<CollectionRows, RowsError> {
        let mut all = CollectionRows::default();
        for segment in &self.segments(collection).await {
            let (own, others) = self.deletes_of(collection, schema, segment).await?;
            let deletes = others.into_iter().chain([own]).collect();
            let partition = partition_name(collection, segment.partition);
            let reader = SegmentReader::open(&self.store, schema, segment.clone(), deletes, options).await?;
            let read = read_all(reader, &partition).await?;
            all.rows.extend(read.rows);
            all.counts.stored += read.counts.stored;
            all.counts.deleted += read.counts.deleted;
            all.counts.expired += read.counts.expired;
        }
        Ok(all)
    }
}

pub(crate) fn partition_name(collection: &CollectionBackup, id: PartitionId) -> String {
    collection.partitions.iter().find(|partition| partition.id == id).unwrap().name.clone()
}

/// Reads all rows of a reader as JSON.
pub(crate) async fn read_all(
    mut reader: SegmentReader,
    partition: &str,
) -> Result<CollectionRows, RowsError> {
    let mut rows = Vec::new();
    while let Some(batch) = reader.next().await? {
        assert_eq!(batch.schema(), reader.schema());
        assert!(batch.num_rows() > 0);
        rows.extend(json_rows::of_batch(&batch, partition));
    }
    Ok(CollectionRows { rows, counts: reader.counts() })
}

/// Sets the dimension of a field whose recorded schema lacks it.
pub(crate) fn set_dim(schema: &mut Schema, field: &str, dim: usize) {
    let field = schema.fields.iter_mut().find(|it| it.name == field).unwrap();
    field.type_params.push(KeyValue::new("dim", dim.to_string()));
}
