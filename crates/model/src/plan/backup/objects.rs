//! The files of a backup: totals, and the keys of each file in the source and in the backup.

use crate::ids::{CollectionId, PartitionScope};
use crate::key::ObjectKey;
use crate::layout::backup::BackupLayout;
use crate::layout::milvus::MilvusLayout;
use crate::manifest::{CollectionBackup, Manifest, Segment};

/// Totals over segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of segments.
    pub segments: usize,
    /// The number of rows, deleted ones included.
    pub rows: u64,
    /// The number of files.
    pub objects: u64,
    /// The size of the files in bytes.
    pub bytes: u64,
}

impl Totals {
    /// Computes the totals of one collection, including the segments of all its partitions.
    pub fn of_collection(collection: &CollectionBackup) -> Self {
        let mut totals = Self::default();
        segments(collection).for_each(|(_, segment)| totals.add_segment(segment));
        totals
    }

    /// Computes the totals of a whole backup.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        manifest.collections.iter().map(Self::of_collection).fold(Self::default(), |a, b| Self {
            segments: a.segments + b.segments,
            rows: a.rows.saturating_add(b.rows),
            objects: a.objects + b.objects,
            bytes: a.bytes.saturating_add(b.bytes),
        })
    }

    fn add_segment(&mut self, segment: &Segment) {
        self.segments += 1;
        self.rows = self.rows.saturating_add(segment.rows);
        self.objects += segment.objects() as u64;
        self.bytes = self.bytes.saturating_add(segment.size());
    }
}

/// Returns every segment of a collection with the partition that it belongs to.
pub fn segments(collection: &CollectionBackup) -> impl Iterator<Item = (PartitionScope, &Segment)> {
    let of_partitions = collection
        .partitions
        .iter()
        .flat_map(|p| p.segments.iter().map(move |segment| (PartitionScope::One(p.id), segment)));
    of_partitions.chain(collection.shared_segments.iter().map(|segment| (PartitionScope::All, segment)))
}

/// One file of a collection, with its keys in Milvus's storage and in the backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectPair {
    /// The key of the file in Milvus's storage.
    pub from: ObjectKey,
    /// The key of the file in the backup.
    pub to: ObjectKey,
    /// The size of the file in bytes.
    pub size: u64,
}

/// Returns every file of a collection, computed lazily.
pub fn object_pairs<'a>(
    collection: &'a CollectionBackup,
    from: &'a MilvusLayout,
    to: &'a BackupLayout,
) -> impl Iterator<Item = ObjectPair> + 'a {
    segments(collection)
        .flat_map(move |(scope, segment)| segment_pairs(collection.id, scope, segment, from, to))
}

