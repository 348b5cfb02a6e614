//! A collection of a backup whose L0 segments were folded into the delta logs of its other segments.

use std::collections::BTreeMap;

use crate::ids::SegmentId;
use crate::manifest::{CollectionBackup, DeltaLog, Segment};
use crate::segment::SegmentKind;

/// Returns a collection without its L0 segments, in which each of the given segments has only the new delta log, or none.
pub fn replace_l0(
    mut collection: CollectionBackup,
    new_logs: &BTreeMap<SegmentId, Option<DeltaLog>>,
) -> CollectionBackup {
    let is_l0 = |segment: &Segment| segment.kind == SegmentKind::Deletes;
    collection.shared_segments.retain(|segment| !is_l0(segment));
    for partition in &mut collection.partitions {
        partition.segments.retain(|segment| !is_l0(segment));
        for segment in &mut partition.segments {
            if let Some(log) = new_logs.get(&segment.id) {
                segment.delta_logs = log.iter().copied().collect();
            }
        }
        partition.size = sum_sizes(&partition.segments);
    }
    let partitions = collection.partitions.iter().map(|partition| partition.size);
    collection.size = partitions.fold(sum_sizes(&collection.shared_segments), u64::saturating_add);
    collection
}

fn sum_sizes(segments: &[Segment]) -> u64 {
    segments.iter().map(Segment::size).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::LogId;
    use crate::plan::sample;

    #[test]
    fn l0_segments_are_removed_and_the_logs_of_folded_segments_replaced() {
        let l0 = |id| Segment {
            kind: SegmentKind::Deletes,
            binlogs: vec![],
            ..sample::segment_with_deletes(id, 0, 0)
        };
        let segments = vec![
            sample::segment(3, 100, 10),
            l0(4),
            sample::segment_with_deletes(5, 50, 20),
            sample::segment_with_deletes(6, 50, 30),
            sample::segment_with_deletes(7, 50, 40),
        ];
        let mut collection = sample::collection("books", vec![sample::partition(2, "_default", segments)]);
        collection.shared_segments = vec![l0(8)];
        let new = DeltaLog { log: LogId(9), size: 7 };
        let replaced = replace_l0(
            collection,
            &[(SegmentId(3), Some(new)), (SegmentId(5), Some(new)), (SegmentId(6), None)].into(),
        );
        let logs: Vec<_> =
            replaced.partitions[0].segments.iter().map(|s| (s.id.0, s.delta_logs.clone())).collect();
        let old = DeltaLog { log: LogId(7001), size: 1 };
        assert_eq!(logs, [(3, vec![new]), (5, vec![new]), (6, vec![]), (7, vec![old])]);
        assert!(replaced.shared_segments.is_empty());
        assert_eq!((replaced.size, replaced.partitions[0].size), (115, 115));
    }
}
