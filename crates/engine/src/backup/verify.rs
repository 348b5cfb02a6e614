//! Looks at every object where it lies now: its size, and its `ETag` where both sides give comparable ones.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use futures::TryStreamExt;
use model::ids::{FieldId, LogId, PartitionScope, SegmentId};
use model::plan::backup::segments;

use super::Run;
use super::capture::Snapshot;
use crate::Error;
use crate::catalog::{ObjectLine, ObjectList};
use crate::source::plain_md5;

/// What the look came to.
pub(super) enum Verdict {
    /// All is there as it should be, and nothing else.
    Whole,
    /// Something is missing or differs; it will be copied again.
    Differs(Error),
}

/// Lists the copy of a collection, writes its object list and holds it against what was to be copied.
/// What earlier rounds copied of segments that are gone since is removed: an import takes whole prefixes.
pub(super) async fn run(
    run: &Run<'_>,
    snapshot: &Snapshot,
    copied: &Mutex<HashSet<LogId>>,
) -> Result<Verdict, Error> {
    let backup = &snapshot.backup;
    let mut expected: HashMap<(SegmentId, Option<FieldId>, LogId), u64> = HashMap::new();
    for (_, segment) in segments(backup) {
        expected.extend(segment.binlogs.iter().map(|b| ((segment.id, Some(b.field), b.log), b.size)));
        expected.extend(segment.delta_logs.iter().map(|d| ((segment.id, None, d.log), d.size)));
    }
    if expected.is_empty() && copied.lock().is_ok_and(|set| set.is_empty()) {
        return Ok(Verdict::Whole);
    }
    let layout = run.catalog.layout(&run.request.name);
    let store = &run.catalog.store;
    let mut list = ObjectList::create(store, &layout, backup.id).await?;
    let mut stale = Vec::new();
    let mut differs = None;
    for dir in [layout.insert_collection_dir(backup.id), layout.delta_collection_dir(backup.id)] {
        let doing = || format!("while listing {}", store.describe(&dir));
        let mut entries = store.list(&dir);
        while let Some(entry) = entries.try_next().await.map_err(Error::storage(doing()))? {
            let insert = layout
                .parse_insert(&entry.key)
                .map(|(k, _)| (PartitionScope::One(k.partition), k.segment, Some(k.field), k.log));
            let found = insert.or_else(|| {
                layout.parse_delta(&entry.key).map(|(k, _)| (k.partition, k.segment, None, k.log))
            });
            let known = found.and_then(|(scope, segment, field, log)| {
                expected.remove(&(segment, field, log)).map(|size| (scope, segment, field, log, size))
            });
            let Some((partition, segment, field, log, size)) = known else {
                stale.push(entry.key);
                continue;
            };
            let etag = entry.meta.etag.as_deref();
            if let Some(error) =
                difference(snapshot, &store.describe(&entry.key), log, size, entry.meta.size, etag)
            {
                if let Ok(mut set) = copied.lock() {
                    set.remove(&log);
                }
                differs.get_or_insert(error);
                continue;
            }
            list.push(&ObjectLine { partition, segment, field, log, size, etag }).await?;
        }
    }
    list.close().await?;
    for ((segment, field, log), _) in expected {
        if let Ok(mut set) = copied.lock() {
            set.remove(&log);
        }
        differs.get_or_insert_with(|| missing(&backup.name.to_string(), segment, field, log));
    }
    if !stale.is_empty() {
        store
            .delete(&stale)
            .await
            .map_err(Error::storage("while removing files of segments that are gone"))?;
    }
    Ok(differs.map_or(Verdict::Whole, Verdict::Differs))
}

fn difference(
    snapshot: &Snapshot,
    key: &str,
    log: LogId,
    size: u64,
    found: u64,
    etag: Option<&str>,
) -> Option<Error> {
    if size != found {
        return Some(Error::Copied {
            key: key.to_owned(),
            found: format!("{found} bytes"),
            expected: format!("{size} bytes"),
        });
    }
    let (source, copy) = (snapshot.md5.get(&log)?, etag.and_then(plain_md5)?);
    (*source != copy).then(|| Error::Copied {
        key: key.to_owned(),
        found: format!("ETag {copy:032x}"),
        expected: format!("{source:032x}"),
    })
}

fn missing(collection: &str, segment: SegmentId, field: Option<FieldId>, log: LogId) -> Error {
    let part = field.map_or("delta_log".to_owned(), |field| format!("field {field}"));
    Error::Copied {
        key: format!("{collection}: segment {segment}, {part}, log {log}"),
        found: "nothing".to_owned(),
        expected: "the file".to_owned(),
    }
}
