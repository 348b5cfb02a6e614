//! The backups: a list of them, one of them, and what a deletion did.

use std::collections::BTreeMap;

use engine::{BackupDetail, BackupSummary, DeleteOutcome};
use model::manifest::CollectionBackup;
use model::plan::backup::Totals;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BackupState, LoadState, Time};

/// Which backups there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List {
    /// The backups.
    pub backups: Vec<Summary>,
}

/// A page of backups, by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupPage {
    /// The backups.
    pub backups: Vec<Summary>,
    /// What asks for the next page; null on the last.
    pub next_page_token: Option<String>,
}

/// What a list shows of a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// Its name.
    #[schema(example = "nightly")]
    pub name: String,
    /// What it is.
    pub state: BackupState,
    /// When it was begun.
    pub taken: Option<Time>,
    /// Bytes of its data.
    pub bytes: Option<u64>,
    /// The number of collections; not known of a backup of the Go tool.
    pub collections: Option<u64>,
    /// Rows, deleted ones included; not known of a backup of the Go tool.
    pub rows: Option<u64>,
    /// The version of the Milvus it was taken from.
    #[schema(example = "v2.3.5")]
    pub milvus: Option<String>,
    /// The program that made it.
    #[schema(example = "milvus-backup 0.1.0")]
    pub tool: Option<String>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<String>,
}

impl From<&BackupSummary> for Summary {
    fn from(backup: &BackupSummary) -> Self {
        Self {
            name: backup.name.clone(),
            state: backup.state.into(),
            taken: backup.taken_ms.and_then(Time::from_ms),
            bytes: backup.size,
            collections: backup.collections,
            rows: backup.rows,
            milvus: backup.milvus_version.clone(),
            tool: backup.tool.clone(),
            problem: backup.problem.clone(),
        }
    }
}

/// One backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Detail {
    /// Its name.
    pub name: String,
    /// What it is.
    pub state: BackupState,
    /// When it was begun.
    pub taken: Option<Time>,
    /// Bytes of its data.
    pub bytes: u64,
    /// Its files.
    pub objects: u64,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// Entries of delete logs, where this tool counted them.
    #[serde(default)]
    pub deletes: Option<u64>,
    /// The version of the Milvus it was taken from.
    pub milvus: Option<String>,
    /// The program that made it.
    pub tool: Option<String>,
    /// Where it was taken from; of this tool's backups.
    pub source: Option<Source>,
    /// Its databases.
    pub databases: Vec<String>,
    /// Its collections.
    pub collections: Vec<Collection>,
}

/// Where a backup was taken from, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// Milvus's host and port.
    pub address: String,
    /// Where Milvus's files lie, in words.
    pub storage: String,
    /// What was selected.
    pub selection: String,
    /// How collections were flushed.
    pub strategy: String,
    /// When it began.
    pub started: Option<Time>,
    /// When it ended.
    pub ended: Option<Time>,
    /// Collections that were dropped while they were read.
    pub vanished: Vec<String>,
    /// Collections that were left out because rows of them would have been missing.
    #[serde(default)]
    pub failed: Vec<String>,
}

impl From<&engine::Extra> for Source {
    fn from(extra: &engine::Extra) -> Self {
        Self {
            address: extra.milvus_address.clone(),
            storage: extra.source.clone(),
            selection: extra.selection.clone(),
            strategy: extra.strategy.clone(),
            started: Time::from_ms(extra.started_ms),
            ended: Time::from_ms(extra.ended_ms),
            vanished: extra.vanished.clone(),
            failed: extra.failed.clone(),
        }
    }
}

/// A collection of a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Collection {
    /// `database.collection`.
    #[schema(example = "default.books")]
    pub name: String,
    /// Its id in the source.
    pub id: i64,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// Bytes of its data.
    pub bytes: u64,
    /// Its files.
    pub objects: u64,
    /// Its shards.
    pub shards: i32,
    /// Whether it was loaded.
    pub load_state: LoadState,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// Its properties.
    pub properties: BTreeMap<String, String>,
    /// Its indexes.
    pub indexes: Vec<Index>,
    /// The number of partitions.
    pub partition_count: usize,
    /// The number of segments.
    #[serde(default)]
    pub segment_count: usize,
    /// Its partitions, where detail is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub partitions: Option<Vec<Partition>>,
    /// Segments of deletes for all partitions, where detail is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub l0_segments: Option<Vec<Segment>>,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its field.
    pub field: String,
    /// Its type.
    pub r#type: String,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
}

