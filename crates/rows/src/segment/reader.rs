//! Reads a segment chunk by chunk.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema as ArrowSchema, SchemaRef};
use model::ids::FieldId;
use model::manifest::Schema;
use storage::Store;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::batches::{ChunkBatches, Rules};
use super::chunk::{OpenChunk, group_files, open_chunk, unneeded_directories};
use super::columns::Columns;
use super::{InsertFile, ReadOptions, SegmentFiles};
use crate::blocking::run_blocking;
use crate::deletes::{DeleteMap, KeyType};
use crate::error::{Place, Reason, Result, RowsError};

/// The largest number of batches that are decoded ahead, and the size in bytes at which no further one is begun.
const MAX_AHEAD: usize = 16;
const AHEAD_BYTES: usize = 1 << 20;

/// The numbers of rows that a reader has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    /// All rows in the files.
    pub stored: u64,
    /// The rows that a delete entry deletes.
    pub deleted: u64,
    /// The rows that are not deleted, but expired at [`ReadOptions::expired_at_ms`].
    pub expired: u64,
}

/// Reads the live rows of one segment, in the order in which they are stored.
pub struct SegmentReader {
    store: Store,
    place: Place,
    rules: Arc<Rules>,
    /// The chunks after the next one.
    later: VecDeque<Vec<InsertFile>>,
    next: Option<AbortOnDropHandle<Result<OpenChunk>>>,
    current: Option<Box<ChunkBatches>>,
    ahead: Ahead,
    counts: RowCounts,
    expected_rows: Option<u64>,
    state: State,
}

/// What was decoded ahead of the caller.
#[derive(Default)]
struct Ahead {
    /// Batches, each with the numbers of rows up to its end.
    batches: VecDeque<(RecordBatch, RowCounts)>,
    /// The numbers of rows of all batches, and of the omitted rows after them.
    counts: RowCounts,
    /// The failure after these batches.
    failure: Option<RowsError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    /// A batch is being read; if no call is waiting for it, the call was cancelled.
    Reading,
    /// The last batch was returned, or an error.
    Finished,
}

impl SegmentReader {
    /// Opens the first files of a segment.
    ///
    /// `deletes` are those of the segment's own delta logs, of the L0 segments of its partition, and of those of all
    /// partitions, in any order. A row is omitted if one of them has an entry with its key and a later timestamp.
    /// Rows that Milvus 3.0 imported count there from the time of the import, which no file records; so a deletion
    /// between the timestamp of such a row and its import omits it here, although Milvus shows it.
    ///
    /// A field that some files lack, because it was added later, has its default value there, or null. Fails if a
    /// file cannot be read or contradicts the others or the schema.
    pub async fn open(
        store: &Store,
        schema: &Schema,
        segment: SegmentFiles,
        deletes: Vec<Arc<DeleteMap>>,
        options: &ReadOptions,
    ) -> Result<Self> {
        let place = Place::of_segment(&segment);
        let fail = |reason| RowsError::new(place.clone(), reason);
        let deletes: Vec<_> = deletes.into_iter().filter(|map| !map.is_empty()).collect();
        if deletes.iter().any(|map| Some(map.key_type()) != KeyType::of(schema)) {
            return Err(fail(Reason::other_key_type()));
        }
        let columns = Columns::choose(schema, options, !deletes.is_empty()).map_err(fail)?;
        let mut chunks = group_files(&segment).map_err(fail)?;
        // The files of the timestamps, or of a group with the same number, exist for all rows and tell their number.
        let is_timestamps = |file: &&InsertFile| file.binlog.field == FieldId::TIMESTAMP;
        let probe = |chunk: &'_ Vec<InsertFile>| chunk.iter().find(is_timestamps).or(chunk.first()).cloned();
        if let Some((chunk, probe)) = chunks.last().and_then(|chunk| Some((chunk, probe(chunk)?))) {
            let unneeded = unneeded_directories(store, &place, probe, chunk, &columns).await?;
            for chunk in &mut chunks {
                chunk.retain(|file| !unneeded.contains(&file.binlog.field));
            }
        }
        let columns = Arc::new(columns);
        let mut later = VecDeque::from(chunks);
        let first = match later.pop_front() {
            Some(files) => Some(open_chunk(store.clone(), place.clone(), files, Arc::clone(&columns)).await?),
            None => None,
        };
        let rules = Rules {
            schema: arrow_schema(&columns, first.as_ref()),
            columns,
            deletes,
            expired_at_ms: options.expired_at_ms,
            batch_rows: options.batch_rows,
            batch_bytes: options.batch_bytes,
        };
        let mut reader = Self {
            store: store.clone(),
            place,
            rules: Arc::new(rules),
            later,
            next: None,
            current: None,
            ahead: Ahead::default(),
            counts: RowCounts::default(),
            expected_rows: segment.rows,
            state: State::Ready,
        };
        reader.current = first.map(|chunk| reader.begin(chunk)).transpose()?;
        Ok(reader)
    }

