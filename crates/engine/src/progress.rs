//! The progress of a job, computed from its events.

use std::collections::BTreeMap;
use std::time::Duration;

use model::name::CollectionRef;
use serde::{Deserialize, Serialize};

use crate::{CollectionPhase, Event, Phase};

/// The maximum number of warnings, and of notes; older ones are dropped.
const MAX_TEXTS: usize = 100;

/// The weight of one collection in the overall progress while the sizes are not all known.
const COLLECTION_WEIGHT: u64 = 1000;

/// The number of bytes whose import takes about as long as what every import job takes.
const JOB_BYTES: u64 = 64 << 20;

/// The shortest time over which a copy rate is computed, in milliseconds.
const MIN_RATE_WINDOW_MS: i64 = 100;

/// The state of one job according to its events so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The current phase of the job; `None` before the first event.
    pub phase: Option<Phase>,
    /// The version of Milvus, such as `v2.3.5`.
    pub server: Option<String>,
    /// The host and port of Milvus.
    pub address: Option<String>,
    /// The flush strategy of a backup; `staged` or `in place` for a restore.
    pub how: Option<String>,
    /// The number of collections to process; 0 while it is not known.
    pub selected: usize,
    /// The number of databases of these collections.
    pub databases: usize,
    /// The collections that have emitted events, by the names that the events use.
    pub collections: BTreeMap<CollectionRef, CollectionProgress>,
    /// The number of deleted objects.
    pub deleted: u64,
    /// The last 100 warnings.
    pub warnings: Vec<String>,
    /// The last 100 notes.
    pub notes: Vec<String>,
    /// The times of the first and the last copied object, in milliseconds since 1970.
    copied_ms: Option<(i64, i64)>,
    /// The sums over the collections, if these were split off by [`Progress::split`].
    #[serde(skip_serializing_if = "Option::is_none")]
    sums: Option<CollectionSums>,
}

/// The sums over all collections of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct CollectionSums {
    objects: Completion,
    bytes: Completion,
    jobs: Completion,
    part: Completion,
}

/// The totals of a job, over all its collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgressTotals {
    /// The number of copied objects and of all objects to copy, as far as it is known.
    pub objects: Completion,
    /// The number of copied bytes and of all bytes to copy, as far as it is known.
    pub bytes: Completion,
    /// The number of completed import jobs and of all import jobs, as far as it is known.
    pub jobs: Completion,
    /// The completed share of the job, from 0 to 100, rounded down; always 0 for a deletion, whose total is unknown.
    ///
    /// In a backup it is that of the bytes if the bytes of all collections are known. Otherwise each collection counts
    /// the same, because its files are unknown before it starts. In a restore a collection counts by its import jobs and
    /// bytes.
    pub percent: u8,
    /// The copy rate in bytes per second; `None` if no collection is being copied.
    pub rate: Option<u64>,
    /// The remaining time of copying at this rate, in whole seconds; `None` while it cannot be estimated.
    pub left: Option<Duration>,
}

/// The progress of one collection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CollectionProgress {
    /// The name in the target, if a restore gives the collection another one.
    pub target: Option<CollectionRef>,
    /// The current phase of the collection.
    pub phase: Option<CollectionPhase>,
    /// The number of copied objects and of all objects to copy.
    pub objects: Completion,
    /// The number of copied bytes and of all bytes to copy.
    pub bytes: Completion,
    /// The number of completed import jobs and of all import jobs.
    pub jobs: Completion,
    /// The number of imported rows.
    pub rows: u64,
    /// Whether the number of objects and bytes to copy is known.
    planned: bool,
}

/// A completed amount and the total amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The completed amount.
    pub done: u64,
    /// The total amount.
    pub all: u64,
}

impl Completion {
    /// Scales the completed amount so that the total becomes `scale`; returns 0 if the total is 0.
    fn scaled_to(self, scale: u64) -> u64 {
        let scaled = u128::from(self.done.min(self.all)) * u128::from(scale);
        scaled.checked_div(u128::from(self.all)).and_then(|s| u64::try_from(s).ok()).unwrap_or_default()
    }
}

