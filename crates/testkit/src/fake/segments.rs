//! The segments of collections: their growth, their flush, and their compaction.

use std::collections::BTreeMap;
use std::time::Instant;

use proto::common::SegmentState;

use super::cell::{Deletion, Key, Row};
use super::hash;
use super::reply::Refusal;
use super::segment::{ALL_PARTITIONS, Segment};
use super::state::{Collection, FakeState};

/// What happened to the rows of a collection besides its segments.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The segments that compaction replaced, whose files are still there.
    pub(super) dropped: Vec<Segment>,
    /// The deletes that are not in files yet.
    pub(super) deletes: Vec<PendingDelete>,
    /// The time of the last flush, for the limit of their rate.
    pub(super) flushed_at: Option<Instant>,
    /// The position of the channels, which is that of the flush before the last one.
    pub(super) checkpoint: u64,
}

/// A delete that is not in a file yet.
#[derive(Clone, Debug)]
pub(super) struct PendingDelete {
    /// The partition, or [`ALL_PARTITIONS`].
    pub(super) partition: i64,
    pub(super) deletion: Deletion,
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
        self.sort_segments(database, name)?;
        self.collection(database, name)
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

    /// Adds rows to the growing segments of a partition, one in each shard.
    pub(super) fn add_growing_rows(
        &mut self,
        database: &str,
        name: &str,
        partition: i64,
        rows: Vec<Row>,
        synced: bool,
    ) -> Result<(), Refusal> {
        let shards = self.collection(database, name)?.shards();
        for (shard, rows) in by_shard(rows, shards) {
            let id = self.next_id();
            let held = self.collection(database, name)?;
            let is_it = |segment: &Segment| {
                (segment.partition, segment.shard) == (partition, shard)
                    && segment.state == SegmentState::Growing
            };
            if !held.segments.iter().any(is_it) {
                held.segments.push(Segment::new(id, partition, shard, SegmentState::Growing));
            }
            if let Some(segment) = held.segments.iter_mut().find(|segment| is_it(segment)) {
                segment.rows.extend(rows);
                segment.synced |= synced;
            }
        }
        Ok(())
    }

    /// Seals all growing segments of a collection, writes their files and those of its deletes, and returns the ids of
    /// the sealed segments.
    pub(super) fn seal_segments(&mut self, database: &str, name: &str) -> Result<Vec<i64>, Refusal> {
        let delays = self.delays;
        let held = self.collection(database, name)?;
        let (mut growing, other): (Vec<_>, Vec<_>) = std::mem::take(&mut held.segments)
            .into_iter()
            .partition(|segment| segment.state == SegmentState::Growing);
        held.segments = other;
        for segment in &mut growing {
            segment.enter_state(SegmentState::Sealed, &delays);
        }
        let ids: Vec<i64> = growing.iter().map(|segment| segment.id).collect();
        for mut segment in growing {
            self.write_files(database, name, &mut segment)?;
            self.collection(database, name)?.segments.push(segment);
        }
        if self.version >= (2, 4, 0) {
            self.write_deletes_as_segments(database, name)?;
        } else if self.version >= (2, 3, 0) {
            self.write_deletes_beside_segments(database, name)?;
        }
        // 2.2 writes deletes later, at its own pace.
        Ok(ids)
    }

    /// Writes the pending deletes to the delta logs of the segments that have their keys.
    pub(super) fn write_deletes_beside_segments(
        &mut self,
        database: &str,
        name: &str,
    ) -> Result<(), Refusal> {
        let held = self.collection(database, name)?;
        let pending = std::mem::take(&mut held.history.deletes);
        self.add_deletes_to_segments(database, name, &pending)
    }

    /// Adds deletes to the delta logs of the flushed segments that have their keys.
    pub(super) fn add_deletes_to_segments(
        &mut self,
        database: &str,
        name: &str,
        deletes: &[PendingDelete],
    ) -> Result<(), Refusal> {
        let mut segments = std::mem::take(&mut self.collection(database, name)?.segments);
        let mut written = Ok(());
        for segment in segments.iter_mut().filter(|segment| segment.has_rows()) {
            let concerns = |delete: &&PendingDelete| {
                [segment.partition, ALL_PARTITIONS].contains(&delete.partition)
                    && segment.has_key(&delete.deletion.key)
            };
            let new: Vec<Deletion> =
                deletes.iter().filter(concerns).map(|delete| delete.deletion.clone()).collect();
            written = written.and_then(|()| self.write_deletes(database, name, segment, &new));
            segment.deletes.extend(new);
        }
        let held = self.collection(database, name)?;
        held.segments.splice(0..0, segments);
        written
    }

