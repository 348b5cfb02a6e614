//! One binlog file: what it is, its Parquet parts, and the streams of their columns.

mod column;
mod container;
mod footer;
mod page;
mod page_content;
mod pieces;
mod summary;
mod thrift;
mod write;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use model::key::ObjectKey;
use parquet::errors::ParquetError;
use storage::Store;

pub(crate) use column::ColumnStream;
pub(crate) use container::{Descriptor, NewBinlog};
pub(crate) use footer::{FileColumn, Footer, Physical};
pub use summary::InsertSummary;
pub(crate) use write::{ColumnForm, ColumnWriter};

use crate::blocking::run_blocking;
use crate::error::{Place, Reason, RowsError, Unsupported};

/// The data event with the rows of a column.
pub(crate) const INSERT_EVENT: u8 = 1;
/// The data event with delete entries.
pub(crate) const DELETE_EVENT: u8 = 2;

/// The largest file that is read with one request, in bytes.
const WHOLE_FILE_BYTES: u64 = 1 << 20;
/// The number of bytes at the end of a larger file that are read first; they contain most footers.
const TAIL_BYTES: u64 = 64 << 10;
/// The largest number of data events in a file. Milvus writes one.
const MAX_EVENTS: usize = 64;

/// The number `MILV` as Avro encodes it, with which manifests of storage version 3 begin.
const MANIFEST_MAGIC: &[u8; 4] = &[0xac, 0xb1, 0xca, 0xd4];
/// The directories below a segment of storage version 3, of whose files only a manifest tells which are valid.
const V3_DIRS: [&str; 3] = ["_data", "_delta", "_metadata"];

/// A failure in a file: the reason and, where it is known, the offset.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) offset: Option<u64>,
    pub(crate) reason: Reason,
}

impl Fault {
    fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Adds the place of the file.
    pub(crate) fn in_file(self, place: Place) -> RowsError {
        RowsError::new(place.with_offset(self.offset), self.reason)
    }
}

impl<R: Into<Reason>> From<R> for Fault {
    fn from(reason: R) -> Self {
        Self { offset: None, reason: reason.into() }
    }
}

impl From<ParquetError> for Reason {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) => match source.downcast::<Self>() {
                Ok(reason) => *reason,
                Err(other) => Self::Damaged(other.to_string()),
            },
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// An object of a store with its size, and its first bytes in memory.
#[derive(Debug)]
struct Object {
    store: Store,
    key: ObjectKey,
    size: u64,
    prefix: Bytes,
}

impl Object {
    /// Reads the head of an object, or all of a small one; a size of 0 is not known.
    async fn open(store: &Store, key: &ObjectKey, size: u64) -> Result<Self, Reason> {
        let size = match size {
            0 => {
                let found = store.metadata(key).await?;
                found.ok_or_else(|| Reason::inconsistent("the file does not exist"))?.size
            }
            known => known,
        };
        let mut object = Self { store: store.clone(), key: key.clone(), size, prefix: Bytes::new() };
        let prefix = if size <= WHOLE_FILE_BYTES { size } else { container::HEAD_BYTES as u64 };
        object.prefix = object.read(0..prefix).await?;
        Ok(object)
    }

    /// Reads a range that lies within the object.
    async fn read(&self, range: Range<u64>) -> Result<Bytes, Reason> {
        let bounds = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        let Some((start, end)) = bounds.filter(|(start, end)| start <= end) else {
            return Err(Reason::damaged("a range is too large"));
        };
        if end <= self.prefix.len() {
            return Ok(self.prefix.slice(start..end));
        }
        let bytes = self.store.read_range(&self.key, range).await?;
        if bytes.len() == end - start {
            Ok(bytes)
        } else {
            Err(Reason::inconsistent("the file is shorter than recorded"))
        }
    }
}

