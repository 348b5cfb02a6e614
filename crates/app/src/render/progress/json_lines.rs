//! The lines of `--progress json`, which `docs/json.md` describes.

use serde_json::{Value, json};
use wire::JobProgress;

use super::changes::Change;

/// The JSON object for one change; `now` is the state of the job after it.
pub(super) fn line(change: &Change<'_>, now: &JobProgress) -> Value {
    match change {
        Change::Overview => json!({
            "event": "overview", "milvus": now.milvus, "address": now.address,
            "collections": now.selected, "databases": now.databases, "how": now.how,
        }),
        Change::Phase(phase) => json!({"event": "phase", "phase": phase}),
        Change::CollectionPhase(of) => {
            json!({
                "event": "collection", "collection": of.name, "target": of.target,
                "phase": of.phase, "reason": of.reason,
            })
        }
        Change::Planned(of) => json!({
            "event": "planned", "collection": of.name, "objects": of.objects.all, "bytes": of.bytes.all,
        }),
        Change::Imported(of) => json!({
            "event": "import", "collection": of.name,
            "jobs_done": of.import_jobs.done, "jobs": of.import_jobs.all, "rows": of.rows,
        }),
        Change::Copied => json!({
            "event": "progress", "objects_done": now.objects.done, "objects": now.objects.all,
            "bytes_done": now.bytes.done, "bytes": now.bytes.all,
        }),
        Change::Deleted => json!({"event": "deleted", "objects": now.deleted}),
    }
}

#[cfg(test)]
mod tests {
    use engine::{CollectionPhase, Event, Phase, Progress};
    use model::name::CollectionRef;

    use super::super::changes::changes;
    use super::*;

    #[test]
    fn every_event_of_a_job_has_its_line() {
        let books = CollectionRef::new("shop", "books");
        let enters = |phase| Event::Collection { collection: books.clone(), phase };
        let events = [
            Event::Phase(Phase::Copy),
            Event::Overview {
                server: "v2.3.5".into(),
                address: "db:19530".into(),
                collections: 1,
                databases: 1,
                how: "serial_flush".into(),
            },
            enters(CollectionPhase::Copying),
            Event::Planned { collection: books.clone(), objects: 2, bytes: 30 },
            Event::ObjectCopied { collection: books.clone(), bytes: 10 },
            Event::Import { collection: books.clone(), done: 1, jobs: 2, rows: 7 },
            enters(CollectionPhase::Failed("no".into())),
            Event::Deleted { objects: 3 },
        ];
        let mut progress = Progress::default();
        let mut before = JobProgress::default();
        let mut lines = Vec::new();
        for event in events {
            progress.take(&event, 0);
            let now = JobProgress::from(&progress);
            for change in changes(&before, &now) {
                lines.push(line(&change, &now).to_string());
            }
            before = now;
        }
        insta::assert_snapshot!(lines.join("\n"));
    }
}
