//! The ranges in which the chosen columns of a Parquet file are read, each once and one ahead of its use.
//!
//! A row group whose chosen columns are small is read with one request for all of them. The columns of a larger one
//! are read in pieces, each on its own. A piece is in memory from shortly before its first use until every column in
//! it has taken it.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::{Object, ParquetPart};
use crate::error::Reason;

/// The largest gap between two columns that is read too, because a request costs more.
const MAX_GAP: u64 = 32 << 10;

/// All pieces of a file. Its methods may only be called on threads that are allowed to block.
#[derive(Debug)]
pub(super) struct Pieces {
    object: Arc<Object>,
    runtime: Handle,
    slots: Vec<Mutex<Slot>>,
}

#[derive(Debug)]
struct Slot {
    range: Range<u64>,
    /// The number of columns that have not taken the piece.
    users: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Unread,
    Loading(AbortOnDropHandle<Result<Bytes, Reason>>),
    Loaded(Bytes),
}

impl Pieces {
    /// Plans the pieces of at most `limit` bytes for each column, and returns them with the numbers of each column's
    /// pieces in order.
    pub(super) fn plan(
        part: &ParquetPart,
        leaves: &[usize],
        limit: u64,
        runtime: Handle,
    ) -> (Self, Vec<Vec<usize>>) {
        let mut slots = Vec::new();
        let mut of_columns = vec![Vec::new(); leaves.len()];
        for group in part.footer.metadata.row_groups() {
            let mut chunks: Vec<(usize, Range<u64>)> = Vec::new();
            for (column, leaf) in leaves.iter().enumerate() {
                let (start, length) = group.column(*leaf).byte_range();
                if length > 0 {
                    chunks.push((column, part.base + start..part.base + start + length));
                }
            }
            let total =
                chunks.iter().fold(0_u64, |sum, (_, range)| sum.saturating_add(range.end - range.start));
            if total <= limit.saturating_mul(leaves.len() as u64) {
                chunks.sort_by_key(|(_, range)| range.start);
                merge(&chunks, &mut slots, &mut of_columns);
            } else {
                split(&chunks, limit, &mut slots, &mut of_columns);
            }
        }
        let slots =
            slots.into_iter().map(|(range, users)| Mutex::new(Slot { range, users, state: State::Unread }));
        (Self { object: Arc::clone(&part.object), runtime, slots: slots.collect() }, of_columns)
    }

    /// Begins to read a piece.
    pub(super) fn prefetch(&self, piece: usize) {
        let Some(slot) = self.slots.get(piece) else { return };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(slot.state, State::Unread) && slot.users > 0 {
            let (object, range) = (Arc::clone(&self.object), slot.range.clone());
            let load = self.runtime.spawn(async move { object.read(range).await });
            slot.state = State::Loading(AbortOnDropHandle::new(load));
        }
    }

    /// Returns a piece with its offset in the object, for one of its columns.
    pub(super) fn take(&self, piece: usize) -> Result<(u64, Bytes), Reason> {
        let slot = self.slots.get(piece).ok_or_else(|| Reason::damaged("a column has no such piece"))?;
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match std::mem::replace(&mut slot.state, State::Unread) {
            State::Unread => self.runtime.block_on(self.object.read(slot.range.clone()))?,
            State::Loading(load) => match self.runtime.block_on(load) {
                Ok(loaded) => loaded?,
                Err(error) => return Err(Reason::Panicked(error.to_string())),
            },
            State::Loaded(bytes) => bytes,
        };
        slot.users = slot.users.saturating_sub(1);
        if slot.users > 0 {
            slot.state = State::Loaded(bytes.clone());
        }
        Ok((slot.range.start, bytes))
    }
}

type Planned = Vec<(Range<u64>, usize)>;

/// Merges the columns of a row group into as few pieces as their gaps allow; `chunks` are in the order of the file.
fn merge(chunks: &[(usize, Range<u64>)], slots: &mut Planned, of_columns: &mut [Vec<usize>]) {
    let first = slots.len();
    for (column, range) in chunks {
        match slots.get_mut(first..).and_then(<[_]>::last_mut) {
            Some((merged, users)) if range.start <= merged.end.saturating_add(MAX_GAP) => {
                merged.end = merged.end.max(range.end);
                *users += 1;
            }
            _ => slots.push((range.clone(), 1)),
        }
        if let Some(pieces) = of_columns.get_mut(*column) {
            pieces.push(slots.len() - 1);
        }
    }
}

/// Splits each column of a row group into pieces of at most `limit` bytes.
fn split(chunks: &[(usize, Range<u64>)], limit: u64, slots: &mut Planned, of_columns: &mut [Vec<usize>]) {
    for (column, range) in chunks {
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start.saturating_add(limit.max(1)));
            if let Some(pieces) = of_columns.get_mut(*column) {
                pieces.push(slots.len());
            }
            slots.push((start..end, 1));
            start = end;
        }
    }
}