    /// Returns the schema of all batches.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.rules.schema)
    }

    /// Returns the numbers of rows that were passed so far.
    pub fn counts(&self) -> RowCounts {
        self.counts
    }

    /// Returns the next batch, which has at least one row; `None` after the last one, and after an error.
    ///
    /// If the future is dropped before it is ready, the rows that it was reading are lost: every later call fails.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        match self.state {
            State::Ready => {}
            State::Finished => return Ok(None),
            State::Reading => {
                let problem = "an earlier call was cancelled, and its rows are lost".to_owned();
                return Err(RowsError::new(self.place.clone(), Reason::Request(problem)));
            }
        }
        self.state = State::Reading;
        let batch = self.read_next().await;
        self.state = if matches!(batch, Ok(Some(_))) { State::Ready } else { State::Finished };
        batch
    }

    async fn read_next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some((batch, counts)) = self.ahead.batches.pop_front() {
                self.counts = counts;
                return Ok(Some(batch));
            }
            self.counts = self.ahead.counts;
            if let Some(failure) = self.ahead.failure.take() {
                return Err(failure);
            }
            let Some(chunk) = self.current.take() else { return self.check_total().map(|()| None) };
            let ahead = std::mem::take(&mut self.ahead);
            let read = run_blocking(move || decode_ahead(chunk, ahead)).await;
            let (unfinished, ahead) = read.map_err(|reason| RowsError::new(self.place.clone(), reason))?;
            self.ahead = ahead;
            self.current = match (unfinished, self.next.take()) {
                (Some(chunk), next) => {
                    self.next = next;
                    Some(chunk)
                }
                (None, Some(opening)) if self.ahead.failure.is_none() => {
                    let opened = opening.await.map_err(|error| {
                        RowsError::new(self.place.clone(), Reason::Panicked(error.to_string()))
                    });
                    match opened.and_then(|opened| self.begin(opened?)) {
                        Ok(chunk) => Some(chunk),
                        Err(failure) => {
                            self.ahead.failure = Some(failure);
                            None
                        }
                    }
                }
                (None, _) => None,
            };
        }
    }

    /// Opens the columns of a chunk, and begins to open the files of the chunk after it.
    fn begin(&mut self, chunk: OpenChunk) -> Result<Box<ChunkBatches>> {
        self.next = self.later.pop_front().map(|files| {
            let columns = Arc::clone(&self.rules.columns);
            let open = open_chunk(self.store.clone(), self.place.clone(), files, columns);
            AbortOnDropHandle::new(tokio::spawn(open))
        });
        let runtime = Handle::current();
        ChunkBatches::open(Arc::clone(&self.rules), chunk, self.place.clone(), &runtime).map(Box::new)
    }

    /// Compares the number of rows with the one that the segment should have.
    fn check_total(&self) -> Result<()> {
        match self.expected_rows {
            Some(expected) if expected != self.counts.stored => {
                let problem = format!("its files have {} rows instead of {expected}", self.counts.stored);
                Err(RowsError::new(self.place.clone(), Reason::Inconsistent(problem)))
            }
            _ => Ok(()),
        }
    }
}

/// Decodes some batches of a chunk; returns the chunk if it may have more.
///
/// Each change to the thread that may block takes as long as the decoding of some thousand numbers. Blocks on the store.
fn decode_ahead(mut chunk: Box<ChunkBatches>, mut ahead: Ahead) -> (Option<Box<ChunkBatches>>, Ahead) {
    let mut bytes = 0;
    while ahead.batches.len() < MAX_AHEAD && bytes < AHEAD_BYTES {
        match chunk.next(&mut ahead.counts) {
            Ok(Some(batch)) => {
                bytes += batch.get_array_memory_size();
                ahead.batches.push_back((batch, ahead.counts));
            }
            Ok(None) => return (None, ahead),
            Err(failure) => {
                ahead.failure = Some(failure);
                return (None, ahead);
            }
        }
    }
    (Some(chunk), ahead)
}

/// Returns the schema of the batches; what the oldest rows lack may be null.
fn arrow_schema(columns: &Columns, first: Option<&OpenChunk>) -> SchemaRef {
    let fields = columns.types.iter().take(columns.requested).enumerate().map(|(index, column)| {
        let is_missing = first.is_some_and(|chunk| chunk.sources.get(index).is_some_and(Option::is_none));
        column.to_arrow(column.nullable || (is_missing && column.default.is_none()))
    });
    Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
}
