//! The segments of collections: their growth, their flush, and their files.

use proto::common::{ErrorCode, SegmentState};

use super::files::{self, Log};
use super::reply::Refusal;
use super::segment::Segment;
use super::state::{Collection, FakeState};

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
                let mut new = Segment::new(id, partition, rows, SegmentState::Growing);
                new.synced = synced;
                held.segments.push(new);
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
