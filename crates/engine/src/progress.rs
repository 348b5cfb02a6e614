//! How far a job is, summed up from its events.

use std::collections::BTreeMap;
use std::time::Duration;

use model::name::CollectionRef;
use serde::{Deserialize, Serialize};

use crate::{CollectionPhase, Event, Phase};

/// How many warnings and how many notes are kept; the newest.
const TEXTS_KEPT: usize = 100;

/// What a collection counts in a sum over collections whose sizes are not all known.
const WHOLE: u64 = 1000;

/// The shortest time a rate is reckoned over, milliseconds.
const SHORTEST_MS: i64 = 100;

/// What the events of one job have told so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The phase of the job.
    pub phase: Option<Phase>,
    /// The version of the Milvus it works on.
    pub server: Option<String>,
    /// Its host and port.
    pub address: Option<String>,
    /// How it is done, such as `serial_flush` or `in place`.
    pub how: Option<String>,
    /// How many collections there are to do; 0 while that is not known.
    pub selected: usize,
    /// In how many databases they are.
    pub databases: usize,
    /// The collections begun, by the names that events use.
    pub collections: BTreeMap<CollectionRef, CollectionProgress>,
    /// Objects removed.
    pub deleted: u64,
    /// What the operator should know, the newest hundred.
    pub warnings: Vec<String>,
    /// What the operator may like to know, the newest hundred.
    pub notes: Vec<String>,
    /// When the first and the last object was copied, milliseconds since 1970.
    copied_ms: Option<(i64, i64)>,
    /// What the collections come to, where they are kept apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sums: Option<Sums>,
}

/// What the collections of a job come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sums {
    objects: Part,
    bytes: Part,
    jobs: Part,
    part: Part,
    over: usize,
}

/// How far one collection is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionProgress {
    /// What is done with it.
    pub phase: Option<CollectionPhase>,
    /// Objects copied.
    pub objects: Part,
    /// Bytes copied.
    pub bytes: Part,
    /// Import jobs done.
    pub jobs: Part,
    /// Rows imported.
    pub rows: u64,
    /// Whether it is known how much there is to copy.
    planned: bool,
}

/// So much of so much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// So much is done.
    pub done: u64,
    /// Of so much.
    pub all: u64,
}

impl Part {
    /// `done` in `of`ths; 0 of nothing.
    fn share(self, of: u64) -> u64 {
        let share = u128::from(self.done.min(self.all)) * u128::from(of);
        share.checked_div(u128::from(self.all)).and_then(|s| u64::try_from(s).ok()).unwrap_or_default()
    }
}

impl Progress {
    /// Takes an event in that happened at `now_ms`, milliseconds since 1970.
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
            Event::Collection { collection, phase } => self.of(collection).phase = Some(phase.clone()),
            Event::Planned { collection, objects, bytes } => {
                let state = self.of(collection);
                state.planned = true;
                // what was copied before it was listed again was told already
                state.objects.all = (*objects).max(state.objects.done);
                state.bytes.all = (*bytes).max(state.bytes.done);
            }
            Event::ObjectCopied { collection, bytes } => {
                self.copied_ms.get_or_insert((now_ms, now_ms)).1 = now_ms;
                let state = self.of(collection);
                state.objects.done += 1;
                state.bytes.done += bytes;
                state.objects.all = state.objects.all.max(state.objects.done);
                state.bytes.all = state.bytes.all.max(state.bytes.done);
            }
            Event::Import { collection, done, jobs, rows } => {
                let state = self.of(collection);
                state.jobs = Part { done: *done as u64, all: *jobs as u64 };
                state.rows = *rows;
            }
            Event::Deleted { objects } => self.deleted = *objects,
            Event::Warning(text) => keep(&mut self.warnings, text),
            Event::Note(text) => keep(&mut self.notes, text),
        }
    }

    fn of(&mut self, collection: &CollectionRef) -> &mut CollectionProgress {
        self.collections.entry(collection.clone()).or_default()
    }

    /// The sums, which stay right, and the collections apart: of those there may be thousands.
    #[must_use]
    pub fn split(mut self) -> (Self, BTreeMap<CollectionRef, CollectionProgress>) {
        self.sums.get_or_insert(Sums {
            objects: self.objects(),
            bytes: self.bytes(),
            jobs: self.jobs(),
            part: self.part(),
            over: self.over(),
        });
        let collections = std::mem::take(&mut self.collections);
        (self, collections)
    }

    /// What was split, in one again.
    #[must_use]
    pub fn join(self, collections: BTreeMap<CollectionRef, CollectionProgress>) -> Self {
        Self { collections, sums: None, ..self }
    }

    /// Objects of all collections.
    pub fn objects(&self) -> Part {
        self.sums.map_or_else(|| self.sum(|state| state.objects), |sums| sums.objects)
    }

    /// Bytes of all collections.
    pub fn bytes(&self) -> Part {
        self.sums.map_or_else(|| self.sum(|state| state.bytes), |sums| sums.bytes)
    }

    /// Import jobs of all collections.
    pub fn jobs(&self) -> Part {
        self.sums.map_or_else(|| self.sum(|state| state.jobs), |sums| sums.jobs)
    }

    fn sum(&self, of: impl Fn(&CollectionProgress) -> Part) -> Part {
        self.collections.values().map(of).fold(Part::default(), |sum, part| Part {
            done: sum.done.saturating_add(part.done),
            all: sum.all.saturating_add(part.all),
        })
    }

    /// Collections of which nothing more is to come.
    pub fn over(&self) -> usize {
        if let Some(sums) = self.sums {
            return sums.over;
        }
        self.collections.values().filter(|state| state.is_over()).count()
    }

    /// How far all of it is: of every collection there is to do, also those not begun.
    ///
    /// Bytes once those of all are known, else thousandths of collections: nobody knows the import jobs, or the
    /// files, of those not begun.
    pub fn part(&self) -> Part {
        if let Some(sums) = self.sums {
            return sums.part;
        }
        let bytes = self.bytes();
        if self.jobs().all == 0 && bytes.all > 0 && self.all_planned() {
            return bytes;
        }
        let done = self
            .collections
            .values()
            .map(|state| if state.is_over() { WHOLE } else { state.part().share(WHOLE) });
        Part { done: done.sum(), all: WHOLE * self.selected.max(self.collections.len()) as u64 }
    }

    /// [`Progress::part`] in percent, rounded down; a deletion, whose end is not known, stays at 0.
    pub fn percent(&self) -> u8 {
        u8::try_from(self.part().share(100)).unwrap_or(100)
    }

    /// Bytes a second from the first copied object to the last; nothing unless something is being copied.
    pub fn rate(&self) -> Option<u64> {
        if !self.collections.values().any(CollectionProgress::is_copying) {
            return None;
        }
        let (first, last) = self.copied_ms?;
        let elapsed = u64::try_from(last.saturating_sub(first).max(SHORTEST_MS)).ok()?;
        self.bytes().done.saturating_mul(1000).checked_div(elapsed)
    }

    /// How long the copies still take at that rate, in whole seconds; nothing until it is known how much there is.
    pub fn left(&self) -> Option<Duration> {
        let rate = self.rate().filter(|_| self.all_planned())?;
        let bytes = self.bytes();
        (bytes.all - bytes.done).checked_div(rate).map(Duration::from_secs)
    }

    fn all_planned(&self) -> bool {
        self.all_known(|state| state.planned)
    }

    /// Whether something is known of every collection there is to do, as far as it is not over.
    pub fn all_known(&self, is_known: impl Fn(&CollectionProgress) -> bool) -> bool {
        self.collections.values().filter(|state| is_known(state) || state.is_over()).count() >= self.selected
    }
}

