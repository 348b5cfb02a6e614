//! The files that contain the same rows of a segment, each other columns of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use model::ids::FieldId;
use model::manifest::Binlog;
use model::segment::StorageFormat;
use storage::Store;

use super::check::{check_descriptor, check_form, check_group};
use super::columns::Columns;
use super::{InsertFile, SegmentFiles};
use crate::error::{Place, Reason, Result, RowsError};
use crate::file::{BinlogFile, FileColumn, INSERT_EVENT, ParquetPart};

/// The number of files that are opened at the same time.
const CONCURRENT_FILES: usize = 16;

/// The files of a segment in the order of their rows: one list for each chunk of rows.
///
/// The files of a column are sorted by their ids as numbers, and belong together by position. A column that was added
/// later has fewer files, which are those of the last chunks.
pub(super) fn group_files(segment: &SegmentFiles) -> Result<Vec<Vec<InsertFile>>, Reason> {
    let mut directories: BTreeMap<FieldId, BTreeMap<i64, &InsertFile>> = BTreeMap::new();
    for file in &segment.files {
        let log = file.binlog.log;
        let earlier = directories.entry(file.binlog.field).or_default().insert(log.0, file);
        if earlier.is_some() {
            let problem = format!("file {log} of column {} is listed twice", file.binlog.field);
            return Err(Reason::Inconsistent(problem));
        }
    }
    let count = directories.values().map(BTreeMap::len).max().unwrap_or(0);
    let mut chunks = vec![Vec::new(); count];
    for files in directories.values() {
        for (chunk, file) in chunks.iter_mut().skip(count - files.len()).zip(files.values()) {
            chunk.push((*file).clone());
        }
    }
    Ok(chunks)
}

/// The opened files of a chunk.
pub(super) struct OpenChunk {
    /// The number of rows, deleted ones included.
    pub(super) rows: u64,
    /// The place of each column in the files; `None` for a column that the chunk lacks.
    pub(super) sources: Vec<Option<ColumnSource>>,
}

/// A column in a file.
#[derive(Clone)]
pub(super) struct ColumnSource {
    pub(super) place: Place,
    /// The position of the file among those of the chunk.
    pub(super) file: usize,
    pub(super) part: ParquetPart,
    pub(super) column: FileColumn,
    /// The file itself.
    pub(super) binlog: Binlog,
    pub(super) format: StorageFormat,
    /// The first and the last timestamp of the rows; both 0 if the file does not record them.
    pub(super) timestamps: [u64; 2],
}

/// Opens the files of a chunk, and finds the columns in them.
pub(super) async fn open_chunk(
    store: Store,
    place: Place,
    files: Vec<InsertFile>,
    columns: Arc<Columns>,
) -> Result<OpenChunk> {
    // The futures are made beforehand, so that this one is `Send`.
    let binlogs: Vec<Binlog> = files.iter().map(|file| file.binlog).collect();
    let opened: Vec<_> =
        files.into_iter().map(|file| open_file(store.clone(), place.clone(), file)).collect();
    let opened: Vec<_> = stream::iter(opened).buffered(CONCURRENT_FILES).try_collect().await?;
    let mut sources: Vec<Option<ColumnSource>> = columns.types.iter().map(|_| None).collect();
    let mut rows: Option<(u64, Place)> = None;
    for (position, (binlog, (place, file))) in binlogs.into_iter().zip(opened).enumerate() {
        let directory = binlog.field;
        let format = if file.descriptor.is_some() { StorageFormat::V1 } else { StorageFormat::V2 };
        let fail = |reason: Reason| RowsError::new(place.clone(), reason);
        let found = find_columns(file, directory, &place, &columns).map_err(fail)?;
        match &rows {
            Some((expected, other)) if *expected != found.rows => {
                let problem = format!("it has {} rows, but {other} has {expected}", found.rows);
                return Err(fail(Reason::Inconsistent(problem)));
            }
            Some(_) => {}
            None => rows = Some((found.rows, place.clone())),
        }
        for (index, part, column) in found.columns {
            let Some(slot) = sources.get_mut(index) else { continue };
            let place =
                place.clone().with_field(columns.types.get(index).map_or(directory, |found| found.id));
            let timestamps = found.timestamps;
            let source = ColumnSource {
                place: place.clone(),
                file: position,
                part,
                column,
                binlog,
                format,
                timestamps,
            };
            if let Some(earlier) = slot.replace(source) {
                let problem = format!("{} contains the same column", earlier.place);
                return Err(RowsError::new(place, Reason::Inconsistent(problem)));
            }
        }
    }
    for (column, source) in columns.types.iter().zip(&sources) {
        if source.is_none() && !column.nullable && !column.is_dynamic && column.default.is_none() {
            let problem =
                "some rows have no file with this field, which has neither null nor a default value";
            return Err(RowsError::new(place.with_field(column.id), Reason::inconsistent(problem)));
        }
    }
    Ok(OpenChunk { rows: rows.map_or(0, |(rows, _)| rows), sources })
}

