//! `list`, `get` and `delete` for programs.

use std::collections::BTreeMap;

use engine::{BackupDetail, BackupSummary, DeleteOutcome};
use model::manifest::{CollectionBackup, Index, Segment};
use model::plan::backup::Totals;
use serde::Serialize;

use super::super::units::rfc3339;

#[derive(Serialize)]
pub(crate) struct List<'a> {
    backups: Vec<Summary<'a>>,
}

#[derive(Serialize)]
struct Summary<'a> {
    name: &'a str,
    state: &'static str,
    taken: Option<String>,
    bytes: Option<u64>,
    collections: Option<u64>,
    rows: Option<u64>,
    milvus: Option<&'a str>,
    tool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

impl<'a> From<&'a BackupSummary> for Summary<'a> {
    fn from(backup: &'a BackupSummary) -> Self {
        Self {
            name: &backup.name,
            state: backup.state.as_str(),
            taken: backup.taken_ms.and_then(rfc3339),
            bytes: backup.size,
            collections: backup.collections,
            rows: backup.rows,
            milvus: backup.milvus_version.as_deref(),
            tool: backup.tool.as_deref(),
            problem: backup.problem.as_deref(),
        }
    }
}

/// Which backups there are.
pub(crate) fn list(backups: &[BackupSummary]) -> List<'_> {
    List { backups: backups.iter().map(Summary::from).collect() }
}

#[derive(Serialize)]
pub(crate) struct Detail<'a> {
    name: &'a str,
    state: &'static str,
    taken: Option<String>,
    bytes: u64,
    objects: u64,
    rows: u64,
    milvus: Option<&'a str>,
    tool: Option<&'a str>,
    source: Option<Source<'a>>,
    databases: Vec<&'a str>,
    collections: Vec<Collection<'a>>,
}

#[derive(Serialize)]
struct Source<'a> {
    address: &'a str,
    storage: &'a str,
    selection: &'a str,
    strategy: &'a str,
    started: Option<String>,
    ended: Option<String>,
    vanished: &'a [String],
}

#[derive(Serialize)]
struct Collection<'a> {
    name: String,
    id: i64,
    rows: u64,
    bytes: u64,
    objects: u64,
    shards: i32,
    load_state: &'static str,
    aliases: &'a [String],
    properties: BTreeMap<&'a str, &'a str>,
    indexes: Vec<IndexOf<'a>>,
    partition_count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitions: Option<Vec<Partition<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    l0_segments: Option<Vec<SegmentOf>>,
}

#[derive(Serialize)]
struct IndexOf<'a> {
    name: &'a str,
    field: &'a str,
    r#type: &'a str,
    params: &'a BTreeMap<String, String>,
}

impl<'a> From<&'a Index> for IndexOf<'a> {
    fn from(index: &'a Index) -> Self {
        Self { name: &index.name, field: &index.field_name, r#type: &index.index_type, params: &index.params }
    }
}

#[derive(Serialize)]
struct Partition<'a> {
    name: &'a str,
    id: i64,
    load_state: &'static str,
    /// Entries of delete logs, where this tool counted them.
    deletes: Option<u64>,
    segments: Vec<SegmentOf>,
}

#[derive(Serialize)]
struct SegmentOf {
    id: i64,
    rows: u64,
    bytes: u64,
    binlogs: usize,
    delete_logs: usize,
}

impl From<&Segment> for SegmentOf {
    fn from(segment: &Segment) -> Self {
        Self {
            id: segment.id.0,
            rows: segment.rows,
            bytes: segment.size(),
            binlogs: segment.binlogs.len(),
            delete_logs: segment.delta_logs.len(),
        }
    }
}

/// One backup; `deep` adds partitions and segments.
pub(crate) fn detail(backup: &BackupDetail, deep: bool) -> Detail<'_> {
    let totals = Totals::of_all(&backup.manifest);
    let source = backup.extra.as_ref().map(|extra| Source {
        address: &extra.milvus_address,
        storage: &extra.source,
        selection: &extra.selection,
        strategy: &extra.strategy,
        started: rfc3339(extra.started_ms),
        ended: rfc3339(extra.ended_ms),
        vanished: &extra.vanished,
    });
    Detail {
        name: &backup.summary.name,
        state: backup.summary.state.as_str(),
        taken: backup.summary.taken_ms.and_then(rfc3339),
        bytes: totals.bytes,
        objects: totals.objects,
        rows: totals.rows,
        milvus: backup.summary.milvus_version.as_deref(),
        tool: backup.summary.tool.as_deref(),
        source,
        databases: backup.manifest.databases.iter().map(|database| database.name.as_str()).collect(),
        collections: backup.manifest.collections.iter().map(|c| collection(c, backup, deep)).collect(),
    }
}

fn collection<'a>(of: &'a CollectionBackup, backup: &'a BackupDetail, deep: bool) -> Collection<'a> {
    let totals = Totals::of(of);
    let extra = backup.extra.as_ref().and_then(|extra| extra.collections.get(&of.name.to_string()));
    let partitions = || {
        let partitions = of.partitions.iter().map(|partition| Partition {
            name: &partition.name,
            id: partition.id.0,
            load_state: partition.load_state.as_str(),
            deletes: extra.and_then(|extra| extra.partitions.get(&partition.name)).map(|known| known.deletes),
            segments: partition.segments.iter().map(SegmentOf::from).collect(),
        });
        partitions.collect()
    };
    Collection {
        name: of.name.to_string(),
        id: of.id.0,
        rows: totals.rows,
        bytes: totals.bytes,
        objects: totals.objects,
        shards: of.shards,
        load_state: of.load_state.as_str(),
        aliases: &of.aliases,
        properties: of.properties.iter().map(|kv| (kv.key.as_str(), kv.value.as_str())).collect(),
        indexes: of.indexes.iter().map(IndexOf::from).collect(),
        partition_count: of.partitions.len(),
        partitions: deep.then(partitions),
        l0_segments: deep.then(|| of.l0_segments.iter().map(SegmentOf::from).collect()),
    }
}

#[derive(Serialize)]
pub(crate) struct Deleted<'a> {
    dry_run: bool,
    name: &'a str,
    state: &'static str,
    place: &'a str,
    objects: u64,
    bytes: u64,
}

/// What a deletion did, or would do; `state` is what it found.
pub(crate) fn deleted(outcome: &DeleteOutcome, dry_run: bool) -> Deleted<'_> {
    Deleted {
        dry_run,
        name: &outcome.backup.name,
        state: outcome.backup.state.as_str(),
        place: &outcome.place,
        objects: outcome.objects,
        bytes: outcome.bytes,
    }
}
