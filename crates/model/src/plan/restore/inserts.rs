//! The partitions whose rows are inserted through the API of Milvus, so that it imports no files.

use std::collections::BTreeMap;

use super::{PartitionPlan, PlanError, RestoreMode, RestoreRequest, RowRange};
use crate::ids::{PartitionId, SegmentId};
use crate::manifest::{CollectionBackup, PartitionBackup};

/// What is read from a partition of the backup, and inserted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionInsert {
    /// The segments with rows, the oldest first.
    pub segments: Vec<SegmentId>,
    /// The number of files to read.
    pub objects: u64,
    /// The total size of these files in bytes.
    pub bytes: u64,
}

/// Fails if a request cannot be served with inserts.
pub(super) fn check_request(request: &RestoreRequest) -> Result<(), PlanError> {
    if request.options.mode != RestoreMode::Insert {
        return Ok(());
    }
    let refused = [
        (request.options.truncate_by_ts, "the truncation at checkpoints"),
        (!request.ezk_mapping.is_empty(), "a mapping of encryption zones"),
    ];
    let refused: Vec<&str> = refused.into_iter().filter_map(|(given, what)| given.then_some(what)).collect();
    if refused.is_empty() { Ok(()) } else { Err(PlanError::InsertOptions(refused)) }
}

/// Plans the partitions of a collection; `live` are the numbers of their live rows, as far as they were counted.
pub(super) fn plan_partitions(
    backup: &CollectionBackup,
    live: Option<&BTreeMap<PartitionId, u64>>,
) -> Vec<PartitionPlan> {
    let live_rows = |id| live.map(|live| live.get(&id).copied().unwrap_or_default());
    backup.partitions.iter().map(|partition| plan_partition(partition, live_rows(partition.id))).collect()
}

fn plan_partition(partition: &PartitionBackup, live: Option<u64>) -> PartitionPlan {
    let mut segments: Vec<_> =
        partition.segments.iter().filter(|it| it.kind.has_rows() && !it.binlogs.is_empty()).collect();
    segments.sort_by_key(|segment| segment.id);
    let stored = segments.iter().map(|segment| segment.rows).sum();
    let rows = match live {
        Some(live) => RowRange { min: live, max: live },
        None => RowRange { min: 0, max: stored },
    };
    let insert = PartitionInsert {
        segments: segments.iter().map(|segment| segment.id).collect(),
        objects: segments.iter().map(|segment| segment.objects() as u64).sum(),
        bytes: segments.iter().fold(0, |bytes, segment| bytes.saturating_add(segment.size())),
    };
    PartitionPlan {
        id: partition.id,
        name: partition.name.clone(),
        rows,
        insert: Some(insert).filter(|insert| !insert.segments.is_empty()),
    }
}
