//! The progress of a job in words.

use std::time::Duration;

use wire::{JobCollection, JobProgress};

use super::super::units::{bytes, count, counted, duration};

const SEPARATOR: &str = " · ";

/// The name of the current phase of a collection; empty before the first.
pub(super) fn phase(collection: &JobCollection) -> &str {
    collection.phase.as_deref().unwrap_or_default()
}

/// Whether a collection succeeded, failed or vanished.
pub(super) fn has_ended(collection: &JobCollection) -> bool {
    phase(collection) == "done" || has_failed(collection)
}

/// Whether a collection failed or vanished.
pub(super) fn has_failed(collection: &JobCollection) -> bool {
    matches!(phase(collection), "failed" | "vanished")
}

/// The Milvus instance and the number of collections.
pub(super) fn overview(progress: &JobProgress) -> String {
    format!(
        "Milvus {} at {} · {} in {} · {}",
        progress.milvus.as_deref().unwrap_or_default().trim_start_matches('v'),
        progress.address.as_deref().unwrap_or_default(),
        counted(progress.selected, "collection"),
        counted(progress.databases, "database"),
        progress.how.as_deref().unwrap_or_default(),
    )
}

/// The totals of the job in one line.
pub(super) fn totals_line(progress: &JobProgress) -> String {
    totals_within(progress, usize::MAX)
}

/// As many of the totals as fit into `width` characters, at least the first.
pub(super) fn totals_within(progress: &JobProgress, width: usize) -> String {
    let mut parts = totals(progress);
    if parts.is_empty() {
        return "working".to_owned();
    }
    while parts.len() > 1 && parts.join(SEPARATOR).chars().count() > width {
        parts.pop();
    }
    parts.join(SEPARATOR)
}

/// The percentage and the totals of the job.
pub(in crate::render) fn percent_and_totals(progress: &JobProgress) -> String {
    let mut parts = vec![format!("{} %", progress.percent)];
    parts.extend(totals(progress));
    parts.join(SEPARATOR)
}

/// The known totals, the most important first.
fn totals(progress: &JobProgress) -> Vec<String> {
    if progress.deleted > 0 {
        return vec![format!("{} deleted", counted(progress.deleted, "object"))];
    }
    let (objects, jobs) = (progress.objects, progress.import_jobs);
    let ended_or = |is_known: fn(&JobCollection) -> bool| {
        progress.collections.iter().filter(|state| is_known(state) || has_ended(state)).count()
    };
    let mut parts = Vec::new();
    let is_copied = objects.is_of_copied_objects(jobs);
    if is_copied {
        parts.push(format!("{} of {}", bytes(progress.bytes.done), bytes(progress.bytes.all)));
        parts.extend(progress.bytes_per_second.map(|rate| format!("{}/s", bytes(rate))));
        let remaining = progress.seconds_left.filter(|seconds| *seconds > 0);
        parts.extend(remaining.map(|seconds| format!("{} left", duration(Duration::from_secs(seconds)))));
    }
    if progress.selected > 1 && !progress.collections.is_empty() {
        parts.push(format!("{}/{} collections", ended_or(|_| false), progress.selected));
    }
    if jobs.all > 0 && ended_or(|state| state.import_jobs.all > 0) >= progress.selected {
        parts.push(format!("{}/{} import jobs", count(jobs.done), count(jobs.all)));
    } else if jobs.all > 0 {
        parts.push(format!("{} done", counted(jobs.done, "import job")));
    }
    if is_copied {
        parts.push(format!("{}/{} objects", count(objects.done), count(objects.all)));
    }
    parts
}

