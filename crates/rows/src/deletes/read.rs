//! Reads the delta logs of segments into a map.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef};
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use model::ids::{FieldId, Tso};
use storage::Store;
use tokio::runtime::Handle;

use super::entry::{self, RowKey};
use super::{DeleteMap, DeltaFile, DeltaFiles, KeyType};
use crate::blocking::run_blocking;
use crate::error::{Place, Reason, Result, RowsError};
use crate::file::{BinlogFile, ColumnStream, DELETE_EVENT, Fault, FileColumn, ParquetPart, Physical};

/// The number of files that are opened at the same time.
const CONCURRENT_FILES: usize = 8;
const BATCH_ROWS: usize = 8192;
const PIECE_BYTES: u64 = 1 << 20;
/// The field id in the header of a delta log.
const NO_FIELD: i64 = -1;

impl DeleteMap {
    /// Reads the delta logs of some segments, in all forms that Milvus 2.2 to 3.0 writes.
    ///
    /// Fails if a file cannot be read, or contains an entry for a key of another type.
    pub async fn read(store: &Store, key_type: KeyType, segments: &[DeltaFiles]) -> Result<Self> {
        let mut logs = open_logs(store, segments);
        let mut map = Self::new(key_type);
        while let Some(OpenedLog { file, place, until }) = logs.try_next().await? {
            let runtime = Handle::current();
            let within = place.clone();
            if file.parts.len() != 1 || !matches!(Form::of(&file), Form::Text) {
                map.mark_uncommon();
            }
            let read = run_blocking(move || {
                let form = Form::of(&file);
                let mut parts = file.parts.iter();
                let read =
                    parts.try_for_each(|(_, part)| read_part(&mut map, part, form, until, runtime.clone()));
                read.map(|()| map)
            });
            let read = read.await.map_err(|reason| RowsError::new(within.clone(), reason))?;
            map = read.map_err(|fault| fault.in_file(within))?;
        }
        Ok(map)
    }
}

/// Counts the entries of some delta logs by their footers; a key that was deleted twice counts twice.
pub async fn count_delete_entries(store: &Store, segments: &[DeltaFiles]) -> Result<u64> {
    let mut logs = open_logs(store, segments);
    let mut entries = 0_u64;
    while let Some(log) = logs.try_next().await? {
        let of_parts = log.file.parts.iter().map(|(_, part)| part.footer.rows);
        entries = of_parts.fold(entries, u64::saturating_add);
    }
    Ok(entries)
}

/// An opened delta log.
struct OpenedLog {
    file: BinlogFile,
    place: Place,
    /// The time after which entries are ignored, if any.
    until: Option<Tso>,
}

/// Opens delta logs one after the other, some of them ahead, and checks their headers.
fn open_logs<'a>(
    store: &'a Store,
    segments: &[DeltaFiles],
) -> impl Stream<Item = Result<OpenedLog>> + Send + Unpin + use<'a> {
    let files = segments.iter().flat_map(|segment| {
        segment.files.iter().map(move |file| (place_of(store, segment, file), segment.until, file.clone()))
    });
    let opened = files.map(|(place, until, file)| async move {
        let opened = BinlogFile::open(store, &file.key, file.log.size).await;
        let file = opened.map_err(|fault| fault.in_file(place.clone()))?;
        check_descriptor(&file, &place)?;
        if file.parts.iter().any(|(kind, _)| ![None, Some(DELETE_EVENT)].contains(kind)) {
            let problem = "a delta log contains an event of another type";
            return Err(RowsError::new(place, Reason::inconsistent(problem)));
        }
        Ok(OpenedLog { file, place, until })
    });
    // The futures are made beforehand, so that those that wait for them are `Send`.
    let opened: Vec<_> = opened.collect();
    stream::iter(opened).buffered(CONCURRENT_FILES)
}

fn place_of(store: &Store, segment: &DeltaFiles, file: &DeltaFile) -> Place {
    Place::segment(segment.collection, segment.partition, segment.segment)
        .with_file(store.describe(&file.key))
}

