//! Writes the object list `meta/mb_objects_<collection id>.jsonl.gz`.
//!
//! It contains every object of a collection with size and `ETag`, one on each line. Lines contain ids instead of paths
//! to keep the file small. It can be written and read as a stream. The first line names the format and the columns.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use model::ids::{CollectionId, FieldId, LogId, PartitionScope, SegmentId};
use serde::Serialize;
use storage::{ObjectWriter, Store};

use crate::Error;

/// The size in bytes from which the compressed text is sent to the store.
const CHUNK_BYTES: usize = 1 << 20;

/// One object; written as `[partition, segment, field or null for a delta log, log, size, etag or null]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectLine<'a> {
    pub(crate) partition: PartitionScope,
    pub(crate) segment: SegmentId,
    pub(crate) field: Option<FieldId>,
    pub(crate) log: LogId,
    pub(crate) size: u64,
    pub(crate) etag: Option<&'a str>,
}

#[derive(Serialize)]
struct Header {
    format_version: u32,
    collection: i64,
    columns: [&'static str; 6],
}

/// Writes the object list of one collection.
pub(crate) struct ObjectListWriter {
    encoder: GzEncoder<Vec<u8>>,
    writer: ObjectWriter,
    /// The store and key of the file, for messages.
    location: String,
}

impl ObjectListWriter {
    /// Creates the file and writes its first line; an existing file is replaced when the new one is closed.
    pub(crate) async fn create(
        store: &Store,
        layout: &model::layout::backup::BackupLayout,
        collection: CollectionId,
    ) -> Result<Self, Error> {
        let key = layout.meta_file(&model::layout::backup::mb_objects(collection));
        let location = store.describe(&key);
        let writer = store.open_writer(&key).await?;
        let mut list = Self { encoder: GzEncoder::new(Vec::new(), Compression::fast()), writer, location };
        list.write_line(&Header {
            format_version: 1,
            collection: collection.0,
            columns: ["partition", "segment", "field", "log", "size", "etag"],
        })?;
        Ok(list)
    }

    /// Appends one object.
    pub(crate) async fn push(&mut self, object: &ObjectLine<'_>) -> Result<(), Error> {
        self.write_line(&(
            object.partition.to_wire(),
            object.segment.0,
            object.field.map(|f| f.0),
            object.log.0,
            object.size,
            object.etag,
        ))?;
        if self.encoder.get_ref().len() >= CHUNK_BYTES { self.send_buffer().await } else { Ok(()) }
    }

    /// Sends the rest of the text and completes the file, which is not visible in the store before.
    pub(crate) async fn close(mut self) -> Result<(), Error> {
        self.encoder.try_finish().map_err(|e| self.encode_error(e.into()))?;
        self.send_buffer().await?;
        self.writer.close().await.map(drop).map_err(Error::from)
    }

    fn write_line(&mut self, value: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(&mut self.encoder, value).map_err(|e| self.encode_error(e.into()))?;
        self.encoder.write_all(b"\n").map_err(|e| self.encode_error(e.into()))
    }

    fn encode_error(&self, source: model::manifest::json::JsonError) -> Error {
        Error::Encode { file: self.location.clone(), source }
    }

    /// Sends the text that is compressed so far to the store.
    async fn send_buffer(&mut self) -> Result<(), Error> {
        let chunk = std::mem::take(self.encoder.get_mut());
        if chunk.is_empty() {
            return Ok(());
        }
        self.writer.write(chunk.into()).await.map_err(Error::from)
    }
}
