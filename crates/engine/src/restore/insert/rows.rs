//! The rows of one partition of a backup, in the order in which they are inserted.

use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use model::ids::{FieldId, PartitionId};
use model::manifest::Segment;
use rows::{ReadOptions, SegmentReader};

use crate::Error;
use crate::catalog::SegmentContents;

/// The size in bytes at which a batch of rows ends.
const BATCH_BYTES: usize = 4 << 20;

/// The number of rows that a restore still takes from a collection, which its partitions share.
#[derive(Debug)]
pub(super) struct RowBudget(AtomicU64);

impl RowBudget {
    pub(super) fn new(limit: Option<u64>) -> Self {
        Self(AtomicU64::new(limit.unwrap_or(u64::MAX)))
    }

    /// Takes up to `wanted` rows, and returns how many there were.
    fn take(&self, wanted: u64) -> u64 {
        let take = |left: u64| Some(left - left.min(wanted));
        // The closure never refuses.
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).unwrap_or_default();
        left.min(wanted)
    }

    fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Gives back rows that were taken.
    pub(super) fn give_back(&self, rows: u64) {
        let _ =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_add(rows)));
    }
}

/// Reads the live rows of a partition in batches, the oldest segment first.
pub(super) struct RowStream<'a> {
    contents: &'a SegmentContents<'a>,
    partition: PartitionId,
    /// The segments that are not opened yet.
    segments: std::vec::IntoIter<&'a Segment>,
    reader: Option<SegmentReader>,
    options: ReadOptions,
    budget: &'a RowBudget,
}

impl<'a> RowStream<'a> {
    /// Begins to read these fields of a partition.
    pub(super) fn new(
        contents: &'a SegmentContents<'a>,
        partition: PartitionId,
        fields: &[FieldId],
        budget: &'a RowBudget,
    ) -> Self {
        let segments = contents.row_segments().into_iter().filter(|(of, segment)| {
            // A backup of the Go tool without data has segments without files.
            of.id == partition && !segment.binlogs.is_empty()
        });
        let segments: Vec<&Segment> = segments.map(|(_, segment)| segment).collect();
        let options = ReadOptions {
            columns: Some(fields.to_vec()),
            // Text that is not UTF-8 is found by its row.
            binary_text: true,
            batch_bytes: BATCH_BYTES,
            ..ReadOptions::default()
        };
        Self { contents, partition, segments: segments.into_iter(), reader: None, options, budget }
    }

    /// Reads the next batch, which has at least one row; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            if self.budget.is_spent() {
                return Ok(None);
            }
            let batch = match &mut self.reader {
                Some(reader) => reader.next().await?,
                None => None,
            };
            if let Some(batch) = batch {
                let rows = self.budget.take(batch.num_rows() as u64);
                let batch = batch.slice(0, usize::try_from(rows).unwrap_or(usize::MAX));
                if batch.num_rows() > 0 {
                    return Ok(Some(batch));
                }
                continue;
            }
            let Some(segment) = self.segments.next() else { return Ok(None) };
            self.reader = Some(self.contents.read_rows(self.partition, segment, &self.options).await?);
        }
    }
}
