//! Determines the segments of a backup after a flush: waits until they are in the store and their rows are complete.
//!
//! `GetFlushState` counts a segment in state Flushing as flushed (Milvus 2.2 to 3.0). So the next list may contain
//! segments that are not in the store yet, or lack one for a moment. Two independent checks prevent that this loses
//! rows:
//!
//! - Every segment of the flush is awaited by its id.
//! - The rows of the list are compared with the statistics that Milvus keeps of the collection.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use milvus::Flushed;
use model::ids::SegmentId;
use model::name::CollectionRef;
use model::segment::{ReportedSegment, SegmentState};

use super::BackupRun;
use super::capture_error::CaptureError;
use crate::{Error, Event};

/// The first and the longest pause between two observations of a collection.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The time between two notes about what a flush waits for.
pub(super) const WAIT_NOTE_INTERVAL: Duration = Duration::from_secs(10);

/// The minimum number of observations before segments or rows count as missing.
const MIN_OBSERVATIONS: u32 = 3;

/// How long an unlisted segment is awaited if the rows agree without it, so that it was probably replaced.
const REPLACED_PATIENCE: Duration = Duration::from_millis(300);

/// How long rows are compared again if they disagree after the first flush.
const FIRST_FLUSH_PATIENCE: Duration = Duration::from_millis(400);

/// How long rows are compared again if they disagree after a second flush that sealed nothing.
const SECOND_FLUSH_PATIENCE: Duration = Duration::from_secs(10);

/// How long a segment that the last list lacks is awaited if the rows cannot be compared.
const UNCOUNTED_PATIENCE: Duration = Duration::from_secs(10);

/// The flush of a collection and the segments that must be in its backup.
pub(super) struct Cut {
    pub(super) flushed: Flushed,
    /// The duration of the flush, without the wait for its segments.
    pub(super) flush_duration: Duration,
    awaited: AwaitedSegments,
    /// Whether this is a second flush, made because the rows disagreed after the first one.
    repeated: bool,
}

impl Cut {
    /// Creates the cut of a flush; its segments are awaited only if their ids remain valid after the flush.
    pub(super) fn new(flushed: Flushed, flush_duration: Duration, ids_remain_valid: bool) -> Self {
        let awaited = AwaitedSegments::new(if ids_remain_valid { &flushed.sealed } else { &[] });
        Self { flushed, flush_duration, awaited, repeated: false }
    }

    /// Creates the cut of a collection that was flushed together with the whole cluster.
    pub(super) fn of_cluster_flush() -> Self {
        Self::new(Flushed::default(), Duration::ZERO, false)
    }
}

/// The flushed segments of a collection.
pub(super) struct SettledSegments {
    pub(super) segments: Vec<ReportedSegment>,
    /// The warnings about rows that disagree, and about segments that are left out.
    pub(super) warnings: Vec<String>,
}

