//! How far a job is, summed up from its events.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use engine::{CollectionPhase, Event};
use model::name::CollectionRef;

use super::units::{bytes, count, counted, duration};

const SEPARATOR: &str = " · ";

/// What the events have told so far.
#[derive(Default)]
pub(super) struct Tracker {
    collections: BTreeMap<CollectionRef, State>,
    selected: usize,
    /// When the first and the last object was copied.
    copied: Option<(Instant, Instant)>,
    deleted: u64,
}

/// How far one collection is.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub phase: Option<CollectionPhase>,
    pub objects: Part,
    pub bytes: Part,
    pub jobs: Part,
    rows: u64,
    planned: bool,
}

/// So much of so much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub done: u64,
    pub all: u64,
}

impl Part {
    fn add(&mut self, other: Self) {
        self.done += other.done;
        self.all += other.all;
    }
}

impl Tracker {
    /// Takes an event in; returns the collection it was about.
    pub(super) fn take<'e>(&mut self, event: &'e Event) -> Option<&'e CollectionRef> {
        match event {
            Event::Collection { collection, phase } => {
                self.state(collection).phase = Some(phase.clone());
                Some(collection)
            }
            Event::Planned { collection, objects, bytes } => {
                let state = self.state(collection);
                state.planned = true;
                // What was copied before it was listed again was told already.
                state.objects.all = (*objects).max(state.objects.done);
                state.bytes.all = (*bytes).max(state.bytes.done);
                Some(collection)
            }
            Event::ObjectCopied { collection, bytes } => {
                let now = Instant::now();
                self.copied.get_or_insert((now, now)).1 = now;
                let state = self.state(collection);
                state.objects.done += 1;
                state.bytes.done += bytes;
                state.objects.all = state.objects.all.max(state.objects.done);
                state.bytes.all = state.bytes.all.max(state.bytes.done);
                Some(collection)
            }
            Event::Import { collection, done, jobs, rows } => {
                let state = self.state(collection);
                state.jobs = Part { done: *done as u64, all: *jobs as u64 };
                state.rows = *rows;
                Some(collection)
            }
            Event::Deleted { objects } => {
                self.deleted = *objects;
                None
            }
            Event::Overview { collections, .. } => {
                self.selected = *collections;
                None
            }
            Event::Phase(_) | Event::Warning(_) | Event::Note(_) => None,
        }
    }

    fn state(&mut self, collection: &CollectionRef) -> &mut State {
        self.collections.entry(collection.clone()).or_default()
    }

    /// How many collections there are to do; 0 while that is not known.
    pub(super) fn selected(&self) -> usize {
        self.selected
    }

    /// How far a collection is.
    pub(super) fn of(&self, collection: &CollectionRef) -> State {
        self.collections.get(collection).cloned().unwrap_or_default()
    }

    /// Objects of all collections.
    pub(super) fn objects(&self) -> Part {
        self.sum(|state| state.objects)
    }

    /// Bytes of all collections.
    pub(super) fn bytes(&self) -> Part {
        self.sum(|state| state.bytes)
    }

    /// Import jobs of all collections.
    pub(super) fn jobs(&self) -> Part {
        self.sum(|state| state.jobs)
    }

    fn sum(&self, of: impl Fn(&State) -> Part) -> Part {
        self.collections.values().map(of).fold(Part::default(), |mut sum, part| {
            sum.add(part);
            sum
        })
    }

    /// How far all of it is: of every collection there is to do, also those not begun.
    ///
    /// Import jobs count in thousandths of their collection, since nobody knows the jobs of the others yet.
    pub(super) fn part(&self) -> Part {
        const WHOLE: u64 = 1000;
        if self.jobs().all == 0 {
            return self.bytes();
        }
        let done = self.collections.values().map(|state| match state.jobs {
            _ if state.is_over() => WHOLE,
            jobs => (jobs.done * WHOLE).checked_div(jobs.all).unwrap_or_default(),
        });
        Part { done: done.sum(), all: WHOLE * self.selected.max(self.collections.len()) as u64 }
    }

    /// All of it in a line.
    pub(super) fn line(&self) -> String {
        self.parts().join(SEPARATOR)
    }

    /// As much of the line as fits in `width` characters.
    pub(super) fn line_within(&self, width: usize) -> String {
        let mut parts = self.parts();
        while parts.len() > 1 && parts.join(SEPARATOR).chars().count() > width {
            parts.pop();
        }
        parts.join(SEPARATOR)
    }

    /// What there is to tell, what matters most first.
    fn parts(&self) -> Vec<String> {
        if self.deleted > 0 {
            return vec![format!("{} deleted", counted(self.deleted, "object"))];
        }
        let (objects, size, jobs) = (self.objects(), self.bytes(), self.jobs());
        let mut parts = Vec::new();
        if self.selected > 1 && !self.collections.is_empty() {
            let over = self.collections.values().filter(|state| state.is_over()).count();
            parts.push(format!("{over}/{} collections", self.selected));
        }
        // Objects that are imported where they lie are never copied.
        if objects.done > 0 || (objects.all > 0 && jobs.all == 0) {
            parts.push(format!("{}/{} objects", count(objects.done), count(objects.all)));
            parts.push(format!("{} of {}", bytes(size.done), bytes(size.all)));
            if let Some((rate, left)) = self.rate(size) {
                parts.push(format!("{}/s", bytes(rate)));
                if self.all_known(|state| state.planned) && left >= Duration::from_secs(1) {
                    parts.push(format!("{} left", duration(left)));
                }
            }
        }
        if jobs.all > 0 && self.all_known(|state| state.jobs.all > 0) {
            parts.push(format!("{}/{} import jobs", count(jobs.done), count(jobs.all)));
        } else if jobs.all > 0 {
            parts.push(format!("{} done", counted(jobs.done, "import job")));
        }
        if parts.is_empty() {
            parts.push("working".to_owned());
        }
        parts
    }

    /// Whether something is known of every collection there is to do.
    fn all_known(&self, is_known: impl Fn(&State) -> bool) -> bool {
        self.collections.values().filter(|state| is_known(state) || state.is_over()).count() >= self.selected
    }

    /// Bytes a second from the first copied object to the last, and how long the rest takes at that rate;
    /// nothing unless something is being copied.
    fn rate(&self, size: Part) -> Option<(u64, Duration)> {
        if !self.collections.values().any(State::is_copying) {
            return None;
        }
        let (first, last) = self.copied?;
        let elapsed = last.duration_since(first).as_secs_f64();
        let rate = size.done as f64 / elapsed.max(0.1);
        let left = Duration::try_from_secs_f64((size.all - size.done) as f64 / rate).ok()?;
        // Rates are far below what f64 counts exactly.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive and small"
        )]
        Some((rate as u64, Duration::from_secs(left.as_secs())))
    }
}

