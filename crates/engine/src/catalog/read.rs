//! Reads the contents of a backup of this program or of the Go tool.

use std::collections::BTreeMap;
use std::io::{self, Read};

use bytes::{Buf, Bytes};
use futures::stream::{self, StreamExt, TryStreamExt};
use model::ids::{PartitionId, PartitionScope};
use model::key::ObjectKey;
use model::layout::backup::{BackupLayout, ManifestFile};
use model::manifest::{BackupFormat, CollectionBackup, Manifest, json};
use model::name::BackupName;
use storage::StorageErrorKind;
use tokio::sync::mpsc;

use super::head::summarize_error;
use super::{BackupFacts, BackupState, BackupSummary, Catalog};
use crate::{Engine, Error, JobCtx};

/// The number of delta logs that are read concurrently.
const CONCURRENT_LOG_READS: usize = 32;

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
    /// Fails if the backup is not in binlog format.
    pub(crate) fn check_format(&self, name: &BackupName) -> Result<(), Error> {
        let format = match &self.manifest.format {
            BackupFormat::Binlog => return Ok(()),
            BackupFormat::Snapshot => "snapshot".to_owned(),
            BackupFormat::Other(other) => other.clone(),
        };
        Err(Error::Format { name: name.to_string(), format })
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

    /// Counts the delete entries in the delta logs of a collection, by partition.
    pub(crate) async fn count_delete_entries(
        &self,
        name: &BackupName,
        collection: &CollectionBackup,
    ) -> Result<BTreeMap<PartitionId, u64>, Error> {
        let layout = self.layout(name);
        let id = collection.id;
        let logs = collection.partitions.iter().flat_map(|p| {
            let segments = p.segments.iter();
            segments.flat_map(|s| s.delta_logs.iter().map(|d| (p.id, s.group_id, s.id, d.log)))
        });
        stream::iter(logs.collect::<Vec<_>>())
            .map(|(partition, group, segment, log)| {
                let key = layout.delta_key(id, PartitionScope::One(partition), group, segment, log);
                async move { self.count_entries_of_log(&key).await.map(|n| (partition, n)) }
            })
            .buffer_unordered(CONCURRENT_LOG_READS)
            .try_fold(BTreeMap::new(), |mut sums, (partition, n)| async move {
                *sums.entry(partition).or_default() += n;
                Ok(sums)
            })
            .await
    }

    /// Reads one delta log and returns the number of its delete entries.
    async fn count_entries_of_log(&self, key: &ObjectKey) -> Result<u64, Error> {
        let place = self.store.describe(key);
        let bytes = self.store.read(key).await?;
        model::binlog::delta_entries(&bytes).map_err(|e| Error::Damaged {
            name: key.to_string(),
            problems: vec![format!("delete log {place}: {e}")],
        })
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
