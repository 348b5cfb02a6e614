//! Rewrites the insert binlogs of a segment without the deleted rows.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray};
use arrow_select::filter::filter;
use bytes::Bytes;
use model::ids::{FieldId, Tso};
use model::manifest::{Binlog, DataType, Schema};
use model::segment::StorageFormat;
use parquet::basic::LogicalType;
use storage::Store;
use tokio::runtime::Handle;

use super::chunk::{ColumnSource, group_files, open_chunk};
use super::columns::Columns;
use super::{InsertFile, ReadOptions, SegmentFiles};
use crate::blocking::run_blocking;
use crate::deletes::{DeleteMap, KeyColumn, KeyType};
use crate::error::{Place, Reason, Result, RowsError};
use crate::file::{ColumnForm, ColumnStream, ColumnWriter, INSERT_EVENT, NewBinlog};
use crate::values::ColumnType;

const BATCH_ROWS: usize = 8192;
const PIECE_BYTES: u64 = 4 << 20;

/// Rewrites the insert binlogs of a segment without the deleted rows, in storage version 1.
///
/// One file at a time is in memory. Milvus's files of that storage version have up to 64 MiB before compression.
pub struct SegmentRewriter {
    store: Store,
    place: Place,
    columns: Arc<Columns>,
    deletes: Vec<Arc<DeleteMap>>,
    later: VecDeque<Vec<InsertFile>>,
    /// The columns of the current chunk that are not written yet.
    current: VecDeque<(ColumnSource, ColumnType)>,
    /// Which rows of the current chunk are alive.
    alive: Arc<BooleanArray>,
}

impl SegmentRewriter {
    /// Prepares to rewrite a segment; `deletes` are those of [`SegmentReader::open`](super::SegmentReader::open).
    ///
    /// All fields of the schema are written, with the row ids and the timestamps.
    pub fn new(
        store: &Store,
        schema: &Schema,
        segment: &SegmentFiles,
        deletes: Vec<Arc<DeleteMap>>,
    ) -> Result<Self> {
        let place = Place::of_segment(segment);
        let fail = |reason| RowsError::new(place.clone(), reason);
        if deletes.iter().any(|map| Some(map.key_type()) != KeyType::of(schema)) {
            return Err(fail(Reason::other_key_type()));
        }
        let all = Columns::choose(schema, &ReadOptions::default(), true).map_err(fail)?;
        let ids = all.types.iter().map(|column| column.id).chain([FieldId::ROW_ID]);
        let options = ReadOptions { columns: Some(ids.collect()), ..ReadOptions::default() };
        let columns = Columns::choose(schema, &options, true).map_err(fail)?;
        Ok(Self {
            store: store.clone(),
            columns: Arc::new(columns),
            deletes,
            later: group_files(segment).map_err(fail)?.into(),
            current: VecDeque::new(),
            alive: Arc::new(BooleanArray::from(Vec::<bool>::new())),
            place,
        })
    }

    /// Returns the next file, with the column and the id of the one that it replaces and its own size; `None` after the
    /// last one.
    ///
    /// Files that would contain no rows are left out.
    pub async fn next(&mut self) -> Result<Option<(Binlog, Bytes)>> {
        while self.current.is_empty() {
            let Some(files) = self.later.pop_front() else { return Ok(None) };
            self.open_chunk(files).await?;
        }
        let Some((source, kind)) = self.current.pop_front() else { return Ok(None) };
        let (place, binlog) = (source.place.clone(), source.binlog);
        let (alive, runtime) = (Arc::clone(&self.alive), Handle::current());
        let ids = [self.place.collection.0, self.place.partition.to_wire(), self.place.segment.0, kind.id.0];
        let written = run_blocking(move || rewrite_column(&source, &kind, ids, &alive, runtime)).await;
        let file = written.map_err(|reason| RowsError::new(place, reason))??;
        Ok(Some((Binlog { size: file.len() as u64, ..binlog }, file)))
    }

    /// Opens the files of a chunk, and finds its live rows.
    async fn open_chunk(&mut self, files: Vec<InsertFile>) -> Result<()> {
        let opened =
            open_chunk(self.store.clone(), self.place.clone(), files, Arc::clone(&self.columns)).await?;
        let columns = Arc::clone(&self.columns);
        let source = |index: Option<usize>| opened.sources.get(index?).cloned().flatten();
        let (Some(keys), Some(times)) = (source(columns.key), source(columns.timestamp)) else {
            let problem = "the rows have no keys or no timestamps";
            return Err(RowsError::new(self.place.clone(), Reason::damaged(problem)));
        };
        if let Some(group) = opened.sources.iter().flatten().find(|it| it.format != StorageFormat::V1) {
            let problem = "only segments of storage version 1 can be rewritten".to_owned();
            return Err(RowsError::new(group.place.clone(), Reason::Request(problem)));
        }
        let (deletes, runtime, place) = (self.deletes.clone(), Handle::current(), self.place.clone());
        let found = run_blocking(move || find_live_rows(&keys, &times, &deletes, runtime)).await;
        let alive = found.map_err(|reason| RowsError::new(place, reason))??;
        if alive.true_count() > 0 {
            let sources = opened.sources.into_iter().zip(&columns.types);
            self.current = sources.filter_map(|(source, kind)| Some((source?, kind.clone()))).collect();
        }
        self.alive = Arc::new(alive);
        Ok(())
    }
}

