//! The content of one backup.

use std::collections::BTreeMap;

use model::manifest::CollectionBackup;
use model::plan::backup::Totals;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{BackupFormat, BackupState, LoadState, UtcTime};

/// A backup with its collections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupDetail {
    /// The name of the backup.
    pub name: String,
    /// The state of the backup.
    pub state: BackupState,
    /// The time at which the backup began; null if it is not known.
    pub taken: Option<UtcTime>,
    /// The format in which it stores rows.
    #[serde(default = "BackupFormat::binlog")]
    pub format: BackupFormat,
    /// The total size of its data files in bytes.
    pub bytes: u64,
    /// The number of its data files.
    pub objects: u64,
    /// The number of rows, including deleted ones.
    pub rows: u64,
    /// The number of delete entries; null for backups of the Go tool.
    #[serde(default)]
    pub deletes: Option<u64>,
    /// The version of the source Milvus; null if it is not known.
    pub milvus: Option<String>,
    /// The name and version of the program that created the backup; null if they are not known.
    pub tool: Option<String>,
    /// The origin of the backup; null for backups of the Go tool.
    pub source: Option<BackupSource>,
    /// The names of the databases.
    pub databases: Vec<String>,
    /// The collections.
    pub collections: Vec<CollectionDetail>,
}

/// The origin of a backup, and how it was created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupSource {
    /// The host and port of the source Milvus.
    pub address: String,
    /// The store and root path of the source Milvus, in words.
    pub storage: String,
    /// The selected databases and collections, in the syntax of `filter`.
    pub selection: String,
    /// The way in which collections were flushed, such as `serial_flush`.
    pub strategy: String,
    /// The time at which the backup began.
    pub started: Option<UtcTime>,
    /// The time at which the backup ended.
    pub ended: Option<UtcTime>,
    /// The collections that were dropped during the backup.
    pub vanished: Vec<String>,
    /// The collections that were left out because they would have lacked rows.
    #[serde(default)]
    pub failed: Vec<String>,
}

impl From<&engine::BackupFacts> for BackupSource {
    fn from(facts: &engine::BackupFacts) -> Self {
        Self {
            address: facts.milvus_address.clone(),
            storage: facts.source.clone(),
            selection: facts.selection.clone(),
            strategy: facts.strategy.clone(),
            started: UtcTime::from_ms(facts.started_ms),
            ended: UtcTime::from_ms(facts.ended_ms),
            vanished: facts.vanished.clone(),
            failed: facts.failed.clone(),
        }
    }
}

/// A collection of a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CollectionDetail {
    /// The name of the collection: `database.collection`.
    #[schema(example = "default.books")]
    pub name: String,
    /// The id of the collection in the source.
    pub id: i64,
    /// The number of rows, including deleted ones.
    pub rows: u64,
    /// The total size of the files in bytes.
    pub bytes: u64,
    /// The number of files.
    pub objects: u64,
    /// The number of shards.
    pub shards: i32,
    /// The load state of the collection in the source.
    pub load_state: LoadState,
    /// The aliases of the collection.
    pub aliases: Vec<String>,
    /// The properties of the collection, by key.
    pub properties: BTreeMap<String, String>,
    /// The indexes of the collection.
    pub indexes: Vec<IndexDetail>,
    /// The number of partitions.
    pub partition_count: usize,
    /// The number of segments.
    #[serde(default)]
    pub segment_count: usize,
    /// The partitions; absent unless the request asks for details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub partitions: Option<Vec<PartitionDetail>>,
    /// The segments that contain only delete entries, for all partitions; absent unless the request asks for details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub l0_segments: Option<Vec<SegmentDetail>>,
}

/// An index of a collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IndexDetail {
    /// The name of the index.
    pub name: String,
    /// The name of the indexed field.
    pub field: String,
    /// The type of the index, such as `HNSW`.
    pub r#type: String,
    /// The parameters of the index, by name.
    pub params: BTreeMap<String, String>,
}

impl From<&model::manifest::Index> for IndexDetail {
    fn from(index: &model::manifest::Index) -> Self {
        Self {
            name: index.name.clone(),
            field: index.field_name.clone(),
            r#type: index.index_type.clone(),
            params: index.params.clone(),
        }
    }
}

