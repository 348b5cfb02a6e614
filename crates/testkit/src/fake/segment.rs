//! Segments and their states: growing, sealed, flushing, flushed.

use std::time::{Duration, Instant};

use proto::common::{ErrorCode, SegmentState};

use super::files::{self, Log};
use super::reply::Refusal;
use super::state::{Collection, FakeState};

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

#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) id: i64,
    pub(super) partition: i64,
    pub(super) rows: u64,
    pub(super) state: SegmentState,
    /// Whether some of a growing segment's rows are in the store, so that the statistics count them.
    synced: bool,
    /// The time at which the segment entered its state.
    since: Instant,
    /// Whether a reply reported the state.
    reported: bool,
}

impl Segment {
    fn new(id: i64, partition: i64, rows: u64, state: SegmentState) -> Self {
        Self { id, partition, rows, state, synced: false, since: Instant::now(), reported: false }
    }

    /// Returns the number of rows in a list of segments, which is 0 for a sealed segment.
    pub(super) fn listed_rows(&self) -> u64 {
        if self.state == SegmentState::Sealed { 0 } else { self.rows }
    }

    fn counted_rows(&self) -> u64 {
        if self.state == SegmentState::Growing && !self.synced { 0 } else { self.listed_rows() }
    }

    fn enter_state(&mut self, state: SegmentState, delays: &SegmentDelays) {
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
    fn advance_state(&mut self, delays: &SegmentDelays) {
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

impl FakeState {
    /// Advances the segments of a collection whose delays have passed, and returns the collection.
    pub(super) fn advance_segments(
        &mut self,
        database: &str,
        name: &str,
    ) -> Result<&mut Collection, Refusal> {
        let delays = self.delays;
        let held = self.collection(database, name)?;
        held.segments.iter_mut().for_each(|segment| segment.advance_state(&delays));
        Ok(held)
    }

    /// Returns whether a flush is complete: none of its segments is growing or sealed.
    pub(super) fn is_flushed(&mut self, database: &str, name: &str, ids: &[i64]) -> Result<bool, Refusal> {
        let mut done = true;
        for segment in &mut self.advance_segments(database, name)?.segments {
            if ids.contains(&segment.id)
                && matches!(segment.state, SegmentState::Growing | SegmentState::Sealed)
            {
                segment.reported = true;
                done = false;
            }
        }
        Ok(done)
    }

    /// Returns the id of a collection's first partition.
    pub(super) fn first_partition(&mut self, database: &str, name: &str) -> Result<i64, Refusal> {
        let held = self.collection(database, name)?;
        held.partitions.first().map(|partition| partition.id).ok_or_else(|| Refusal::partition("_default"))
    }

    /// Adds rows to the growing segment of a partition.
    pub(super) fn add_growing_rows(
        &mut self,
        database: &str,
        name: &str,
        partition: i64,
        rows: u64,
        synced: bool,
    ) -> Result<(), Refusal> {
        let id = self.next_id();
        let held = self.collection(database, name)?;
        let growing =
            |segment: &&mut Segment| segment.partition == partition && segment.state == SegmentState::Growing;
        match held.segments.iter_mut().find(growing) {
            Some(segment) => {
                segment.rows += rows;
                segment.synced |= synced;
            }
            None if rows > 0 => {
                let new = Segment::new(id, partition, rows, SegmentState::Growing);
                held.segments.push(Segment { synced, ..new });
            }
            None => {}
        }
        Ok(())
    }

    /// Seals all growing segments of a collection, writes their files, and returns their ids.
    pub(super) fn seal_segments(&mut self, database: &str, name: &str) -> Result<Vec<i64>, Refusal> {
        let delays = self.delays;
        let held = self.collection(database, name)?;
        let growing = held.segments.iter_mut().filter(|segment| segment.state == SegmentState::Growing);
        let sealed: Vec<Segment> = growing
            .map(|segment| {
                segment.enter_state(SegmentState::Sealed, &delays);
                segment.clone()
            })
            .collect();
        for segment in &sealed {
            self.write_files(database, name, segment)?;
        }
        Ok(sealed.into_iter().map(|segment| segment.id).collect())
    }

    /// Adds a flushed segment with its files, as imports and compactions do, and returns its id.
    pub(super) fn add_segment(
        &mut self,
        database: &str,
        name: &str,
        partition: i64,
        rows: u64,
    ) -> Result<i64, Refusal> {
        let segment = Segment::new(self.next_id(), partition, rows, SegmentState::Flushed);
        self.write_files(database, name, &segment)?;
        let id = segment.id;
        self.collection(database, name)?.segments.push(segment);
        Ok(id)
    }

    fn write_files(&mut self, database: &str, name: &str, segment: &Segment) -> Result<(), Refusal> {
        let held = self.collection(database, name)?;
        let (collection, columns) = (held.id, files::segment_columns(&held.schema));
        let dir = files::segment_dir(&self.root, collection, segment.partition, segment.id);
        for (field, (data_type, dim)) in columns {
            let log = self.next_id();
            files::write_log(&dir, field, log, &Log { rows: segment.rows, data_type, dim })
                .map_err(|error| Refusal::new(1001, ErrorCode::UnexpectedError, error.to_string()))?;
        }
        Ok(())
    }
}

impl Collection {
    /// Returns the segments in a list of segments, which are all but the growing ones.
    pub(super) fn list_segments(&mut self) -> impl Iterator<Item = &Segment> {
        self.segments.iter_mut().filter(|segment| segment.state != SegmentState::Growing).map(|segment| {
            segment.reported = true;
            &*segment
        })
    }

    /// Returns the number of rows that the statistics count.
    pub(super) fn counted_rows(&self) -> u64 {
        self.segments.iter().map(Segment::counted_rows).sum()
    }

    /// Returns the number of rows in all segments, growing ones included.
    pub(super) fn all_rows(&self) -> u64 {
        self.segments.iter().map(|segment| segment.rows).sum()
    }
}