/// Opens a file, and returns it with its place.
async fn open_file(store: Store, place: Place, file: InsertFile) -> Result<(Place, BinlogFile)> {
    let place = place.with_file(store.describe(&file.key)).with_field(file.binlog.field);
    match BinlogFile::open(&store, &file.key, file.binlog.size).await {
        Ok(opened) => Ok((place, opened)),
        Err(fault) => Err(fault.in_file(place)),
    }
}

/// Returns the ids of the directories that need not be opened, given a file of the segment, whose directory is opened in
/// any case.
///
/// Under storage version 1, a directory is a field.
pub(super) async fn unneeded_directories(
    store: &Store,
    place: &Place,
    probe: InsertFile,
    chunk: &[InsertFile],
    columns: &Columns,
) -> Result<BTreeSet<FieldId>> {
    let opened = probe.binlog.field;
    let (_, file) = open_file(store.clone(), place.clone(), probe).await?;
    if file.descriptor.is_none() {
        return Ok(BTreeSet::new());
    }
    let directories = chunk.iter().map(|file| file.binlog.field);
    let is_needed = |id: FieldId| id == opened || columns.types.iter().any(|column| column.id == id);
    Ok(directories.filter(|id| !is_needed(*id)).collect())
}

/// The wanted columns of one file, by their positions in [`Columns`].
struct FoundColumns {
    rows: u64,
    timestamps: [u64; 2],
    columns: Vec<(usize, ParquetPart, FileColumn)>,
}

/// Finds the wanted columns in a file.
fn find_columns(
    file: BinlogFile,
    directory: FieldId,
    place: &Place,
    columns: &Columns,
) -> Result<FoundColumns, Reason> {
    let mut parts = file.parts.into_iter();
    let (Some((kind, part)), None) = (parts.next(), parts.next()) else {
        return Err(Reason::inconsistent("an insert binlog has exactly one event"));
    };
    let position = |id: FieldId| columns.types.iter().enumerate().find(|(_, column)| column.id == id);
    let mut found = FoundColumns { rows: part.footer.rows, timestamps: [0; 2], columns: Vec::new() };
    if let Some(descriptor) = file.descriptor {
        if kind != Some(INSERT_EVENT) {
            return Err(Reason::inconsistent("an insert binlog contains an event that is not of rows"));
        }
        let [column] = &part.footer.columns[..] else {
            return Err(Reason::inconsistent("a file of storage version 1 has exactly one column"));
        };
        if let Some((index, expected)) = position(directory) {
            check_descriptor(&descriptor, place, directory, expected)?;
            check_form(column, expected)?;
            found.timestamps = descriptor.timestamps;
            found.columns.push((index, part.clone(), column.clone()));
        }
    } else {
        check_group(&part.footer)?;
        for column in &part.footer.columns {
            if let Some((index, expected)) = column.field.and_then(position) {
                check_form(column, expected)?;
                found.columns.push((index, part.clone(), column.clone()));
            }
        }
    }
    Ok(found)
}