impl Progress {
    /// Updates the progress by an event that occurred at `now_ms`, in milliseconds since 1970.
    pub fn take(&mut self, event: &Event, now_ms: i64) {
        match event {
            Event::Phase(phase) => self.phase = Some(*phase),
            Event::Overview { server, address, collections, databases, how } => {
                self.server = Some(server.clone());
                self.address = Some(address.clone());
                self.selected = *collections;
                self.databases = *databases;
                self.how = Some(how.clone());
            }
            Event::Target { collection, target } => {
                self.collection_mut(collection).target = Some(target.clone());
            }
            Event::Collection { collection, phase } => {
                self.collection_mut(collection).phase = Some(phase.clone());
            }
            Event::Planned { collection, objects, bytes } => {
                let state = self.collection_mut(collection);
                state.planned = true;
                // After a second listing, the objects that were copied before still count.
                state.objects.all = (*objects).max(state.objects.done);
                state.bytes.all = (*bytes).max(state.bytes.done);
            }
            Event::ObjectCopied { collection, bytes } => {
                self.copied_ms.get_or_insert((now_ms, now_ms)).1 = now_ms;
                let state = self.collection_mut(collection);
                state.objects.done += 1;
                state.bytes.done += bytes;
                state.objects.all = state.objects.all.max(state.objects.done);
                state.bytes.all = state.bytes.all.max(state.bytes.done);
            }
            Event::Import { collection, done, jobs, rows } => {
                let state = self.collection_mut(collection);
                state.jobs = Completion { done: *done as u64, all: *jobs as u64 };
                state.rows = *rows;
            }
            Event::Deleted { objects } => self.deleted = *objects,
            Event::Warning(text) => push_with_limit(&mut self.warnings, text),
            Event::Note(text) => push_with_limit(&mut self.notes, text),
        }
    }

    fn collection_mut(&mut self, collection: &CollectionRef) -> &mut CollectionProgress {
        self.collections.entry(collection.clone()).or_default()
    }

    /// Separates the collections, of which there may be thousands, from the rest.
    ///
    /// The returned progress keeps the sums over the collections.
    #[must_use]
    pub fn split(mut self) -> (Self, BTreeMap<CollectionRef, CollectionProgress>) {
        self.sums = Some(self.sum_collections());
        let collections = std::mem::take(&mut self.collections);
        (self, collections)
    }

    /// Combines the two values that [`Progress::split`] returned.
    #[must_use]
    pub fn join(self, collections: BTreeMap<CollectionRef, CollectionProgress>) -> Self {
        Self { collections, sums: None, ..self }
    }

    /// Returns the totals of the whole job.
    pub fn totals(&self) -> ProgressTotals {
        let CollectionSums { objects, bytes, jobs, part } = self.sum_collections();
        let rate = self.copy_rate(bytes);
        let left = rate
            .filter(|_| self.all_planned())
            .and_then(|rate| (bytes.all - bytes.done).checked_div(rate))
            .map(Duration::from_secs);
        let percent = u8::try_from(part.scaled_to(100)).unwrap_or(100);
        ProgressTotals { objects, bytes, jobs, percent, rate, left }
    }

    fn sum_collections(&self) -> CollectionSums {
        if let Some(sums) = self.sums {
            return sums;
        }
        let states = || self.collections.values();
        let sum = |of: fn(&CollectionProgress) -> Completion| {
            states().map(of).fold(Completion::default(), |sum, part| Completion {
                done: sum.done.saturating_add(part.done),
                all: sum.all.saturating_add(part.all),
            })
        };
        let [objects, bytes, jobs] =
            [sum(|state| state.objects), sum(|state| state.bytes), sum(|state| state.jobs)];
        let part = if jobs.all == 0 && bytes.all > 0 && self.all_planned() {
            bytes
        } else {
            // What the collections that have not emitted events cost is unknown.
            let others = self.selected.saturating_sub(self.collections.len()) as u64;
            let scale = |cost: u64, weight: u64| cost.saturating_mul(weight);
            Completion {
                done: states().map(|state| scale(state.cost(), state.weight())).fold(0, u64::saturating_add),
                all: scale(
                    states().map(CollectionProgress::cost).fold(others, u64::saturating_add),
                    COLLECTION_WEIGHT,
                ),
            }
        };
        CollectionSums { objects, bytes, jobs, part }
    }

