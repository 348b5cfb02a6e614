//! Compares every copied object with its source: the size, and the `ETag` if both stores report an MD5.

use std::borrow::Cow;

use model::manifest::object_list::ListedFile;
use storage::ListedObject;

use super::BackupRun;
use super::capture::Snapshot;
use super::copied_files::CopiedFiles;
use crate::Error;
use crate::catalog::{
    CollectionComparison, ComparedFile, ComparedObject, ObjectListWriter, missing_copy_error,
};
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
    let layout = run.prepared.catalog.layout(&run.prepared.request.name);
    let store = &run.prepared.catalog.store;
    let mut comparison = CollectionComparison::new(store, layout.clone(), backup);
    if comparison.expects_nothing() && copied.is_empty() {
        return Ok(Verdict::Complete);
    }
    let mut list = ObjectListWriter::create(store, &layout, backup.id).await?;
    let mut stale = Vec::new();
    let mut differs = None;
    while let Some(ComparedObject { object, file }) = comparison.next().await? {
        let Some(file) = file else {
            stale.push(object.key);
            continue;
        };
        if let Some(error) = find_difference(snapshot, &file, &object, || store.describe(&object.key)) {
            copied.remove(file.id.log);
            differs.get_or_insert(error);
            continue;
        }
        let ComparedFile { scope, id, size } = file;
        let etag = object.meta.etag.as_deref().map(Cow::Borrowed);
        list.push(&ListedFile { scope, file: id, size, etag }).await?;
    }
    list.close().await?;
    for (_, file) in comparison.missing() {
        copied.remove(file.log);
        differs.get_or_insert_with(|| missing_copy_error(&backup.name.to_string(), file));
    }
    if !stale.is_empty() {
        store.delete(&stale).await?;
    }
    Ok(differs.map_or(Verdict::Complete, Verdict::Differs))
}

/// Compares one copied object with its source; returns the difference as an error.
fn find_difference(
    snapshot: &Snapshot,
    file: &ComparedFile,
    object: &ListedObject,
    key: impl Fn() -> String,
) -> Option<Error> {
    if !file.has_size_of(object) {
        return Some(file.size_error(object, key()));
    }
    let source = snapshot.checksums.find_by_log(file.id.log)?;
    let copy = object.meta.etag.as_deref().and_then(md5_prefix)?;
    (source != copy).then(|| Error::Copied {
        key: key(),
        found: format!("an ETag that begins with {copy:016x}"),
        expected: format!("{source:016x}"),
    })
}
