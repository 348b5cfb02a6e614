//! The plan of copying the files of one collection into a backup.

use std::collections::HashMap;

use super::segments;
use crate::ids::{FileId, PartitionScope, SegmentId};
use crate::key::ObjectKey;
use crate::layout::backup::BackupLayout;
use crate::layout::milvus::MilvusLayout;
use crate::manifest::{CollectionBackup, Segment};
use crate::plan::expected::{find_file, list_files};

/// The plan of copying the files of one collection, from a snapshot of its segments.
///
/// It is computed lazily: the keys of a file exist only while its action is used. The order of the actions is that of
/// the snapshot: partitions, then the segments that belong to all of them; in a segment, insert binlogs, then delta
/// logs.
pub struct CollectionCopyPlan<'a, P> {
    snapshot: &'a CollectionBackup,
    from: &'a MilvusLayout,
    to: &'a BackupLayout,
    is_present: P,
    base: Option<&'a BaseFiles<'a>>,
}

/// What to do for one file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyAction {
    /// The file.
    pub file: FileId,
    /// The size of the file in bytes.
    pub size: u64,
    /// Where the contents come from.
    pub origin: Origin,
    /// The key of the file in the backup.
    pub to: ObjectKey,
}

/// Where the contents of a file of a backup come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file is copied from this key in Milvus's storage.
    Milvus(ObjectKey),
    /// The file is copied from this key in the base backup.
    Base(ObjectKey),
    /// The file is in the backup already.
    Present,
}

/// The number and the size of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileTotals {
    /// The number of files.
    pub objects: u64,
    /// The size of the files in bytes.
    pub bytes: u64,
}

impl<'a, P: Fn(FileId) -> bool> CollectionCopyPlan<'a, P> {
    /// Plans to copy the files of this snapshot.
    ///
    /// `is_present` returns whether the backup contains a file already, with its size and contents. A file that `base`
    /// contains with the same size is copied from there; the caller ensures that both are of the same collection.
    pub fn new(
        snapshot: &'a CollectionBackup,
        from: &'a MilvusLayout,
        to: &'a BackupLayout,
        is_present: P,
        base: Option<&'a BaseFiles<'a>>,
    ) -> Self {
        Self { snapshot, from, to, is_present, base }
    }

    /// Returns the totals of all files of the snapshot, including those that are present already.
    pub fn totals(&self) -> FileTotals {
        self.files().fold(FileTotals::default(), |sum, planned| FileTotals {
            objects: sum.objects + 1,
            bytes: sum.bytes.saturating_add(planned.size),
        })
    }

    /// Returns the action for every file.
    pub fn actions(&self) -> impl Iterator<Item = CopyAction> {
        self.files().map(|planned| CopyAction {
            file: planned.file,
            size: planned.size,
            origin: self.find_origin(&planned),
            to: planned.key_in_backup(self.to, self.snapshot),
        })
    }

    fn files(&self) -> impl Iterator<Item = PlannedFile<'a>> {
        segments(self.snapshot).flat_map(|(scope, segment)| {
            list_files(segment)
                .filter(move |(file, _)| can_contain(scope, *file))
                .map(move |(file, size)| PlannedFile { scope, segment, file, size })
        })
    }

    fn find_origin(&self, planned: &PlannedFile<'_>) -> Origin {
        if (self.is_present)(planned.file) {
            return Origin::Present;
        }
        match self.base.and_then(|base| base.find(planned.file, planned.size)) {
            Some(key) => Origin::Base(key),
            None => Origin::Milvus(planned.key_in_milvus(self.from, self.snapshot)),
        }
    }
}

/// The files of a collection in a base backup.
pub struct BaseFiles<'a> {
    collection: &'a CollectionBackup,
    layout: &'a BackupLayout,
    segments: HashMap<SegmentId, (PartitionScope, &'a Segment)>,
}

impl<'a> BaseFiles<'a> {
    /// Reads the files of a collection from the manifest of a backup with this layout; the files of each segment must be
    /// sorted.
    pub fn new(collection: &'a CollectionBackup, layout: &'a BackupLayout) -> Self {
        let by_id = |(scope, segment): (_, &'a Segment)| (segment.id, (scope, segment));
        Self { collection, layout, segments: segments(collection).map(by_id).collect() }
    }

    /// Returns the key of a file that the base contains with this size.
    fn find(&self, file: FileId, size: u64) -> Option<ObjectKey> {
        let (scope, segment) = *self.segments.get(&file.segment)?;
        let (_, own_size) = find_file(segment, file)?;
        let is_same = own_size == size && can_contain(scope, file);
        let planned = PlannedFile { scope, segment, file, size };
        is_same.then(|| planned.key_in_backup(self.layout, self.collection))
    }
}

/// One file of a segment.
struct PlannedFile<'a> {
    scope: PartitionScope,
    segment: &'a Segment,
    file: FileId,
    size: u64,
}

impl PlannedFile<'_> {
    fn key_in_milvus(&self, layout: &MilvusLayout, collection: &CollectionBackup) -> ObjectKey {
        let FileId { segment, field, log } = self.file;
        match (field, self.scope) {
            (Some(field), PartitionScope::One(partition)) => {
                layout.insert_key(collection.id, partition, segment, field, log)
            }
            _ => layout.delta_key(collection.id, self.scope, segment, log),
        }
    }

    fn key_in_backup(&self, layout: &BackupLayout, collection: &CollectionBackup) -> ObjectKey {
        let FileId { segment, field, log } = self.file;
        let group = self.segment.group_id;
        match (field, self.scope) {
            (Some(field), PartitionScope::One(partition)) => {
                layout.insert_key(collection.id, partition, group, segment, field, log)
            }
            _ => layout.delta_key(collection.id, self.scope, group, segment, log),
        }
    }
}

