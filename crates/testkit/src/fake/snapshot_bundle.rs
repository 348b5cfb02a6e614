//! The files of a snapshot: the metadata file, and where the files of its segments are.
//!
//! The metadata file of a real server refers to manifests in Avro; that of the fake says the same in JSON of its own.
//! A bundle is a directory with `snapshots/COLLECTION/metadata/SNAPSHOT.json` and the files of the segments below
//! `insert_log` and `delta_log`, like the root of a server.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use proto::common::ErrorCode;
use proto::milvus::{CreateCollectionRequest, IndexDescription};
use proto::schema::CollectionSchema;
use serde::{Deserialize, Serialize};

use super::binlogs::files_below;
use super::properties::{PRESERVE_FIELD_IDS, Properties};
use super::reply::Refusal;
use super::segment::Segment;
use super::segments::History;
use super::state::{Collection, FakeState, Load, Partition};

/// A collection as it was, without its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Bundle {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) collection: i64,
    shards: i32,
    /// The encoded schema, in base64; and the encoded indexes.
    schema: String,
    indexes: Vec<String>,
    properties: Properties,
    next_field_id: i64,
    dynamic_field_id: Option<i64>,
    partitions: Vec<(i64, String)>,
    pub(super) segments: Vec<BundledSegment>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BundledSegment {
    id: i64,
    pub(super) partition: i64,
    pub(super) shard: usize,
    pub(super) has_rows: bool,
    pub(super) is_sorted: bool,
    pub(super) committed: u64,
}

/// Returns the key of a metadata file below the root of a server or the target of an export.
pub(super) fn metadata_key(collection: i64, snapshot: i64) -> String {
    format!("snapshots/{collection}/metadata/{snapshot}.json")
}

impl Bundle {
    pub(super) fn new(id: i64, name: &str, held: &Collection, segments: &[&Segment]) -> Self {
        let bundled = |segment: &&Segment| BundledSegment {
            id: segment.id,
            partition: segment.partition,
            shard: segment.shard,
            has_rows: segment.has_rows(),
            is_sorted: segment.is_sorted,
            committed: segment.committed,
        };
        Self {
            id,
            name: name.to_owned(),
            collection: held.id,
            shards: held.request.shards_num,
            schema: STANDARD.encode(held.schema.encode_to_vec()),
            indexes: held.indexes.iter().map(|index| STANDARD.encode(index.encode_to_vec())).collect(),
            properties: held.properties.clone(),
            next_field_id: held.next_field_id,
            dynamic_field_id: held.dynamic_field_id,
            partitions: held.partitions.iter().map(|held| (held.id, held.name.clone())).collect(),
            segments: segments.iter().map(bundled).collect(),
        }
    }

    /// Writes the metadata file below a directory.
    pub(super) fn write(&self, directory: &Path) -> Result<(), Refusal> {
        let file = directory.join(metadata_key(self.collection, self.id));
        let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::from);
        let directory = file.parent().unwrap_or(directory);
        let written = std::fs::create_dir_all(directory).and_then(|()| std::fs::write(&file, text?));
        written.map_err(|error| Refusal::new(1001, ErrorCode::UnexpectedError, error.to_string()))
    }

    /// Reads a metadata file.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read(file).map_err(|error| error.to_string())?;
        serde_json::from_slice(&text).map_err(|error| error.to_string())
    }

    /// Returns the directories of the files of all segments, relative to the root of the server or of the bundle.
    pub(super) fn directories(&self) -> impl Iterator<Item = String> {
        let of_segment = |segment| ["insert_log", "delta_log"].map(|kind| self.directory(kind, segment));
        self.segments.iter().flat_map(of_segment)
    }

    /// Returns the directory of a segment's insert logs (`insert_log`) or delta logs (`delta_log`).
    pub(super) fn directory(&self, kind: &str, segment: &BundledSegment) -> String {
        format!("{kind}/{}/{}/{}", self.collection, segment.partition, segment.id)
    }

    /// Makes the collection with new ids but the same ids of fields, and returns it with the new ids of its partitions
    /// by the old ones. Segments, aliases, the consistency level
    /// and the load state are not brought back.
    pub(super) fn make_collection(
        &self,
        state: &mut FakeState,
        database: &str,
        name: &str,
    ) -> (Collection, BTreeMap<i64, i64>) {
        fn decode<M: Message + Default>(text: &String) -> M {
            STANDARD.decode(text).ok().and_then(|bytes| M::decode(bytes.as_slice()).ok()).unwrap_or_default()
        }
        let schema = CollectionSchema { name: name.to_owned(), ..decode(&self.schema) };
        let partitions: BTreeMap<i64, i64> =
            self.partitions.iter().map(|(old, _)| (*old, state.next_id())).collect();
        let indexes =
            self.indexes.iter().map(|index| IndexDescription { index_id: state.next_id(), ..decode(index) });
        let mut collection = Collection {
            indexes: indexes.collect(),
            id: state.next_id(),
            request: CreateCollectionRequest {
                db_name: database.to_owned(),
                collection_name: name.to_owned(),
                schema: schema.encode_to_vec(),
                shards_num: self.shards,
                ..Default::default()
            },
            schema,
            next_field_id: self.next_field_id,
            dynamic_field_id: self.dynamic_field_id,
            properties: self.properties.clone(),
            created: state.next_timestamp(),
            partitions: self
                .partitions
                .iter()
                .map(|(old, name)| Partition {
                    id: partitions.get(old).copied().unwrap_or_default(),
                    name: name.clone(),
                })
                .collect(),
            load: Load::No,
            segments: Vec::new(),
            history: History::default(),
        };
        collection.properties.insert(PRESERVE_FIELD_IDS.to_owned(), "true".to_owned());
        (collection, partitions)
    }
}

/// Copies the files at a path below a directory to the same path below another one, and returns their number and the
/// sum of their sizes in bytes.
pub(super) fn copy_files(path: &str, from: &Path, to: &Path) -> std::io::Result<(i64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for file in files_below(&from.join(path)) {
        let target = to.join(file.strip_prefix(from).unwrap_or(&file));
        std::fs::create_dir_all(target.parent().unwrap_or(to))?;
        bytes += std::fs::copy(&file, &target)?;
        files += 1;
    }
    Ok((files, bytes))
}
