//! The file `meta/mb_manifest.json`: facts about a backup that the format of the Go tool does not have.

use std::collections::BTreeMap;

use model::ids::{PartitionId, PartitionScope};
use model::layout::backup::MB_MANIFEST;
use model::manifest::{CollectionBackup, ManifestSummary};
use model::name::BackupName;
use model::plan::backup::Totals;
use serde::{Deserialize, Serialize};

use super::Catalog;
use crate::Error;

/// The contents of `meta/mb_manifest.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackupFacts {
    /// The version of the file format: 1.
    pub format_version: u32,
    /// The name and version of the program that created the backup.
    pub tool: String,
    /// The id of the job that created the backup.
    pub job: String,
    /// The host and port of the source Milvus.
    pub milvus_address: String,
    /// The version of the source Milvus.
    pub milvus_version: String,
    /// The store and root path of the source Milvus.
    pub source: String,
    /// The selection as text.
    pub selection: String,
    /// The flush strategy that was used.
    pub strategy: String,
    /// The start of the backup, in milliseconds since 1970.
    pub started_ms: i64,
    /// The end of the backup, in milliseconds since 1970.
    pub ended_ms: i64,
    /// The selected collections that were dropped during the backup.
    pub vanished: Vec<String>,
    /// The selected collections that were left out because rows of them would be missing.
    pub failed: Vec<String>,
    /// The collections of the backup, by `database.collection`.
    pub collections: BTreeMap<String, CollectionFacts>,
}

/// The facts about one collection of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CollectionFacts {
    /// The id of the collection in Milvus, which the name of the object list contains.
    pub id: i64,
    /// The aliases of the collection.
    pub aliases: Vec<String>,
    /// The load state: `Loaded`, `Loading` or `NotLoad`.
    pub load_state: String,
    /// The number of files.
    pub objects: u64,
    /// The total size of the files in bytes.
    pub bytes: u64,
    /// The number of delete entries in segments for all partitions (L0).
    pub shared_deletes: u64,
    /// The partitions of the collection, by name.
    pub partitions: BTreeMap<String, PartitionFacts>,
}

/// The facts about one partition of a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionFacts {
    /// The id of the partition in Milvus.
    pub id: i64,
    /// The number of rows, including deleted ones.
    pub rows: u64,
    /// The number of delete entries; a row that was deleted twice counts twice.
    pub deletes: u64,
}

impl CollectionFacts {
    /// Collects the facts about a collection, given the number of delete entries of each partition and of all, and that of
    /// the rows that are not in segments.
    pub(crate) fn new(
        backup: &CollectionBackup,
        rows: &BTreeMap<PartitionId, u64>,
        deletes: &BTreeMap<PartitionScope, u64>,
    ) -> Self {
        let deletes_of = |scope| deletes.get(&scope).copied().unwrap_or_default();
        let totals = Totals::of_collection(backup);
        let partitions = backup.partitions.iter().map(|p| {
            let in_segments: u64 = p.segments.iter().map(|s| s.rows).sum();
            let rows = in_segments + rows.get(&p.id).copied().unwrap_or_default();
            let deletes = deletes_of(PartitionScope::One(p.id));
            (p.name.clone(), PartitionFacts { id: p.id.0, rows, deletes })
        });
        Self {
            id: backup.id.0,
            aliases: backup.aliases.clone(),
            load_state: backup.load_state.as_str().to_owned(),
            objects: totals.objects,
            bytes: totals.bytes,
            shared_deletes: deletes_of(PartitionScope::All),
            partitions: partitions.collect(),
        }
    }
}

impl BackupFacts {
    /// Returns the facts that the head of the backup repeats, so that `list` reads one file.
    pub(crate) fn summarize(&self) -> ManifestSummary {
        let collections = || self.collections.values();
        let partitions = || collections().flat_map(|c| c.partitions.values());
        ManifestSummary {
            format_version: self.format_version,
            tool: self.tool.clone(),
            taken_ms: self.started_ms,
            collections: self.collections.len() as u64,
            rows: partitions().map(|p| p.rows).sum(),
            deletes: self.total_deletes(),
            objects: collections().map(|c| c.objects).sum(),
            snapshot_bytes: 0,
        }
    }

    /// Returns the id of every partition with the number of its rows.
    pub fn rows(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.collections.values().flat_map(|c| c.partitions.values()).map(|p| (p.id, p.rows))
    }

    /// Returns the number of all delete entries.
    pub fn total_deletes(&self) -> u64 {
        let collections = self.collections.values();
        collections.flat_map(|c| c.partitions.values().map(|p| p.deletes).chain([c.shared_deletes])).sum()
    }

    /// Returns the id of every partition with the number of its delete entries.
    pub fn deletes(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.collections.values().flat_map(|c| c.partitions.values()).map(|p| (p.id, p.deletes))
    }
}

impl Catalog {
    /// Reads `mb_manifest.json`; returns `None` for a backup of the Go tool, which has no such file.
    pub(crate) async fn read_facts(&self, name: &BackupName) -> Result<Option<BackupFacts>, Error> {
        let key = self.layout(name).meta_file(MB_MANIFEST);
        let Some(bytes) = self.read_optional_file(&key, usize::MAX).await? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| Error::DamagedFile { file: self.store.describe(&key), source: e.into() })
    }
}
