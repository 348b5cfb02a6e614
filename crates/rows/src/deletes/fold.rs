//! The effect of delete entries on one segment, and the entries that its own delta log needs for the same effect.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use model::ids::{FieldId, Tso};
use model::manifest::Schema;
use storage::Store;

use super::{DeleteEntry, DeleteMap, KeyColumn, KeyType};
use crate::error::{Place, Reason, Result, RowsError};
use crate::segment::{ReadOptions, SegmentFiles, SegmentReader};

/// The effect of delete entries on the rows of one segment.
#[derive(Clone, Debug)]
pub struct SegmentDeletes {
    /// The number of rows that are not deleted.
    pub live: u64,
    /// The number of rows after the time until which rows are read; they are not live, whether deleted or not.
    pub later: u64,
    /// The number of live rows whose key was deleted before they were inserted.
    pub reinserted: u64,
    /// Whether the segment's own delta logs delete all of these rows, and have the form that every Milvus imports.
    pub own_logs_suffice: bool,
    /// The keys with deleted rows, each with its latest deletion.
    deleted: DeleteMap,
    /// The keys with rows that were inserted again, each with its latest deletion.
    reused: DeleteMap,
}

impl SegmentDeletes {
    /// Reads the keys and timestamps of a segment, and looks them up in the entries of its own delta logs and in those
    /// of `others`: the L0 segments of its partition and of all partitions. Rows after `until` are left out.
    ///
    /// Fails if a file cannot be read, or if an entry has a key of another type than the schema's primary key.
    pub async fn find(
        store: &Store,
        schema: &Schema,
        segment: SegmentFiles,
        own: &DeleteMap,
        others: &[Arc<DeleteMap>],
        until: Option<Tso>,
    ) -> Result<Self> {
        let place = Place::of_segment(&segment);
        let fail = |reason| RowsError::new(place.clone(), reason);
        let key = schema.fields.iter().find(|field| field.is_primary_key);
        let (Some(key), Some(key_type)) = (key, KeyType::of(schema)) else {
            return Err(fail(Reason::Request("the schema has no primary key".to_owned())));
        };
        if own.key_type() != key_type || others.iter().any(|map| map.key_type() != key_type) {
            return Err(fail(Reason::other_key_type()));
        }
        let options = ReadOptions {
            columns: Some(vec![FieldId(key.id), FieldId::TIMESTAMP]),
            binary_text: true,
            ..ReadOptions::default()
        };
        let mut reader = SegmentReader::open(store, schema, segment, Vec::new(), &options).await?;
        let mut found = Self {
            live: 0,
            later: 0,
            reinserted: 0,
            own_logs_suffice: !own.has_uncommon_form(),
            deleted: DeleteMap::new(key_type),
            reused: DeleteMap::new(key_type),
        };
        while let Some(batch) = reader.next().await? {
            found.add_batch(&batch, own, others, until).ok_or_else(|| {
                fail(Reason::Inconsistent("the keys or timestamps have another type".to_owned()))
            })?;
        }
        Ok(found)
    }

    /// Adds the rows of a batch with the columns of keys and timestamps; `None` if they have other types.
    fn add_batch(
        &mut self,
        batch: &RecordBatch,
        own: &DeleteMap,
        others: &[Arc<DeleteMap>],
        until: Option<Tso>,
    ) -> Option<()> {
        let [keys, times] = batch.columns() else { return None };
        let keys = KeyColumn::of(keys)?;
        let times = times.as_primitive_opt::<UInt64Type>()?;
        for (row, inserted) in times.values().iter().enumerate() {
            if until.is_some_and(|until| *inserted > until.0) {
                self.later += 1;
                continue;
            }
            let by_own = keys.deletion(row, own);
            let latest = by_own.max(keys.latest_deletion(row, others));
            match latest {
                None => self.live += 1,
                Some(deletion) if deletion.0 > *inserted => {
                    self.own_logs_suffice &= by_own.is_some_and(|own| own.0 > *inserted);
                    keys.add_to(row, &mut self.deleted, deletion);
                }
                Some(deletion) => {
                    self.live += 1;
                    self.reinserted += 1;
                    keys.add_to(row, &mut self.reused, deletion);
                }
            }
        }
        Some(())
    }

    /// Returns whether a key has both deleted and live rows. Milvus before 2.3.4 cannot import such a segment with its
    /// deletes: it deletes all rows of each key.
    pub fn has_partly_deleted_keys(&self) -> bool {
        self.reused.has_key_of(&self.deleted)
    }

