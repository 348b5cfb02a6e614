//! Writes the metadata files of a backup; the commit marker `backup_meta.json` is written last.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use model::key::ObjectKey;
use model::layout::backup::{MB_MANIFEST, ManifestFile};
use model::manifest::{BackupFormat, Manifest, json};
use model::name::BackupName;
use tokio::sync::mpsc;

use super::{BackupFacts, Catalog};
use crate::Error;

/// The size in bytes of the chunks in which a file is sent to the store.
const CHUNK_BYTES: usize = 1 << 20;

impl Catalog {
    /// Writes all metadata files except the commit marker.
    pub(crate) async fn write_manifest_files(
        &self,
        name: &BackupName,
        manifest: &Arc<Manifest>,
        facts: &BackupFacts,
        log_root: &str,
    ) -> Result<(), Error> {
        // Snapshots have neither partition nor segment files, so that no reader takes the backup for an empty one.
        let has_levels = manifest.format != BackupFormat::Snapshot;
        let wanted = |file: &ManifestFile| match file {
            ManifestFile::Head => false,
            ManifestFile::Partitions | ManifestFile::Segments => has_levels,
            ManifestFile::Collections | ManifestFile::Full => true,
        };
        for file in ManifestFile::ALL.into_iter().filter(wanted) {
            self.write_streamed(name, file, manifest, log_root).await?;
        }
        let key = self.layout(name).meta_file(MB_MANIFEST);
        let bytes = serde_json::to_vec(facts)
            .map_err(|e| Error::Encode { file: self.store.describe(&key), source: e.into() })?;
        self.write_file(&key, bytes.into()).await
    }

    /// Writes the commit marker, which makes the backup complete.
    pub(crate) async fn write_commit_marker(
        &self,
        name: &BackupName,
        manifest: &Manifest,
        log_root: &str,
    ) -> Result<(), Error> {
        let key = self.layout(name).manifest_file(ManifestFile::Head);
        let mut bytes = Vec::new();
        json::write_manifest_file(ManifestFile::Head, manifest, log_root, &mut bytes)
            .map_err(|source| Error::Encode { file: self.store.describe(&key), source })?;
        self.write_file(&key, bytes.into()).await
    }

    async fn write_file(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        self.store.write(key, bytes).await.map_err(Error::from)
    }

    /// Encodes a file on a blocking thread and sends it in chunks, so that its whole text is never in memory.
    async fn write_streamed(
        &self,
        name: &BackupName,
        file: ManifestFile,
        manifest: &Arc<Manifest>,
        log_root: &str,
    ) -> Result<(), Error> {
        let key = &self.layout(name).manifest_file(file);
        let location = self.store.describe(key);
        let (sender, mut chunks) = mpsc::channel(2);
        let (manifest, log_root) = (Arc::clone(manifest), log_root.to_owned());
        let encoding = tokio::task::spawn_blocking(move || {
            let mut out = ChunkWriter { buffer: Vec::with_capacity(CHUNK_BYTES), sender };
            json::write_manifest_file(file, &manifest, &log_root, &mut out)?;
            out.flush().map_err(json::JsonError::from)
        });
        let Some(first) = chunks.recv().await else {
            // There was no chunk: the encoder failed, or the file is empty.
            join_encoder(encoding, &location).await?;
            return self.store.write(key, Bytes::new()).await.map_err(Error::from);
        };
        let mut writer = self.store.open_writer(key).await.map_err(Error::from)?;
        writer.write(first).await.map_err(Error::from)?;
        while let Some(chunk) = chunks.recv().await {
            writer.write(chunk).await.map_err(Error::from)?;
        }
        // If the encoder failed, the incomplete file must not appear in the store.
        if let Err(error) = join_encoder(encoding, &location).await {
            writer.abort().await;
            return Err(error);
        }
        writer.close().await.map(drop).map_err(Error::from)
    }
}

/// Waits for the thread of the encoder and returns its result.
async fn join_encoder(
    task: tokio::task::JoinHandle<Result<(), json::JsonError>>,
    file: &str,
) -> Result<(), Error> {
    task.await
        .map_err(|e| Error::Task(e.to_string()))?
        .map_err(|source| Error::Encode { file: file.to_owned(), source })
}

/// Collects written bytes and sends them in chunks to the task that writes to the store.
struct ChunkWriter {
    buffer: Vec<u8>,
    sender: mpsc::Sender<Bytes>,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK_BYTES));
        self.sender.blocking_send(chunk.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
