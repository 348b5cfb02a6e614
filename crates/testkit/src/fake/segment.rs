//! A segment and its states: growing, sealed, flushing, flushed, dropped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proto::common::{SegmentLevel, SegmentState};

use super::cell::{Deletion, Key, Row};

/// The partition of deletes that apply to all partitions.
pub(super) const ALL_PARTITIONS: i64 = -1;

/// The time for which a segment stays in its states after a flush; a state without delay is skipped.
///
/// A segment leaves a state with a delay only after a reply reported the state (any reply for Sealed, a list of
/// segments for Flushing), so that a test sees every such state, however slowly it runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct SegmentDelays {
    /// The time in the state Sealed; a flush is complete only after it.
    pub sealed: Duration,
    /// The time in the state Flushing; a flush does not wait for it.
    pub flushing: Duration,
}

/// A segment of a collection, which contains rows or, at level L0, deletes alone.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) id: i64,
    /// The partition, or [`ALL_PARTITIONS`].
    pub(super) partition: i64,
    pub(super) shard: usize,
    pub(super) level: SegmentLevel,
    pub(super) rows: Vec<Row>,
    /// The deletes in the delta logs of the segment.
    pub(super) deletes: Vec<Deletion>,
    pub(super) is_sorted: bool,
    pub(super) storage_version: i64,
    /// The time at which an import was committed, from which 3.0 counts the age of the rows.
    pub(super) committed: u64,
    /// The ids of the insert binlogs by field or column group.
    pub(super) logs: BTreeMap<i64, Vec<i64>>,
    pub(super) delta_logs: Vec<i64>,
    pub(super) state: SegmentState,
    /// Whether some of a growing segment's rows are in the store, so that the statistics count them.
    pub(super) synced: bool,
    /// The time at which the segment entered its state.
    pub(super) since: Instant,
    /// Whether a reply reported the state.
    pub(super) reported: bool,
}

impl Segment {
    /// Returns a segment of rows.
    pub(super) fn new(id: i64, partition: i64, shard: usize, state: SegmentState) -> Self {
        Self {
            id,
            partition,
            shard,
            level: SegmentLevel::L1,
            rows: Vec::new(),
            deletes: Vec::new(),
            is_sorted: false,
            storage_version: 0,
            committed: 0,
            logs: BTreeMap::new(),
            delta_logs: Vec::new(),
            state,
            synced: false,
            since: Instant::now(),
            reported: false,
        }
    }

    /// Returns a flushed segment of deletes.
    pub(super) fn of_deletes(id: i64, partition: i64, shard: usize, deletes: Vec<Deletion>) -> Self {
        let segment = Self::new(id, partition, shard, SegmentState::Flushed);
        Self { level: SegmentLevel::L0, deletes, ..segment }
    }

    pub(super) fn has_rows(&self) -> bool {
        self.level != SegmentLevel::L0
    }

    pub(super) fn row_count(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Returns the number of rows in a list of segments.
    pub(super) fn listed_rows(&self, knows_sealed: bool) -> u64 {
        if self.state == SegmentState::Sealed && !knows_sealed { 0 } else { self.row_count() }
    }

    pub(super) fn counted_rows(&self) -> u64 {
        if self.state == SegmentState::Growing && !self.synced { 0 } else { self.listed_rows(false) }
    }

    pub(super) fn has_key(&self, key: &Key) -> bool {
        self.rows.iter().any(|row| row.key == *key)
    }

    pub(super) fn enter_state(&mut self, state: SegmentState, delays: &SegmentDelays) {
        let (delay, next) = match state {
            SegmentState::Sealed => (delays.sealed, SegmentState::Flushing),
            SegmentState::Flushing => (delays.flushing, SegmentState::Flushed),
            _ => (Duration::MAX, state),
        };
        if delay.is_zero() {
            return self.enter_state(next, delays);
        }
        (self.state, self.since, self.reported) = (state, Instant::now(), false);
    }

    /// Enters the next state if the delay of this one has passed.
    pub(super) fn advance_state(&mut self, delays: &SegmentDelays) {
        if !self.reported {
            return;
        }
        match self.state {
            SegmentState::Sealed if self.since.elapsed() >= delays.sealed => {
                self.enter_state(SegmentState::Flushing, delays);
            }
            SegmentState::Flushing if self.since.elapsed() >= delays.flushing => {
                self.enter_state(SegmentState::Flushed, delays);
            }
            _ => {}
        }
    }
}