/// The progress of one collection in a few words.
pub(super) fn collection(of: &JobCollection) -> String {
    let phase = phase(of);
    let (jobs, objects) = (of.import_jobs, of.objects);
    match phase {
        "copying" | "staging" | "verifying" => {
            format!("{}/{}  {}  {phase}", count(objects.done), count(objects.all), bytes(of.bytes.done))
        }
        "importing" if jobs.all > 0 => {
            format!("{}/{} jobs  {}  {phase}", jobs.done, jobs.all, counted(of.rows, "row"))
        }
        "done" if jobs.all > 0 => {
            format!("{}  {}  {phase}", counted(jobs.all, "job"), counted(of.rows, "row"))
        }
        "done" if objects.done > 0 => {
            format!("{}  {}  {phase}", counted(objects.done, "object"), bytes(of.bytes.done))
        }
        _ => phase.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use engine::{CollectionPhase, Event, Progress};
    use model::name::CollectionRef;

    use super::*;

    #[derive(Default)]
    struct Job(Progress);

    impl Job {
        fn take(&mut self, event: &Event) {
            self.0.take(event, engine::now_ms());
        }

        fn begin(&mut self, collections: usize) {
            self.take(&Event::Overview {
                server: "v2.3.5".into(),
                address: "h:1".into(),
                collections,
                databases: 2,
                how: "in place".into(),
            });
        }

        fn now(&self) -> JobProgress {
            JobProgress::from(&self.0)
        }

        fn line(&self) -> String {
            totals_line(&self.now())
        }

        fn first(&self) -> String {
            collection(&self.now().collections[0])
        }
    }

    fn enters(collection: &CollectionRef, phase: CollectionPhase) -> Event {
        Event::Collection { collection: collection.clone(), phase }
    }

    #[test]
    fn imports_count_jobs_and_collections() {
        let (books, orders) = (CollectionRef::new("", "books"), CollectionRef::new("shop", "orders"));
        let mut job = Job::default();
        job.begin(2);
        job.take(&Event::Planned { collection: books.clone(), objects: 4, bytes: 4096 });
        job.take(&enters(&books, CollectionPhase::Importing));
        job.take(&Event::Import { collection: books, done: 1, jobs: 3, rows: 1997 });
        job.take(&enters(&orders, CollectionPhase::Failed("why".into())));
        assert_eq!(overview(&job.now()), "Milvus 2.3.5 at h:1 · 2 collections in 2 databases · in place");
        assert_eq!(job.first(), "1/3 jobs  1,997 rows  importing");
        assert_eq!(job.line(), "1/2 collections · 1/3 import jobs");
        assert_eq!(percent_and_totals(&job.now()), "47 % · 1/2 collections · 1/3 import jobs");
        assert_eq!(totals_within(&job.now(), 32), "1/2 collections");
    }

    #[test]
    fn import_jobs_have_no_total_before_all_collections_have_begun() {
        let books = CollectionRef::new("", "books");
        let mut job = Job::default();
        job.begin(4);
        job.take(&Event::Planned { collection: books.clone(), objects: 4, bytes: 4096 });
        job.take(&Event::Import { collection: books, done: 2, jobs: 2, rows: 10 });
        assert_eq!(job.line(), "0/4 collections · 2 import jobs done");
    }

    #[test]
    fn copied_objects_add_up() {
        let books = CollectionRef::new("", "books");
        let mut job = Job::default();
        assert_eq!(job.line(), "working");
        job.take(&enters(&books, CollectionPhase::Copying));
        job.take(&Event::Planned { collection: books.clone(), objects: 4, bytes: 4096 });
        job.take(&Event::ObjectCopied { collection: books.clone(), bytes: 1024 });
        assert_eq!(job.first(), "1/4  1.0 KiB  copying");
        assert!(job.line().starts_with("1.0 KiB of 4.0 KiB · "), "{}", job.line());
        assert!(job.line().ends_with(" · 1/4 objects"), "{}", job.line());
        // After a compaction and a second listing, only copied objects remain.
        job.take(&Event::Planned { collection: books.clone(), objects: 0, bytes: 0 });
        job.take(&enters(&books, CollectionPhase::Done));
        assert_eq!(job.line(), "1.0 KiB of 1.0 KiB · 1/1 objects", "no rate once all is copied");
        assert_eq!(job.first(), "1 object  1.0 KiB  done");
    }

    #[test]
    fn deletions_count_objects() {
        let mut job = Job::default();
        job.take(&Event::Deleted { objects: 1200 });
        assert_eq!(job.line(), "1,200 objects deleted");
    }
}
