//! `meta/mb_manifest.json`: what we know of a backup beyond the compatible files.

use std::collections::BTreeMap;

use model::layout::backup::MB_MANIFEST;
use model::name::BackupName;
use serde::{Deserialize, Serialize};

use super::Catalog;
use crate::Error;

/// What we know beyond the format; versioned by `format_version`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extra {
    /// 1.
    pub format_version: u32,
    /// The tool and its version.
    pub tool: String,
    /// The job's id.
    pub job: String,
    /// The Milvus it was taken of: host and port.
    pub milvus_address: String,
    /// Its version.
    pub milvus_version: String,
    /// Where Milvus kept its files.
    pub source: String,
    /// The selection, as text.
    pub selection: String,
    /// The resolved flush strategy.
    pub strategy: String,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// Milliseconds since 1970.
    pub ended_ms: i64,
    /// Selected collections that vanished while they were read.
    pub vanished: Vec<String>,
    /// Selected collections that were left out because rows of them would have been missing.
    pub failed: Vec<String>,
    /// By `database.collection`.
    pub collections: BTreeMap<String, CollectionExtra>,
}

/// What we know of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CollectionExtra {
    /// Milvus's id; part of the name of its object list.
    pub id: i64,
    /// Aliases.
    pub aliases: Vec<String>,
    /// `Loaded`, `Loading` or `NotLoad`.
    pub load_state: String,
    /// The number of its files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// By partition name.
    pub partitions: BTreeMap<String, PartitionExtra>,
}

/// What we know of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionExtra {
    /// Milvus's id.
    pub id: i64,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// Entries of its delete logs; a row deleted twice counts twice.
    pub deletes: u64,
}

impl Extra {
    /// The delete entries of every partition, by its id.
    pub fn deletes(&self) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.collections.values().flat_map(|c| c.partitions.values()).map(|p| (p.id, p.deletes))
    }
}

impl Catalog {
    /// Reads our own file of a backup; a foreign backup has none.
    pub(crate) async fn extra(&self, name: &BackupName) -> Result<Option<Extra>, Error> {
        let key = self.layout(name).meta_file(MB_MANIFEST);
        let Some(bytes) = self.read_file(&key).await? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|e| Error::DamagedFile { file: self.store.describe(&key), source: e.into() })
    }
}
