//! Streams the values of one column, page by page.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Fields};
use bytes::{Buf, Bytes, BytesMut};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::column::page::{PageIterator, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use tokio::runtime::Handle;

use super::footer::{FileColumn, Footer, Physical};
use super::page;
use super::page_content::CheckedPages;
use super::pieces::Pieces;
use super::{Fault, ParquetPart};
use crate::error::Reason;

/// The largest page header that is accepted, in bytes; it may contain the smallest and the largest value.
const MAX_HEADER_BYTES: u64 = 8 << 20;
/// The largest size of the lists of one row group, in bytes before compression. Writers cut at 1 to 64 MiB.
const MAX_LIST_BYTES: u64 = 1 << 30;

/// The values of one column of a Parquet file, in batches.
///
/// Bytes of any length are read as views into the pages that contain them, so that a batch never takes much more
/// memory than its pages, however often a dictionary repeats a value.
pub(crate) struct ColumnStream {
    reader: ParquetRecordBatchReader,
    bytes: Arc<ColumnBytes>,
}

impl ColumnStream {
    /// Opens streams for some columns, with batches of `batch_rows` rows, and begins to read the first bytes.
    ///
    /// While a stream is read, at most two pieces of about `piece_bytes` bytes and two pages are in memory for it.
    pub(crate) fn open(
        part: &ParquetPart,
        columns: &[&FileColumn],
        batch_rows: usize,
        piece_bytes: u64,
        runtime: Handle,
    ) -> Result<Vec<Self>, Fault> {
        let leaves: Vec<_> = columns.iter().map(|column| column.leaf).collect();
        let (pieces, of_columns) = Pieces::plan(part, &leaves, piece_bytes, runtime);
        let pieces = Arc::new(pieces);
        for first in of_columns.iter().filter_map(|own| own.first()) {
            pieces.prefetch(*first);
        }
        let streams = columns.iter().zip(of_columns).map(|(column, own)| {
            let bytes = Arc::new(ColumnBytes::new(part, column, Arc::clone(&pieces), own)?);
            let groups = ColumnGroups { footer: &part.footer, column, bytes: Arc::clone(&bytes) };
            let hint = match column.physical {
                Physical::Bytes => {
                    Some(Fields::from(vec![Field::new(&column.name, DataType::BinaryView, true)]))
                }
                _ => None,
            };
            let levels = parquet_to_arrow_field_levels(&column.alone, ProjectionMask::all(), hint.as_ref())?;
            let reader =
                ParquetRecordBatchReader::try_new_with_row_groups(&levels, &groups, batch_rows, None)?;
            Ok(Self { reader, bytes })
        });
        streams.collect::<Result<_, Reason>>().map_err(Fault::from)
    }

    /// Reads the next batch; `None` after the last one. Blocks on the store.
    pub(crate) fn next(&mut self) -> Result<Option<ArrayRef>, Fault> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let column = batch.map_err(|error| match error {
            arrow_schema::ArrowError::ParquetError(problem) => Reason::Damaged(problem),
            arrow_schema::ArrowError::ExternalError(source) => match source.downcast::<ParquetError>() {
                Ok(error) => Reason::from(*error),
                Err(other) => Reason::Damaged(other.to_string()),
            },
            other => Reason::Damaged(other.to_string()),
        });
        let column = column.and_then(|batch: RecordBatch| {
            batch.columns().first().cloned().ok_or_else(|| Reason::damaged("a column without values"))
        });
        column.map(Some).map_err(|reason| {
            // The `parquet` crate turns errors of its input into text; the original is kept beside it.
            let reason = self.bytes.state().failure.take().unwrap_or(reason);
            Fault { offset: Some(self.bytes.state().page_at), reason }
        })
    }

    /// Returns the offset of the current page in the object.
    pub(crate) fn offset(&self) -> u64 {
        self.bytes.state().page_at
    }
}

/// The row groups of one column.
struct ColumnGroups<'a> {
    footer: &'a Arc<Footer>,
    column: &'a FileColumn,
    bytes: Arc<ColumnBytes>,
}

