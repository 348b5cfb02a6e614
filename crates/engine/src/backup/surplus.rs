//! Leaves out files of segments that Milvus's metadata does not know, which an interrupted flush or compaction left.

use std::collections::BTreeSet;

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::ids::{CollectionId, FieldId, PartitionScope};
use model::manifest::{Binlog, Schema, Segment};
use model::plan::{CountedFile, SegmentProblem, find_own_files};
use model::segment::{SegmentKind, StorageFormat};
use rows::InsertSummary;
use storage::StorageErrorKind;

use crate::Error;
use crate::instance::Instance;

/// The number of segments that are examined at the same time.
const SEGMENTS_AT_ONCE: usize = 8;

/// Which of the listed files belong to a segment.
enum Examined {
    /// All of them, as far as their numbers show.
    Whole,
    /// Only these.
    Mixed(Vec<CountedFile>),
    /// The files have other rows than Milvus reports, and no choice of files explains it.
    Unclear(SegmentProblem),
}

impl Instance {
    /// Leaves out the surplus files of some segments; returns what to tell about them, or the problems of those whose
    /// surplus is not clear.
    ///
    /// Only the ends of files are read: of one column in segments with several files a column, and of all columns if they
    /// have different numbers of files, or other rows than Milvus reports.
    pub(super) async fn leave_out_surplus(
        &self,
        collection: CollectionId,
        schema: &Schema,
        segments: &mut [Segment],
    ) -> Result<(Vec<String>, Vec<SegmentProblem>), Error> {
        let mut remarks: Vec<String> =
            segments.iter_mut().filter_map(|segment| leave_out_unknown_fields(schema, segment)).collect();
        let mut problems = Vec::new();
        let odd: Vec<&mut Segment> =
            segments.iter_mut().filter(|segment| may_have_surplus(segment)).collect();
        let examined: Vec<_> = odd.iter().map(|segment| self.examine(collection, segment).boxed()).collect();
        let examined: Vec<Examined> = stream::iter(examined).buffered(SEGMENTS_AT_ONCE).try_collect().await?;
        for (segment, examined) in odd.into_iter().zip(examined) {
            match examined {
                Examined::Whole => {}
                Examined::Mixed(own) => {
                    let (id, rows, before) = (segment.id, segment.rows, segment.binlogs.len());
                    let is_own =
                        |b: &Binlog| own.iter().any(|file| (file.field, file.log) == (b.field, b.log));
                    segment.binlogs.retain(is_own);
                    let count = before - segment.binlogs.len();
                    remarks.push(format!(
                        "segment {id} has files that do not belong to its {rows} rows; they are left out: {count}"
                    ));
                }
                Examined::Unclear(problem) => problems.push(problem),
            }
        }
        Ok((remarks, problems))
    }

    async fn examine(&self, collection: CollectionId, segment: &Segment) -> Result<Examined, Error> {
        let counted = match self.count_odd_files(collection, segment).await {
            Ok(Some(counted)) if !counted.is_empty() => counted,
            Ok(_) => return Ok(Examined::Whole),
            // A file that was removed is a matter for those that copy it.
            Err(Error::Storage(error)) if error.kind() == StorageErrorKind::NotFound => {
                return Ok(Examined::Whole);
            }
            Err(error) => return Err(error),
        };
        let (id, reported) = (segment.id, segment.rows);
        Ok(match find_own_files(&counted, reported) {
            Some(own) if own.len() == segment.binlogs.len() => Examined::Whole,
            Some(own) => Examined::Mixed(own),
            // The different numbers of files are a problem of their own.
            None if is_uneven(segment) => Examined::Whole,
            None => Examined::Unclear(SegmentProblem::OtherRows {
                id,
                found: count_rows(counted.iter().filter(|file| file.field == first_field(segment))),
                reported,
            }),
        })
    }

    /// Counts the rows of all files of a segment whose files may not all belong to it; returns `None` for others.
    ///
    /// Files that cannot be read, because they are cut off or empty, are not in the result.
    async fn count_odd_files(
        &self,
        collection: CollectionId,
        segment: &Segment,
    ) -> Result<Option<Vec<CountedFile>>, Error> {
        if !is_uneven(segment) {
            let first = first_field(segment);
            let column = || segment.binlogs.iter().take_while(move |file| file.field == first);
            let counted = self.count_files(collection, segment, column()).await?;
            if counted.len() == column().count() && count_rows(&counted) == segment.rows {
                return Ok(None);
            }
        }
        self.count_files(collection, segment, segment.binlogs.iter()).await.map(Some)
    }

    /// Counts the rows of files by their footers; leaves out those that have none.
    async fn count_files(
        &self,
        collection: CollectionId,
        segment: &Segment,
        files: impl Iterator<Item = &Binlog>,
    ) -> Result<Vec<CountedFile>, Error> {
        let PartitionScope::One(partition) = segment.partition else { return Ok(Vec::new()) };
        let mut counted = Vec::new();
        for Binlog { field, log, size } in files.filter(|file| file.size > 0) {
            let key = self.layout.insert_key(collection, partition, segment.id, *field, *log);
            if let Some(InsertSummary { rows, hash }) = InsertSummary::read(&self.store, &key, *size).await? {
                counted.push(CountedFile { field: *field, log: *log, rows, content: hash });
            }
        }
        Ok(counted)
    }
}

/// Leaves out the files of fields that the schema does not have; returns what to tell about them, if there are any.
fn leave_out_unknown_fields(schema: &Schema, segment: &mut Segment) -> Option<String> {
    if segment.kind != (SegmentKind::Rows { format: StorageFormat::V1 }) {
        return None;
    }
    let unknown: BTreeSet<i64> = segment
        .binlogs
        .iter()
        .map(|file| file.field)
        .filter(|id| !schema.may_store(*id))
        .map(|id| id.0)
        .collect();
    if unknown.is_empty() {
        return None;
    }
    segment.binlogs.retain(|file| schema.may_store(file.field));
    let ids = unknown.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    let id = segment.id;
    Some(format!(
        "segment {id} has files of fields that the schema does not have; they are left out: field {ids}"
    ))
}

/// Returns whether a segment has several files a column, in the format whose files can be counted.
fn may_have_surplus(segment: &Segment) -> bool {
    segment.kind == SegmentKind::Rows { format: StorageFormat::V1 }
        && segment.rows > 0
        && segment.files_by_column().any(|(_, count)| count > 1)
}

/// Returns whether the columns of a segment have different numbers of files.
fn is_uneven(segment: &Segment) -> bool {
    let mut counts = segment.files_by_column().map(|(_, count)| count);
    let first = counts.next();
    counts.any(|count| Some(count) != first)
}

fn count_rows<'a>(files: impl IntoIterator<Item = &'a CountedFile>) -> u64 {
    files.into_iter().map(|file| file.rows).fold(0, u64::saturating_add)
}

/// Returns the first column of a segment that has files.
fn first_field(segment: &Segment) -> FieldId {
    segment.binlogs.first().map(|file| file.field).unwrap_or_default()
}
