//! What a backup holds according to its files: live rows, ranges of keys and times, sizes, and what is odd.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use model::ids::{FieldId, PartitionScope, SegmentId, Tso};
use model::manifest::{CollectionBackup, PartitionBackup, Schema, Segment};
use model::name::{BackupName, CollectionRef};
use model::segment::{SegmentKind, StorageFormat};
use rows::{ReadOptions, RowKey};

use crate::catalog::SegmentContents;
use crate::stored_collection::StoredBackup;
use crate::{Engine, Error, JobCtx, chain};

/// The number of segments that are read at the same time.
const SEGMENTS_AT_ONCE: usize = 4;

/// What a collection of a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionContents {
    /// The name of the collection.
    pub name: CollectionRef,
    /// The partitions with their segments.
    pub partitions: Vec<PartitionContents>,
    /// The number of L0 segments, which contain deletes for the rows of the others.
    pub l0_segments: usize,
    /// Which files are missing, have another size, or are not in the manifest; one sentence without a full stop each.
    pub odd: Vec<String>,
}

/// What a partition of a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionContents {
    /// The name of the partition.
    pub name: String,
    /// The segments with rows, the oldest first.
    pub segments: Vec<StoredSegment>,
}

/// What a segment with rows holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSegment {
    /// The id of the segment in the source.
    pub id: SegmentId,
    /// The format of its files, as the manifest records it.
    pub format: StorageFormat,
    /// The number of rows that the manifest records, deleted ones included.
    pub rows: u64,
    /// What its keys and timestamps tell; `None` if they cannot be read.
    pub live: Option<LiveRows>,
    /// The size of its files in bytes, by the name of the field; by that of the group in the second format.
    pub bytes: BTreeMap<String, u64>,
    /// The number of its delta logs.
    pub delta_logs: usize,
    /// What is odd about it, one sentence without a full stop each.
    pub odd: Vec<String>,
}

/// The live rows of a segment: those that no delete hides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveRows {
    /// Their number.
    pub count: u64,
    /// The earliest and the latest timestamp.
    pub times: Option<(Tso, Tso)>,
    /// The lowest and the highest key; texts are compared by their bytes.
    pub keys: Option<(RowKey, RowKey)>,
}

impl Engine {
    /// Reads the keys and timestamps of one collection of a backup, or of all, and sums them up.
    ///
    /// A segment that cannot be read is odd and does not hide the others. Fails if the backup or the collection does not
    /// exist, if it has no primary key, if its L0 segments cannot be read, or if the job is cancelled.
    pub async fn inspect_rows(
        &self,
        name: &BackupName,
        collection: Option<&CollectionRef>,
        ctx: &JobCtx,
    ) -> Result<Vec<CollectionContents>, Error> {
        ctx.run(self.inspect_stored_rows(name, collection)).await
    }

    async fn inspect_stored_rows(
        &self,
        name: &BackupName,
        collection: Option<&CollectionRef>,
    ) -> Result<Vec<CollectionContents>, Error> {
        let backup = self.open_stored_backup(name).await?;
        let wanted: Vec<&CollectionBackup> = match collection {
            Some(name) => vec![backup.find_collection(name)?],
            None => backup.detail.manifest.collections.iter().collect(),
        };
        let mut all = Vec::new();
        for collection in wanted {
            all.push(inspect_collection(&backup, collection).await?);
        }
        Ok(all)
    }
}

async fn inspect_collection(
    backup: &StoredBackup,
    collection: &CollectionBackup,
) -> Result<CollectionContents, Error> {
    let odd = backup.compare_files(collection).await?;
    let opened = backup.open_collection(collection).await?;
    let contents = opened.segments()?;
    let segments = contents.row_segments();
    // The futures are made beforehand, so that this one is `Send`.
    let read: Vec<_> = segments
        .iter()
        .map(|(partition, segment)| read_segment(&contents, collection, partition, segment).boxed())
        .collect();
    let mut read = stream::iter(read).buffered(SEGMENTS_AT_ONCE);
    let mut partitions: Vec<PartitionContents> = collection
        .partitions
        .iter()
        .map(|partition| PartitionContents { name: partition.name.clone(), segments: Vec::new() })
        .collect();
    let mut places = segments.iter();
    while let (Some(segment), Some((place, _))) = (read.next().await, places.next()) {
        if let Some(partition) = partitions.iter_mut().find(|partition| partition.name == place.name) {
            partition.segments.push(segment);
        }
    }
    let scopes = collection.partitions.iter().map(|partition| PartitionScope::One(partition.id));
    let all = scopes.chain([PartitionScope::All]).flat_map(|scope| collection.segments_of(scope));
    let l0_segments = all.filter(|segment| segment.kind == SegmentKind::Deletes).count();
    Ok(CollectionContents { name: collection.name.clone(), partitions, l0_segments, odd })
}

