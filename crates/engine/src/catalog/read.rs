//! Reads what a backup holds, whoever made it.

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
use model::plan::restore::PrefixSeen;
use model::plan::{Expected, FileId};
use tokio::sync::mpsc;

use super::{BackupState, BackupSummary, Catalog, Extra};
use crate::{Engine, Error, JobCtx};

/// Delete logs read at once.
const AT_ONCE: usize = 32;

/// What a backup holds, down to its segments.
#[derive(Clone, Debug)]
pub struct BackupDetail {
    /// What `list` shows of it.
    pub summary: BackupSummary,
    /// What it holds.
    pub manifest: Manifest,
    /// What we know beyond the format; `None` of a foreign backup.
    pub extra: Option<Extra>,
}

/// Something wrong with the files of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The manifest names it, but it is not there.
    Missing(String),
    /// It has another size than the manifest says.
    Size {
        /// The object.
        key: String,
        /// Bytes there.
        found: u64,
        /// Bytes in the manifest.
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
    /// Reads one backup down to its segments.
    pub async fn get(&self, name: &BackupName, ctx: &JobCtx) -> Result<BackupDetail, Error> {
        let catalog = Catalog::open(self)?;
        ctx.run(catalog.detail(name)).await
    }
}

impl Catalog {
    /// Reads a complete backup; any other state is an error that names it.
    pub(crate) async fn detail(&self, name: &BackupName) -> Result<BackupDetail, Error> {
        let none = || Error::NoSuchBackup { name: name.to_string(), place: self.place() };
        if name.is_reserved() {
            return Err(none());
        }
        let mut summary = self.summary(name).await?.ok_or_else(none)?;
        if let BackupState::Unfinished | BackupState::Running = summary.state {
            return Err(Error::NotComplete { name: name.to_string(), state: summary.state });
        }
        let manifest = self.manifest(name).await?;
        let extra = self.extra(name).await?;
        summary.collections.get_or_insert(manifest.collections.len() as u64);
        summary.rows.get_or_insert(model::plan::backup::Totals::of_all(&manifest).rows);
        Ok(BackupDetail { summary, manifest, extra })
    }

    /// The full tree where there is one, else the four levels.
    async fn manifest(&self, name: &BackupName) -> Result<Manifest, Error> {
        let layout = self.layout(name);
        let full = layout.meta_file(FULL_META);
        let head = self.level(&layout, BACKUP_META).await?;
        if let Some(source) = self.source_of(&full).await? {
            let mut manifest = parse(source, json::read_full, self.store.describe(&full)).await?;
            // full_meta.json is shared by all writers; only the head carries our summary
            let file = || self.store.describe(&layout.meta_file(BACKUP_META));
            let head = json::read_backup_meta(head.as_ref())
                .map_err(|source| Error::DamagedFile { file: file(), source })?;
            manifest.summary = head.summary;
            return Ok(manifest);
        }
        let mut levels = Vec::with_capacity(3);
        for file in [COLLECTION_META, PARTITION_META, SEGMENT_META] {
            levels.push(self.level(&layout, file).await?);
        }
        let [collection, partition, segment] = &levels[..] else { return Err(Error::Task("levels".into())) };
        json::read_levels(head.as_ref(), collection.as_ref(), partition.as_ref(), segment.as_ref())
            .map_err(|source| Error::DamagedFile { file: self.store.describe(&layout.meta_dir()), source })
    }

    async fn level(&self, layout: &BackupLayout, file: &str) -> Result<Bytes, Error> {
        let key = layout.meta_file(file);
        self.read_file(&key).await?.ok_or_else(|| Error::Damaged {
            name: layout.dir().file_name().to_owned(),
            problems: vec![format!("{} is missing", self.store.describe(&key))],
        })
    }

