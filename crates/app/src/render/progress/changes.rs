//! The differences between two snapshots of a job.

use std::collections::HashMap;

use wire::{JobCollection, JobProgress, Phase};

use super::words::has_ended;

/// One difference.
#[derive(Debug, PartialEq)]
pub(super) enum Change<'a> {
    /// The version of Milvus and the number of collections are known.
    Overview,
    /// The job has entered a phase.
    Phase(Phase),
    /// A collection has entered a phase.
    CollectionPhase(&'a JobCollection),
    /// The number of objects and bytes of a collection is known, or has changed.
    Planned(&'a JobCollection),
    /// Import jobs of a collection were created or completed.
    Imported(&'a JobCollection),
    /// Objects were copied.
    Copied,
    /// Objects were deleted.
    Deleted,
}

impl Change<'_> {
    /// Whether the change concerns the totals of the job, which change often.
    pub(super) fn is_total(&self) -> bool {
        matches!(self, Self::Copied | Self::Deleted)
    }
}

/// Compares two snapshots. Within a collection, its last phase comes after all other changes.
pub(super) fn changes<'a>(before: &JobProgress, now: &'a JobProgress) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    if before.milvus.is_none() && now.milvus.is_some() {
        changes.push(Change::Overview);
    }
    if let Some(phase) = now.phase.filter(|_| now.phase != before.phase) {
        changes.push(Change::Phase(phase));
    }
    let known: HashMap<&str, &JobCollection> =
        before.collections.iter().map(|collection| (collection.name.as_str(), collection)).collect();
    for collection in &now.collections {
        compare_collection(known.get(collection.name.as_str()).copied(), collection, &mut changes);
    }
    if now.objects.done != before.objects.done {
        changes.push(Change::Copied);
    }
    if now.deleted != before.deleted {
        changes.push(Change::Deleted);
    }
    changes
}

fn compare_collection<'a>(
    before: Option<&JobCollection>,
    now: &'a JobCollection,
    changes: &mut Vec<Change<'a>>,
) {
    let totals = |of: &JobCollection| (of.objects.all, of.bytes.all);
    let imports = |of: &JobCollection| (of.import_jobs, of.rows);
    let enters_phase =
        now.phase.is_some() && before.and_then(|before| before.phase.as_ref()) != now.phase.as_ref();
    let ends = has_ended(now);
    if enters_phase && !ends {
        changes.push(Change::CollectionPhase(now));
    }
    if totals(now) != before.map(totals).unwrap_or_default() {
        changes.push(Change::Planned(now));
    }
    if imports(now) != before.map(imports).unwrap_or_default() {
        changes.push(Change::Imported(now));
    }
    if enters_phase && ends {
        changes.push(Change::CollectionPhase(now));
    }
}

#[cfg(test)]
mod tests {
    use engine::{CollectionPhase, Event, Progress};
    use model::name::CollectionRef;

    use super::*;

    /// The state of a job after some events.
    fn snapshot(events: &[Event]) -> JobProgress {
        let mut progress = Progress::default();
        for event in events {
            progress.take(event, 0);
        }
        JobProgress::from(&progress)
    }

    fn names(changes: &[Change<'_>]) -> Vec<String> {
        let name = |change: &Change<'_>| match change {
            Change::CollectionPhase(collection) => {
                format!("phase {}", collection.phase.as_deref().unwrap_or("-"))
            }
            Change::Planned(collection) => format!("planned {}", collection.objects.all),
            Change::Imported(collection) => format!("imported {}", collection.import_jobs.done),
            other => format!("{other:?}"),
        };
        changes.iter().map(name).collect()
    }

    #[test]
    fn a_job_that_began_and_ended_between_two_snapshots_is_shown_in_order() {
        let books = CollectionRef::new("", "books");
        let mut events = vec![
            Event::Phase(engine::Phase::Import),
            Event::Overview {
                server: "v2.3.5".into(),
                address: "h:1".into(),
                collections: 1,
                databases: 1,
                how: "in place".into(),
            },
            Event::Planned { collection: books.clone(), objects: 3, bytes: 30 },
            Event::ObjectCopied { collection: books.clone(), bytes: 10 },
            Event::Import { collection: books.clone(), done: 1, jobs: 1, rows: 7 },
            Event::Collection { collection: books.clone(), phase: CollectionPhase::Done },
            Event::Deleted { objects: 3 },
        ];
        let now = snapshot(&events);
        let all = ["Overview", "Phase(Import)", "planned 3", "imported 1", "phase done", "Copied", "Deleted"];
        assert_eq!(names(&changes(&JobProgress::default(), &now)), all);
        assert_eq!(changes(&now, &now), []);
        events.push(Event::ObjectCopied { collection: books, bytes: 10 });
        assert_eq!(names(&changes(&now, &snapshot(&events))), ["Copied"]);
    }

    #[test]
    fn an_active_collection_shows_its_phase_first() {
        let books = CollectionRef::new("", "books");
        let now = snapshot(&[
            Event::Collection { collection: books.clone(), phase: CollectionPhase::Copying },
            Event::Planned { collection: books, objects: 2, bytes: 30 },
        ]);
        assert_eq!(names(&changes(&JobProgress::default(), &now)), ["phase copying", "planned 2"]);
    }
}
