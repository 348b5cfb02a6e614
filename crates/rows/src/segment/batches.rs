//! Reads the rows of a chunk in batches: joins the columns, converts their values, and omits rows that are dead.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter;
use model::ids::Tso;
use tokio::runtime::Handle;

use super::RowCounts;
use super::chunk::{ColumnSource, OpenChunk};
use super::columns::Columns;
use crate::deletes::{DeleteMap, KeyColumn};
use crate::error::{Place, Reason, Result, RowsError};
use crate::file::{ColumnStream, Physical};
use crate::values::{ValueFault, view_length};

/// The bytes of all columns that are read ahead, in pieces of the sizes below, and the same again in use.
const READ_AHEAD_BYTES: u64 = 64 << 20;
const MIN_PIECE_BYTES: u64 = 256 << 10;
const MAX_PIECE_BYTES: u64 = 4 << 20;
/// The number of bits in which a timestamp counts within a millisecond.
const LOGICAL_BITS: u32 = 18;

/// What a reader was asked for.
pub(super) struct Rules {
    pub(super) columns: Arc<Columns>,
    /// The schema of the batches.
    pub(super) schema: SchemaRef,
    pub(super) deletes: Vec<Arc<DeleteMap>>,
    pub(super) expired_at_ms: Option<u64>,
    pub(super) batch_rows: usize,
    pub(super) batch_bytes: usize,
}

/// The rows of a chunk that remain to be read.
pub(super) struct ChunkBatches {
    rules: Arc<Rules>,
    /// The streams of the columns; `None` for a column that the chunk lacks.
    streams: Vec<Option<(ColumnStream, Place)>>,
    place: Place,
    timestamps: [u64; 2],
    batch_rows: usize,
    /// The number of rows that the streams have not returned.
    unread: u64,
    /// What the streams returned last, as it is stored, and the number of rows of it that were converted.
    stored: Vec<Option<ArrayRef>>,
    stored_rows: usize,
    converted: usize,
    /// The position of the next row in the files.
    row: u64,
}

impl ChunkBatches {
    /// Opens the columns of a chunk for reading.
    pub(super) fn open(rules: Arc<Rules>, chunk: OpenChunk, place: Place, runtime: &Handle) -> Result<Self> {
        let types = &rules.columns.types;
        let batch_rows = rows_of_batches(&rules, &chunk);
        let timestamps = rules.columns.timestamp.and_then(|index| chunk.sources.get(index)?.as_ref());
        let timestamps = timestamps.map_or([0; 2], |source| source.timestamps);
        let mut by_file: BTreeMap<usize, Vec<(usize, ColumnSource)>> = BTreeMap::new();
        for (index, source) in chunk.sources.into_iter().enumerate() {
            if let Some(source) = source {
                by_file.entry(source.file).or_default().push((index, source));
            }
        }
        let piece = (READ_AHEAD_BYTES / types.len().max(1) as u64).clamp(MIN_PIECE_BYTES, MAX_PIECE_BYTES);
        let mut streams: Vec<Option<(ColumnStream, Place)>> = types.iter().map(|_| None).collect();
        for sources in by_file.into_values() {
            let Some((_, first)) = sources.first() else { continue };
            let columns: Vec<_> = sources.iter().map(|(_, source)| &source.column).collect();
            let opened = ColumnStream::open(&first.part, &columns, batch_rows, piece, runtime.clone());
            let opened = opened.map_err(|fault| fault.in_file(first.place.clone()))?;
            for ((index, source), stream) in sources.into_iter().zip(opened) {
                if let Some(slot) = streams.get_mut(index) {
                    *slot = Some((stream, source.place));
                }
            }
        }
        Ok(Self {
            stored: vec![None; types.len()],
            stored_rows: 0,
            converted: 0,
            streams,
            place,
            timestamps,
            batch_rows,
            unread: chunk.rows,
            row: 0,
            rules,
        })
    }

