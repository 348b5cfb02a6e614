//! Leaves out files of segments that Milvus's metadata does not know, which an interrupted flush or compaction left.

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::binlog;
use model::ids::{CollectionId, FieldId, PartitionScope};
use model::key::ObjectKey;
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
    /// Rows are counted only in segments with several files a column, in one column. All files are read only if the
    /// columns have different numbers of files, or other rows than Milvus reports.
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
                let found = counted.iter().filter(|file| file.field == first_field(segment));
                let found: u64 = found.map(|file| file.rows).fold(0, u64::saturating_add);
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
        let PartitionScope::One(partition) = segment.partition else { return Ok(None) };
        let key =
            |file: &Binlog| self.layout.insert_key(collection, partition, segment.id, file.field, file.log);
        if !is_uneven(segment) {
            let first = first_field(segment);
            let mut rows = Some(0_u64);
            for file in segment.binlogs.iter().take_while(|file| file.field == first) {
                let counted = self.count_rows_at_end(&key(file), file.size).await?;
                rows = rows.zip(counted).map(|(sum, counted)| sum.saturating_add(counted));
            }
            if rows == Some(segment.rows) {
                return Ok(None);
            }
        }
        let mut counted = Vec::with_capacity(segment.binlogs.len());
        for file in &segment.binlogs {
            let bytes = self.store.read(&key(file)).await?;
            let Ok(content) = binlog::insert_content(&bytes) else { return Ok(None) };
            counted.push(CountedFile {
                field: file.field,
                log: file.log,
                rows: content.rows,
                content: content.hash,
            });
        }
        Ok(Some(counted))
    }

    /// Counts the rows of a file by its footer; returns `None` if it has none.
    async fn count_rows_at_end(&self, key: &ObjectKey, size: u64) -> Result<Option<u64>, Error> {
        let tail = self.store.read_range(key, size.saturating_sub(FOOTER_BYTES)..size).await?;
        Ok(binlog::insert_rows_at_end(&tail))
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

/// Returns the first column of a segment that has files.
fn first_field(segment: &Segment) -> FieldId {
    segment.binlogs.first().map(|file| file.field).unwrap_or_default()
}