/// Returns whether a segment of these partitions can contain a file: one of all partitions has no insert binlogs.
fn can_contain(scope: PartitionScope, file: FileId) -> bool {
    file.field.is_none() || scope != PartitionScope::All
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{FieldId, LogId};
    use crate::layout::milvus::{DeltaKey, InsertKey};
    use crate::manifest::PartitionBackup;
    use crate::plan::backup::totals::tests::{l0, segment};
    use crate::plan::sample;

    fn milvus() -> MilvusLayout {
        MilvusLayout::new(ObjectKey::new("files"))
    }

    fn backup(name: &str) -> BackupLayout {
        BackupLayout::new(&ObjectKey::new("backup"), &name.parse().unwrap())
    }

    fn collection() -> CollectionBackup {
        let segments = vec![segment(3, Some(3), &[(0, 10, 5), (100, 11, 6)], &[(12, 1)])];
        let mut collection = sample::collection("books", vec![sample::partition(2, "_default", segments)]);
        collection.shared_segments = vec![l0(9, &[(13, 2)])];
        collection
    }

    fn file(segment: i64, field: Option<i64>, log: i64) -> FileId {
        FileId { segment: SegmentId(segment), field: field.map(FieldId), log: LogId(log) }
    }

    fn origins(
        is_present: impl Fn(FileId) -> bool,
        base: Option<&BaseFiles<'_>>,
    ) -> Vec<(Origin, String, u64)> {
        let (snapshot, from, to) = (collection(), milvus(), backup("b"));
        let plan = CollectionCopyPlan::new(&snapshot, &from, &to, is_present, base);
        assert_eq!(plan.totals(), FileTotals { objects: 4, bytes: 14 });
        plan.actions().map(|action| (action.origin, action.to.to_string(), action.size)).collect()
    }

    #[test]
    fn every_file_is_copied_below_its_group() {
        let expected = [
            ("files/insert_log/1005/2/3/0/10", "backup/b/binlogs/insert_log/1005/2/3/3/0/10", 5),
            ("files/insert_log/1005/2/3/100/11", "backup/b/binlogs/insert_log/1005/2/3/3/100/11", 6),
            ("files/delta_log/1005/2/3/12", "backup/b/binlogs/delta_log/1005/2/3/3/12", 1),
            ("files/delta_log/1005/-1/9/13", "backup/b/binlogs/delta_log/1005/-1/9/13", 2),
        ];
        let expected =
            expected.map(|(from, to, size)| (Origin::Milvus(ObjectKey::new(from)), to.into(), size));
        assert_eq!(origins(|_| false, None), expected);
    }

    #[test]
    fn a_present_file_is_not_copied_again() {
        let present = file(3, Some(100), 11);
        let origins = origins(|file| file == present, None);
        assert_eq!(origins.iter().filter(|(origin, ..)| *origin == Origin::Present).count(), 1);
        assert_eq!(origins[1].0, Origin::Present);
    }

    #[test]
    fn a_file_of_the_base_is_copied_from_there_unless_its_size_differs_or_it_is_present() {
        let layout = backup("base");
        // The base grouped the segment otherwise, and one of its files has another size.
        let segments = vec![segment(3, None, &[(0, 10, 5), (100, 11, 60)], &[(12, 1)])];
        let old = sample::collection("books", vec![sample::partition(2, "_default", segments)]);
        let base = BaseFiles::new(&old, &layout);
        let present = file(3, None, 12);
        let origins: Vec<_> =
            origins(|file| file == present, Some(&base)).into_iter().map(|(origin, ..)| origin).collect();
        let expected = [
            Origin::Base(ObjectKey::new("backup/base/binlogs/insert_log/1005/2/3/0/10")),
            Origin::Milvus(ObjectKey::new("files/insert_log/1005/2/3/100/11")),
            Origin::Present,
            Origin::Milvus(ObjectKey::new("files/delta_log/1005/-1/9/13")),
        ];
        assert_eq!(origins, expected);
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
            let plan = CollectionCopyPlan::new(&collection, &from, &to, |_| false, None);
            let actions: Vec<CopyAction> = plan.actions().collect();
            prop_assert_eq!(actions.len(), segment.objects());
            for (action, (file, size)) in actions.iter().zip(list_files(segment)) {
                prop_assert_eq!(action.size, size);
                let FileId { field, log, .. } = file;
                prop_assert_eq!(action.file, file);
                let Origin::Milvus(source) = &action.origin else { panic!("{action:?}") };
                let (collection, segment_id) = (collection.id, segment.id);
                if let Some(field) = field {
                    let partition = partition.id;
                    let key = InsertKey { collection, partition, segment: segment_id, field, log };
                    prop_assert_eq!(from.parse_insert(source), Some(key));
                    prop_assert_eq!(to.parse_insert(&action.to), Some((key, segment.group_id)));
                } else {
                    let partition = PartitionScope::One(partition.id);
                    let key = DeltaKey { collection, partition, segment: segment_id, log };
                    prop_assert_eq!(from.parse_delta(source), Some(key));
                    prop_assert_eq!(to.parse_delta(&action.to), Some((key, segment.group_id)));
                }
            }
        }
    }
}