async fn read_segment(
    contents: &SegmentContents<'_>,
    collection: &CollectionBackup,
    partition: &PartitionBackup,
    segment: &Segment,
) -> StoredSegment {
    let mut odd = Vec::new();
    let live = match read_live_rows(contents, collection, partition, segment).await {
        Ok((live, deleted)) => {
            if segment.rows == 0 || segment.binlogs.is_empty() {
                odd.push("it has no rows".to_owned());
            } else if live.count == 0 {
                odd.push("all of its rows are deleted".to_owned());
            }
            if !segment.delta_logs.is_empty() && deleted == 0 {
                odd.push("its delta logs delete none of its rows".to_owned());
            }
            Some(live)
        }
        Err(error) => {
            odd.push(chain(&error));
            None
        }
    };
    let format = match segment.kind {
        SegmentKind::Rows { format } => format,
        SegmentKind::Deletes => StorageFormat::Unsupported,
    };
    let mut bytes = BTreeMap::new();
    for binlog in &segment.binlogs {
        let name = match format {
            StorageFormat::V2 => format!("group {}", binlog.field),
            StorageFormat::V1 | StorageFormat::Unsupported => name_of(&collection.schema, binlog.field),
        };
        let size: &mut u64 = bytes.entry(name).or_default();
        *size = size.saturating_add(binlog.size);
    }
    let (id, rows, delta_logs) = (segment.id, segment.rows, segment.delta_logs.len());
    StoredSegment { id, format, rows, live, bytes, delta_logs, odd }
}

/// Reads the live rows of a segment; returns them and the number of deleted rows.
async fn read_live_rows(
    contents: &SegmentContents<'_>,
    collection: &CollectionBackup,
    partition: &PartitionBackup,
    segment: &Segment,
) -> Result<(LiveRows, u64), Error> {
    let key = collection.schema.primary_key().map(|key| FieldId(key.id));
    let options = ReadOptions {
        columns: Some(key.into_iter().chain([FieldId::TIMESTAMP]).collect()),
        binary_text: true,
        ..ReadOptions::default()
    };
    let mut reader = contents.read_rows(partition.id, segment, &options).await?;
    let mut live = LiveRows::default();
    while let Some(batch) = reader.next().await? {
        live.add(&batch);
    }
    Ok((live, reader.counts().deleted))
}

impl LiveRows {
    /// Adds a batch of keys and timestamps.
    fn add(&mut self, batch: &RecordBatch) {
        self.count += batch.num_rows() as u64;
        let [keys, times] = batch.columns() else { return };
        let times =
            times.as_primitive_opt::<UInt64Type>().into_iter().flat_map(arrow_array::PrimitiveArray::values);
        let times = range_of(times.copied()).map(|(first, last)| (Tso(first), Tso(last)));
        self.times = unite(self.times.take(), times);
        let numbers =
            keys.as_primitive_opt::<Int64Type>().and_then(|keys| range_of(keys.values().iter().copied()));
        let numbers = numbers.map(|(first, last)| (RowKey::Int64(first), RowKey::Int64(last)));
        let texts = keys.as_binary_opt::<i32>().and_then(|keys| range_of(keys.iter().flatten()));
        let text = |bytes: &[u8]| RowKey::VarChar(String::from_utf8_lossy(bytes).into_owned());
        let texts = texts.map(|(first, last)| (text(first), text(last)));
        self.keys = unite(self.keys.take(), numbers.or(texts));
    }
}

fn range_of<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<(T, T)> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((first, last)) => Some((first.min(value), last.max(value))),
    })
}

fn unite<T: Ord>(one: Option<(T, T)>, other: Option<(T, T)>) -> Option<(T, T)> {
    match (one, other) {
        (Some((first, last)), Some((low, high))) => Some((first.min(low), last.max(high))),
        (one, other) => one.or(other),
    }
}

/// Returns the name of the field whose files are in a directory.
fn name_of(schema: &Schema, id: FieldId) -> String {
    let column = schema.stored_columns().find(|(known, _)| *known == id).map(|(_, name)| name.to_owned());
    column.unwrap_or_else(|| match id {
        FieldId::ROW_ID => "RowID".to_owned(),
        FieldId::TIMESTAMP => "Timestamp".to_owned(),
        other => format!("field {other}"),
    })
}