impl From<&model::manifest::Index> for Index {
    fn from(index: &model::manifest::Index) -> Self {
        Self {
            name: index.name.clone(),
            field: index.field_name.clone(),
            r#type: index.index_type.clone(),
            params: index.params.clone(),
        }
    }
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// Its id in the source.
    pub id: i64,
    /// Whether it was loaded.
    pub load_state: LoadState,
    /// Entries of delete logs, where this tool counted them.
    pub deletes: Option<u64>,
    /// Its segments.
    pub segments: Vec<Segment>,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Segment {
    /// Its id.
    pub id: i64,
    /// Its rows, deleted ones included.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its files.
    #[serde(default)]
    pub objects: usize,
    /// Those of its columns.
    pub binlogs: usize,
    /// Those of its deletes.
    pub delete_logs: usize,
}

impl From<&model::manifest::Segment> for Segment {
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

impl Detail {
    /// The document of a backup; `deep` adds partitions and segments.
    pub fn of(backup: &BackupDetail, deep: bool) -> Self {
        let totals = Totals::of_manifest(&backup.manifest);
        let extra = backup.extra.as_ref();
        let collections = backup.manifest.collections.iter();
        Self {
            name: backup.summary.name.clone(),
            state: backup.summary.state.into(),
            taken: backup.summary.taken_ms.and_then(Time::from_ms),
            bytes: totals.bytes,
            objects: totals.objects,
            rows: totals.rows,
            deletes: extra.map(|extra| extra.deletes().map(|(_, deletes)| deletes).sum()),
            milvus: backup.summary.milvus_version.clone(),
            tool: backup.summary.tool.clone(),
            source: extra.map(Source::from),
            databases: backup.manifest.databases.iter().map(|database| database.name.clone()).collect(),
            collections: collections.map(|c| Collection::of(c, extra, deep)).collect(),
        }
    }
}

impl Collection {
    fn of(backup: &CollectionBackup, extra: Option<&engine::Extra>, deep: bool) -> Self {
        let totals = Totals::of_collection(backup);
        let known = extra.and_then(|extra| extra.collections.get(&backup.name.to_string()));
        let partitions = || {
            let partitions = backup.partitions.iter().map(|partition| Partition {
                name: partition.name.clone(),
                id: partition.id.0,
                load_state: partition.load_state.into(),
                deletes: known.and_then(|known| known.partitions.get(&partition.name)).map(|of| of.deletes),
                segments: partition.segments.iter().map(Segment::from).collect(),
            });
            partitions.collect()
        };
        Self {
            name: backup.name.to_string(),
            id: backup.id.0,
            rows: totals.rows,
            bytes: totals.bytes,
            objects: totals.objects,
            shards: backup.shards,
            load_state: backup.load_state.into(),
            aliases: backup.aliases.clone(),
            properties: backup.properties.iter().map(|kv| (kv.key.clone(), kv.value.clone())).collect(),
            indexes: backup.indexes.iter().map(Index::from).collect(),
            partition_count: backup.partitions.len(),
            segment_count: totals.segments,
            partitions: deep.then(partitions),
            l0_segments: deep.then(|| backup.shared_segments.iter().map(Segment::from).collect()),
        }
    }
}

/// What a deletion did, or would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Deleted {
    /// Whether nothing was done.
    pub dry_run: bool,
    /// The backup's name.
    pub name: String,
    /// What it was.
    pub state: BackupState,
    /// Where it lay.
    pub place: String,
    /// Objects removed.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Deleted {
    /// The document of a deletion.
    pub fn of(outcome: &DeleteOutcome, dry_run: bool) -> Self {
        Self {
            dry_run,
            name: outcome.backup.name.clone(),
            state: outcome.backup.state.into(),
            place: outcome.place.clone(),
            objects: outcome.objects,
            bytes: outcome.bytes,
        }
    }
}