    /// Returns the entries that delete the same rows if they are in the segment's own delta log: one for each key with a
    /// deleted row, sorted by key.
    pub fn entries(&self) -> Vec<DeleteEntry> {
        self.deleted.sorted_entries()
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, BinaryArray, Int64Array, UInt64Array};

    use super::super::RowKey;
    use super::*;

    fn map(key_type: KeyType, entries: &[(RowKey, u64)]) -> DeleteMap {
        let mut map = DeleteMap::new(key_type);
        for (key, time) in entries {
            assert!(map.insert(key.clone(), *time));
        }
        map
    }

    /// Finds the effect on four rows with these keys, inserted at 10, 20, 30 and 40.
    fn find(
        keys: ArrayRef,
        key_type: KeyType,
        own: &[(RowKey, u64)],
        other: &[(RowKey, u64)],
    ) -> SegmentDeletes {
        find_until(keys, key_type, [own, other], None)
    }

    fn find_until(
        keys: ArrayRef,
        key_type: KeyType,
        [own, other]: [&[(RowKey, u64)]; 2],
        until: Option<u64>,
    ) -> SegmentDeletes {
        let times: ArrayRef = Arc::new(UInt64Array::from(vec![10, 20, 30, 40]));
        let batch = RecordBatch::try_from_iter([("key", keys), ("time", times)]).unwrap();
        let mut found = SegmentDeletes {
            live: 0,
            later: 0,
            reinserted: 0,
            own_logs_suffice: true,
            deleted: DeleteMap::new(key_type),
            reused: DeleteMap::new(key_type),
        };
        let (own, other) = (map(key_type, own), map(key_type, other));
        found.add_batch(&batch, &own, &[Arc::new(other)], until.map(Tso)).unwrap();
        found
    }

    fn numbers(entries: &[(i64, u64)]) -> Vec<(RowKey, u64)> {
        entries.iter().map(|(key, time)| (RowKey::Int64(*key), *time)).collect()
    }

    fn texts(entries: &[(&str, u64)]) -> Vec<(RowKey, u64)> {
        entries.iter().map(|(key, time)| (RowKey::VarChar((*key).to_owned()), *time)).collect()
    }

    #[test]
    fn a_row_is_dead_if_its_key_was_deleted_later_and_counts_as_inserted_again_if_before() {
        let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 1, 7]));
        let by_number = find(keys, KeyType::Int64, &numbers(&[(1, 25), (2, 20)]), &numbers(&[(9, 99)]));
        let keys: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"a", b"b", b"a", b"c"]));
        let by_text = find(keys, KeyType::VarChar, &texts(&[("a", 25), ("b", 20)]), &texts(&[("z", 99)]));
        for found in [&by_number, &by_text] {
            assert_eq!((found.live, found.reinserted, found.own_logs_suffice), (3, 2, true));
            assert!(found.has_partly_deleted_keys());
        }
        let entry = |key| vec![DeleteEntry { key, time: Tso(25) }];
        assert_eq!(by_number.entries(), entry(RowKey::Int64(1)));
        assert_eq!(by_text.entries(), entry(RowKey::VarChar("a".to_owned())));
    }

    #[test]
    fn rows_after_a_time_are_left_out_whether_deleted_or_not() {
        let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
        let own = numbers(&[(1, 15), (4, 45)]);
        let found = find_until(keys, KeyType::Int64, [&own, &[]], Some(20));
        assert_eq!((found.live, found.later), (1, 2));
        assert_eq!(found.entries(), [DeleteEntry { key: RowKey::Int64(1), time: Tso(15) }]);
    }

    #[test]
    fn the_latest_deletion_of_all_maps_counts_and_own_logs_that_lack_one_do_not_suffice() {
        let keys: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
        let own = numbers(&[(1, 11), (2, 15), (4, 50)]);
        let found = find(keys, KeyType::Int64, &own, &numbers(&[(1, 99), (2, 21), (3, 31), (4, 45)]));
        assert_eq!((found.live, found.reinserted, found.own_logs_suffice), (0, 0, false));
        let expected = numbers(&[(1, 99), (2, 21), (3, 31), (4, 50)]);
        let expected: Vec<_> =
            expected.into_iter().map(|(key, time)| DeleteEntry { key, time: Tso(time) }).collect();
        assert_eq!(found.entries(), expected);
        assert!(!found.has_partly_deleted_keys());
    }
}