    /// Returns the copy rate in bytes per second, from the first copied object to the last.
    fn copy_rate(&self, bytes: Completion) -> Option<u64> {
        if !self.collections.values().any(CollectionProgress::is_copying) {
            return None;
        }
        let (first, last) = self.copied_ms?;
        let elapsed = u64::try_from(last.saturating_sub(first).max(MIN_RATE_WINDOW_MS)).ok()?;
        bytes.done.saturating_mul(1000).checked_div(elapsed)
    }

    /// Returns whether the files of every collection to process that has not ended are known.
    fn all_planned(&self) -> bool {
        let planned = self.collections.values().filter(|state| state.planned || state.is_over());
        planned.count() >= self.selected
    }
}

impl CollectionProgress {
    /// Returns the import jobs once the import has begun, the bytes before that.
    pub fn part(&self) -> Completion {
        if self.jobs.all > 0 || self.phase == Some(CollectionPhase::Importing) {
            self.jobs
        } else {
            self.bytes
        }
    }

    /// Returns the cost of the collection in relation to others: 1 if it has no import jobs, such as in a backup.
    ///
    /// An import job costs Milvus the same whatever it holds, and more if it is large.
    fn cost(&self) -> u64 {
        match self.jobs.all {
            0 => 1,
            jobs => jobs.saturating_add(self.bytes.all / JOB_BYTES),
        }
    }

    /// Returns the completed part of [`COLLECTION_WEIGHT`].
    ///
    /// A restore consists of staging, if files are copied, of imports, and of what follows them, such as the load.
    fn weight(&self) -> u64 {
        let share = |percent: u64| COLLECTION_WEIGHT * percent / 100;
        match (self.jobs.all, self.bytes.done) {
            _ if self.is_over() => COLLECTION_WEIGHT,
            (0, _) => self.bytes.scaled_to(COLLECTION_WEIGHT),
            (_, 0) => self.jobs.scaled_to(share(90)),
            _ => self.bytes.scaled_to(share(40)) + self.jobs.scaled_to(share(50)),
        }
    }

    fn is_copying(&self) -> bool {
        use CollectionPhase::{Copying, Staging};
        matches!(self.phase, Some(Copying | Staging)) && self.bytes.done < self.bytes.all
    }

    /// Returns whether the collection has ended: done, failed or vanished.
    fn is_over(&self) -> bool {
        use CollectionPhase::{Done, Failed, Vanished};
        matches!(self.phase, Some(Done | Failed(_) | Vanished))
    }
}

