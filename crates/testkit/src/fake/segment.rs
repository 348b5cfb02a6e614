//! A segment and its states: growing, sealed, flushing, flushed.

use std::time::{Duration, Instant};

use proto::common::SegmentState;

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

/// A segment of a collection.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) id: i64,
    pub(super) partition: i64,
    pub(super) rows: u64,
    pub(super) state: SegmentState,
    /// Whether some of a growing segment's rows are in the store, so that the statistics count them.
    pub(super) synced: bool,
    /// The time at which the segment entered its state.
    since: Instant,
    /// Whether a reply reported the state.
    pub(super) reported: bool,
}

impl Segment {
    pub(super) fn new(id: i64, partition: i64, rows: u64, state: SegmentState) -> Self {
        Self { id, partition, rows, state, synced: false, since: Instant::now(), reported: false }
    }

    /// Returns the number of rows in a list of segments, which is 0 for a sealed segment.
    pub(super) fn listed_rows(&self) -> u64 {
        if self.state == SegmentState::Sealed { 0 } else { self.rows }
    }

    pub(super) fn counted_rows(&self) -> u64 {
        if self.state == SegmentState::Growing && !self.synced { 0 } else { self.listed_rows() }
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