    /// The bytes of a file as they come; `None` if there is no such file.
    async fn source_of(&self, key: &ObjectKey) -> Result<Option<ChunkReader>, Error> {
        if self.store.stat(key).await?.is_none() {
            return Ok(None);
        }
        let mut stream = self.store.reader(key);
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

    /// Lists the backup's objects of a collection and holds them against the manifest.
    pub(crate) async fn inspect(
        &self,
        name: &BackupName,
        collection: &CollectionBackup,
    ) -> Result<(BTreeMap<PartitionId, PrefixSeen>, Vec<Damage>), Error> {
        let layout = self.layout(name);
        let mut expected = Expected::new(collection);
        let mut damages = Vec::new();
        let mut foreign = BTreeSet::new();
        for dir in [layout.insert_collection_dir(collection.id), layout.delta_collection_dir(collection.id)] {
            let mut entries = self.store.list(&dir);
            while let Some(entry) = entries.try_next().await? {
                match file_id(&layout, &entry.key).and_then(|file| expected.take(file)) {
                    Some((_, size)) if size > 0 && size != entry.meta.size => damages.push(Damage::Size {
                        key: self.store.describe(&entry.key),
                        found: entry.meta.size,
                        expected: size,
                    }),
                    Some(_) => {}
                    None => foreign.extend(partition_of(&entry.key, &dir)),
                }
            }
        }
        let dir = self.store.describe(layout.dir());
        damages.extend(
            expected.missing().map(|(scope, file)| {
                Damage::Missing(format!("{dir}{}", missing_path(collection, scope, file)))
            }),
        );
        let seen = collection
            .partitions
            .iter()
            .map(|p| (p.id, PrefixSeen { foreign: foreign.contains(&p.id), deletes: 0 }))
            .collect();
        Ok((seen, damages))
    }

    /// Counts the entries of every delete log of a collection, by partition.
    pub(crate) async fn count_deletes(
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
                async move { self.deletes_in(&key).await.map(|n| (partition, n)) }
            })
            .buffer_unordered(AT_ONCE)
            .try_fold(BTreeMap::new(), |mut sums, (partition, n)| async move {
                *sums.entry(partition).or_default() += n;
                Ok(sums)
            })
            .await
    }

    async fn deletes_in(&self, key: &ObjectKey) -> Result<u64, Error> {
        let place = self.store.describe(key);
        let bytes = self.store.read(key).await?;
        model::binlog::delta_entries(&bytes).map_err(|e| Error::Damaged {
            name: key.to_string(),
            problems: vec![format!("delete log {place}: {e}")],
        })
    }
}

/// The partition whose prefix an object lies in, whatever its name.
fn partition_of(key: &ObjectKey, collection: &ObjectKey) -> Option<PartitionId> {
    key.below(collection)?.split('/').next()?.parse().ok().map(PartitionId)
}

/// The file that a key of a backup names.
pub(crate) fn file_id(layout: &BackupLayout, key: &ObjectKey) -> Option<FileId> {
    let insert = layout.parse_insert(key).map(|(k, _)| (k.segment, Some(k.field), k.log));
    let file = insert.or_else(|| layout.parse_delta(key).map(|(k, _)| (k.segment, None, k.log)));
    file.map(|(segment, field, log)| FileId { segment, field, log })
}

fn missing_path(collection: &CollectionBackup, scope: PartitionScope, file: FileId) -> String {
    let FileId { segment, field, log } = file;
    let (collection, partition) = (collection.id, scope.wire());
    match field {
        Some(field) => format!("binlogs/insert_log/{collection}/{partition}/…/{segment}/{field}/{log}"),
        None => format!("binlogs/delta_log/{collection}/{partition}/…/{segment}/{log}"),
    }
}

/// Parses on a thread of its own what arrives here.
async fn parse(
    source: ChunkReader,
    read: impl FnOnce(ChunkReader) -> Result<Manifest, json::JsonError> + Send + 'static,
    file: String,
) -> Result<Manifest, Error> {
    tokio::task::spawn_blocking(move || read(source))
        .await
        .map_err(|e| Error::Task(e.to_string()))?
        .map_err(|source| Error::DamagedFile { file, source })
}

/// A blocking reader over chunks that arrive from a store.
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
