//! Leaves out files of segments that Milvus's metadata does not know, which an interrupted flush or compaction left.

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::binlog;
use model::ids::{CollectionId, FieldId, PartitionScope};
use model::manifest::{Binlog, Segment};
use model::plan::{CountedFile, find_surplus};
use model::segment::{SegmentKind, StorageFormat};
use storage::StorageErrorKind;

use crate::Error;
use crate::instance::Instance;

/// The number of bytes at the end of a file that contain the footer with its number of rows.
const FOOTER_BYTES: u64 = 16 << 10;

/// The number of segments that are examined at the same time.
const SEGMENTS_AT_ONCE: usize = 8;

impl Instance {
    /// Leaves out the surplus files of some segments; returns what to tell about them.
    ///
    /// Only the ends of files are read: of one column in segments with several files a column, and of all columns if they
    /// have different numbers of files, or other rows than Milvus reports.
    pub(super) async fn leave_out_surplus(
        &self,
        collection: CollectionId,
        segments: &mut [Segment],
    ) -> Result<Vec<String>, Error> {
        let examined: Vec<_> = segments
            .iter_mut()
            .filter(|segment| may_have_surplus(segment))
            .map(|segment| self.leave_out_surplus_of(collection, segment).boxed())
            .collect();
        stream::iter(examined)
            .buffered(SEGMENTS_AT_ONCE)
            .try_filter_map(|remark| async move { Ok(remark) })
            .try_collect()
            .await
    }

    async fn leave_out_surplus_of(
        &self,
        collection: CollectionId,
        segment: &mut Segment,
    ) -> Result<Option<String>, Error> {
        let counted = match self.count_odd_files(collection, segment).await {
            Ok(Some(counted)) => counted,
            // A file that was removed or cannot be read is a matter for those that copy it.
            Ok(None) => return Ok(None),
            Err(Error::Storage(error)) if error.kind() == StorageErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let (id, rows) = (segment.id, segment.rows);
        match find_surplus(&counted, rows) {
            Some(surplus) if surplus.is_empty() => Ok(None),
            Some(surplus) => {
                let is_surplus =
                    |b: &Binlog| surplus.iter().any(|file| (file.field, file.log) == (b.field, b.log));
                segment.binlogs.retain(|binlog| !is_surplus(binlog));
                let count = surplus.len();
                Ok(Some(format!(
                    "segment {id} has files that do not belong to its {rows} rows; they are left out: {count}"
                )))
            }
            None if is_uneven(segment) => Ok(None),
            None => {
                let first = first_field(segment);
                let column: Vec<CountedFile> =
                    counted.into_iter().filter(|file| file.field == first).collect();
                let found = count_rows(&column);
                Ok(Some(format!(
                    "segment {id} has files with {found} rows, but Milvus reports {rows}; all are in the backup"
                )))
            }
        }
    }

    /// Counts the rows of all files of a segment whose files may not all belong to it; returns `None` for others, and
    /// for files of another format.
    async fn count_odd_files(
        &self,
        collection: CollectionId,
        segment: &Segment,
    ) -> Result<Option<Vec<CountedFile>>, Error> {
        if !is_uneven(segment) {
            let first = first_field(segment);
            let column = segment.binlogs.iter().take_while(|file| file.field == first);
            let Some(counted) = self.count_files(collection, segment, column).await? else { return Ok(None) };
            if count_rows(&counted) == segment.rows {
                return Ok(None);
            }
        }
        self.count_files(collection, segment, segment.binlogs.iter()).await
    }

    /// Counts the rows of files by their footers; returns `None` if one has none.
    async fn count_files(
        &self,
        collection: CollectionId,
        segment: &Segment,
        files: impl Iterator<Item = &Binlog>,
    ) -> Result<Option<Vec<CountedFile>>, Error> {
        let PartitionScope::One(partition) = segment.partition else { return Ok(None) };
        let mut counted = Vec::new();
        for Binlog { field, log, size } in files {
            let key = self.layout.insert_key(collection, partition, segment.id, *field, *log);
            let tail = self.store.read_range(&key, size.saturating_sub(FOOTER_BYTES)..*size).await?;
            let Some(content) = binlog::insert_content(&tail) else { return Ok(None) };
            counted.push(CountedFile { field: *field, log: *log, rows: content.rows, content: content.hash });
        }
        Ok(Some(counted))
    }
}

/// Returns whether a segment has several files a column, in the format whose files can be counted.
fn may_have_surplus(segment: &Segment) -> bool {
    segment.kind == SegmentKind::Rows { format: StorageFormat::V1 }
        && segment.rows > 0
        && segment.binlogs.chunk_by(|a, b| a.field == b.field).any(|files| files.len() > 1)
}

/// Returns whether the columns of a segment have different numbers of files.
fn is_uneven(segment: &Segment) -> bool {
    let mut counts = segment.binlogs.chunk_by(|a, b| a.field == b.field).map(<[Binlog]>::len);
    let first = counts.next();
    counts.any(|count| Some(count) != first)
}

fn count_rows(files: &[CountedFile]) -> u64 {
    files.iter().map(|file| file.rows).fold(0, u64::saturating_add)
}

/// Returns the first column of a segment that has files.
fn first_field(segment: &Segment) -> FieldId {
    segment.binlogs.first().map(|file| file.field).unwrap_or_default()
}