    /// Writes the pending deletes as L0 segments, one for each shard and partition.
    fn write_deletes_as_segments(&mut self, database: &str, name: &str) -> Result<(), Refusal> {
        let held = self.collection(database, name)?;
        let shards = held.shards();
        let mut groups: BTreeMap<(i64, usize), Vec<Deletion>> = BTreeMap::new();
        for PendingDelete { partition, deletion } in std::mem::take(&mut held.history.deletes) {
            let shard = hash::choose(&deletion.key, shards);
            groups.entry((partition, shard)).or_default().push(deletion);
        }
        for (scope, deletes) in groups {
            self.add_deletes(database, name, scope, deletes, 0)?;
        }
        Ok(())
    }

    /// Adds an L0 segment with its file.
    pub(super) fn add_deletes(
        &mut self,
        database: &str,
        name: &str,
        (partition, shard): (i64, usize),
        deletes: Vec<Deletion>,
        storage_version: i64,
    ) -> Result<i64, Refusal> {
        let id = self.next_id();
        let mut segment = Segment::of_deletes(id, partition, shard, Vec::new());
        segment.storage_version = storage_version;
        self.write_deletes(database, name, &mut segment, &deletes)?;
        segment.deletes = deletes;
        self.collection(database, name)?.segments.push(segment);
        Ok(id)
    }

    /// Adds flushed segments with these rows and their files, as imports do, and returns the ids.
    pub(super) fn add_imported_rows(
        &mut self,
        database: &str,
        name: &str,
        partition: i64,
        rows: Vec<Row>,
        committed: u64,
    ) -> Result<Vec<i64>, Refusal> {
        let shards = self.collection(database, name)?.shards();
        let mut ids = Vec::new();
        for (shard, mut rows) in by_shard(rows, shards) {
            let id = self.next_id();
            let mut segment = Segment::new(id, partition, shard, SegmentState::Flushed);
            segment.is_sorted = self.version >= (2, 6, 0);
            if segment.is_sorted {
                rows.sort_by(|a, b| a.key.cmp(&b.key));
            }
            (segment.rows, segment.committed) = (rows, committed);
            self.write_files(database, name, &mut segment)?;
            self.collection(database, name)?.segments.push(segment);
            ids.push(id);
        }
        Ok(ids)
    }
}

impl Collection {
    /// Returns whether the hidden field has no valid id, so that nothing can be written.
    pub(super) fn lacks_dynamic_field(&self) -> bool {
        self.schema.enable_dynamic_field && self.dynamic_field_id.is_none()
    }

    pub(super) fn shards(&self) -> usize {
        usize::try_from(self.request.shards_num.max(1)).unwrap_or(1)
    }

    /// Returns the segments in a list of segments, which are all but the growing ones.
    pub(super) fn list_segments(&mut self) -> impl Iterator<Item = &Segment> {
        self.segments.iter_mut().filter(|segment| segment.state != SegmentState::Growing).map(|segment| {
            segment.reported = true;
            &*segment
        })
    }

    /// Returns the number of rows that the statistics count, deleted ones included.
    pub(super) fn counted_rows(&self) -> u64 {
        self.segments.iter().map(Segment::counted_rows).sum()
    }

    /// Returns the rows that are not deleted, growing ones included, each with its partition.
    pub(super) fn live_rows(&self) -> Vec<(i64, &Row)> {
        let pending = |scope: i64| {
            let of_scope = self.history.deletes.iter().filter(move |delete| delete.partition == scope);
            of_scope.map(|delete| &delete.deletion)
        };
        let in_scope = |scope: i64| {
            let segments = self.segments.iter().filter(move |s| !s.has_rows() && s.partition == scope);
            latest(segments.flat_map(|segment| &segment.deletes).chain(pending(scope)))
        };
        let everywhere = in_scope(ALL_PARTITIONS);
        let mut live = Vec::new();
        for segment in self.segments.iter().filter(|segment| segment.has_rows()) {
            let of_partition = in_scope(segment.partition);
            let own = latest(segment.deletes.iter());
            live.extend(segment.rows.iter().filter_map(|row| {
                let is_dead = |deletes: &BTreeMap<&Key, u64>, age: u64| {
                    deletes.get(&row.key).is_some_and(|time| *time > age)
                };
                let age = row.time.max(segment.committed);
                let dead =
                    is_dead(&own, row.time) || is_dead(&of_partition, age) || is_dead(&everywhere, age);
                (!dead).then_some((segment.partition, row))
            }));
        }
        live
    }
}

/// Returns the last time at which each key was deleted.
pub(super) fn latest<'a>(deletes: impl Iterator<Item = &'a Deletion>) -> BTreeMap<&'a Key, u64> {
    let mut times = BTreeMap::new();
    for Deletion { key, time } in deletes {
        let last = times.entry(key).or_insert(*time);
        *last = (*last).max(*time);
    }
    times
}

fn by_shard(rows: Vec<Row>, shards: usize) -> BTreeMap<usize, Vec<Row>> {
    let mut groups: BTreeMap<usize, Vec<Row>> = BTreeMap::new();
    for row in rows {
        groups.entry(hash::choose(&row.key, shards)).or_default().push(row);
    }
    groups
}
