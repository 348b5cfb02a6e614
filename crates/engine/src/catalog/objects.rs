//! Writes the object list of a collection, compressed with gzip, as a stream.

use flate2::Compression;
use flate2::write::GzEncoder;
use model::ids::CollectionId;
use model::layout::backup::{BackupLayout, mb_objects};
use model::manifest::object_list::{self, ListedFile};
use storage::{ObjectWriter, Store};

use crate::Error;

/// The size in bytes from which the compressed text is sent to the store.
const CHUNK_BYTES: usize = 1 << 20;

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
        layout: &BackupLayout,
        collection: CollectionId,
    ) -> Result<Self, Error> {
        let key = layout.meta_file(&mb_objects(collection));
        let location = store.describe(&key);
        let writer = store.open_writer(&key).await?;
        let mut list = Self { encoder: GzEncoder::new(Vec::new(), Compression::fast()), writer, location };
        let written = object_list::write_header(collection, &mut list.encoder);
        written.map_err(|source| list.encode_error(source))?;
        Ok(list)
    }

    /// Appends one file.
    pub(crate) async fn push(&mut self, file: &ListedFile<'_>) -> Result<(), Error> {
        let written = object_list::write_file(file, &mut self.encoder);
        written.map_err(|source| self.encode_error(source))?;
        if self.encoder.get_ref().len() >= CHUNK_BYTES { self.send_buffer().await } else { Ok(()) }
    }

    /// Sends the rest of the text and completes the file, which is not visible in the store before.
    pub(crate) async fn close(mut self) -> Result<(), Error> {
        self.encoder.try_finish().map_err(|e| self.encode_error(e.into()))?;
        self.send_buffer().await?;
        self.writer.close().await.map(drop).map_err(Error::from)
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