/// A partition of a collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartitionDetail {
    /// The name of the partition.
    pub name: String,
    /// The id of the partition in the source.
    pub id: i64,
    /// The load state of the partition in the source.
    pub load_state: LoadState,
    /// The number of delete entries; null for backups of the Go tool.
    pub deletes: Option<u64>,
    /// The segments of the partition.
    pub segments: Vec<SegmentDetail>,
}

/// A segment of a partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SegmentDetail {
    /// The id of the segment in the source.
    pub id: i64,
    /// The number of rows, including deleted ones.
    pub rows: u64,
    /// The total size of the files in bytes.
    pub bytes: u64,
    /// The number of files.
    #[serde(default)]
    pub objects: usize,
    /// The number of files that contain values of fields.
    pub binlogs: usize,
    /// The number of files that contain delete entries.
    pub delete_logs: usize,
}

impl From<&model::manifest::Segment> for SegmentDetail {
    fn from(segment: &model::manifest::Segment) -> Self {
        Self {
            id: segment.id.0,
            rows: segment.rows,
            bytes: segment.size(),
            objects: segment.objects(),
            binlogs: segment.binlogs.len(),
            delete_logs: segment.delta_logs.len(),
        }
    }
}

impl BackupDetail {
    /// Creates the document of a backup, if `with_segments` including partitions and segments.
    pub fn new(backup: &engine::BackupDetail, with_segments: bool) -> Self {
        let totals = Totals::of_manifest(&backup.manifest);
        let facts = backup.facts.as_ref();
        let collections = backup.manifest.collections.iter();
        let collections: Vec<_> =
            collections.map(|c| CollectionDetail::new(c, facts, with_segments)).collect();
        // Only Milvus knows the deletes in its snapshots.
        let counts_deletes = backup.manifest.format == model::manifest::BackupFormat::Binlog;
        let deletes = facts.filter(|_| counts_deletes).map(engine::BackupFacts::total_deletes);
        Self {
            name: backup.summary.name.clone(),
            state: backup.summary.state.into(),
            taken: backup.summary.taken_ms.and_then(UtcTime::from_ms),
            format: BackupFormat::of_manifest(&backup.manifest.format),
            bytes: totals.bytes,
            objects: totals.objects,
            rows: collections.iter().map(|c| c.rows).sum(),
            deletes,
            milvus: backup.summary.milvus_version.clone(),
            tool: backup.summary.tool.clone(),
            source: facts.map(BackupSource::from),
            databases: backup.manifest.databases.iter().map(|database| database.name.clone()).collect(),
            collections,
        }
    }
}

impl CollectionDetail {
    fn new(backup: &CollectionBackup, facts: Option<&engine::BackupFacts>, with_segments: bool) -> Self {
        let totals = Totals::of_collection(backup);
        let known = facts.and_then(|facts| facts.collections.get(&backup.name.to_string()));
        let recorded_rows =
            || known.into_iter().flat_map(|known| known.partitions.values()).map(|of| of.rows).sum();
        let partitions = || {
            let partitions = backup.partitions.iter().map(|partition| PartitionDetail {
                name: partition.name.clone(),
                id: partition.id.0,
                load_state: partition.load_state.into(),
                deletes: known.and_then(|known| known.partitions.get(&partition.name)).map(|of| of.deletes),
                segments: partition.segments.iter().map(SegmentDetail::from).collect(),
            });
            partitions.collect()
        };
        Self {
            name: backup.name.to_string(),
            id: backup.id.0,
            rows: if backup.snapshot.is_some() { recorded_rows() } else { totals.rows },
            bytes: totals.bytes,
            objects: totals.objects,
            shards: backup.shards,
            load_state: backup.load_state.into(),
            aliases: backup.aliases.clone(),
            properties: backup.properties.iter().map(|kv| (kv.key.clone(), kv.value.clone())).collect(),
            indexes: backup.indexes.iter().map(IndexDetail::from).collect(),
            partition_count: backup.partitions.len(),
            segment_count: totals.segments,
            partitions: with_segments.then(partitions),
            l0_segments: with_segments
                .then(|| backup.shared_segments.iter().map(SegmentDetail::from).collect()),
        }
    }
}