fn segment_pairs<'a>(
    collection: CollectionId,
    scope: PartitionScope,
    segment: &'a Segment,
    from: &'a MilvusLayout,
    to: &'a BackupLayout,
) -> impl Iterator<Item = ObjectPair> + 'a {
    let inserts = segment.binlogs.iter().filter_map(move |b| {
        let PartitionScope::One(partition) = scope else { return None };
        Some(ObjectPair {
            from: from.insert_key(collection, partition, segment.id, b.field, b.log),
            to: to.insert_key(collection, partition, segment.group_id, segment.id, b.field, b.log),
            size: b.size,
        })
    });
    let deltas = segment.delta_logs.iter().map(move |d| ObjectPair {
        from: from.delta_key(collection, scope, segment.id, d.log),
        to: to.delta_key(collection, scope, segment.group_id, segment.id, d.log),
        size: d.size,
    });
    inserts.chain(deltas)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{FieldId, LogId, SegmentId};
    use crate::layout::milvus::{DeltaKey, InsertKey};
    use crate::manifest::{Binlog, DeltaLog, PartitionBackup};
    use crate::plan::sample;
    use crate::segment::SegmentKind;

    fn segment(id: i64, group: Option<i64>, binlogs: &[(i64, i64, u64)], deltas: &[(i64, u64)]) -> Segment {
        let binlog = |(field, log, size): &(i64, i64, u64)| Binlog {
            field: FieldId(*field),
            log: LogId(*log),
            size: *size,
        };
        Segment {
            group_id: group,
            binlogs: binlogs.iter().map(binlog).collect(),
            delta_logs: deltas.iter().map(|(log, size)| DeltaLog { log: LogId(*log), size: *size }).collect(),
            id: SegmentId(id),
            ..sample::segment(0, 7, 0)
        }
    }

    fn l0(id: i64, deltas: &[(i64, u64)]) -> Segment {
        Segment {
            partition: PartitionScope::All,
            kind: SegmentKind::Deletes,
            rows: 0,
            ..segment(id, None, &[], deltas)
        }
    }

    fn pairs(collection: &CollectionBackup) -> Vec<(String, String, u64)> {
        let from = MilvusLayout::new(ObjectKey::new("files"));
        let to = BackupLayout::new(&ObjectKey::new("backup"), &"b".parse().unwrap());
        object_pairs(collection, &from, &to)
            .map(|pair| (pair.from.to_string(), pair.to.to_string(), pair.size))
            .collect()
    }

    #[test]
    fn every_file_is_copied_below_its_group() {
        let segments = vec![segment(3, Some(3), &[(0, 10, 5), (100, 11, 6)], &[(12, 1)])];
        let mut collection = sample::collection("books", vec![sample::partition(2, "_default", segments)]);
        collection.shared_segments = vec![l0(9, &[(13, 2)])];
        let expected = [
            ("files/insert_log/1005/2/3/0/10", "backup/b/binlogs/insert_log/1005/2/3/3/0/10", 5),
            ("files/insert_log/1005/2/3/100/11", "backup/b/binlogs/insert_log/1005/2/3/3/100/11", 6),
            ("files/delta_log/1005/2/3/12", "backup/b/binlogs/delta_log/1005/2/3/3/12", 1),
            ("files/delta_log/1005/-1/9/13", "backup/b/binlogs/delta_log/1005/-1/9/13", 2),
        ];
        assert_eq!(pairs(&collection), expected.map(|(from, to, size)| (from.into(), to.into(), size)));
    }

    #[test]
    fn totals_are_sums_over_all_segments() {
        let one = sample::partition(2, "_default", vec![segment(3, Some(3), &[(0, 10, 5)], &[(12, 1)])]);
        let two = sample::partition(4, "p", vec![segment(5, Some(5), &[(0, 14, 8)], &[])]);
        let mut collection = sample::collection("books", vec![one, two]);
        collection.shared_segments = vec![l0(9, &[(13, 2)])];
        let totals = Totals { segments: 3, rows: 14, objects: 4, bytes: 16 };
        assert_eq!(Totals::of_collection(&collection), totals);
        let manifest = sample::manifest(vec![collection.clone(), collection]);
        assert_eq!(Totals::of_manifest(&manifest), Totals { segments: 6, rows: 28, objects: 8, bytes: 32 });
        assert_eq!(Totals::of_manifest(&sample::manifest(vec![])), Totals::default());
    }

    prop_compose! {
        fn any_partition()(
            id in 1..i64::MAX, group in proptest::option::of(1..i64::MAX), segments in 1..i64::MAX,
            binlogs in proptest::collection::vec((0..200_i64, 1..i64::MAX, any::<u64>()), 0..8),
            deltas in proptest::collection::vec((1..i64::MAX, any::<u64>()), 0..4),
        ) -> PartitionBackup {
            sample::partition(id, "p", vec![segment(segments, group, &binlogs, &deltas)])
        }
    }

    proptest! {
        #[test]
        fn both_keys_of_a_file_contain_the_same_ids(
            partition in any_partition(), root in "[a-z]{0,5}", name in "[a-z]{1,5}",
        ) {
            let collection = sample::collection("books", vec![partition.clone()]);
            let segment = &partition.segments[0];
            let (from, to) = (
                MilvusLayout::new(ObjectKey::new(&root)),
                BackupLayout::new(&ObjectKey::new(&root), &name.parse().unwrap()),
            );
            let pairs: Vec<ObjectPair> = object_pairs(&collection, &from, &to).collect();
            prop_assert_eq!(pairs.len(), segment.objects());
            let inserts = segment.binlogs.iter().map(|b| (Some(b.field), b.log, b.size));
            let deltas = segment.delta_logs.iter().map(|d| (None, d.log, d.size));
            for (pair, (field, log, size)) in pairs.iter().zip(inserts.chain(deltas)) {
                prop_assert_eq!(pair.size, size);
                let (collection, segment_id) = (collection.id, segment.id);
                if let Some(field) = field {
                    let partition = partition.id;
                    let key = InsertKey { collection, partition, segment: segment_id, field, log };
                    prop_assert_eq!(from.parse_insert(&pair.from), Some(key));
                    prop_assert_eq!(to.parse_insert(&pair.to), Some((key, segment.group_id)));
                } else {
                    let partition = PartitionScope::One(partition.id);
                    let key = DeltaKey { collection, partition, segment: segment_id, log };
                    prop_assert_eq!(from.parse_delta(&pair.from), Some(key));
                    prop_assert_eq!(to.parse_delta(&pair.to), Some((key, segment.group_id)));
                }
            }
        }
    }
}