fn open_column(source: &ColumnSource, runtime: Handle) -> Result<ColumnStream> {
    let opened = ColumnStream::open(&source.part, &[&source.column], BATCH_ROWS, PIECE_BYTES, runtime);
    let opened = opened.map_err(|fault| fault.in_file(source.place.clone()))?;
    let missing = || RowsError::new(source.place.clone(), Reason::damaged("the column is missing"));
    opened.into_iter().next().ok_or_else(missing)
}

/// Finds the rows of a chunk that no entry deletes. Blocks on the store.
fn find_live_rows(
    keys: &ColumnSource,
    times: &ColumnSource,
    deletes: &[Arc<DeleteMap>],
    runtime: Handle,
) -> Result<BooleanArray> {
    let at_keys = |reason: Reason| RowsError::new(keys.place.clone(), reason);
    let mut key_stream = open_column(keys, runtime.clone())?;
    let mut time_stream = open_column(times, runtime)?;
    let mut alive = Vec::new();
    loop {
        let key_values = key_stream.next().map_err(|fault| fault.in_file(keys.place.clone()))?;
        let time_values = time_stream.next().map_err(|fault| fault.in_file(times.place.clone()))?;
        let (key_values, time_values) = match (key_values, time_values) {
            (None, None) => break,
            (Some(keys), Some(times)) if keys.len() == times.len() => (keys, times),
            _ => return Err(at_keys(Reason::damaged("the keys have other rows than the timestamps"))),
        };
        let key_column = KeyColumn::of(&key_values).filter(|_| key_values.null_count() == 0);
        let times = time_values.as_primitive_opt::<Int64Type>();
        let (Some(key_column), Some(times)) = (key_column, times) else {
            return Err(at_keys(Reason::inconsistent("the keys or timestamps have another type")));
        };
        alive.extend(
            times
                .values()
                .iter()
                .enumerate()
                .map(|(row, inserted)| !key_column.is_deleted(row, Tso(inserted.cast_unsigned()), deletes)),
        );
    }
    Ok(BooleanArray::from(alive))
}

/// Rewrites one file with its live values alone. Blocks on the store.
fn rewrite_column(
    source: &ColumnSource,
    kind: &ColumnType,
    ids: [i64; 4],
    alive: &BooleanArray,
    runtime: Handle,
) -> Result<Bytes> {
    let fail = |reason: Reason| RowsError::new(source.place.clone(), reason);
    let mut stream = open_column(source, runtime)?;
    let annotation = annotation_of(kind.data_type);
    let physical = source.column.physical;
    let mut column =
        ColumnWriter::new(&ColumnForm { physical, annotation, nullable: kind.nullable }).map_err(fail)?;
    let mut row = 0;
    while let Some(values) = stream.next().map_err(|fault| fault.in_file(source.place.clone()))? {
        if row + values.len() > alive.len() {
            return Err(fail(Reason::damaged("the column has more values than keys")));
        }
        let live_values = filter(&values, &alive.slice(row, values.len()));
        let live_values = live_values.map_err(|error| fail(Reason::Damaged(error.to_string())))?;
        column.write(live_values).map_err(fail)?;
        row += values.len();
    }
    if row != alive.len() {
        return Err(fail(Reason::damaged("the column has fewer values than keys")));
    }
    let column = column.close().map_err(fail)?;
    let binlog = NewBinlog {
        ids,
        timestamps: source.timestamps,
        data_type: kind.data_type.0,
        extras: &column.extras,
        kind: INSERT_EVENT,
        payload: &column.parquet,
    };
    let file = binlog.encode().ok_or_else(|| fail(Reason::damaged("the file exceeds 2 GiB")))?;
    Ok(Bytes::from(file))
}

/// Returns the annotation with which Milvus writes columns of a type.
fn annotation_of(data_type: DataType) -> Option<LogicalType> {
    match data_type {
        DataType::INT8 => Some(LogicalType::integer(8, true)),
        DataType::INT16 => Some(LogicalType::integer(16, true)),
        DataType::STRING | DataType::VARCHAR => Some(LogicalType::String),
        _ => None,
    }
}
