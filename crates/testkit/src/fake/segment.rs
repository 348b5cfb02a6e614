//! Segments and the states they pass through: growing, sealed, flushing, flushed.

use std::time::{Duration, Instant};

use proto::common::{ErrorCode, SegmentState};

use super::files::{self, Log};
use super::reply::Refusal;
use super::state::{Collection, State};

/// How long a segment stays in its states after a flush. With no delay a state is skipped.
///
/// A segment leaves a state with a delay only after an answer told of it (any for Sealed, a list for Flushing), so that a
/// test sees every such state, however slowly it runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct SegmentDelays {
    /// In state Sealed, for which a flush waits.
    pub sealed: Duration,
    /// In state Flushing, for which a flush does not wait.
    pub flushing: Duration,
}

/// A segment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) id: i64,
    pub(super) partition: i64,
    pub(super) rows: u64,
    pub(super) state: SegmentState,
    /// Whether some of a growing segment's rows are on the store, so that the statistics count them.
    synced: bool,
    /// When it came into its state, and whether an answer told of that state.
    since: Instant,
    told: bool,
}

impl Segment {
    fn new(id: i64, partition: i64, rows: u64, state: SegmentState) -> Self {
        Self { id, partition, rows, state, synced: false, since: Instant::now(), told: false }
    }

    /// Rows as a list of segments tells them: a sealed segment has not reported its own yet.
    pub(super) fn listed_rows(&self) -> u64 {
        if self.state == SegmentState::Sealed { 0 } else { self.rows }
    }

    fn counted_rows(&self) -> u64 {
        if self.state == SegmentState::Growing && !self.synced { 0 } else { self.listed_rows() }
    }

    fn enter(&mut self, state: SegmentState, delays: &SegmentDelays) {
        let (delay, next) = match state {
            SegmentState::Sealed => (delays.sealed, SegmentState::Flushing),
            SegmentState::Flushing => (delays.flushing, SegmentState::Flushed),
            _ => (Duration::MAX, state),
        };
        if delay.is_zero() {
            return self.enter(next, delays);
        }
        (self.state, self.since, self.told) = (state, Instant::now(), false);
    }

    /// Goes one state on if its time in this one is over.
    fn advance(&mut self, delays: &SegmentDelays) {
        if !self.told {
            return;
        }
        match self.state {
            SegmentState::Sealed if self.since.elapsed() >= delays.sealed => {
                self.enter(SegmentState::Flushing, delays);
            }
            SegmentState::Flushing if self.since.elapsed() >= delays.flushing => {
                self.enter(SegmentState::Flushed, delays);
            }
            _ => {}
        }
    }
}

impl State {
    /// The collection, its segments one state on where their time is over.
    pub(super) fn advanced(&mut self, database: &str, name: &str) -> Result<&mut Collection, Refusal> {
        let delays = self.delays;
        let held = self.collection(database, name)?;
        held.segments.iter_mut().for_each(|segment| segment.advance(&delays));
        Ok(held)
    }

    /// Whether a flush is done: none of its segments is growing or sealed.
    pub(super) fn is_flushed(&mut self, database: &str, name: &str, ids: &[i64]) -> Result<bool, Refusal> {
        let mut done = true;
        for segment in &mut self.advanced(database, name)?.segments {
            if ids.contains(&segment.id)
                && matches!(segment.state, SegmentState::Growing | SegmentState::Sealed)
            {
                segment.told = true;
                done = false;
            }
        }
        Ok(done)
    }

    /// The id of a collection's first partition.
    pub(super) fn first_partition(&mut self, database: &str, name: &str) -> Result<i64, Refusal> {
        let held = self.collection(database, name)?;
        held.partitions.first().map(|partition| partition.id).ok_or_else(|| Refusal::partition("_default"))
    }

    /// Adds rows to the growing segment of a partition.
    pub(super) fn grow(
        &mut self,
        database: &str,
        name: &str,
        partition: i64,
        rows: u64,
        synced: bool,
    ) -> Result<(), Refusal> {
        let id = self.id();
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

    /// Seals all growing segments of a collection and writes their files; answers their ids.
    pub(super) fn seal(&mut self, database: &str, name: &str) -> Result<Vec<i64>, Refusal> {
        let delays = self.delays;
        let held = self.collection(database, name)?;
        let growing = held.segments.iter_mut().filter(|segment| segment.state == SegmentState::Growing);
        let sealed: Vec<Segment> = growing
            .map(|segment| {
                segment.enter(SegmentState::Sealed, &delays);
                segment.clone()
            })
            .collect();
        for segment in &sealed {
            self.write_files(database, name, segment)?;
        }
        Ok(sealed.into_iter().map(|segment| segment.id).collect())
    }

    /// Makes a flushed segment with its files, as an import and a compaction do; answers its id.
    pub(super) fn add_segment(
        &mut self,
        database: &str,
        name: &str,
        partition: i64,
        rows: u64,
    ) -> Result<i64, Refusal> {
        let segment = Segment::new(self.id(), partition, rows, SegmentState::Flushed);
        self.write_files(database, name, &segment)?;
        let id = segment.id;
        self.collection(database, name)?.segments.push(segment);
        Ok(id)
    }

    fn write_files(&mut self, database: &str, name: &str, segment: &Segment) -> Result<(), Refusal> {
        let held = self.collection(database, name)?;
        let (collection, columns) = (held.id, files::columns(&held.schema));
        let dir = files::segment_dir(&self.root, collection, segment.partition, segment.id);
        for (field, (data_type, dim)) in columns {
            let log = self.id();
            files::write(&dir, field, log, &Log { rows: segment.rows, data_type, dim })
                .map_err(|error| Refusal::new(1001, ErrorCode::UnexpectedError, error.to_string()))?;
        }
        Ok(())
    }
}

impl Collection {
    /// The segments that a list shows: all but the growing ones.
    pub(super) fn listed(&mut self) -> impl Iterator<Item = &Segment> {
        self.segments.iter_mut().filter(|segment| segment.state != SegmentState::Growing).map(|segment| {
            segment.told = true;
            &*segment
        })
    }

    /// Rows that the statistics count.
    pub(super) fn counted_rows(&self) -> u64 {
        self.segments.iter().map(Segment::counted_rows).sum()
    }

    /// Rows of all segments, growing ones included.
    pub(super) fn all_rows(&self) -> u64 {
        self.segments.iter().map(|segment| segment.rows).sum()
    }
}
