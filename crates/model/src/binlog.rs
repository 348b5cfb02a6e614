//! Milvus's binlog files of storage version 1: a magic number, a descriptor event, then events with Parquet payloads.
//!
//! Every event is a header of 17 bytes (timestamp, type, its own length, the position of the next, little endian) and
//! a body; that of a data event is two timestamps and the payload. Only the frame is read here, and how many rows a
//! payload holds: their content stays Milvus's business.

mod parquet;

/// The first four bytes of a file, little endian.
const MAGIC: u32 = 0x00ff_fabc;
const HEADER_BYTES: usize = 17;
/// Two timestamps between a data event's header and its payload.
const RANGE_BYTES: usize = 16;
const DESCRIPTOR: u8 = 0;

/// Why bytes are no binlog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BinlogError {
    /// The file does not begin as one of storage version 1.
    #[error("not a binlog of storage version 1")]
    Magic,
    /// An event does not fit where the file says it lies.
    #[error("the event at byte {at} is cut off or badly framed")]
    Event {
        /// Where the event begins.
        at: usize,
    },
    /// A delete log holds something else.
    #[error("an event of type {0} among deletes")]
    Kind(u8),
    /// The payload's row count cannot be read.
    #[error("the payload has no readable Parquet footer")]
    Parquet,
}

/// What an event holds, by Milvus's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind(pub u8);

impl EventKind {
    /// Values of one column.
    pub const INSERT: Self = Self(1);
    /// Keys of deleted rows with the time of their deletion.
    pub const DELETE: Self = Self(2);
}

/// A data event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// What it holds.
    pub kind: EventKind,
    payload: &'a [u8],
}

impl Event<'_> {
    /// The number of rows in its payload.
    pub fn rows(&self) -> Result<u64, BinlogError> {
        parquet::num_rows(self.payload).ok_or(BinlogError::Parquet)
    }
}

/// Reads the frame of a whole file: its data events in order.
pub fn events(file: &[u8]) -> Result<Vec<Event<'_>>, BinlogError> {
    let mut rest = file;
    if take(&mut rest).map(u32::from_le_bytes) != Some(MAGIC) {
        return Err(BinlogError::Magic);
    }
    let mut events = Vec::new();
    while !rest.is_empty() {
        let at = file.len() - rest.len();
        let (kind, body) = event(&mut rest).ok_or(BinlogError::Event { at })?;
        if kind != DESCRIPTOR {
            let payload = body.get(RANGE_BYTES..).ok_or(BinlogError::Event { at })?;
            events.push(Event { kind: EventKind(kind), payload });
        }
    }
    Ok(events)
}

/// Counts the entries of a delete log, given the whole file.
///
/// A key that was deleted twice counts twice, so this is the most rows the file can delete.
pub fn delta_entries(file: &[u8]) -> Result<u64, BinlogError> {
    let mut entries = 0_u64;
    for event in events(file)? {
        if event.kind != EventKind::DELETE {
            return Err(BinlogError::Kind(event.kind.0));
        }
        entries = entries.saturating_add(event.rows()?);
    }
    Ok(entries)
}

/// Splits the next event off: its type and its body.
fn event<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let mut header = *rest;
    take::<8>(&mut header)?;
    let [kind] = take(&mut header)?;
    let length = usize::try_from(i32::from_le_bytes(take(&mut header)?)).ok()?;
    let (event, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some((kind, event.get(HEADER_BYTES..)?))
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of these events, framed as Milvus does.
    fn file(events: &[(u8, &[u8])]) -> Vec<u8> {
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
        let bytes = file(&[(0, b"whatever"), (1, b"0123456789abcdefpayload"), (2, b"0123456789abcdef")]);
        let found: Vec<_> = events(&bytes).unwrap().iter().map(|e| (e.kind, e.payload.len())).collect();
        assert_eq!(found, [(EventKind::INSERT, 7), (EventKind::DELETE, 0)]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(events(b""), Err(BinlogError::Magic));
        assert_eq!(events(b"PAR1\0\0\0\0"), Err(BinlogError::Magic));
        let whole = file(&[(0, b"d"), (2, b"0123456789abcdefpayload")]);
        assert_eq!(events(&whole[..whole.len() - 1]), Err(BinlogError::Event { at: 22 }));
        assert_eq!(events(&file(&[(2, b"short")])), Err(BinlogError::Event { at: 4 }));
        assert_eq!(delta_entries(&whole), Err(BinlogError::Parquet));
        let insert = file(&[(1, b"0123456789abcdefpayload")]);
        assert_eq!(delta_entries(&insert), Err(BinlogError::Kind(1)));
        let mut endless = file(&[(0, b"d")]);
        endless[13..17].copy_from_slice(&0_i32.to_le_bytes());
        assert_eq!(events(&endless), Err(BinlogError::Event { at: 4 }));
    }
}