impl RowGroups for ColumnGroups<'_> {
    fn num_rows(&self) -> usize {
        usize::try_from(self.footer.rows).unwrap_or(usize::MAX)
    }

    fn column_chunks(&self, _: usize) -> ParquetResult<Box<dyn PageIterator>> {
        let (footer, bytes) = (Arc::clone(self.footer), Arc::clone(&self.bytes));
        Ok(Box::new(ColumnChunks { footer, column: self.column.clone(), bytes, next: 0 }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.footer.metadata.row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.footer.metadata
    }
}

/// Iterates over the parts of a column in the row groups of its file.
struct ColumnChunks {
    footer: Arc<Footer>,
    column: FileColumn,
    bytes: Arc<ColumnBytes>,
    next: usize,
}

impl Iterator for ColumnChunks {
    type Item = ParquetResult<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let group = self.footer.metadata.row_groups().get(self.next)?;
        self.bytes.state().chunk = self.next;
        self.bytes.state().values = 0;
        self.next += 1;
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let chunk = group.column(self.column.leaf);
        let bytes = Arc::new(SharedBytes(Arc::clone(&self.bytes)));
        let pages = SerializedPageReader::new(bytes, chunk, rows, None);
        Some(pages.map(|pages| {
            let checked = CheckedPages::new(pages, &self.column.physical, &self.column.alone.column(0));
            Box::new(checked) as Box<dyn PageReader>
        }))
    }
}

impl PageIterator for ColumnChunks {}

/// The bytes of one column, read from front to back.
///
/// The `parquet` crate reads the header of each page through `get_read`, and then the page through `get_bytes`.
struct ColumnBytes {
    pieces: Arc<Pieces>,
    /// The numbers of the column's pieces.
    own: Vec<usize>,
    /// The offset of the Parquet file in the object.
    base: u64,
    /// The range of each row group's part in the object, and the number of its values.
    chunks: Vec<(Range<u64>, u64)>,
    state: Mutex<ReadState>,
}

#[derive(Default)]
struct ReadState {
    /// The number of the next piece in `own`.
    next: usize,
    /// The pieces in memory, and the offset of the first one in the object.
    window: VecDeque<Bytes>,
    window_at: u64,
    /// The row group that is being read, and how many of its values are in the pages so far.
    chunk: usize,
    values: u64,
    /// The offset of the current page's header in the object.
    page_at: u64,
    /// The error of the last call.
    failure: Option<Reason>,
}

