//! Comparison of a listing with the files that a manifest records, without a map of a million files.

use std::collections::HashMap;

use super::backup::segments;
use crate::ids::{FileId, PartitionScope, SegmentId};
use crate::manifest::{CollectionBackup, Segment};

/// The files that a collection should have, and which of them were found.
#[derive(Debug)]
pub struct ExpectedFiles<'a>(HashMap<SegmentId, Files<'a>>);

#[derive(Debug)]
struct Files<'a> {
    scope: PartitionScope,
    segment: &'a Segment,
    /// Whether each file was found: insert binlogs first, then delta logs.
    found: Vec<bool>,
}

impl<'a> ExpectedFiles<'a> {
    /// Expects every file of a collection; the files of each segment must be sorted.
    pub fn new(collection: &'a CollectionBackup) -> Self {
        let files = |(scope, segment): (_, &'a Segment)| {
            (segment.id, Files { scope, segment, found: vec![false; segment.objects()] })
        };
        Self(segments(collection).map(files).collect())
    }

    /// Returns whether the collection has no files.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(|files| files.found.is_empty())
    }

    /// Marks a file as found and returns its partition and size in bytes.
    ///
    /// Returns `None` if the collection does not have the file, or if the file was found before.
    pub fn mark_found(&mut self, file: FileId) -> Option<(PartitionScope, u64)> {
        let files = self.0.get_mut(&file.segment)?;
        let (at, size) = find_file(files.segment, file)?;
        let found = files.found.get_mut(at)?;
        (!std::mem::replace(found, true)).then_some((files.scope, size))
    }

    /// Returns every file that was not found, in no particular order.
    pub fn missing(&self) -> impl Iterator<Item = (PartitionScope, FileId)> {
        self.0.values().flat_map(|files| {
            let all = list_files(files.segment).zip(&files.found);
            all.filter(|(_, found)| !**found).map(|((file, _), _)| (files.scope, file))
        })
    }
}

/// Returns every file of a segment with its size in bytes: insert binlogs first, then delta logs.
pub(super) fn list_files(of: &Segment) -> impl Iterator<Item = (FileId, u64)> {
    let segment = of.id;
    let inserts = of.binlogs.iter().map(|b| (Some(b.field), b.log, b.size));
    let deltas = of.delta_logs.iter().map(|d| (None, d.log, d.size));
    inserts.chain(deltas).map(move |(field, log, size)| (FileId { segment, field, log }, size))
}

/// Returns the position of a file in the list of [`list_files`] and its size in bytes; the files must be sorted.
pub(super) fn find_file(of: &Segment, file: FileId) -> Option<(usize, u64)> {
    let Segment { binlogs, delta_logs, .. } = of;
    if let Some(field) = file.field {
        let at = binlogs.binary_search_by_key(&(field, file.log), |b| (b.field, b.log)).ok()?;
        Some((at, binlogs.get(at)?.size))
    } else {
        let at = delta_logs.binary_search_by_key(&file.log, |d| d.log).ok()?;
        Some((binlogs.len() + at, delta_logs.get(at)?.size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{FieldId, LogId, PartitionId};
    use crate::manifest::{Binlog, DeltaLog};
    use crate::plan::sample;

    fn collection() -> CollectionBackup {
        let segment = Segment {
            binlogs: vec![
                Binlog { field: FieldId(0), log: LogId(7), size: 70 },
                Binlog { field: FieldId(100), log: LogId(8), size: 80 },
            ],
            delta_logs: vec![DeltaLog { log: LogId(9), size: 90 }],
            ..sample::segment(3, 10, 0)
        };
        sample::collection("books", vec![sample::partition(2, "_default", vec![segment])])
    }

    fn file_id(field: Option<i64>, log: i64) -> FileId {
        FileId { segment: SegmentId(3), field: field.map(FieldId), log: LogId(log) }
    }

    #[test]
    fn files_not_found_are_missing_and_found_files_are_returned_with_their_size() {
        let collection = collection();
        let mut expected = ExpectedFiles::new(&collection);
        let scope = PartitionScope::One(PartitionId(2));
        assert_eq!(expected.mark_found(file_id(Some(100), 8)), Some((scope, 80)));
        assert_eq!(expected.mark_found(file_id(None, 9)), Some((scope, 90)));
        assert_eq!(expected.mark_found(file_id(Some(100), 7)), None);
        assert_eq!(expected.missing().collect::<Vec<_>>(), vec![(scope, file_id(Some(0), 7))]);
    }

    #[test]
    fn a_file_found_twice_counts_once() {
        let collection = collection();
        let mut expected = ExpectedFiles::new(&collection);
        assert!(expected.mark_found(file_id(Some(0), 7)).is_some());
        assert!(expected.mark_found(file_id(Some(0), 7)).is_none());
    }
}
