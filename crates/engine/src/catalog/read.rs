//! Reads the contents of a backup of this program or of the Go tool.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use bytes::{Buf, Bytes};
use futures::stream::{self, StreamExt, TryStreamExt};
use model::ids::{PartitionId, PartitionScope};
use model::key::ObjectKey;
use model::layout::backup::{
    BACKUP_META, BackupLayout, COLLECTION_META, FULL_META, PARTITION_META, SEGMENT_META,
};
use model::manifest::{CollectionBackup, Manifest, json};
use model::name::BackupName;
use model::plan::restore::PrefixFacts;
use model::plan::{ExpectedFiles, FileId};
use tokio::sync::mpsc;

use super::{BackupState, BackupSummary, Catalog, Extra};
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
    pub extra: Option<Extra>,
}

/// A difference between the files of a backup and its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// An object of the manifest does not exist; contains its path.
    Missing(String),
    /// An object has a different size than in the manifest.
    Size {
        /// The store and key of the object.
        key: String,
        /// Its actual size in bytes.
        found: u64,
        /// Its size in bytes according to the manifest.
        expected: u64,
    },
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(key) => write!(f, "{key} is missing"),
            Self::Size { key, found, expected } => write!(f, "{key} has {found} bytes instead of {expected}"),
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
        let not_found = || Error::NoSuchBackup { name: name.to_string(), place: self.describe_root() };
        if name.is_reserved() {
            return Err(not_found());
        }
        let mut summary = self.read_summary(name).await?.ok_or_else(not_found)?;
        if let BackupState::Unfinished | BackupState::Running = summary.state {
            return Err(Error::NotComplete { name: name.to_string(), state: summary.state });
        }
        let manifest = self.read_manifest(name).await?;
        let extra = self.read_extra(name).await?;
        summary.collections.get_or_insert(manifest.collections.len() as u64);
        summary.rows.get_or_insert(model::plan::backup::Totals::of_manifest(&manifest).rows);
        Ok(BackupDetail { summary, manifest, extra })
    }

    /// Reads the manifest from `full_meta.json` if it exists, otherwise from the four level files.
    async fn read_manifest(&self, name: &BackupName) -> Result<Manifest, Error> {
        let layout = self.layout(name);
        let full = layout.meta_file(FULL_META);
        let head = self.read_level_file(&layout, BACKUP_META).await?;
        if let Some(source) = self.open_reader(&full).await? {
            let mut manifest = parse_on_thread(source, json::read_full, self.store.describe(&full)).await?;
            // The format of full_meta.json has no summary; only the head of our own backups contains one.
            let file = || self.store.describe(&layout.meta_file(BACKUP_META));
            let head = json::read_backup_meta(head.as_ref())
                .map_err(|source| Error::DamagedFile { file: file(), source })?;
            manifest.summary = head.summary;
            return Ok(manifest);
        }
        let mut levels = Vec::with_capacity(3);
        for file in [COLLECTION_META, PARTITION_META, SEGMENT_META] {
            levels.push(self.read_level_file(&layout, file).await?);
        }
        let [collection, partition, segment] = &levels[..] else { return Err(Error::Task("levels".into())) };
        json::read_levels(head.as_ref(), collection.as_ref(), partition.as_ref(), segment.as_ref())
            .map_err(|source| Error::DamagedFile { file: self.store.describe(&layout.meta_dir()), source })
    }

    /// Reads one of the level files; a missing one is a damage of the backup.
    async fn read_level_file(&self, layout: &BackupLayout, file: &str) -> Result<Bytes, Error> {
        let key = layout.meta_file(file);
        self.read_optional_file(&key).await?.ok_or_else(|| Error::Damaged {
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

    /// Lists the objects of a collection in a backup and compares them with the manifest.
    ///
    /// Returns for each partition whether its prefix contains foreign objects, and all damages. The delete entries are
    /// not counted.
    pub(crate) async fn inspect_collection(
        &self,
        name: &BackupName,
        collection: &CollectionBackup,
    ) -> Result<(BTreeMap<PartitionId, PrefixFacts>, Vec<Damage>), Error> {
        let layout = self.layout(name);
        let mut expected = ExpectedFiles::new(collection);
        let mut damages = Vec::new();
        let mut foreign = BTreeSet::new();
        for dir in [layout.insert_collection_dir(collection.id), layout.delta_collection_dir(collection.id)] {
            let mut entries = self.store.list(&dir);
            while let Some(entry) = entries.try_next().await? {
                match parse_file_id(&layout, &entry.key).and_then(|file| expected.mark_found(file)) {
                    Some((_, size)) if size > 0 && size != entry.meta.size => damages.push(Damage::Size {
                        key: self.store.describe(&entry.key),
                        found: entry.meta.size,
                        expected: size,
                    }),
                    Some(_) => {}
                    None => foreign.extend(parse_partition_of_key(&entry.key, &dir)),
                }
            }
        }
        let dir = self.store.describe(layout.dir());
        damages.extend(expected.missing().map(|(scope, file)| {
            Damage::Missing(format!("{dir}{}", describe_missing_file(collection, scope, file)))
        }));
        let seen = collection
            .partitions
            .iter()
            .map(|p| (p.id, PrefixFacts { foreign: foreign.contains(&p.id), deletes: 0 }))
            .collect();
        Ok((seen, damages))
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

/// Returns the partition below whose prefix an object is stored, whatever the rest of its key is.
fn parse_partition_of_key(key: &ObjectKey, collection_dir: &ObjectKey) -> Option<PartitionId> {
    key.relative_to(collection_dir)?.split('/').next()?.parse().ok().map(PartitionId)
}

/// Parses the key of a binlog or delta log in a backup; returns `None` for any other key.
pub(crate) fn parse_file_id(layout: &BackupLayout, key: &ObjectKey) -> Option<FileId> {
    let insert = layout.parse_insert(key).map(|(k, _)| (k.segment, Some(k.field), k.log));
    let file = insert.or_else(|| layout.parse_delta(key).map(|(k, _)| (k.segment, None, k.log)));
    file.map(|(segment, field, log)| FileId { segment, field, log })
}

/// Returns the path of a missing file below the backup, with `…` for the id of its group, which is not known.
fn describe_missing_file(collection: &CollectionBackup, scope: PartitionScope, file: FileId) -> String {
    let FileId { segment, field, log } = file;
    let (collection, partition) = (collection.id, scope.to_wire());
    match field {
        Some(field) => format!("binlogs/insert_log/{collection}/{partition}/…/{segment}/{field}/{log}"),
        None => format!("binlogs/delta_log/{collection}/{partition}/…/{segment}/{log}"),
    }
}

/// Parses a manifest on a blocking thread while its bytes arrive from the store.
async fn parse_on_thread(
    source: ChunkReader,
    read: impl FnOnce(ChunkReader) -> Result<Manifest, json::JsonError> + Send + 'static,
    file: String,
) -> Result<Manifest, Error> {
    tokio::task::spawn_blocking(move || read(source))
        .await
        .map_err(|e| Error::Task(e.to_string()))?
        .map_err(|source| Error::DamagedFile { file, source })
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