/// A Parquet file within an object.
#[derive(Clone, Debug)]
pub(crate) struct ParquetPart {
    object: Arc<Object>,
    /// The offset of the Parquet file in the object.
    base: u64,
    pub(crate) footer: Arc<Footer>,
}

/// A binlog file that has been opened: its structure is known, and its values are not read yet.
#[derive(Debug)]
pub(crate) struct BinlogFile {
    /// The descriptor of a file of storage version 1.
    pub(crate) descriptor: Option<Descriptor>,
    /// The type of the data event, where there is one, and its content.
    pub(crate) parts: Vec<(Option<u8>, ParquetPart)>,
}

impl BinlogFile {
    /// Opens a file of any format, which its first bytes tell; a size of 0 is not known.
    pub(crate) async fn open(store: &Store, key: &ObjectKey, size: u64) -> Result<Self, Fault> {
        if key.as_str().rsplit('/').nth(1).is_some_and(|dir| V3_DIRS.contains(&dir)) {
            return Err(Reason::from(Unsupported::StorageV3("file of a manifest")).into());
        }
        let object = Arc::new(Object::open(store, key, size).await?);
        match object.prefix.first_chunk() {
            Some(&container::MAGIC) => Self::open_container(&object).await,
            Some(b"PAR1") => {
                let part = ParquetPart::open(&object, 0..object.size).await?;
                Ok(Self { descriptor: None, parts: vec![(None, part)] })
            }
            Some(b"PARE") => Err(Reason::from(Unsupported::EncryptedParquet).into()),
            Some(b"MILV" | MANIFEST_MAGIC) => Err(Reason::from(Unsupported::StorageV3("manifest")).into()),
            Some(b"VTXF") => Err(Reason::from(Unsupported::StorageV3("Vortex file")).into()),
            _ => Err(Fault::from(Reason::damaged("the first bytes are not those of a binlog")).at(0)),
        }
    }

    async fn open_container(object: &Arc<Object>) -> Result<Self, Fault> {
        let head = object.prefix.get(..container::HEAD_BYTES).unwrap_or(&object.prefix);
        let descriptor = container::parse_descriptor(head)?;
        let mut parts = Vec::new();
        let mut at = descriptor.events_at;
        while at < object.size {
            if parts.len() == MAX_EVENTS {
                let problem = format!("the file has more than {MAX_EVENTS} events");
                return Err(Fault::from(Reason::Damaged(problem)).at(at));
            }
            let end = object.size.min(at + container::EVENT_HEADER_BYTES as u64);
            let event = container::parse_event(&object.read(at..end).await?, at, object.size)?;
            at = event.payload.end;
            let start = event.payload.start;
            let part = ParquetPart::open(object, event.payload).await.map_err(|fault| fault.at(start))?;
            parts.push((Some(event.kind), part));
        }
        Ok(Self { descriptor: Some(descriptor), parts })
    }
}

impl ParquetPart {
    /// Reads the footer of the Parquet file in this range of an object.
    async fn open(object: &Arc<Object>, range: Range<u64>) -> Result<Self, Fault> {
        let length = range.end - range.start;
        if length < 12 {
            return Err(Reason::damaged("a Parquet file has at least 12 bytes").into());
        }
        let mut tail = object.read(range.end - length.min(TAIL_BYTES)..range.end).await?;
        let trailer = tail.last_chunk().ok_or_else(|| Reason::damaged("the Parquet footer is missing"))?;
        let footer_bytes = footer::footer_length(*trailer, length)?;
        let with_trailer = footer_bytes + footer::TRAILER_BYTES;
        if with_trailer > tail.len() {
            tail = object.read(range.end - with_trailer as u64..range.end).await?;
        }
        let start = tail.len().saturating_sub(with_trailer);
        let footer = tail.slice(start..start + footer_bytes);
        let decode = move || footer::decode(&footer, length - with_trailer as u64);
        let footer = run_blocking(decode).await??;
        Ok(Self { object: Arc::clone(object), base: range.start, footer: Arc::new(footer) })
    }
}
