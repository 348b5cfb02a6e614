//! The rows of one segment.

mod batches;
mod check;
mod chunk;
mod columns;
mod reader;
mod rewrite;

use model::ids::{CollectionId, FieldId, PartitionId, SegmentId};
use model::key::ObjectKey;
use model::manifest::Binlog;

pub use reader::{RowCounts, SegmentReader};
pub use rewrite::SegmentRewriter;

/// The insert binlogs of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFiles {
    /// The collection that the segment belongs to.
    pub collection: CollectionId,
    /// The partition that the segment belongs to.
    pub partition: PartitionId,
    /// The segment.
    pub segment: SegmentId,
    /// The number of rows, deleted ones included, which the files are compared with; `None` if it is not known.
    pub rows: Option<u64>,
    /// The files, in any order.
    pub files: Vec<InsertFile>,
}

/// One insert binlog in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsertFile {
    /// The key of the file.
    pub key: ObjectKey,
    /// The column or column group, the id of the file, and its size if that is known.
    pub binlog: Binlog,
}

/// What is read of a segment, and in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// The fields to read, in the order of the batches' columns; `None` for all fields of the schema by id, with the
    /// hidden field `$meta` where dynamic fields are enabled.
    ///
    /// The row id and the timestamp are fields too: [`FieldId::ROW_ID`] and [`FieldId::TIMESTAMP`].
    pub columns: Option<Vec<FieldId>>,
    /// Whether text becomes Arrow's `Binary` instead of `Utf8`. Servers up to 2.5 accepted text that is not UTF-8,
    /// which cannot be read otherwise.
    pub binary_text: bool,
    /// Omits the rows whose timestamp is at or before this time, in milliseconds since 1970: the present time less
    /// the time to live of the collection. `None` keeps expired rows, which Milvus may not have removed yet.
    pub expired_at_ms: Option<u64>,
    /// The largest number of rows in a batch.
    pub batch_rows: usize,
    /// The size at which a batch ends before it has `batch_rows` rows, in bytes. A batch has at least one row.
    pub batch_bytes: usize,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            columns: None,
            binary_text: false,
            expired_at_ms: None,
            batch_rows: 8192,
            batch_bytes: 8 << 20,
        }
    }
}
