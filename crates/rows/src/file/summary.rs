//! The number of rows of an insert binlog, read from its end alone.

use std::hash::{DefaultHasher, Hasher};

use bytes::Bytes;
use model::key::ObjectKey;
use storage::{StorageError, Store};

use super::{TAIL_BYTES, container, footer};

/// The values of an insert binlog of storage version 1, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsertSummary {
    /// The number of rows.
    pub rows: u64,
    /// A hash of the last encoded values and of their statistics; Milvus encodes the same values alike.
    pub hash: u64,
}

impl InsertSummary {
    /// Reads the last 64 KiB of a file with `size` bytes; `None` if they do not contain a whole Parquet footer.
    ///
    /// Milvus writes one event into a file; the rows of more would not be counted.
    pub async fn read(store: &Store, key: &ObjectKey, size: u64) -> Result<Option<Self>, StorageError> {
        let tail = store.read_range(key, size.saturating_sub(TAIL_BYTES)..size).await?;
        Ok(Self::of_tail(&tail, size))
    }

    fn of_tail(tail: &Bytes, size: u64) -> Option<Self> {
        let length = footer::footer_length(*tail.last_chunk()?, size).ok()? + footer::TRAILER_BYTES;
        let start = tail.len().checked_sub(length)?;
        let footer = tail.slice(start..tail.len() - footer::TRAILER_BYTES);
        let rows = footer::decode(&footer, size - length as u64).ok()?.rows;
        let mut hasher = DefaultHasher::new();
        hasher.write(tail.get(payload_start(tail)..).unwrap_or_default());
        Some(Self { rows, hash: hasher.finish() })
    }
}

/// Returns where the payload begins in a file that is given as a whole; 0 for the end of a larger one.
///
/// The header before it contains the time of writing, which says nothing about the values.
fn payload_start(file: &[u8]) -> usize {
    let descriptor = container::parse_descriptor(file).ok();
    let event_at = descriptor.and_then(|descriptor| usize::try_from(descriptor.events_at).ok());
    event_at.map_or(0, |at| at + container::EVENT_HEADER_BYTES)
}
