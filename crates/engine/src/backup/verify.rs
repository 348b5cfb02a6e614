//! Compares every copied object with its source: the size, and the `ETag` if both stores report an MD5.

use futures::TryStreamExt;
use model::ids::LogId;
use model::plan::{ExpectedFiles, FileId};
use storage::ObjectMetadata;

use super::BackupRun;
use super::capture::Snapshot;
use super::copied_files::CopiedFiles;
use crate::Error;
use crate::catalog::{ObjectLine, ObjectListWriter, parse_file_id};
use crate::instance::md5_prefix;

/// The result of comparing a copy with its source.
pub(super) enum Verdict {
    /// The copy contains exactly the expected files.
    Complete,
    /// Files are missing or differ, and have to be copied again; contains the first difference.
    Differs(Error),
}

/// Lists the copy of a collection, compares it with the snapshot, and writes the object list.
///
/// Removes the files of replaced segments that earlier rounds copied, because an import reads whole prefixes. Removes
/// files that differ from `copied`, so that the next round copies them again.
pub(super) async fn verify_copy(
    run: &BackupRun<'_>,
    snapshot: &Snapshot,
    copied: &CopiedFiles,
) -> Result<Verdict, Error> {
    let backup = &snapshot.backup;
    let mut expected = ExpectedFiles::new(backup);
    if expected.is_empty() && copied.is_empty() {
        return Ok(Verdict::Complete);
    }
    let layout = run.prepared.catalog.layout(&run.prepared.request.name);
    let store = &run.prepared.catalog.store;
    let mut list = ObjectListWriter::create(store, &layout, backup.id).await?;
    let mut stale = Vec::new();
    let mut differs = None;
    for dir in [layout.insert_collection_dir(backup.id), layout.delta_collection_dir(backup.id)] {
        let mut entries = store.list(&dir);
        while let Some(entry) = entries.try_next().await? {
            let known = parse_file_id(&layout, &entry.key)
                .and_then(|file| expected.mark_found(file).map(|known| (file, known)));
            let Some((file, (partition, size))) = known else {
                stale.push(entry.key);
                continue;
            };
            let FileId { segment, field, log } = file;
            let etag = entry.meta.etag.as_deref();
            if let Some(error) =
                find_difference(snapshot, log, size, &entry.meta, || store.describe(&entry.key))
            {
                copied.remove(log);
                differs.get_or_insert(error);
                continue;
            }
            list.push(&ObjectLine { partition, segment, field, log, size, etag }).await?;
        }
    }
    list.close().await?;
    for (_, file) in expected.missing() {
        copied.remove(file.log);
        differs.get_or_insert_with(|| missing_file_error(&backup.name.to_string(), file));
    }
    if !stale.is_empty() {
        store.delete(&stale).await?;
    }
    Ok(differs.map_or(Verdict::Complete, Verdict::Differs))
}

/// Compares one copied object with its source; returns the difference as an error.
fn find_difference(
    snapshot: &Snapshot,
    log: LogId,
    size: u64,
    found: &ObjectMetadata,
    key: impl Fn() -> String,
) -> Option<Error> {
    if size != found.size {
        let (found, expected) = (format!("{} bytes", found.size), format!("{size} bytes"));
        return Some(Error::Copied { key: key(), found, expected });
    }
    let source = snapshot.checksums.find_by_log(log)?;
    let copy = found.etag.as_deref().and_then(md5_prefix)?;
    (source != copy).then(|| Error::Copied {
        key: key(),
        found: format!("an ETag that begins with {copy:016x}"),
        expected: format!("{source:016x}"),
    })
}

fn missing_file_error(collection: &str, file: FileId) -> Error {
    let part = file.field.map_or("delta_log".to_owned(), |field| format!("field {field}"));
    Error::Copied {
        key: format!("{collection}: segment {}, {part}, log {}", file.segment, file.log),
        found: "nothing".to_owned(),
        expected: "the file".to_owned(),
    }
}
