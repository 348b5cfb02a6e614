//! Looks at every object where it lies now: its size, and its `ETag` where both sides give comparable ones.

use futures::TryStreamExt;
use model::ids::LogId;
use model::plan::{Expected, FileId};
use storage::ObjectMeta;

use super::Run;
use super::capture::Snapshot;
use super::collection::Copied;
use crate::Error;
use crate::catalog::{ObjectLine, ObjectList, file_id};
use crate::instance::plain_md5;

/// What the look came to.
pub(super) enum Verdict {
    /// All is there as it should be, and nothing else.
    Whole,
    /// Something is missing or differs; it will be copied again.
    Differs(Error),
}

/// Lists the copy of a collection, writes its object list and holds it against what was to be copied.
/// What earlier rounds copied of segments that are gone since is removed: an import takes whole prefixes.
pub(super) async fn run(run: &Run<'_>, snapshot: &Snapshot, copied: &Copied) -> Result<Verdict, Error> {
    let backup = &snapshot.backup;
    let mut expected = Expected::new(backup);
    if expected.is_empty() && copied.is_empty() {
        return Ok(Verdict::Whole);
    }
    let layout = run.prepared.catalog.layout(&run.prepared.request.name);
    let store = &run.prepared.catalog.store;
    let mut list = ObjectList::create(store, &layout, backup.id).await?;
    let mut stale = Vec::new();
    let mut differs = None;
    for dir in [layout.insert_collection_dir(backup.id), layout.delta_collection_dir(backup.id)] {
        let mut entries = store.list(&dir);
        while let Some(entry) = entries.try_next().await? {
            let known =
                file_id(&layout, &entry.key).and_then(|file| expected.take(file).map(|known| (file, known)));
            let Some((file, (partition, size))) = known else {
                stale.push(entry.key);
                continue;
            };
            let FileId { segment, field, log } = file;
            let etag = entry.meta.etag.as_deref();
            if let Some(error) = difference(snapshot, log, size, &entry.meta, || store.describe(&entry.key)) {
                copied.forget(log);
                differs.get_or_insert(error);
                continue;
            }
            list.push(&ObjectLine { partition, segment, field, log, size, etag }).await?;
        }
    }
    list.close().await?;
    for (_, file) in expected.missing() {
        copied.forget(file.log);
        differs.get_or_insert_with(|| missing(&backup.name.to_string(), file));
    }
    if !stale.is_empty() {
        store.delete(&stale).await?;
    }
    Ok(differs.map_or(Verdict::Whole, Verdict::Differs))
}

fn difference(
    snapshot: &Snapshot,
    log: LogId,
    size: u64,
    found: &ObjectMeta,
    key: impl Fn() -> String,
) -> Option<Error> {
    if size != found.size {
        let (found, expected) = (format!("{} bytes", found.size), format!("{size} bytes"));
        return Some(Error::Copied { key: key(), found, expected });
    }
    let source = snapshot.sums.of(log)?;
    let copy = found.etag.as_deref().and_then(plain_md5)?;
    (source != copy).then(|| Error::Copied {
        key: key(),
        found: format!("an ETag that begins with {copy:016x}"),
        expected: format!("{source:016x}"),
    })
}

fn missing(collection: &str, file: FileId) -> Error {
    let part = file.field.map_or("delta_log".to_owned(), |field| format!("field {field}"));
    Error::Copied {
        key: format!("{collection}: segment {}, {part}, log {}", file.segment, file.log),
        found: "nothing".to_owned(),
        expected: "the file".to_owned(),
    }
}
