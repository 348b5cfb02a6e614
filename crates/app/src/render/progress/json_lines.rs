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
            json!({"event": "collection", "collection": of.name, "phase": of.phase, "reason": of.reason})
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