impl State {
    /// How far it is, in a few words.
    pub(super) fn words(&self) -> String {
        let phase = self.phase.as_ref().map_or("", CollectionPhase::as_str);
        match &self.phase {
            Some(CollectionPhase::Copying | CollectionPhase::Staging | CollectionPhase::Verifying) => {
                format!(
                    "{}/{}  {}  {phase}",
                    count(self.objects.done),
                    count(self.objects.all),
                    bytes(self.bytes.done)
                )
            }
            Some(CollectionPhase::Importing) if self.jobs.all > 0 => {
                format!("{}/{} jobs  {}  {phase}", self.jobs.done, self.jobs.all, counted(self.rows, "row"))
            }
            Some(CollectionPhase::Done) if self.jobs.all > 0 => {
                format!("{}  {}  {phase}", counted(self.jobs.all, "job"), counted(self.rows, "row"))
            }
            Some(CollectionPhase::Done) if self.objects.done > 0 => {
                format!("{}  {}  {phase}", counted(self.objects.done, "object"), bytes(self.bytes.done))
            }
            _ => phase.to_owned(),
        }
    }

    /// What fills a bar: import jobs once it is imported, bytes before.
    pub(super) fn part(&self) -> Part {
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
    pub(super) fn is_done(&self) -> bool {
        self.phase == Some(CollectionPhase::Done)
    }

    /// Whether nothing more is to come.
    pub(super) fn is_over(&self) -> bool {
        use CollectionPhase::{Done, Failed, Vanished};
        matches!(self.phase, Some(Done | Failed(_) | Vanished))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_count_jobs_and_collections() {
        let (books, orders) = (CollectionRef::new("", "books"), CollectionRef::new("shop", "orders"));
        let mut tracker = Tracker::default();
        tracker.take(&Event::Overview {
            server: "2.3.5".into(),
            address: "h:1".into(),
            collections: 2,
            databases: 2,
            how: "in place".into(),
        });
        tracker.take(&Event::Planned { collection: books.clone(), objects: 4, bytes: 4096 });
        tracker.take(&Event::Collection { collection: books.clone(), phase: CollectionPhase::Importing });
        tracker.take(&Event::Import { collection: books.clone(), done: 1, jobs: 3, rows: 1997 });
        tracker.take(&Event::Collection { collection: orders, phase: CollectionPhase::Failed("why".into()) });
        assert_eq!(tracker.of(&books).words(), "1/3 jobs  1,997 rows  importing");
        assert_eq!(tracker.line(), "1/2 collections · 1/3 import jobs");
        assert_eq!(tracker.part(), Part { done: 1333, all: 2000 });
        assert_eq!(tracker.line_within(32), "1/2 collections");
    }

    #[test]
    fn collections_not_begun_count_in_the_total() {
        let books = CollectionRef::new("", "books");
        let mut tracker = Tracker::default();
        tracker.take(&Event::Overview {
            server: "2.3.5".into(),
            address: "h:1".into(),
            collections: 4,
            databases: 1,
            how: "in place".into(),
        });
        tracker.take(&Event::Planned { collection: books.clone(), objects: 4, bytes: 4096 });
        tracker.take(&Event::Collection { collection: books.clone(), phase: CollectionPhase::Importing });
        assert_eq!(tracker.of(&books).part(), Part::default());
        tracker.take(&Event::Import { collection: books, done: 2, jobs: 2, rows: 10 });
        assert_eq!(tracker.part(), Part { done: 1000, all: 4000 });
        assert_eq!(tracker.line(), "0/4 collections · 2 import jobs done");
    }

    #[test]
    fn events_add_up() {
        let books = CollectionRef::new("", "books");
        let mut tracker = Tracker::default();
        assert_eq!(tracker.line(), "working");
        tracker.take(&Event::Collection { collection: books.clone(), phase: CollectionPhase::Copying });
        tracker.take(&Event::Planned { collection: books.clone(), objects: 4, bytes: 4096 });
        tracker.take(&Event::ObjectCopied { collection: books.clone(), bytes: 1024 });
        assert_eq!(tracker.of(&books).words(), "1/4  1.0 KiB  copying");
        assert!(tracker.line().starts_with("1/4 objects · 1.0 KiB of 4.0 KiB · "), "{}", tracker.line());
        // Listed again after a compaction: what is gone no longer counts, what is copied does.
        tracker.take(&Event::Planned { collection: books.clone(), objects: 0, bytes: 0 });
        assert_eq!(tracker.objects(), Part { done: 1, all: 1 });
        tracker.take(&Event::Collection { collection: books.clone(), phase: CollectionPhase::Done });
        assert!(tracker.of(&books).is_over());
        assert_eq!(tracker.line(), "1/1 objects · 1.0 KiB of 1.0 KiB", "no rate once all is copied");
        assert_eq!(tracker.of(&books).words(), "1 object  1.0 KiB  done");
    }
}
