//! The segments of a backup and their totals.

use crate::ids::PartitionScope;
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
    ///
    /// Of an exported snapshot only the files are known.
    pub fn of_collection(collection: &CollectionBackup) -> Self {
        let mut totals = Self::default();
        segments(collection).for_each(|(_, segment)| totals.add_segment(segment));
        if let Some(bundle) = &collection.snapshot {
            totals.objects = totals.objects.saturating_add(bundle.total_files);
            totals.bytes = totals.bytes.saturating_add(bundle.total_bytes);
        }
        totals
    }

    /// Computes the totals of a whole backup.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        manifest.collections.iter().map(Self::of_collection).fold(Self::default(), |a, b| Self {
            segments: a.segments + b.segments,
            rows: a.rows.saturating_add(b.rows),
            objects: a.objects.saturating_add(b.objects),
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ids::{FieldId, LogId, SegmentId};
    use crate::manifest::{Binlog, DeltaLog};
    use crate::plan::sample;
    use crate::segment::SegmentKind;

    pub(in crate::plan::backup) fn segment(
        id: i64,
        group: Option<i64>,
        binlogs: &[(i64, i64, u64)],
        deltas: &[(i64, u64)],
    ) -> Segment {
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

    pub(in crate::plan::backup) fn l0(id: i64, deltas: &[(i64, u64)]) -> Segment {
        Segment {
            partition: PartitionScope::All,
            kind: SegmentKind::Deletes,
            rows: 0,
            ..segment(id, None, &[], deltas)
        }
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
}