/// Checks the header of a delta log against the collection that it was found in.
///
/// A compaction of Milvus 2.3 copies the delta logs of a segment unchanged into the directory of the new one, so their
/// headers name another segment, or even another partition.
fn check_descriptor(file: &BinlogFile, place: &Place) -> Result<()> {
    let Some(descriptor) = &file.descriptor else { return Ok(()) };
    let [collection, _, _, field] = descriptor.ids;
    // Files that other tools wrote have only zeros; Milvus itself reads none of these ids.
    if ![place.collection.0, 0].contains(&collection) || ![NO_FIELD, 0].contains(&field) {
        let problem = format!(
            "its header has the ids {:?} instead of those of collection {}",
            descriptor.ids, place.collection
        );
        return Err(RowsError::new(place.clone(), Reason::Inconsistent(problem)));
    }
    Ok(())
}

/// How a delta log contains its entries.
#[derive(Clone, Copy)]
enum Form {
    /// As texts in one column.
    Text,
    /// In the columns `pk` and `ts`.
    Named,
    /// In a Parquet file without a container, in the columns `pk` and `ts` or those with the field ids 0 and 1.
    Bare,
}

impl Form {
    fn of(file: &BinlogFile) -> Self {
        match &file.descriptor {
            None => Self::Bare,
            Some(descriptor) if descriptor.multi_field => Self::Named,
            Some(_) => Self::Text,
        }
    }

    /// Returns the columns with the entries, the key first.
    fn find_columns(self, columns: &[FileColumn]) -> Vec<&FileColumn> {
        let keys = ["pk", "ts"].into_iter().zip([0, 1]);
        let find = |(name, id)| {
            columns.iter().find(|column| {
                column.name == name || (matches!(self, Self::Bare) && column.field == Some(FieldId(id)))
            })
        };
        match self {
            Self::Text => columns.iter().collect(),
            Self::Named | Self::Bare => keys.filter_map(find).collect(),
        }
    }
}

fn read_part(
    map: &mut DeleteMap,
    part: &ParquetPart,
    form: Form,
    until: Option<Tso>,
    runtime: Handle,
) -> Result<(), Fault> {
    let columns = form.find_columns(&part.footer.columns);
    let stored: Vec<_> = columns.iter().map(|column| column.physical).collect();
    match (form, &stored[..], map.key_type()) {
        (Form::Text, [Physical::Bytes], _)
        | (Form::Named | Form::Bare, [Physical::Int64, Physical::Int64], KeyType::Int64)
        | (Form::Named | Form::Bare, [Physical::Bytes, Physical::Int64], KeyType::VarChar) => {}
        _ => {
            return Err(
                Reason::inconsistent("a delta log has other columns than its form and key need").into()
            );
        }
    }
    let mut streams = ColumnStream::open(part, &columns, BATCH_ROWS, PIECE_BYTES, runtime)?;
    let mut row = 0;
    loop {
        let batches = streams.iter_mut().map(ColumnStream::next).collect::<Result<Option<Vec<_>>, _>>()?;
        let Some(batches) = batches else { break };
        let rows = batches.iter().map(Array::len).min().unwrap_or(0);
        for position in 0..rows {
            add_entry(map, &batches, position, until).map_err(|problem| Fault {
                offset: streams.first().map(ColumnStream::offset),
                reason: Reason::Value { row, problem },
            })?;
            row += 1;
        }
    }
    if row != part.footer.rows {
        let problem = format!("a delta log has {row} entries instead of {}", part.footer.rows);
        return Err(Reason::Damaged(problem).into());
    }
    Ok(())
}

/// Adds the entry at this position of a batch, which has one column of text, or one of keys and one of timestamps.
/// Ignores an entry after `until`.
fn add_entry(
    map: &mut DeleteMap,
    columns: &[ArrayRef],
    position: usize,
    until: Option<Tso>,
) -> Result<(), String> {
    if columns.iter().any(|column| column.is_null(position)) {
        return Err("the entry is null".to_owned());
    }
    let (key, time) = match columns {
        [text] => entry::parse(text.as_binary_view().value(position), map.key_type())?,
        [keys, times] => {
            let key = match map.key_type() {
                KeyType::Int64 => RowKey::Int64(keys.as_primitive::<Int64Type>().value(position)),
                KeyType::VarChar => {
                    let text = str::from_utf8(keys.as_binary_view().value(position));
                    RowKey::VarChar(text.map_err(|error| error.to_string())?.to_owned())
                }
            };
            (key, times.as_primitive::<Int64Type>().value(position).cast_unsigned())
        }
        _ => return Err("the entry has neither one nor two columns".to_owned()),
    };
    if until.is_some_and(|until| time > until.0) {
        return Ok(());
    }
    if map.insert(key, time) { Ok(()) } else { Err("a key of another type than the primary key".to_owned()) }
}
