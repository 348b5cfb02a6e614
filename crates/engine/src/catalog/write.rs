//! Writes the files of a backup: leaves first, `backup_meta.json` last.

use std::io::{self, Write};

use bytes::Bytes;
use model::key::ObjectKey;
use model::layout::backup::{
    BACKUP_META, COLLECTION_META, FULL_META, MB_MANIFEST, PARTITION_META, SEGMENT_META,
};
use model::manifest::{Manifest, json};
use model::name::BackupName;
use std::sync::Arc;
use tokio::sync::mpsc;

use super::{Catalog, Extra};
use crate::Error;

/// How much of a file is gathered before it is sent, bytes.
const CHUNK: usize = 1 << 20;

type Encode = fn(&Manifest, &str, &mut Chunks) -> Result<(), json::JsonError>;

impl Catalog {
    /// Writes everything but the commit marker.
    pub(crate) async fn write_leaves(
        &self,
        name: &BackupName,
        manifest: &Arc<Manifest>,
        extra: &Extra,
        log_root: &str,
    ) -> Result<(), Error> {
        let files: [(&str, Encode); 4] = [
            (COLLECTION_META, |m, root, w| json::write_collection_meta(m, root, w)),
            (PARTITION_META, |m, root, w| json::write_partition_meta(m, root, w)),
            (SEGMENT_META, |m, root, w| json::write_segment_meta(m, root, w)),
            (FULL_META, |m, root, w| json::write_full_meta(m, root, w)),
        ];
        for (file, encode) in files {
            self.write_streamed(&self.layout(name).meta_file(file), manifest, log_root, encode).await?;
        }
        let key = self.layout(name).meta_file(MB_MANIFEST);
        let bytes = serde_json::to_vec(extra)
            .map_err(|e| Error::Encode { file: self.store.describe(&key), source: e.into() })?;
        self.put(&key, bytes.into()).await
    }

    /// Writes the commit marker: from here on the backup is complete.
    pub(crate) async fn publish(
        &self,
        name: &BackupName,
        manifest: &Manifest,
        log_root: &str,
    ) -> Result<(), Error> {
        let key = self.layout(name).meta_file(BACKUP_META);
        let mut bytes = Vec::new();
        json::write_backup_meta(manifest, log_root, &mut bytes)
            .map_err(|source| Error::Encode { file: self.store.describe(&key), source })?;
        self.put(&key, bytes.into()).await
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<(), Error> {
        self.store.write(key, bytes).await.map_err(Error::from)
    }

    /// Encodes on a thread of its own and sends what comes, so that the text of a million objects is never held.
    async fn write_streamed(
        &self,
        key: &ObjectKey,
        manifest: &Arc<Manifest>,
        log_root: &str,
        encode: Encode,
    ) -> Result<(), Error> {
        let place = self.store.describe(key);
        let failed = |source| Error::from(source);
        let (sender, mut chunks) = mpsc::channel(2);
        let (manifest, log_root) = (Arc::clone(manifest), log_root.to_owned());
        let encoding = tokio::task::spawn_blocking(move || {
            let mut out = Chunks { buffer: Vec::with_capacity(CHUNK), sender };
            encode(&manifest, &log_root, &mut out)?;
            out.flush().map_err(json::JsonError::from)
        });
        let Some(first) = chunks.recv().await else {
            // nothing came: the encoder failed, or an empty file is to be written
            encoded(encoding, &place).await?;
            return self.store.write(key, Bytes::new()).await.map_err(failed);
        };
        let mut writer = self.store.writer(key).await.map_err(failed)?;
        writer.write(first).await.map_err(failed)?;
        while let Some(chunk) = chunks.recv().await {
            writer.write(chunk).await.map_err(failed)?;
        }
        // an encoder that failed leaves no file that looks whole
        if let Err(error) = encoded(encoding, &place).await {
            writer.abort().await;
            return Err(error);
        }
        writer.close().await.map(drop).map_err(failed)
    }
}

async fn encoded(
    task: tokio::task::JoinHandle<Result<(), json::JsonError>>,
    file: &str,
) -> Result<(), Error> {
    task.await
        .map_err(|e| Error::Task(e.to_string()))?
        .map_err(|source| Error::Encode { file: file.to_owned(), source })
}

struct Chunks {
    buffer: Vec<u8>,
    sender: mpsc::Sender<Bytes>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.sender.blocking_send(chunk.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