/// Appends a text and removes the oldest one if there are too many.
fn push_with_limit(texts: &mut Vec<String>, text: &str) {
    if texts.len() == MAX_TEXTS {
        texts.remove(0);
    }
    texts.push(text.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overview(collections: usize) -> Event {
        Event::Overview {
            server: "v2.3.5".into(),
            address: "h:1".into(),
            collections,
            databases: 1,
            how: "serial_flush".into(),
        }
    }

    fn progress_after(events: &[(i64, Event)]) -> Progress {
        let mut progress = Progress::default();
        for (now_ms, event) in events {
            progress.take(event, *now_ms);
        }
        progress
    }

    #[test]
    fn rate_and_remaining_time_are_computed_from_the_copied_bytes() {
        let (books, orders) = (CollectionRef::new("", "books"), CollectionRef::new("shop", "orders"));
        let copying = |collection: &CollectionRef| Event::Collection {
            collection: collection.clone(),
            phase: CollectionPhase::Copying,
        };
        let planned = |collection: &CollectionRef| Event::Planned {
            collection: collection.clone(),
            objects: 4,
            bytes: 4000,
        };
        let copied =
            |collection: &CollectionRef| Event::ObjectCopied { collection: collection.clone(), bytes: 1000 };
        let mut progress = progress_after(&[
            (0, overview(2)),
            (0, copying(&books)),
            (0, planned(&books)),
            (1000, copied(&books)),
            (3000, copied(&books)),
        ]);
        let totals = progress.totals();
        assert_eq!(totals.rate, Some(1000));
        assert_eq!(totals.left, None, "nobody knows how much the other holds");
        assert_eq!(totals.percent, 25);
        progress.take(&planned(&orders), 3000);
        let totals = progress.totals();
        assert_eq!((totals.left, totals.percent), (Some(Duration::from_secs(6)), 25));
        progress.take(&Event::Collection { collection: books, phase: CollectionPhase::Done }, 3000);
        let over = progress.collections.values().filter(|state| state.is_over()).count();
        assert_eq!((progress.totals().rate, over), (None, 1), "nothing is being copied");
    }

    #[test]
    fn a_restore_is_not_complete_before_its_collections_are() {
        let (books, tags) = (CollectionRef::new("", "books"), CollectionRef::new("", "tags"));
        let planned = |collection: &CollectionRef| Event::Planned {
            collection: collection.clone(),
            objects: 2,
            bytes: 200,
        };
        let imported = |collection: &CollectionRef, done| Event::Import {
            collection: collection.clone(),
            done,
            jobs: 2,
            rows: 0,
        };
        let mut progress = progress_after(&[(0, overview(2))]);
        for event in [planned(&books), imported(&books, 0), planned(&tags), imported(&tags, 0)] {
            progress.take(&event, 0);
        }
        assert_eq!(progress.totals().percent, 0);
        // One is staged, the other is imported in place.
        progress.take(&Event::ObjectCopied { collection: books.clone(), bytes: 200 }, 0);
        assert_eq!(progress.totals().percent, 20);
        progress.take(&imported(&tags, 2), 0);
        progress.take(&imported(&books, 2), 0);
        assert_eq!(progress.totals().percent, 90);
        for collection in [books, tags] {
            progress.take(&Event::Collection { collection, phase: CollectionPhase::Done }, 0);
        }
        assert_eq!(progress.totals().percent, 100);
    }

    #[test]
    fn a_collection_with_more_import_jobs_counts_more_in_a_restore() {
        let (large, small) = (CollectionRef::new("", "large"), CollectionRef::new("", "small"));
        let imported = |collection: &CollectionRef, done, jobs| Event::Import {
            collection: collection.clone(),
            done,
            jobs,
            rows: 0,
        };
        let mut progress = progress_after(&[(0, overview(2))]);
        progress.take(&imported(&large, 0, 9), 0);
        progress.take(&imported(&small, 0, 1), 0);
        progress.take(&Event::Collection { collection: small, phase: CollectionPhase::Done }, 0);
        assert_eq!(progress.totals().percent, 10);
    }

    #[test]
    fn a_clock_that_goes_back_and_huge_byte_counts_do_no_harm() {
        let books = CollectionRef::new("", "books");
        let progress = progress_after(&[
            (0, Event::Planned { collection: books.clone(), objects: 2, bytes: u64::MAX }),
            (0, Event::Collection { collection: books.clone(), phase: CollectionPhase::Copying }),
            (5000, Event::ObjectCopied { collection: books.clone(), bytes: u64::MAX / 2 }),
            (1000, Event::ObjectCopied { collection: books, bytes: 1 }),
        ]);
        assert!(progress.totals().rate.is_some());
        assert_eq!(progress.totals().percent, 50);
        assert_eq!(Progress::default().totals().percent, 0);
    }

    #[test]
    fn progress_survives_serialization_and_splitting() {
        let books = CollectionRef::new("", "books");
        let mut progress = progress_after(&[
            (0, Event::Phase(Phase::Copy)),
            (0, overview(1)),
            (0, Event::Planned { collection: books.clone(), objects: 1, bytes: 10 }),
            (1, Event::ObjectCopied { collection: books.clone(), bytes: 10 }),
            (1, Event::Collection { collection: books, phase: CollectionPhase::Failed("no".into()) }),
        ]);
        for n in 0..150 {
            progress.take(&Event::Warning(n.to_string()), 2);
        }
        assert_eq!((progress.warnings.len(), progress.warnings.last().unwrap().as_str()), (100, "149"));
        let text = serde_json::to_string(&progress).unwrap();
        assert_eq!(serde_json::from_str::<Progress>(&text).unwrap(), progress);
        let (sums, collections) = progress.clone().split();
        let sums = serde_json::from_str::<Progress>(&serde_json::to_string(&sums).unwrap()).unwrap();
        let without_rate = |p: &Progress| ProgressTotals { rate: None, left: None, ..p.totals() };
        assert_eq!((without_rate(&sums), sums.collections.len()), (without_rate(&progress), 0));
        assert_eq!(sums.join(collections), progress);
    }
}
