//! What there is to say of a job on its way.

use std::time::Duration;

use engine::{CollectionPhase, CollectionProgress, Event, Progress};
use model::name::CollectionRef;

use super::units::{bytes, count, counted, duration};
use wire::Completion;

const SEPARATOR: &str = " · ";

/// How far a job is, in words.
#[derive(Default)]
pub(super) struct Tracker {
    progress: Progress,
}

impl Tracker {
    /// Takes an event in; returns the collection it was about.
    pub(super) fn take<'e>(&mut self, event: &'e Event) -> Option<&'e CollectionRef> {
        self.progress.take(event, engine::now_ms());
        event.collection()
    }

    /// The sum of the events.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
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
        let progress = &self.progress;
        if progress.deleted > 0 {
            return vec![format!("{} deleted", counted(progress.deleted, "object"))];
        }
        let (objects, size, jobs) = (progress.objects(), progress.bytes(), progress.jobs());
        let mut parts = Vec::new();
        if progress.selected > 1 && !progress.collections.is_empty() {
            parts.push(format!("{}/{} collections", progress.over(), progress.selected));
        }
        if Completion::from(objects).is_of_copied_objects(jobs.into()) {
            parts.push(format!("{}/{} objects", count(objects.done), count(objects.all)));
            parts.push(format!("{} of {}", bytes(size.done), bytes(size.all)));
            if let Some(rate) = progress.rate() {
                parts.push(format!("{}/s", bytes(rate)));
            }
            if let Some(left) = progress.left().filter(|left| *left >= Duration::from_secs(1)) {
                parts.push(format!("{} left", duration(left)));
            }
        }
        if jobs.all > 0 && progress.all_known(|state| state.jobs.all > 0) {
            parts.push(format!("{}/{} import jobs", count(jobs.done), count(jobs.all)));
        } else if jobs.all > 0 {
            parts.push(format!("{} done", counted(jobs.done, "import job")));
        }
        if parts.is_empty() {
            parts.push("working".to_owned());
        }
        parts
    }
}

/// How far a collection is, in a few words.
pub(super) fn words(state: &CollectionProgress) -> String {
    let phase = state.phase.as_ref().map_or("", CollectionPhase::as_str);
    match &state.phase {
        Some(CollectionPhase::Copying | CollectionPhase::Staging | CollectionPhase::Verifying) => {
            format!(
                "{}/{}  {}  {phase}",
                count(state.objects.done),
                count(state.objects.all),
                bytes(state.bytes.done)
            )
        }
        Some(CollectionPhase::Importing) if state.jobs.all > 0 => {
            format!("{}/{} jobs  {}  {phase}", state.jobs.done, state.jobs.all, counted(state.rows, "row"))
        }
        Some(CollectionPhase::Done) if state.jobs.all > 0 => {
            format!("{}  {}  {phase}", counted(state.jobs.all, "job"), counted(state.rows, "row"))
        }
        Some(CollectionPhase::Done) if state.objects.done > 0 => {
            format!("{}  {}  {phase}", counted(state.objects.done, "object"), bytes(state.bytes.done))
        }
        _ => phase.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use engine::Part;

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
        assert_eq!(words(&tracker.progress().collections[&books]), "1/3 jobs  1,997 rows  importing");
        assert_eq!(tracker.line(), "1/2 collections · 1/3 import jobs");
        assert_eq!(tracker.progress().part(), Part { done: 1333, all: 2000 });
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
        assert_eq!(tracker.progress().collections[&books].part(), Part::default());
        tracker.take(&Event::Import { collection: books, done: 2, jobs: 2, rows: 10 });
        assert_eq!(tracker.progress().part(), Part { done: 1000, all: 4000 });
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
        assert_eq!(words(&tracker.progress().collections[&books]), "1/4  1.0 KiB  copying");
        assert!(tracker.line().starts_with("1/4 objects · 1.0 KiB of 4.0 KiB · "), "{}", tracker.line());
        // Listed again after a compaction: what is gone no longer counts, what is copied does.
        tracker.take(&Event::Planned { collection: books.clone(), objects: 0, bytes: 0 });
        assert_eq!(tracker.progress().objects(), Part { done: 1, all: 1 });
        tracker.take(&Event::Collection { collection: books.clone(), phase: CollectionPhase::Done });
        assert!(tracker.progress().collections[&books].is_over());
        assert_eq!(tracker.line(), "1/1 objects · 1.0 KiB of 1.0 KiB", "no rate once all is copied");
        assert_eq!(words(&tracker.progress().collections[&books]), "1 object  1.0 KiB  done");
    }
}