impl CollectionProgress {
    /// What fills a bar: import jobs once it is imported, bytes before.
    pub fn part(&self) -> Part {
        if self.jobs.all > 0 || self.phase == Some(CollectionPhase::Importing) {
            self.jobs
        } else {
            self.bytes
        }
    }

    fn is_copying(&self) -> bool {
        use CollectionPhase::{Copying, Staging};
        matches!(self.phase, Some(Copying | Staging)) && self.bytes.done < self.bytes.all
    }

    /// Whether all went well.
    pub fn is_done(&self) -> bool {
        self.phase == Some(CollectionPhase::Done)
    }

    /// Whether nothing more is to come.
    pub fn is_over(&self) -> bool {
        use CollectionPhase::{Done, Failed, Vanished};
        matches!(self.phase, Some(Done | Failed(_) | Vanished))
    }
}

fn keep(texts: &mut Vec<String>, text: &str) {
    if texts.len() == TEXTS_KEPT {
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

    fn of(events: &[(i64, Event)]) -> Progress {
        let mut progress = Progress::default();
        for (now_ms, event) in events {
            progress.take(event, *now_ms);
        }
        progress
    }

    #[test]
    fn copies_have_a_rate_and_an_end() {
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
        let mut progress = of(&[
            (0, overview(2)),
            (0, copying(&books)),
            (0, planned(&books)),
            (1000, copied(&books)),
            (3000, copied(&books)),
        ]);
        assert_eq!(progress.rate(), Some(1000));
        assert_eq!(progress.left(), None, "nobody knows how much the other holds");
        assert_eq!((progress.part(), progress.percent()), (Part { done: 500, all: 2000 }, 25));
        progress.take(&planned(&orders), 3000);
        assert_eq!(progress.left(), Some(Duration::from_secs(6)));
        assert_eq!((progress.part(), progress.percent()), (Part { done: 2000, all: 8000 }, 25));
        progress.take(&Event::Collection { collection: books, phase: CollectionPhase::Done }, 3000);
        assert_eq!((progress.rate(), progress.over()), (None, 1), "nothing is being copied");
    }

    #[test]
    fn a_clock_that_goes_back_and_counts_that_do_not_fit_are_survived() {
        let books = CollectionRef::new("", "books");
        let progress = of(&[
            (0, Event::Planned { collection: books.clone(), objects: 2, bytes: u64::MAX }),
            (0, Event::Collection { collection: books.clone(), phase: CollectionPhase::Copying }),
            (5000, Event::ObjectCopied { collection: books.clone(), bytes: u64::MAX / 2 }),
            (1000, Event::ObjectCopied { collection: books, bytes: 1 }),
        ]);
        assert!(progress.rate().is_some());
        assert_eq!(progress.percent(), 50);
        assert_eq!(Progress::default().percent(), 0);
    }

    #[test]
    fn it_is_kept_and_read_again() {
        let books = CollectionRef::new("", "books");
        let mut progress = of(&[
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
        let told = |of: &Progress| (of.objects(), of.bytes(), of.jobs(), of.percent(), of.over());
        assert_eq!((told(&sums), sums.collections.len()), (told(&progress), 0));
        assert_eq!(sums.join(collections), progress);
    }
}
