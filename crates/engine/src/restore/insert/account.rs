//! What the inserts into one collection have done so far.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::ids::PartitionId;
use model::plan::restore::{CollectionPlan, RowRange};

use crate::{Error, PartitionRows};

/// The number of names in a message.
const MAX_NAMES: usize = 5;

/// The rows that were inserted into each partition of one collection.
#[derive(Debug, Default)]
pub(in crate::restore) struct InsertAccount {
    partitions: Mutex<BTreeMap<PartitionId, InsertedRows>>,
}

/// The rows of one partition.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InsertedRows {
    /// The number of rows that were sent, and not discarded since.
    sent: u64,
    /// The number of rows that Milvus confirmed, of those that were sent.
    pub(super) confirmed: u64,
    /// The number of rows that were sent, and deleted again.
    pub(super) discarded: u64,
    is_complete: bool,
}

impl InsertAccount {
    /// Records that a request with rows is sent.
    pub(super) fn begin(&self, partition: PartitionId, rows: u64) {
        self.partitions().entry(partition).or_default().sent += rows;
    }

    /// Records that Milvus has accepted rows.
    pub(super) fn confirm(&self, partition: PartitionId, rows: u64) {
        self.partitions().entry(partition).or_default().confirmed += rows;
    }

    /// Records that all rows of a partition are deleted; returns how many were sent.
    pub(super) fn discard(&self, partition: PartitionId) -> u64 {
        let mut partitions = self.partitions();
        let rows = partitions.entry(partition).or_default();
        let sent = std::mem::take(&mut rows.sent);
        rows.discarded += sent;
        rows.confirmed = 0;
        sent
    }

    /// Records that all rows of a partition are inserted; returns the number of complete partitions and of all rows.
    pub(super) fn complete(&self, partition: PartitionId) -> (usize, u64) {
        let mut partitions = self.partitions();
        partitions.entry(partition).or_default().is_complete = true;
        let complete = partitions.values().filter(|rows| rows.is_complete).count();
        (complete, partitions.values().map(|rows| rows.confirmed).sum())
    }

    /// Returns the rows of a partition.
    pub(super) fn of(&self, partition: PartitionId) -> InsertedRows {
        self.partitions().get(&partition).copied().unwrap_or_default()
    }

    /// Returns the largest number of rows that the target may have because of the inserts.
    pub(in crate::restore) fn most_rows(&self) -> u64 {
        self.partitions().values().map(|rows| rows.sent + rows.discarded).sum()
    }

    /// Returns the confirmed rows of each partition that got any.
    pub(in crate::restore) fn partition_rows(&self, plan: &CollectionPlan) -> Vec<PartitionRows> {
        let rows = plan.inserted_partitions().filter_map(|partition| {
            let counted = self.of(partition.id).confirmed;
            let expected = self.expected(plan, partition.id, partition.rows);
            (counted > 0).then(|| PartitionRows { partition: partition.name.clone(), counted, expected })
        });
        rows.collect()
    }

    /// Returns the number of rows that a partition must have: those of the plan, or those that were selected.
    pub(super) fn expected(
        &self,
        plan: &CollectionPlan,
        partition: PartitionId,
        planned: RowRange,
    ) -> RowRange {
        debug_assert!(plan.partitions.iter().any(|it| it.id == partition));
        if planned.min == planned.max {
            return planned;
        }
        let rows = self.of(partition).confirmed;
        RowRange { min: rows, max: rows }
    }

    /// Adds to an error which partitions are complete and which may have some of their rows.
    pub(in crate::restore) fn describe_failure(&self, plan: &CollectionPlan, error: Error) -> Error {
        let (mut complete, mut begun, mut all) = (Vec::new(), Vec::new(), 0);
        for partition in plan.inserted_partitions() {
            all += 1;
            let rows = self.of(partition.id);
            // While a partition is being emptied, it may still have the rows that were sent before.
            let most = rows.sent.max(rows.discarded);
            if rows.is_complete {
                complete.push(partition.name.clone());
            } else if most > 0 {
                begun.push(format!("{} may have up to {most} of {} rows", partition.name, partition.rows));
            }
        }
        let names =
            if complete.is_empty() { String::new() } else { format!(" ({})", join_briefly(&complete)) };
        let mut parts =
            vec![format!("{} of {all} partitions are inserted completely{names}", complete.len())];
        if !begun.is_empty() {
            parts.push(join_briefly(&begun));
        }
        if complete.len() + begun.len() < all {
            parts.push("the others have no rows of this restore".to_owned());
        }
        Error::InsertStopped { account: parts.join("; "), source: Box::new(error) }
    }

    fn partitions(&self) -> MutexGuard<'_, BTreeMap<PartitionId, InsertedRows>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn join_briefly(names: &[String]) -> String {
    let shown = names.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
