//! Which segments a backup takes: those of the flush, once they are on the store, and as many rows as Milvus counts.
//!
//! `GetFlushState` counts a segment in state Flushing as flushed (2.2 to 3.0), so the list that follows may hold
//! segments that are not on the store yet, or lack one for a moment. Two independent looks keep such a moment from
//! losing rows: every segment of the flush is awaited by its id, and the rows of the list are compared with the
//! statistics that Milvus keeps of the collection.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use milvus::{Flushed, SegmentInfo, SegmentLevel, SegmentState};
use model::ids::SegmentId;
use model::name::CollectionRef;

use super::Run;
use super::capture::Miss;
use crate::Error;

/// The first and the longest pause between two looks at a collection's segments.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Looks that are always taken before missing segments or rows are believed to be missing.
const LOOKS: u32 = 3;

/// How long a segment that no list shows is looked for where the rows agree without it: it was replaced.
const REPLACED: Duration = Duration::from_millis(300);

/// How long rows that disagree are looked at again: before another flush, and after it.
const DISAGREES: Duration = Duration::from_millis(400);
const STILL_DISAGREES: Duration = Duration::from_secs(10);

/// How long a segment that the last list lacks is looked for where the rows cannot be compared.
const UNCOUNTED: Duration = Duration::from_secs(10);

/// The flush of a collection and the segments that must be in its backup.
pub(super) struct Cut {
    pub(super) flushed: Flushed,
    /// How long the flush took, waiting for its segments not included.
    pub(super) took: Duration,
    awaited: Awaited,
    /// Whether the collection was flushed again because its rows disagreed.
    repeated: bool,
}

impl Cut {
    pub(super) fn new(flushed: Flushed, took: Duration, ids_stay: bool) -> Self {
        let awaited = Awaited::new(if ids_stay { &flushed.sealed } else { &[] });
        Self { flushed, took, awaited, repeated: false }
    }
}

/// The flushed segments of a collection.
pub(super) struct Settled {
    pub(super) segments: Vec<SegmentInfo>,
    /// What to tell of a collection whose rows disagree because it is written to.
    pub(super) disagreement: Option<String>,
}

