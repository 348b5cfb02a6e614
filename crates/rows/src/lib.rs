//! The rows in Milvus's binlogs, as Arrow record batches without the deleted ones.
//!
//! A [`SegmentReader`] reads the insert binlogs of one segment, of storage version 1 (a column a file) or 2 (a group
//! of columns a file), and omits the rows that [`DeleteMap`]s delete. It recognises formats by the files themselves.
//! Files of storage version 3 and encrypted files are refused by name.
//!
//! [`SegmentDeletes`] finds what delete entries do to a segment. [`encode_delta_log`] writes entries for the delta log of
//! a segment, and a [`SegmentRewriter`] its insert binlogs without the deleted rows.
//!
//! This crate is given a schema, lists of files and a store. It does not know what a backup is, and all bytes come
//! through [`storage::Store`]. Its input is not trusted: whatever is wrong with a file is an error that names the
//! place.
//!
//! # Memory
//! A reader has in memory, for each column that it reads: two pieces of its file, which together are at most about
//! 128 MiB for all columns, two pages, and one batch of about [`ReadOptions::batch_bytes`] or several smaller ones.
//! Milvus's pages have about 1 MiB; one of more than 256 MiB is refused. In addition come the footers of the current and
//! the next file of each column, files of up to 1 MiB as a whole, and the [`DeleteMap`]s.
//!
//! # Runtime
//! Readers decode on Tokio's threads for blocking work, 64 at the same time, and need a runtime with I/O enabled.

mod blocking;
mod deletes;
mod error;
mod file;
mod filter;
mod geometry;
mod json;
mod segment;
mod values;

pub use deletes::{
    DeleteEntry, DeleteMap, DeltaFile, DeltaFiles, KeyType, RowKey, SegmentDeletes, count_delete_entries,
    encode_delta_log,
};
pub use error::{Place, Reason, RowsError, Unsupported};
pub use file::InsertSummary;
pub use filter::{Filter, FilterError};
pub use geometry::geometry_text;
pub use json::{time_text, write_json_row, write_json_value};
pub use segment::{InsertFile, ReadOptions, RowCounts, SegmentFiles, SegmentReader, SegmentRewriter};
