//! `meta/mb_objects_<collection>.jsonl.gz`: every object of a collection with its size and `ETag`, a line each.
//!
//! Compact (ids, not paths), written and readable in a stream; the first line says what it is.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use model::ids::{CollectionId, FieldId, LogId, PartitionScope, SegmentId};
use serde::Serialize;
use storage::{ObjectWriter, Store};

use crate::Error;

/// How much compressed text is gathered before it is sent, bytes.
const CHUNK: usize = 1 << 20;

/// One object; written as `[partition, segment, field or null for a delete log, log, size, etag or null]`.
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
pub(crate) struct ObjectList {
    encoder: GzEncoder<Vec<u8>>,
    writer: ObjectWriter,
    place: String,
}

impl ObjectList {
    pub(crate) async fn create(
        store: &Store,
        layout: &model::layout::backup::BackupLayout,
        collection: CollectionId,
    ) -> Result<Self, Error> {
        let key = layout.meta_file(&model::layout::backup::mb_objects(collection));
        let place = store.describe(&key);
        let writer = store.writer(&key).await?;
        let mut list = Self { encoder: GzEncoder::new(Vec::new(), Compression::fast()), writer, place };
        list.line(&Header {
            format_version: 1,
            collection: collection.0,
            columns: ["partition", "segment", "field", "log", "size", "etag"],
        })?;
        Ok(list)
    }

    pub(crate) async fn push(&mut self, object: &ObjectLine<'_>) -> Result<(), Error> {
        self.line(&(
            object.partition.wire(),
            object.segment.0,
            object.field.map(|f| f.0),
            object.log.0,
            object.size,
            object.etag,
        ))?;
        if self.encoder.get_ref().len() >= CHUNK { self.send().await } else { Ok(()) }
    }

    pub(crate) async fn close(mut self) -> Result<(), Error> {
        self.encoder.try_finish().map_err(|e| self.encode_error(e.into()))?;
        self.send().await?;
        self.writer.close().await.map(drop).map_err(Error::from)
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), Error> {
        serde_json::to_writer(&mut self.encoder, value).map_err(|e| self.encode_error(e.into()))?;
        self.encoder.write_all(b"\n").map_err(|e| self.encode_error(e.into()))
    }

    fn encode_error(&self, source: model::manifest::json::JsonError) -> Error {
        Error::Encode { file: self.place.clone(), source }
    }

    async fn send(&mut self) -> Result<(), Error> {
        let chunk = std::mem::take(self.encoder.get_mut());
        if chunk.is_empty() {
            return Ok(());
        }
        self.writer.write(chunk.into()).await.map_err(Error::from)
    }
}