    /// Returns the next batch that has live rows; `None` after the last one. Blocks on the store.
    pub(super) fn next(&mut self, counts: &mut RowCounts) -> Result<Option<RecordBatch>> {
        loop {
            if self.converted == self.stored_rows {
                if self.unread == 0 {
                    return self.check_end().map(|()| None);
                }
                self.read_stored()?;
            }
            let rows = self.rows_of_next_batch();
            let batch = self.convert(rows, counts)?;
            self.converted += rows;
            self.row += rows as u64;
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
    }

    /// Reads the next values of all columns.
    fn read_stored(&mut self) -> Result<()> {
        let rows = usize::try_from(self.unread).unwrap_or(usize::MAX).min(self.batch_rows);
        for (slot, stream) in self.stored.iter_mut().zip(&mut self.streams) {
            *slot = None;
            let Some((stream, place)) = stream else { continue };
            let values = stream.next().map_err(|fault| fault.in_file(place.clone()))?;
            let values = values.filter(|values| values.len() == rows).ok_or_else(|| {
                let place = place.clone().with_offset(stream.offset());
                RowsError::new(place, Reason::damaged("the column has fewer values than its file has rows"))
            })?;
            *slot = Some(values);
        }
        (self.stored_rows, self.converted) = (rows, 0);
        self.unread -= rows as u64;
        Ok(())
    }

    /// Checks that no column continues after the last row.
    fn check_end(&mut self) -> Result<()> {
        for (stream, place) in self.streams.iter_mut().flatten() {
            if stream.next().map_err(|fault| fault.in_file(place.clone()))?.is_some() {
                let problem = "the column has more values than its file has rows";
                return Err(RowsError::new(place.clone(), Reason::damaged(problem)));
            }
        }
        Ok(())
    }

    /// Returns the number of stored rows, at least one, that make a batch of acceptable size.
    fn rows_of_next_batch(&self) -> usize {
        let views: Vec<&[u128]> = self
            .stored
            .iter()
            .flatten()
            .filter_map(|values| values.as_binary_view_opt())
            .map(|values| values.views().as_ref())
            .collect();
        let all = views.iter().flat_map(|views| views.iter().skip(self.converted));
        if all.map(|view| view_length(*view)).sum::<usize>() <= self.rules.batch_bytes {
            return self.stored_rows - self.converted;
        }
        let mut bytes = 0_usize;
        for row in self.converted..self.stored_rows {
            let lengths = views.iter().filter_map(|views| views.get(row)).map(|view| view_length(*view));
            bytes = lengths.fold(bytes, usize::saturating_add);
            if bytes > self.rules.batch_bytes {
                return (row - self.converted).max(1);
            }
        }
        self.stored_rows - self.converted
    }

    /// Converts the next `rows` stored rows, and omits the dead ones.
    fn convert(&self, rows: usize, counts: &mut RowCounts) -> Result<RecordBatch> {
        let columns = &self.rules.columns;
        let values = columns.types.iter().zip(&self.stored).zip(&self.streams).map(
            |((kind, stored), stream)| match (stored, stream) {
                (Some(stored), Some((stream, place))) => {
                    let converted = kind.convert(&stored.slice(self.converted, rows));
                    converted
                        .map_err(|fault| self.value_error(fault, place.clone().with_offset(stream.offset())))
                }
                _ => kind
                    .missing(rows)
                    .map_err(|reason| RowsError::new(self.place.clone().with_field(kind.id), reason)),
            },
        );
        let mut values = values.collect::<Result<Vec<_>>>()?;
        self.check_structs(&values)?;
        let alive = self.find_live_rows(&values, rows, counts)?;
        values.truncate(columns.requested);
        let live_rows = alive.as_ref().map_or(rows, BooleanArray::true_count);
        let internal = |error: arrow_schema::ArrowError| {
            RowsError::new(self.place.clone(), Reason::Damaged(error.to_string()))
        };
        if let Some(alive) = alive.filter(|_| live_rows < rows) {
            for column in &mut values {
                *column = filter(column, &alive).map_err(internal)?;
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(live_rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.rules.schema), values, &options).map_err(internal)
    }

    /// Checks that all fields of an array of structs have equally many elements in a row, where they are not null.
    fn check_structs(&self, values: &[ArrayRef]) -> Result<()> {
        for positions in &self.rules.columns.structs {
            let lists: Vec<_> = positions
                .iter()
                .filter_map(|at| Some((*at, values.get(*at)?.as_list_opt::<i32>()?)))
                .collect();
            let Some(((_, first), others)) = lists.split_first() else { continue };
            for (at, other) in others {
                let are_valid = |row: &usize| first.is_valid(*row) && other.is_valid(*row);
                let mut rows = (0..first.len().min(other.len())).filter(are_valid);
                let Some(row) = rows.find(|row| first.value_length(*row) != other.value_length(*row)) else {
                    continue;
                };
                let place = self.streams.get(*at).and_then(Option::as_ref).map(|(_, place)| place.clone());
                let problem = format!(
                    "it has {} elements, and another field of its array of structs has {}",
                    other.value_length(row),
                    first.value_length(row)
                );
                return Err(
                    self.value_error(ValueFault::new(row, problem), place.unwrap_or(self.place.clone()))
                );
            }
        }
        Ok(())
    }

    /// Finds the rows that are neither deleted nor expired; `None` if nothing can be.
    fn find_live_rows(
        &self,
        values: &[ArrayRef],
        rows: usize,
        counts: &mut RowCounts,
    ) -> Result<Option<BooleanArray>> {
        let columns = &self.rules.columns;
        let Some(timestamps) = columns.timestamp else {
            counts.stored += rows as u64;
            return Ok(None);
        };
        let timestamps = values.get(timestamps).and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let Some(timestamps) = timestamps else {
            return Err(RowsError::new(self.place.clone(), Reason::damaged("the rows have no timestamps")));
        };
        let keys = columns.key.and_then(|key| KeyColumn::of(values.get(key)?));
        let [first, last] = self.timestamps;
        if keys.is_none() && self.rules.expired_at_ms.is_none() && (first, last) == (0, 0) {
            counts.stored += rows as u64;
            return Ok(None);
        }
        let mut alive = Vec::with_capacity(rows);
        for (row, time) in timestamps.values().iter().enumerate() {
            if (first, last) != (0, 0) && !(first..=last).contains(time) {
                let problem =
                    format!("timestamp {time} is not between {first} and {last} of the file's header");
                let place = columns.timestamp.and_then(|index| self.streams.get(index)?.as_ref());
                let place = place.map_or(&self.place, |(_, place)| place).clone();
                return Err(self.value_error(ValueFault::new(row, problem), place));
            }
            let is_expired = self.rules.expired_at_ms.is_some_and(|limit| time >> LOGICAL_BITS <= limit);
            let is_deleted = keys.is_some_and(|keys| keys.is_deleted(row, Tso(*time), &self.rules.deletes));
            counts.stored += 1;
            counts.deleted += u64::from(is_deleted);
            counts.expired += u64::from(is_expired && !is_deleted);
            alive.push(!is_deleted && !is_expired);
        }
        Ok(Some(BooleanArray::from(alive)))
    }

    fn value_error(&self, fault: ValueFault, place: Place) -> RowsError {
        let row = self.row + fault.row as u64;
        RowsError::new(place, Reason::Value { row, problem: fault.problem })
    }
}

/// Estimates how many rows make a batch of the wanted size.
fn rows_of_batches(rules: &Rules, chunk: &OpenChunk) -> usize {
    let sizes = chunk.sources.iter().flatten().map(|source| match source.column.physical {
        Physical::Fixed(width) => width as u64,
        Physical::Bytes | Physical::ListOfFixed(_) => {
            source.part.footer.uncompressed_bytes(&source.column) / chunk.rows.max(1)
        }
        _ => 8,
    });
    let row_bytes = sizes.fold(1, u64::saturating_add);
    let rows = (rules.batch_bytes as u64 / row_bytes).max(1);
    usize::try_from(rows).unwrap_or(usize::MAX).min(rules.batch_rows.max(1))
}