impl ColumnBytes {
    fn new(
        part: &ParquetPart,
        column: &FileColumn,
        pieces: Arc<Pieces>,
        own: Vec<usize>,
    ) -> Result<Self, Reason> {
        let mut chunks = Vec::new();
        for group in part.footer.metadata.row_groups() {
            let chunk = group.column(column.leaf);
            let (start, length) = chunk.byte_range();
            let values = chunk.num_values().unsigned_abs();
            if let Physical::ListOfFixed(width) = column.physical
                && values.saturating_mul(width as u64 + 4) > MAX_LIST_BYTES
            {
                return Err(Reason::damaged("the lists of a row group exceed the limit of 1 GiB"));
            }
            let start = part.base + start;
            chunks.push((start..start + length, values));
        }
        Ok(Self { pieces, own, base: part.base, chunks, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, ReadState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `length` bytes at this offset of the object, which must not be before what was returned last.
    ///
    /// Bytes that are in one piece are not copied.
    fn fetch(&self, state: &mut ReadState, at: u64, length: usize) -> Result<Bytes, Reason> {
        let damaged = || Reason::damaged("a page is outside its column");
        let end = at.checked_add(length as u64).ok_or_else(damaged)?;
        while let Some(first) = state.window.front()
            && state.window_at + first.len() as u64 <= at
        {
            state.window_at += first.len() as u64;
            state.window.pop_front();
        }
        let mut window_end =
            state.window_at + state.window.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        while window_end < end || state.window.is_empty() {
            let piece = self.own.get(state.next).ok_or_else(damaged)?;
            let (piece_at, bytes) = self.pieces.take(*piece)?;
            state.next += 1;
            if let Some(ahead) = self.own.get(state.next) {
                self.pieces.prefetch(*ahead);
            }
            let piece_end = piece_at + bytes.len() as u64;
            if piece_end <= at {
                continue;
            }
            if state.window.is_empty() {
                state.window_at = piece_at;
            } else if piece_at != window_end {
                return Err(damaged());
            }
            window_end = piece_end;
            state.window.push_back(bytes);
        }
        let skip = at.checked_sub(state.window_at).and_then(|skip| usize::try_from(skip).ok());
        let (skip, first) = skip.zip(state.window.front()).ok_or_else(damaged)?;
        if skip + length <= first.len() {
            return Ok(first.slice(skip..skip + length));
        }
        let mut joined = BytesMut::with_capacity(length);
        let mut rest = skip;
        for bytes in &state.window {
            let part = bytes.get(rest..).unwrap_or_default();
            rest = rest.saturating_sub(bytes.len());
            joined.extend_from_slice(part.get(..length - joined.len()).unwrap_or(part));
        }
        Ok(joined.freeze())
    }

    /// Checks the header of the page at this offset, and returns it.
    fn page_header(&self, state: &mut ReadState, at: u64) -> Result<Bytes, Reason> {
        let damaged = || Reason::damaged("a page is outside its column");
        let (chunk, values) = self.chunks.get(state.chunk).ok_or_else(damaged)?;
        let available = chunk.end.checked_sub(at).filter(|_| at >= chunk.start).ok_or_else(damaged)?;
        state.page_at = at;
        let mut length = available.min(256);
        loop {
            let bytes = self.fetch(state, at, usize::try_from(length).map_err(|_| damaged())?)?;
            if let Some(header) = page::parse(&bytes)? {
                state.values = state.values.saturating_add(u64::from(header.values));
                if header.length as u64 + u64::from(header.compressed) > available || state.values > *values {
                    return Err(Reason::damaged("a page is larger than its column"));
                }
                return Ok(bytes.slice(..header.length));
            }
            if length == available || length >= MAX_HEADER_BYTES {
                return Err(Reason::damaged("the header of a page is truncated or too large"));
            }
            length = available.min(length * 32);
        }
    }

    /// Runs `read`, and keeps its error for [`ColumnStream::next`].
    fn guard<T>(&self, read: impl FnOnce(&mut ReadState) -> Result<T, Reason>) -> ParquetResult<T> {
        let mut state = self.state();
        read(&mut state).map_err(|reason| {
            let error = ParquetError::General(reason.to_string());
            state.failure = Some(reason);
            error
        })
    }
}

/// The form of [`ColumnBytes`] that the `parquet` crate reads.
struct SharedBytes(Arc<ColumnBytes>);

impl Length for SharedBytes {
    fn len(&self) -> u64 {
        self.0.chunks.iter().map(|(range, _)| range.end - self.0.base).max().unwrap_or(0)
    }
}

impl ChunkReader for SharedBytes {
    type T = HeaderReader;

    fn get_read(&self, start: u64) -> ParquetResult<HeaderReader> {
        Ok(HeaderReader { column: Arc::clone(&self.0), at: self.0.base + start, header: None })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        self.0.guard(|state| self.0.fetch(state, self.0.base + start, length))
    }
}

/// Reads the header of a page, and checks it when the first byte is read: not every reader is used.
struct HeaderReader {
    column: Arc<ColumnBytes>,
    at: u64,
    header: Option<Bytes>,
}

impl Read for HeaderReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut header = if let Some(header) = self.header.take() {
            header
        } else {
            let header = self.column.guard(|state| self.column.page_header(state, self.at));
            header.map_err(io::Error::other)?
        };
        let length = buffer.len().min(header.len());
        header.copy_to_slice(buffer.get_mut(..length).unwrap_or_default());
        self.header = Some(header);
        Ok(length)
    }
}
