//! Turns the states of a job that a server tells back into the events of the job, so that they are shown as the events
//! of a job of this program are.

use std::collections::HashMap;

use engine::{CollectionPhase, Event};
use model::name::CollectionRef;

use wire::{JobCollection, JobProgress};

/// What was told of a job so far.
#[derive(Default)]
pub(crate) struct Replay {
    told: JobProgress,
}

impl Replay {
    /// The events that lead from what was told to what is told now.
    pub(crate) fn events(&mut self, now: &JobProgress) -> Vec<Event> {
        let told = std::mem::replace(&mut self.told, now.clone());
        let mut events = Vec::new();
        if let (None, Some(server)) = (&told.milvus, &now.milvus) {
            events.push(Event::Overview {
                server: server.clone(),
                address: now.address.clone().unwrap_or_default(),
                collections: now.selected,
                databases: now.databases,
                how: now.how.clone().unwrap_or_default(),
            });
        }
        if let Some(phase) = now.phase.filter(|_| now.phase != told.phase) {
            events.push(Event::Phase(phase.into()));
        }
        let before: HashMap<&str, &JobCollection> =
            told.collections.iter().map(|c| (c.name.as_str(), c)).collect();
        for collection in &now.collections {
            of_collection(before.get(collection.name.as_str()).copied(), collection, &mut events);
        }
        if now.deleted != told.deleted {
            events.push(Event::Deleted { objects: now.deleted });
        }
        let new = |texts: &[String], before: &[String]| {
            texts.iter().filter(|text| !before.contains(text)).cloned().collect::<Vec<_>>()
        };
        events.extend(new(&now.warnings, &told.warnings).into_iter().map(Event::Warning));
        events.extend(new(&now.notes, &told.notes).into_iter().map(Event::Note));
        events
    }
}

fn of_collection(before: Option<&JobCollection>, now: &JobCollection, events: &mut Vec<Event>) {
    let (database, name) = now.name.split_once('.').unwrap_or(("", &now.name));
    let collection = || CollectionRef::new(database, name);
    let was = before.map(|was| (was.objects, was.bytes, was.import_jobs, was.rows));
    let (objects, bytes, jobs, rows) = was.unwrap_or_default();
    let phase = phase(now).filter(|_| before.and_then(|was| was.phase.as_ref()) != now.phase.as_ref());
    let phase = phase.map(|phase| Event::Collection { collection: collection(), phase });
    // What ends a collection is told last, what begins something first.
    let over = matches!(now.phase.as_deref(), Some("done" | "vanished" | "failed"));
    let (first, last) = if over { (None, phase) } else { (phase, None) };
    events.extend(first);
    if (now.objects.all, now.bytes.all) != (objects.all, bytes.all) {
        let (objects, bytes) = (now.objects.all, now.bytes.all);
        events.push(Event::Planned { collection: collection(), objects, bytes });
    }
    // As many events as there were; the bytes do not tell whose they are.
    let mut bytes = now.bytes.done.saturating_sub(bytes.done);
    for _ in objects.done..now.objects.done {
        events.push(Event::ObjectCopied { collection: collection(), bytes: std::mem::take(&mut bytes) });
    }
    if (now.import_jobs, now.rows) != (jobs, rows) {
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (done, jobs) = (count(now.import_jobs.done), count(now.import_jobs.all));
        events.push(Event::Import { collection: collection(), done, jobs, rows: now.rows });
    }
    events.extend(last);
}

fn phase(collection: &JobCollection) -> Option<CollectionPhase> {
    use CollectionPhase as Phase;
    let plain = [
        Phase::Describing,
        Phase::Flushing,
        Phase::Listing,
        Phase::Copying,
        Phase::Verifying,
        Phase::Creating,
        Phase::Staging,
        Phase::Importing,
        Phase::Loading,
        Phase::Done,
        Phase::Vanished,
        Phase::Failed(collection.reason.clone().unwrap_or_default()),
    ];
    let word = collection.phase.as_deref()?;
    plain.into_iter().find(|phase| phase.as_str() == word)
}

#[cfg(test)]
mod tests {
    use engine::{Phase, Progress};

    use super::*;

    /// What a display makes of events, and what a server tells of it, a state for each of `steps`.
    fn replayed(events: &[Event], steps: &[usize]) -> (Progress, Progress) {
        let (mut there, mut here) = (Progress::default(), Progress::default());
        let mut replay = Replay::default();
        for (number, event) in events.iter().enumerate() {
            there.take(event, 0);
            if steps.contains(&number) || number + 1 == events.len() {
                for event in replay.events(&JobProgress::from(&there)) {
                    here.take(&event, 0);
                }
            }
        }
        (there, here)
    }

    #[test]
    fn what_is_shown_is_what_was_done() {
        let (books, orders) = (CollectionRef::new("", "books"), CollectionRef::new("shop", "orders"));
        let enter = |of: &CollectionRef, phase| Event::Collection { collection: of.clone(), phase };
        let events = [
            Event::Phase(Phase::Preflight),
            Event::Overview {
                server: "v2.3.5".into(),
                address: "h:1".into(),
                collections: 2,
                databases: 2,
                how: "serial_flush".into(),
            },
            Event::Phase(Phase::Copy),
            enter(&books, CollectionPhase::Copying),
            Event::Planned { collection: books.clone(), objects: 3, bytes: 30 },
            Event::ObjectCopied { collection: books.clone(), bytes: 10 },
            Event::ObjectCopied { collection: books.clone(), bytes: 20 },
            Event::Warning("slow".into()),
            Event::Planned { collection: books.clone(), objects: 2, bytes: 30 },
            enter(&books, CollectionPhase::Done),
            enter(&orders, CollectionPhase::Importing),
            Event::Import { collection: orders.clone(), done: 1, jobs: 2, rows: 7 },
            enter(&orders, CollectionPhase::Failed("no".into())),
            Event::Deleted { objects: 3 },
            Event::Note("bye".into()),
        ];
        for steps in [vec![], (0..15).collect(), vec![1, 5, 8], vec![4, 11]] {
            let (there, here) = replayed(&events, &steps);
            assert_eq!(JobProgress::from(&here), JobProgress::from(&there), "{steps:?}");
        }
    }
}
