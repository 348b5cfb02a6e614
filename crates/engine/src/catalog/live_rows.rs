//! Counts the rows of a backup that its delete entries leave alive, by keys and times.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use futures::stream::{self, StreamExt, TryStreamExt};
use model::ids::{FieldId, PartitionId, PartitionScope, SegmentId, Tso};
use model::layout::backup::BackupLayout;
use model::manifest::{Binlog, CollectionBackup, DeltaLog, Segment};
use model::name::BackupName;
use rows::{
    DeleteMap, DeltaFile, DeltaFiles, InsertFile, KeyType, ReadOptions, RowsError, SegmentFiles,
    SegmentReader,
};

use super::Catalog;

/// The number of segments that are read at the same time.
const SEGMENTS_AT_ONCE: usize = 4;

/// The live rows of one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LiveRows {
    /// The rows that no delete entry deletes.
    pub(crate) rows: u64,
    /// Those of them whose key was deleted before they were inserted.
    pub(crate) inserted_again: u64,
}

impl Catalog {
    /// Counts the live rows of each segment of a collection that has delta logs; others have as many as recorded.
    ///
    /// Of each segment, only the columns with keys and timestamps are read.
    pub(crate) async fn count_live_rows(
        &self,
        name: &BackupName,
        collection: &CollectionBackup,
    ) -> Result<BTreeMap<SegmentId, LiveRows>, RowsError> {
        let layout = self.layout(name);
        let Some(key_type) = KeyType::of(&collection.schema) else { return Ok(BTreeMap::new()) };
        let segments = collection.partitions.iter().flat_map(|p| p.segments.iter().map(move |s| (p.id, s)));
        let with_deletes = segments
            .filter(|(_, s)| s.kind.has_rows() && !s.binlogs.is_empty() && !s.delta_logs.is_empty())
            .map(|(partition, segment)| {
                self.count_segment(&layout, collection, key_type, partition, segment)
            });
        // The futures are made beforehand, so that this one is `Send`.
        let with_deletes: Vec<_> = with_deletes.collect();
        stream::iter(with_deletes).buffer_unordered(SEGMENTS_AT_ONCE).try_collect().await
    }

    async fn count_segment(
        &self,
        layout: &BackupLayout,
        collection: &CollectionBackup,
        key_type: KeyType,
        partition: PartitionId,
        segment: &Segment,
    ) -> Result<(SegmentId, LiveRows), RowsError> {
        let (id, group, scope) = (segment.id, segment.group_id, PartitionScope::One(partition));
        let delta_file = |log: &DeltaLog| DeltaFile {
            key: layout.delta_key(collection.id, scope, group, id, log.log),
            log: *log,
        };
        let deltas = DeltaFiles {
            collection: collection.id,
            partition: scope,
            segment: id,
            files: segment.delta_logs.iter().map(delta_file).collect(),
        };
        let deletes = DeleteMap::read(&self.store, key_type, &[deltas]).await?;
        let insert_file = |binlog: &Binlog| InsertFile {
            key: layout.insert_key(collection.id, partition, group, id, binlog.field, binlog.log),
            binlog: *binlog,
        };
        let files = SegmentFiles {
            collection: collection.id,
            partition,
            segment: id,
            rows: Some(segment.rows),
            files: segment.binlogs.iter().map(insert_file).collect(),
        };
        let key = collection.schema.fields.iter().find(|field| field.is_primary_key);
        let options = ReadOptions {
            columns: Some(key.map(|key| FieldId(key.id)).into_iter().chain([FieldId::TIMESTAMP]).collect()),
            binary_text: true,
            ..ReadOptions::default()
        };
        let mut reader =
            SegmentReader::open(&self.store, &collection.schema, files, Vec::new(), &options).await?;
        let mut live = LiveRows::default();
        while let Some(batch) = reader.next().await? {
            count_batch(&batch, &deletes, &mut live);
        }
        Ok((id, live))
    }
}

/// Counts the live rows of a batch with the columns of keys and timestamps.
fn count_batch(batch: &RecordBatch, deletes: &DeleteMap, live: &mut LiveRows) {
    let [keys, times] = batch.columns() else { return };
    let times = times.as_primitive::<UInt64Type>();
    let deletion = |row: usize| match deletes.key_type() {
        KeyType::Int64 => deletes.deletion_of_int64(keys.as_primitive::<Int64Type>().value(row)),
        KeyType::VarChar => deletes.deletion_of_text(keys.as_binary::<i32>().value(row)),
    };
    for row in 0..batch.num_rows() {
        let deleted = deletion(row);
        if deleted.is_none_or(|at| at <= Tso(times.value(row))) {
            live.rows += 1;
            live.inserted_again += u64::from(deleted.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BinaryArray, Int64Array, UInt64Array};
    use model::ids::CollectionId;
    use model::key::ObjectKey;
    use rows::{DeleteEntry, DeletedKey, encode_delta_log};
    use storage::{Store, StoreConfig};

    use super::*;

    async fn count(keys: ArrayRef, deletes: &[(DeletedKey, u64)], key_type: KeyType) -> LiveRows {
        let entries: Vec<_> =
            deletes.iter().map(|(key, time)| DeleteEntry { key: key.clone(), time: Tso(*time) }).collect();
        let scope = PartitionScope::One(PartitionId(2));
        let log = encode_delta_log(CollectionId(1), scope, SegmentId(3), &entries).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreConfig::Disk).unwrap();
        let key = ObjectKey::new(dir.path().join("4").to_str().unwrap());
        store.write(&key, log).await.unwrap();
        let files = vec![DeltaFile { key, log: DeltaLog { log: model::ids::LogId(4), size: 0 } }];
        let deltas =
            DeltaFiles { collection: CollectionId(1), partition: scope, segment: SegmentId(3), files };
        let deletes = DeleteMap::read(&store, key_type, &[deltas]).await.unwrap();
        let times: ArrayRef = Arc::new(UInt64Array::from(vec![10, 20, 30, 40]));
        let batch = RecordBatch::try_from_iter([("key", keys), ("time", times)]).unwrap();
        let mut live = LiveRows::default();
        count_batch(&batch, &deletes, &mut live);
        live
    }

    #[tokio::test]
    async fn a_row_is_dead_if_its_key_was_deleted_later_and_counts_as_inserted_again_if_before() {
        let expected = LiveRows { rows: 3, inserted_again: 2 };
        let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 1, 7]));
        let deletes = [(1, 25), (2, 20), (9, 99)].map(|(key, time)| (DeletedKey::Int64(key), time));
        assert_eq!(count(keys, &deletes, KeyType::Int64).await, expected);
        let keys: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"a", b"b", b"a", b"c"]));
        let deletes =
            [("a", 25), ("b", 20), ("z", 99)].map(|(key, time)| (DeletedKey::VarChar(key.to_owned()), time));
        assert_eq!(count(keys, &deletes, KeyType::VarChar).await, expected);
    }
}
