//! Compactions: the sort of new segments, the merge of deletes into segments, and their removal.

use std::collections::BTreeMap;

use proto::common::SegmentState;

use super::cell::Deletion;
use super::reply::Refusal;
use super::segment::Segment;
use super::segments::{PendingDelete, latest};
use super::state::FakeState;

impl FakeState {
    /// Replaces new segments by sorted copies, as 2.6 and 3.0 do; the files of the originals stay.
    pub(super) fn sort_segments(&mut self, database: &str, name: &str) -> Result<(), Refusal> {
        let version = self.version;
        let held = self.collection(database, name)?;
        // The sort of collections with a namespace never ends on 3.0.0.
        if version < (2, 6, 0) || held.schema.enable_namespace {
            return Ok(());
        }
        let is_due = |segment: &Segment| {
            segment.has_rows() && !segment.is_sorted && segment.state == SegmentState::Flushed
        };
        let (due, other) = std::mem::take(&mut held.segments).into_iter().partition(is_due);
        held.segments = other;
        for segment in due {
            self.replace_segment(database, name, segment, |copy| {
                copy.is_sorted = true;
                copy.rows.sort_by(|a, b| a.key.cmp(&b.key));
            })?;
        }
        Ok(())
    }

    /// Drops a segment, and adds a changed copy with a new id and new files.
    fn replace_segment(
        &mut self,
        database: &str,
        name: &str,
        old: Segment,
        change: impl FnOnce(&mut Segment),
    ) -> Result<(), Refusal> {
        let mut copy = Segment { id: self.next_id(), ..old.clone() };
        (copy.logs, copy.delta_logs) = (BTreeMap::new(), Vec::new());
        change(&mut copy);
        self.write_files(database, name, &mut copy)?;
        let held = self.collection(database, name)?;
        held.segments.push(copy);
        held.history.dropped.push(Segment { state: SegmentState::Dropped, ..old });
        Ok(())
    }

    /// Replaces every flushed segment of rows by one with its live rows, and drops it.
    pub(super) fn compact_segments(&mut self, database: &str, name: &str) -> Result<(), Refusal> {
        let held = self.collection(database, name)?;
        let is_due = |segment: &Segment| segment.has_rows() && segment.state == SegmentState::Flushed;
        let (due, other) = std::mem::take(&mut held.segments).into_iter().partition(is_due);
        held.segments = other;
        for segment in due {
            self.replace_segment(database, name, segment, |copy| {
                let deletes = std::mem::take(&mut copy.deletes);
                let deletes = latest(deletes.iter());
                copy.rows.retain(|row| deletes.get(&row.key).is_none_or(|time| *time <= row.time));
            })?;
        }
        Ok(())
    }

    /// Moves the deletes of L0 segments to the delta logs of the segments of rows, which keep their ids.
    pub(super) fn fold_deletes(&mut self, database: &str, name: &str) -> Result<(), Refusal> {
        let held = self.collection(database, name)?;
        let (rows, deletes): (Vec<_>, Vec<_>) =
            std::mem::take(&mut held.segments).into_iter().partition(Segment::has_rows);
        held.segments = rows;
        for segment in deletes {
            let partition = segment.partition;
            let pending = |deletion: &Deletion| PendingDelete { partition, deletion: deletion.clone() };
            let pending: Vec<_> = segment.deletes.iter().map(pending).collect();
            self.add_deletes_to_segments(database, name, &pending)?;
            let dropped = Segment { state: SegmentState::Dropped, ..segment };
            self.collection(database, name)?.history.dropped.push(dropped);
        }
        Ok(())
    }
}
