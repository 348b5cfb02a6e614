//! What a backup holds according to its files.

use std::collections::BTreeMap;

use engine::{CollectionContents, PartitionContents, StoredSegment};
use model::ids::Tso;
use model::name::BackupName;
use model::segment::StorageFormat;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::UtcTime;

/// What a backup holds according to its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupContents {
    /// The name of the backup.
    pub name: String,
    /// The collections.
    pub collections: Vec<CollectionContentsDetail>,
}

/// What a collection of a backup holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CollectionContentsDetail {
    /// The name of the collection: `database.collection`.
    pub name: String,
    /// The number of rows, deleted ones included.
    pub rows: u64,
    /// The number of rows that no delete hides; null if a segment cannot be read.
    pub live_rows: Option<u64>,
    /// The number of L0 segments, which contain deletes for the rows of the others.
    pub l0_segments: usize,
    /// What is odd about its files: missing ones, those with another size, and those that the manifest does not list.
    pub odd: Vec<String>,
    /// The partitions.
    pub partitions: Vec<PartitionContentsDetail>,
}

/// What a partition of a backup holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PartitionContentsDetail {
    /// The name of the partition.
    pub name: String,
    /// The segments with rows, the oldest first.
    pub segments: Vec<SegmentContentsDetail>,
}

/// What a segment with rows holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SegmentContentsDetail {
    /// The id of the segment in the source.
    pub id: i64,
    /// The format of its files: v1 (a file for each field), v2 (a file for each group of fields), or unsupported.
    pub format: String,
    /// The number of rows, deleted ones included.
    pub rows: u64,
    /// The number of rows that no delete hides; null if the segment cannot be read.
    pub live_rows: Option<u64>,
    /// When the oldest live row was inserted; null if there is none.
    pub first_time: Option<UtcTime>,
    /// When the newest live row was inserted; null if there is none.
    pub last_time: Option<UtcTime>,
    /// The lowest key of a live row, a number or a text; null if there is none.
    pub first_key: Option<RowKey>,
    /// The highest key of a live row, a number or a text; null if there is none.
    pub last_key: Option<RowKey>,
    /// The size of its files in bytes by field, or by group of fields in format v2.
    pub bytes: BTreeMap<String, u64>,
    /// The number of its delta logs.
    pub delta_logs: usize,
    /// What is odd about it.
    pub odd: Vec<String>,
}

/// The value of a primary key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum RowKey {
    /// A key of type Int64.
    Number(i64),
    /// A key of type `VarChar`.
    Text(String),
}

impl From<&engine::RowKey> for RowKey {
    fn from(key: &engine::RowKey) -> Self {
        match key {
            engine::RowKey::Int64(key) => Self::Number(*key),
            engine::RowKey::VarChar(key) => Self::Text(key.clone()),
        }
    }
}

impl BackupContents {
    /// Creates the document.
    pub fn new(name: &BackupName, collections: &[CollectionContents]) -> Self {
        let collections = collections.iter().map(CollectionContentsDetail::from).collect();
        Self { name: name.to_string(), collections }
    }
}

impl From<&CollectionContents> for CollectionContentsDetail {
    fn from(contents: &CollectionContents) -> Self {
        let segments = || contents.partitions.iter().flat_map(|partition| &partition.segments);
        Self {
            name: contents.name.to_string(),
            rows: segments().map(|segment| segment.rows).sum(),
            live_rows: segments().map(|segment| Some(segment.live.as_ref()?.count)).sum(),
            l0_segments: contents.l0_segments,
            odd: contents.odd.clone(),
            partitions: contents.partitions.iter().map(PartitionContentsDetail::from).collect(),
        }
    }
}

impl From<&PartitionContents> for PartitionContentsDetail {
    fn from(contents: &PartitionContents) -> Self {
        let segments = contents.segments.iter().map(SegmentContentsDetail::from).collect();
        Self { name: contents.name.clone(), segments }
    }
}

impl From<&StoredSegment> for SegmentContentsDetail {
    fn from(segment: &StoredSegment) -> Self {
        let format = match segment.format {
            StorageFormat::V1 => "v1",
            StorageFormat::V2 => "v2",
            StorageFormat::Unsupported => "unsupported",
        };
        let (times, keys) =
            segment.live.as_ref().map_or((None, None), |live| (live.times, live.keys.as_ref()));
        let time = |time: Option<Tso>| time.and_then(|time| UtcTime::from_ms(time.milliseconds()));
        Self {
            id: segment.id.0,
            format: format.to_owned(),
            rows: segment.rows,
            live_rows: segment.live.as_ref().map(|live| live.count),
            first_time: time(times.map(|times| times.0)),
            last_time: time(times.map(|times| times.1)),
            first_key: keys.map(|keys| RowKey::from(&keys.0)),
            last_key: keys.map(|keys| RowKey::from(&keys.1)),
            bytes: segment.bytes.clone(),
            delta_logs: segment.delta_logs,
            odd: segment.odd.clone(),
        }
    }
}
