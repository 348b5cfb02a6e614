//! Parser for Milvus's binlog files of storage version 1.
//!
//! A file is a magic number, a descriptor event, and data events with Parquet payloads. An event is a little-endian
//! header of 17 bytes (timestamp, type, length of the event, position of the next event) and a body. The body of a
//! data event is two timestamps and the payload. This module reads the frame and the number of rows in each payload,
//! not the rows themselves.

mod parquet;

use std::hash::{DefaultHasher, Hasher};

/// The first four bytes of a file, little endian.
const MAGIC: u32 = 0x00ff_fabc;
const HEADER_BYTES: usize = 17;
/// The size of the two timestamps between a data event's header and its payload.
const TIMESTAMP_RANGE_BYTES: usize = 16;
/// The type of the descriptor event.
const DESCRIPTOR: u8 = 0;
/// The type of an event with primary keys of deleted rows and the times of their deletion.
const DELETE: u8 = 2;

/// The reason why bytes cannot be read as a binlog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BinlogError {
    /// The file does not begin with the magic number of storage version 1.
    #[error("not a binlog of storage version 1")]
    Magic,
    /// The file ends within an event, or the event's length is invalid.
    #[error("the event at byte {at} is truncated or malformed")]
    Event {
        /// The offset of the event in the file, in bytes.
        at: usize,
    },
    /// The file contains an event of this type, which does not belong into it.
    #[error("unexpected event of type {0}")]
    Kind(u8),
    /// The Parquet footer with the payload's row count cannot be read.
    #[error("the payload has no readable Parquet footer")]
    Parquet,
}

/// The values in an insert binlog, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsertContent {
    /// The number of rows.
    pub rows: u64,
    /// A hash of the last encoded values and of their statistics; Milvus encodes the same values alike.
    pub hash: u64,
}

/// Counts the delete entries of a delta log, given the whole file.
///
/// A key that was deleted twice counts twice, so the file deletes at most this many rows.
pub fn delta_entries(file: &[u8]) -> Result<u64, BinlogError> {
    let mut entries = 0_u64;
    for event in events(file)? {
        if event.kind != DELETE {
            return Err(BinlogError::Kind(event.kind));
        }
        let rows = parquet::num_rows(event.payload).ok_or(BinlogError::Parquet)?;
        entries = entries.saturating_add(rows);
    }
    Ok(entries)
}

/// Summarises an insert binlog, given its last bytes; `None` if they do not contain the whole Parquet footer.
///
/// Milvus writes one event into a file; the rows of more would not be counted.
pub fn insert_content(tail: &[u8]) -> Option<InsertContent> {
    // A short file is here as a whole. Its header contains the time of writing, which says nothing about the values.
    let events = events(tail).unwrap_or_default();
    let payload = events.last().map_or(tail, |event| event.payload);
    let mut hasher = DefaultHasher::new();
    hasher.write(payload);
    Some(InsertContent { rows: parquet::num_rows(payload)?, hash: hasher.finish() })
}

/// One data event of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DataEvent<'a> {
    /// Milvus's number of the type: 1 for values of one column, 2 for deletes.
    kind: u8,
    payload: &'a [u8],
}

/// Parses the frame of a whole file and returns its data events in order.
fn events(file: &[u8]) -> Result<Vec<DataEvent<'_>>, BinlogError> {
    let mut rest = file;
    if split_bytes(&mut rest).map(u32::from_le_bytes) != Some(MAGIC) {
        return Err(BinlogError::Magic);
    }
    let mut events = Vec::new();
    while !rest.is_empty() {
        let at = file.len() - rest.len();
        let (kind, body) = split_event(&mut rest).ok_or(BinlogError::Event { at })?;
        if kind != DESCRIPTOR {
            let payload = body.get(TIMESTAMP_RANGE_BYTES..).ok_or(BinlogError::Event { at })?;
            events.push(DataEvent { kind, payload });
        }
    }
    Ok(events)
}

/// Splits off the next event and returns its type and its body.
fn split_event<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let mut header = *rest;
    split_bytes::<8>(&mut header)?;
    let [kind] = split_bytes(&mut header)?;
    let length = usize::try_from(i32::from_le_bytes(split_bytes(&mut header)?)).ok()?;
    let (event, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some((kind, event.get(HEADER_BYTES..)?))
}

/// Splits off the next `N` bytes; `None` if fewer remain.
fn split_bytes<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a file of these events, framed as Milvus frames them.
    fn build_file(events: &[(u8, &[u8])]) -> Vec<u8> {
        let mut file = MAGIC.to_le_bytes().to_vec();
        for (kind, body) in events {
            let length = i32::try_from(HEADER_BYTES + body.len()).unwrap();
            let next = i32::try_from(file.len()).unwrap() + length;
            file.extend(7_u64.to_le_bytes());
            file.push(*kind);
            file.extend(length.to_le_bytes());
            file.extend(next.to_le_bytes());
            file.extend(*body);
        }
        file
    }

    #[test]
    fn events_follow_the_descriptor() {
        let bytes =
            build_file(&[(0, b"whatever"), (1, b"0123456789abcdefpayload"), (2, b"0123456789abcdef")]);
        let found: Vec<_> = events(&bytes).unwrap().iter().map(|e| (e.kind, e.payload.len())).collect();
        assert_eq!(found, [(1, 7), (DELETE, 0)]);
    }

    #[test]
    fn damaged_files_are_rejected_with_the_reason() {
        assert_eq!(events(b""), Err(BinlogError::Magic));
        assert_eq!(events(b"PAR1\0\0\0\0"), Err(BinlogError::Magic));
        let whole = build_file(&[(0, b"d"), (2, b"0123456789abcdefpayload")]);
        assert_eq!(events(&whole[..whole.len() - 1]), Err(BinlogError::Event { at: 22 }));
        assert_eq!(events(&build_file(&[(2, b"short")])), Err(BinlogError::Event { at: 4 }));
        assert_eq!(delta_entries(&whole), Err(BinlogError::Parquet));
        let insert = build_file(&[(1, b"0123456789abcdefpayload")]);
        assert_eq!(delta_entries(&insert), Err(BinlogError::Kind(1)));
        let mut endless = build_file(&[(0, b"d")]);
        endless[13..17].copy_from_slice(&0_i32.to_le_bytes());
        assert_eq!(events(&endless), Err(BinlogError::Event { at: 4 }));
    }
}
