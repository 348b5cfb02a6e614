//! Reads the contents of a backup of this program or of the Go tool.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use futures::stream::StreamExt;
use model::key::ObjectKey;
use model::layout::backup::{BackupLayout, ManifestFile};
use model::manifest::{BackupFormat, Manifest, json};
use model::name::BackupName;
use storage::StorageErrorKind;
use tokio::sync::mpsc;

use super::head::summarize_error;
use super::{BackupFacts, BackupState, BackupSummary, Catalog};
use crate::{Engine, Error, JobCtx};

/// A backup with its manifest.
#[derive(Clone, Debug)]
pub struct BackupDetail {
    /// The summary, with collections and rows counted from the manifest if the head does not contain them.
    pub summary: BackupSummary,
    /// The databases, collections, partitions, segments and files of the backup.
    pub manifest: Manifest,
    /// The contents of `mb_manifest.json`; `None` for a backup of the Go tool.
    pub facts: Option<BackupFacts>,
}

impl BackupDetail {
    /// Fails if the backup is in a format that this version does not know.
    pub(crate) fn check_format(&self, name: &BackupName) -> Result<(), Error> {
        match &self.manifest.format {
            BackupFormat::Binlog | BackupFormat::Snapshot => Ok(()),
            BackupFormat::Other(format) => {
                Err(Error::Format { name: name.to_string(), format: format.clone() })
            }
        }
    }
}

impl Engine {
    /// Reads the manifest of one backup; fails if the backup is not complete.
    pub async fn get(&self, name: &BackupName, ctx: &JobCtx) -> Result<BackupDetail, Error> {
        let catalog = Catalog::open(self)?;
        ctx.run(catalog.read_complete_backup(name)).await
    }
}

impl Catalog {
    /// Reads a complete backup; for any other state, returns an error that names the state.
    pub(crate) async fn read_complete_backup(&self, name: &BackupName) -> Result<BackupDetail, Error> {
        if name.is_reserved() {
            return Err(self.no_such_backup(name).await);
        }
        let read = match self.read_head(name).await {
            Err(Error::Storage(error)) if error.kind() != StorageErrorKind::PermissionDenied => {
                summarize_error(name, error).map(Some)
            }
            read => read,
        }?;
        let Some(mut summary) = read else { return Err(self.no_such_backup(name).await) };
        if let (BackupState::Unreadable, Some(problem)) = (summary.state, &summary.problem) {
            return Err(Error::Unreadable { name: name.to_string(), problem: problem.clone() });
        }
        if let BackupState::Unfinished | BackupState::Running = summary.state {
            return Err(Error::NotComplete { name: name.to_string(), state: summary.state });
        }
        let manifest = self.read_manifest(name).await?;
        let facts = self.read_facts(name).await?;
        summary.collections.get_or_insert(manifest.collections.len() as u64);
        summary.rows.get_or_insert(model::plan::backup::Totals::of_manifest(&manifest).rows);
        Ok(BackupDetail { summary, manifest, facts })
    }

    /// Reads the manifest from `full_meta.json` if it exists, otherwise from the four level files.
    async fn read_manifest(&self, name: &BackupName) -> Result<Manifest, Error> {
        let layout = self.layout(name);
        let full = layout.manifest_file(ManifestFile::Full);
        let head = self.read_level_file(&layout, ManifestFile::Head).await?;
        if let Some(source) = self.open_reader(&full).await? {
            let mut manifest =
                parse_on_thread(source, json::read_full, name.to_string(), self.store.describe(&full))
                    .await?;
            // The format of full_meta.json has no summary; only the head of our own backups contains one.
            let file = || self.store.describe(&layout.manifest_file(ManifestFile::Head));
            let head = json::read_backup_meta(head.as_ref())
                .map_err(|source| Error::DamagedFile { file: file(), source })?;
            manifest.summary = head.summary;
            return Ok(manifest);
        }
        let mut levels = Vec::with_capacity(3);
        for file in [ManifestFile::Collections, ManifestFile::Partitions, ManifestFile::Segments] {
            levels.push(self.read_level_file(&layout, file).await?);
        }
        let [collection, partition, segment] = &levels[..] else { return Err(Error::Task("levels".into())) };
        json::read_levels(head.as_ref(), collection.as_ref(), partition.as_ref(), segment.as_ref())
            .map_err(|source| Error::DamagedFile { file: self.store.describe(&layout.meta_dir()), source })
    }

    /// Reads one of the level files; a missing one is a damage of the backup.
    async fn read_level_file(&self, layout: &BackupLayout, file: ManifestFile) -> Result<Bytes, Error> {
        let key = layout.manifest_file(file);
        self.read_optional_file(&key, usize::MAX).await?.ok_or_else(|| Error::Damaged {
            name: layout.dir().file_name().to_owned(),
            problems: vec![format!("{} is missing", self.store.describe(&key))],
        })
    }

    /// Opens a file for reading as a stream; returns `None` if it does not exist.
    async fn open_reader(&self, key: &ObjectKey) -> Result<Option<ChunkReader>, Error> {
        if self.store.metadata(key).await?.is_none() {
            return Ok(None);
        }
        let mut stream = self.store.read_stream(key);
        let (sender, chunks) = mpsc::channel(2);
        tokio::spawn(async move {
            while let Some(chunk) = stream.next().await {
                if sender.send(chunk.map_err(|e| io::Error::other(e.to_string()))).await.is_err() {
                    return;
                }
            }
        });
        Ok(Some(ChunkReader { chunks, rest: Bytes::new() }))
    }
}

/// Parses a manifest on a blocking thread while its bytes arrive from the store.
async fn parse_on_thread(
    source: ChunkReader,
    read: impl FnOnce(ChunkReader) -> Result<Manifest, json::JsonError> + Send + 'static,
    name: String,
    file: String,
) -> Result<Manifest, Error> {
    tokio::task::spawn_blocking(move || read(source)).await.map_err(|e| Error::Task(e.to_string()))?.map_err(
        |source| match source {
            json::JsonError::Io(error) => Error::Unreadable { name, problem: error.to_string() },
            source => Error::DamagedFile { file, source },
        },
    )
}

/// A blocking reader of the chunks that arrive from a store.
struct ChunkReader {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

impl Read for ChunkReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.rest = chunk?,
                None => return Ok(0),
            }
        }
        let n = out.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut out[..n]);
        Ok(n)
    }
}