impl BackupRun<'_> {
    /// Waits until the flushed segments are in the store and their rows agree with the statistics, and returns them.
    ///
    /// If the rows disagree, the collection is flushed once more. If they still disagree, a collection that is written
    /// to gets a warning, and a quiet collection is an error.
    pub(super) async fn wait_until_settled(
        &self,
        name: &CollectionRef,
        cut: &mut Cut,
    ) -> Result<SettledSegments, CaptureError> {
        let patience = if cut.repeated { Duration::ZERO } else { FIRST_FLUSH_PATIENCE };
        let mut last = self.observe_until_steady(name, &mut cut.awaited, patience).await?;
        let mut written = cut.repeated;
        if !last.rows_agree() && !cut.repeated {
            // The statistics count rows of growing segments that are in the store, but the list lacks them.
            tracing::info!("{name}: {}; flushing it again", last.describe_disagreement());
            let second = self.flush_collection(name).await?;
            written = !second.flushed.sealed.is_empty();
            let known = std::mem::take(&mut cut.awaited.known);
            *cut = Cut {
                flushed: second.flushed,
                flush_duration: cut.flush_duration + second.flush_duration,
                awaited: AwaitedSegments { known, ..second.awaited },
                repeated: true,
            };
            let patience = if written { Duration::ZERO } else { SECOND_FLUSH_PATIENCE };
            last = self.observe_until_steady(name, &mut cut.awaited, patience).await?;
        }
        let mut warnings = Vec::from_iter(last.describe_imports(name));
        if last.rows_agree() {
            return Ok(SettledSegments { segments: last.into_flushed_segments(), warnings });
        }
        if !written && !last.changed {
            return Err(CaptureError::Incomplete(Error::RowsDiffer {
                collection: name.to_string(),
                listed: last.flushed_rows(),
                counted: last.counted.unwrap_or_default(),
            }));
        }
        warnings
            .push(format!("{name} is written to while it is backed up: {}", last.describe_disagreement()));
        Ok(SettledSegments { segments: last.into_flushed_segments(), warnings })
    }

    /// Observes a collection until no awaited segment is missing and its rows agree.
    ///
    /// After a while without pending segments, returns an observation with missing segments or rows that disagree;
    /// `patience` is this time for rows. Fails if segments are pending for longer than the limit of a flush.
    async fn observe_until_steady(
        &self,
        name: &CollectionRef,
        awaited: &mut AwaitedSegments,
        patience: Duration,
    ) -> Result<Observation, CaptureError> {
        let limit = self.prepared.source.milvus.flush_limit();
        let started = Instant::now();
        let mut last_note = started;
        let mut pause = PAUSES.0;
        let mut previous: Option<Observation> = None;
        // The time since which no segment is pending, and the number of observations since then.
        let mut steady: Option<(Instant, u32)> = None;
        loop {
            let mut current = self.observe_collection(name).await?;
            let has_new_segments = awaited.update(&current.segments);
            let count_changed = |previous: &Observation| previous.counted != current.counted;
            current.changed = has_new_segments
                || previous.as_ref().is_some_and(|previous| previous.changed || count_changed(previous));
            let pending = awaited.describe_pending();
            if pending.is_empty() {
                let (since, count) = steady.get_or_insert((Instant::now(), 0));
                *count += 1;
                let done = match (current.rows_agree(), awaited.is_empty()) {
                    // Without a count, only another list can show that a list lacks a segment.
                    _ if current.counted.is_none() => {
                        let complete = awaited.is_empty() && awaited.lists_agree(&current.segments);
                        (*count > 1 && complete) || since.elapsed() >= UNCOUNTED_PATIENCE
                    }
                    (true, true) => true,
                    (true, false) => *count >= MIN_OBSERVATIONS && since.elapsed() >= REPLACED_PATIENCE,
                    (false, all_seen) => {
                        // Where a segment of the flush is missing too, it is worth another look.
                        let patience = if all_seen { patience } else { patience.max(FIRST_FLUSH_PATIENCE) };
                        patience.is_zero() || (*count >= MIN_OBSERVATIONS && since.elapsed() >= patience)
                    }
                };
                if done {
                    return Ok(current);
                }
            } else {
                steady = None;
                if started.elapsed() > limit {
                    return Err(CaptureError::Incomplete(Error::NotFlushed {
                        collection: name.to_string(),
                        segments: pending,
                        seconds: limit.as_secs(),
                    }));
                }
                if last_note.elapsed() >= WAIT_NOTE_INTERVAL {
                    last_note = Instant::now();
                    let (seconds, pending) = (started.elapsed().as_secs(), pending.join(", "));
                    let note =
                        format!("{name}: waiting for {seconds} s for segments to be flushed: {pending}");
                    self.ctx.emit(Event::Note(note));
                }
            }
            previous = Some(current);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Lists the segments of a collection and reads its row count before and after.
    async fn observe_collection(&self, name: &CollectionRef) -> Result<Observation, CaptureError> {
        let first = self.read_row_count(name).await?;
        let segments = self.prepared.source.milvus.segments(name).await?;
        let second = self.read_row_count(name).await?;
        let counted = first.zip(second).map(|(a, b)| (a.min(b), a.max(b)));
        Ok(Observation { segments, counted, changed: false })
    }

    /// Reads the row count of the statistics; returns `None` with one warning if Milvus does not report it.
    async fn read_row_count(&self, name: &CollectionRef) -> Result<Option<u64>, CaptureError> {
        use milvus::MilvusErrorKind as E;
        match self.prepared.source.milvus.flushed_rows(name).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if matches!(error.kind(), E::PermissionDenied | E::Unsupported | E::Server) => {
                self.count_warning.call_once(|| {
                    self.warnings.record(format!(
                        "the rows of the backup are not compared with those that Milvus counts: {error}"
                    ));
                });
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The segments and the row count of a collection at one time.
struct Observation {
    segments: Vec<ReportedSegment>,
    /// The lowest and the highest row count of the statistics before and after the list; `None` if unknown.
    counted: Option<(u64, u64)>,
    /// Whether the collection changed during the observations so far: the count differs, or a segment is new. A
    /// segment that a list lacks is not a change, because its rows may be lost.
    changed: bool,
}

impl Observation {
    /// Returns the flushed segments.
    fn into_flushed_segments(self) -> Vec<ReportedSegment> {
        self.segments.into_iter().filter(|segment| segment.state == SegmentState::Flushed).collect()
    }

    /// Returns the number of rows in the flushed segments.
    fn flushed_rows(&self) -> u64 {
        self.segments.iter().filter(|s| s.has_flushed_rows()).map(|s| s.rows).sum()
    }

    /// Returns the segments of import jobs that are not finished.
    fn importing_segments(&self) -> impl Iterator<Item = &ReportedSegment> {
        self.segments.iter().filter(|segment| segment.state == SegmentState::Importing)
    }

    /// Describes the segments of unfinished imports, which are left out; `None` if there are none.
    fn describe_imports(&self, name: &CollectionRef) -> Option<String> {
        let segments = self.importing_segments().count();
        let plural = if segments == 1 { "" } else { "s" };
        (segments > 0)
            .then(|| format!("{name}: {segments} segment{plural} of an import that is not finished left out"))
    }

    /// Returns whether the flushed rows are within the counted range; true if there is no count.
    ///
    /// The statistics may count the rows of imports that are not finished.
    fn rows_agree(&self) -> bool {
        let importing: u64 = self.importing_segments().map(|segment| segment.rows).sum();
        let agree = |(least, most): (u64, u64)| {
            (least.saturating_sub(importing)..=most).contains(&self.flushed_rows())
        };
        self.counted.is_none_or(agree)
    }

    fn describe_disagreement(&self) -> String {
        let (least, most) = self.counted.unwrap_or_default();
        let counted = if least == most { most.to_string() } else { format!("{least} to {most}") };
        format!("its flushed segments contain {} rows, Milvus counts {counted}", self.flushed_rows())
    }
}

/// The segments that were not seen in the store yet, with their states in the last list.
struct AwaitedSegments {
    /// The state is `None` for a segment that the last list did not contain.
    states: BTreeMap<SegmentId, Option<SegmentState>>,
    /// Whether a list was processed; segments that are sealed after the first list are newer than the flush.
    has_first_list: bool,
    /// Every segment that a list contained so far.
    known: BTreeSet<SegmentId>,
}

impl AwaitedSegments {
    fn new(ids: &[SegmentId]) -> Self {
        Self {
            states: ids.iter().map(|id| (*id, None)).collect(),
            has_first_list: false,
            known: BTreeSet::new(),
        }
    }

    /// Updates the states by a list, and removes the segments that are flushed.
    ///
    /// The pending segments of the first list are awaited too. Returns whether the list contains a segment that no
    /// earlier list contained.
    fn update(&mut self, listed: &[ReportedSegment]) -> bool {
        if !std::mem::replace(&mut self.has_first_list, true) {
            let pending = listed.iter().filter(|segment| is_pending(segment.state));
            self.states.extend(pending.map(|segment| (segment.id, None)));
        }
        for (id, state) in &mut self.states {
            *state = listed.iter().find(|segment| segment.id == *id).map(|segment| segment.state);
        }
        self.states.retain(|_, state| *state != Some(SegmentState::Flushed));
        let is_first = self.known.is_empty();
        let new = listed.iter().filter(|segment| self.known.insert(segment.id)).count();
        !is_first && new > 0
    }

    /// Returns whether a list contains every segment that any list contained.
    fn lists_agree(&self, listed: &[ReportedSegment]) -> bool {
        self.known.is_subset(&listed.iter().map(|segment| segment.id).collect())
    }

    /// Returns whether all awaited segments were seen in the store.
    fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Describes the segments that are on their way to the store according to the last list, for messages.
    fn describe_pending(&self) -> Vec<String> {
        let listed = self.states.iter().filter_map(|(id, state)| Some((id, (*state)?)));
        listed
            .filter(|(_, state)| is_pending(*state))
            .map(|(id, state)| format!("{id} ({state:?})"))
            .collect()
    }
}

/// Returns whether a segment in this state is on its way to the store.
fn is_pending(state: SegmentState) -> bool {
    matches!(state, SegmentState::Growing | SegmentState::Sealed | SegmentState::Flushing)
}

#[cfg(test)]
mod tests {
    use model::ids::{PartitionId, PartitionScope};
    use model::segment::{SegmentKind, SegmentLevel, StorageFormat, StorageVersion};

    use super::*;

    fn segment(id: i64, state: SegmentState, rows: u64) -> ReportedSegment {
        ReportedSegment {
            id: SegmentId(id),
            partition: PartitionScope::One(PartitionId(1)),
            state,
            rows,
            kind: SegmentKind::Rows { format: StorageFormat::V1 },
            level: SegmentLevel::Legacy,
            is_sorted: false,
            storage_version: StorageVersion(0),
            virtual_channel: None,
        }
    }

    fn observation(counted: (u64, u64), segments: Vec<ReportedSegment>) -> Observation {
        Observation { segments, counted: Some(counted), changed: false }
    }

    #[test]
    fn segments_of_the_flush_and_of_the_first_list_are_awaited_and_later_ones_are_not() {
        use SegmentState::{Flushed, Flushing, Sealed};
        let mut awaited = AwaitedSegments::new(&[SegmentId(1), SegmentId(2)]);
        awaited.update(&[segment(1, Flushed, 5), segment(3, Sealed, 0)]);
        assert_eq!(awaited.describe_pending(), ["3 (Sealed)"]);
        awaited.update(&[segment(2, Flushing, 5), segment(3, Flushed, 4), segment(4, Sealed, 0)]);
        assert_eq!(awaited.describe_pending(), ["2 (Flushing)"]);
        awaited.update(&[segment(4, Sealed, 0)]);
        assert!(
            awaited.describe_pending().is_empty() && !awaited.is_empty(),
            "2 is absent, not on the store"
        );
        awaited.update(&[segment(2, Flushed, 5)]);
        assert!(awaited.is_empty());
    }

    #[test]
    fn rows_agree_within_the_counts_before_and_after_the_list() {
        use SegmentState::{Flushed, Flushing};
        let segments = || vec![segment(1, Flushed, 5), segment(2, Flushed, 4), segment(3, Flushing, 7)];
        for (counted, agrees) in
            [((9, 9), true), ((5, 16), true), ((9, 12), true), ((10, 16), false), ((0, 8), false)]
        {
            assert_eq!(observation(counted, segments()).rows_agree(), agrees, "{counted:?}");
        }
        assert!(
            Observation { counted: None, ..observation((0, 0), segments()) }.rows_agree(),
            "nothing was counted"
        );
        let deletes = ReportedSegment { kind: SegmentKind::Deletes, ..segment(4, Flushed, 100) };
        assert!(observation((5, 5), vec![segment(1, Flushed, 5), deletes]).rows_agree());
    }

    #[test]
    fn a_new_segment_is_a_change_and_a_missing_one_is_not() {
        use SegmentState::Flushed;
        let mut awaited = AwaitedSegments::new(&[]);
        let (one, two, three) = (segment(1, Flushed, 5), segment(2, Flushed, 5), segment(3, Flushed, 10));
        assert!(!awaited.update(&[one.clone(), two.clone()]), "every segment of the first list is new");
        assert!(!awaited.update(&[one]) && !awaited.update(&[two]), "a list lacks one, the next the other");
        assert!(awaited.update(&[three]), "compaction replaced them");
    }
}