impl Run<'_> {
    /// Lists the segments of a flushed collection once they are on the store and their rows agree with the statistics.
    ///
    /// A collection that is written to may disagree; in one that is not, missing rows are an error.
    pub(super) async fn settled(&self, name: &CollectionRef, cut: &mut Cut) -> Result<Settled, Miss> {
        let patience = if cut.repeated { Duration::ZERO } else { DISAGREES };
        let mut last = self.looks(name, &mut cut.awaited, patience).await?;
        let mut written = cut.repeated;
        if !last.agrees() && !cut.repeated {
            // Rows of growing segments are counted, but not listed, as far as they are on the store.
            tracing::info!("{name}: {}; flushing it again", last.disagreement());
            let again = self.flush(name).await?;
            written = !again.flushed.sealed.is_empty();
            let awaited = Awaited { known: std::mem::take(&mut cut.awaited.known), ..again.awaited };
            *cut = Cut { took: cut.took + again.took, repeated: true, flushed: again.flushed, awaited };
            let patience = if written { Duration::ZERO } else { STILL_DISAGREES };
            last = self.looks(name, &mut cut.awaited, patience).await?;
        }
        if last.agrees() {
            return Ok(Settled { segments: last.flushed(), disagreement: None });
        }
        if !written && !last.changed {
            return Err(Miss::Incomplete(Error::RowsDiffer {
                collection: name.to_string(),
                listed: last.rows(),
                counted: last.counted.unwrap_or_default(),
            }));
        }
        let disagreement = format!("{name} is written to while it is backed up: {}", last.disagreement());
        Ok(Settled { segments: last.flushed(), disagreement: Some(disagreement) })
    }

    /// Looks until no awaited segment is missing and the rows agree, or until that does not change for a while.
    async fn looks(
        &self,
        name: &CollectionRef,
        awaited: &mut Awaited,
        patience: Duration,
    ) -> Result<Look, Miss> {
        let limit = self.prepared.source.milvus.flush_limit();
        let begun = Instant::now();
        let mut pause = PAUSE.0;
        let mut before: Option<Look> = None;
        // since when nothing is under way any more, and for how many looks
        let mut steady: Option<(Instant, u32)> = None;
        loop {
            let mut look = self.look(name).await?;
            let grew = awaited.see(&look.segments);
            look.changed = grew
                || before.as_ref().is_some_and(|before| before.changed || before.counted != look.counted);
            let under_way = awaited.under_way();
            if under_way.is_empty() {
                let (since, looks) = steady.get_or_insert((Instant::now(), 0));
                *looks += 1;
                let enough = match (look.agrees(), awaited.is_empty()) {
                    // nothing but the lists themselves shows that one of them lacks a segment
                    _ if look.counted.is_none() => {
                        *looks > 1 && awaited.is_empty() && awaited.lists_agree(&look.segments)
                            || since.elapsed() >= UNCOUNTED
                    }
                    (true, true) => true,
                    (true, false) => *looks >= LOOKS && since.elapsed() >= REPLACED,
                    (false, true) => patience.is_zero() || *looks >= LOOKS && since.elapsed() >= patience,
                    // rows are missing, and so is a segment of the flush
                    (false, false) => *looks >= LOOKS && since.elapsed() >= patience.max(DISAGREES),
                };
                if enough {
                    return Ok(look);
                }
            } else {
                steady = None;
                if begun.elapsed() > limit {
                    return Err(Miss::Incomplete(Error::NotFlushed {
                        collection: name.to_string(),
                        segments: under_way,
                        seconds: limit.as_secs(),
                    }));
                }
            }
            before = Some(look);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// Lists the segments and reads the statistics before and after.
    async fn look(&self, name: &CollectionRef) -> Result<Look, Miss> {
        let first = self.counted_rows(name).await?;
        let segments = self.prepared.source.milvus.segments(name).await?;
        let second = self.counted_rows(name).await?;
        let counted = first.zip(second).map(|(a, b)| (a.min(b), a.max(b)));
        Ok(Look { segments, counted, changed: false })
    }

    /// The rows that Milvus counts; `None` where it does not tell, which is a warning once.
    async fn counted_rows(&self, name: &CollectionRef) -> Result<Option<u64>, Miss> {
        use milvus::ErrorKind as E;
        match self.prepared.source.milvus.flushed_rows(name).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if matches!(error.kind(), E::PermissionDenied | E::Unsupported | E::Server) => {
                self.uncounted.call_once(|| {
                    self.warn(format!(
                        "the rows of the backup are not compared with those that Milvus counts: {error}"
                    ));
                });
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// One look at the segments of a collection.
struct Look {
    segments: Vec<SegmentInfo>,
    /// The least and the most rows that the statistics told around the list.
    counted: Option<(u64, u64)>,
    /// Whether the collection changed since an earlier look: other rows were counted, or a segment was new. A segment
    /// that is missing in a list is no change: that is what must not be lost.
    changed: bool,
}

impl Look {
    /// The flushed segments.
    fn flushed(self) -> Vec<SegmentInfo> {
        self.segments.into_iter().filter(|segment| segment.state == SegmentState::Flushed).collect()
    }

    /// Rows of the flushed segments; segments of deletes hold none.
    fn rows(&self) -> u64 {
        let flushed = |s: &&SegmentInfo| s.state == SegmentState::Flushed && s.level != SegmentLevel::L0;
        self.segments.iter().filter(flushed).map(|segment| segment.rows).sum()
    }

    /// Whether the rows are as many as were counted, as far as they were.
    fn agrees(&self) -> bool {
        self.counted.is_none_or(|(least, most)| (least..=most).contains(&self.rows()))
    }

    fn disagreement(&self) -> String {
        let (least, most) = self.counted.unwrap_or_default();
        let counted = if least == most { most.to_string() } else { format!("{least} to {most}") };
        format!("its flushed segments hold {} rows, Milvus counts {counted}", self.rows())
    }
}

/// Segments that are not known to be on the store, with their states in the last list.
struct Awaited {
    open: BTreeMap<SegmentId, Option<SegmentState>>,
    /// Whether the first list was seen; what is sealed later is newer than the flush.
    seen: bool,
    /// Every segment that a list showed.
    known: BTreeSet<SegmentId>,
}

impl Awaited {
    fn new(ids: &[SegmentId]) -> Self {
        Self { open: ids.iter().map(|id| (*id, None)).collect(), seen: false, known: BTreeSet::new() }
    }

    /// Takes a list in; returns whether it shows a segment that none showed before.
    fn see(&mut self, listed: &[SegmentInfo]) -> bool {
        if !std::mem::replace(&mut self.seen, true) {
            let unfinished = listed.iter().filter(|segment| is_under_way(segment.state));
            self.open.extend(unfinished.map(|segment| (segment.id, None)));
        }
        for (id, state) in &mut self.open {
            *state = listed.iter().find(|segment| segment.id == *id).map(|segment| segment.state);
        }
        self.open.retain(|_, state| *state != Some(SegmentState::Flushed));
        let first = self.known.is_empty();
        let new = listed.iter().filter(|segment| self.known.insert(segment.id)).count();
        !first && new > 0
    }

    /// Whether a list shows every segment that any list showed.
    fn lists_agree(&self, listed: &[SegmentInfo]) -> bool {
        self.known.iter().all(|known| listed.iter().any(|segment| segment.id == *known))
    }

    /// Whether all were seen on the store.
    fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Those that the last list shows on their way to the store, for people.
    fn under_way(&self) -> Vec<String> {
        let listed = self.open.iter().filter_map(|(id, state)| Some((id, (*state)?)));
        listed
            .filter(|(_, state)| is_under_way(*state))
            .map(|(id, state)| format!("{id} ({state:?})"))
            .collect()
    }
}

fn is_under_way(state: SegmentState) -> bool {
    matches!(state, SegmentState::Growing | SegmentState::Sealed | SegmentState::Flushing)
}

#[cfg(test)]
mod tests {
    use model::ids::{PartitionId, PartitionScope};

    use super::*;

    fn segment(id: i64, state: SegmentState, rows: u64) -> SegmentInfo {
        SegmentInfo {
            id: SegmentId(id),
            partition: PartitionScope::One(PartitionId(1)),
            state,
            rows,
            level: SegmentLevel::Legacy,
            storage_version: 0,
        }
    }

    fn look(counted: (u64, u64), segments: Vec<SegmentInfo>) -> Look {
        Look { segments, counted: Some(counted), changed: false }
    }

    #[test]
    fn segments_of_the_flush_and_of_the_first_list_are_awaited_and_later_ones_are_not() {
        use SegmentState::{Flushed, Flushing, Sealed};
        let mut awaited = Awaited::new(&[SegmentId(1), SegmentId(2)]);
        awaited.see(&[segment(1, Flushed, 5), segment(3, Sealed, 0)]);
        assert_eq!(awaited.under_way(), ["3 (Sealed)"]);
        awaited.see(&[segment(2, Flushing, 5), segment(3, Flushed, 4), segment(4, Sealed, 0)]);
        assert_eq!(awaited.under_way(), ["2 (Flushing)"]);
        awaited.see(&[segment(4, Sealed, 0)]);
        assert!(awaited.under_way().is_empty() && !awaited.is_empty(), "2 is absent, not on the store");
        awaited.see(&[segment(2, Flushed, 5)]);
        assert!(awaited.is_empty());
    }

    #[test]
    fn rows_agree_within_what_was_counted_around_the_list() {
        use SegmentState::{Flushed, Flushing};
        let segments = || vec![segment(1, Flushed, 5), segment(2, Flushed, 4), segment(3, Flushing, 7)];
        for (counted, agrees) in
            [((9, 9), true), ((5, 16), true), ((9, 12), true), ((10, 16), false), ((0, 8), false)]
        {
            assert_eq!(look(counted, segments()).agrees(), agrees, "{counted:?}");
        }
        assert!(Look { counted: None, ..look((0, 0), segments()) }.agrees(), "nothing was counted");
        let deletes = SegmentInfo { level: SegmentLevel::L0, ..segment(4, Flushed, 100) };
        assert!(look((5, 5), vec![segment(1, Flushed, 5), deletes]).agrees());
    }

    #[test]
    fn a_new_segment_is_a_change_and_a_missing_one_is_none() {
        use SegmentState::Flushed;
        let mut awaited = Awaited::new(&[]);
        let (one, two, three) = (segment(1, Flushed, 5), segment(2, Flushed, 5), segment(3, Flushed, 10));
        assert!(!awaited.see(&[one, two]), "all are new at first");
        assert!(!awaited.see(&[one]) && !awaited.see(&[two]), "a list lacked one, and then the other");
        assert!(awaited.see(&[three]), "compaction replaced them");
    }
}
