//! Lists the backups: one listing of the root, and the heads of the backups, which are read concurrently.

use std::fmt;

use futures::stream::{self, StreamExt, TryStreamExt};
use model::layout::backup::{MB_BEGIN, ManifestFile};
use model::manifest::{Manifest, json};
use model::name::BackupName;
use serde::{Deserialize, Serialize};
use storage::{LevelListing, StorageError, StorageErrorKind};

use super::Catalog;
use crate::{Engine, Error, JobCtx};

/// The largest head that is read, in bytes: its size does not depend on that of the backup.
const MAX_HEAD_BYTES: usize = 16 << 20;

/// The number of heads that are read concurrently.
const CONCURRENT_HEAD_READS: usize = 64;

/// The state of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// The commit marker and the manifest exist.
    Complete,
    /// The backup or its deletion was started and not completed, and no run is writing it.
    Unfinished,
    /// A `create` is writing the backup, or a `delete` is removing it.
    Running,
    /// The head cannot be parsed.
    Damaged,
    /// The directory or a file that decides about the state cannot be read.
    Unreadable,
}

impl fmt::Display for BackupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Complete => "complete",
            Self::Unfinished => "unfinished",
            Self::Running => "running",
            Self::Damaged => "damaged",
            Self::Unreadable => "unreadable",
        })
    }
}

/// The facts about a backup that a list shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSummary {
    /// The name of the backup, which is that of its directory.
    pub name: String,
    /// The id of the job that created the backup.
    pub id: Option<String>,
    /// The state of the backup.
    pub state: BackupState,
    /// The start of the backup, in milliseconds since 1970; for a backup of the Go tool 0.5, the time of its head.
    pub taken_ms: Option<i64>,
    /// The end of the backup, in milliseconds since 1970; unknown for backups of the Go tool 0.5 and later.
    pub ended_ms: Option<i64>,
    /// The total size of the data files in bytes.
    pub size: Option<u64>,
    /// The number of collections; unknown for backups of the Go tool.
    pub collections: Option<u64>,
    /// The number of rows, including deleted ones; unknown for backups of the Go tool.
    pub rows: Option<u64>,
    /// The version of the source Milvus.
    pub milvus_version: Option<String>,
    /// The name and version of the program that created the backup.
    pub tool: Option<String>,
    /// The reason why the backup is damaged or unreadable.
    pub problem: Option<String>,
}

impl Engine {
    /// Lists the backups below the backup root, sorted by name.
    pub async fn list(&self, ctx: &JobCtx) -> Result<Vec<BackupSummary>, Error> {
        let catalog = Catalog::open(self)?;
        ctx.run(catalog.list_summaries()).await
    }

    /// Returns the total size in bytes of the metadata files of a backup.
    pub async fn meta_size(&self, name: &BackupName, ctx: &JobCtx) -> Result<u64, Error> {
        let catalog = Catalog::open(self)?;
        let files = catalog.store.list(&catalog.layout(name).meta_dir());
        let sizes = files.try_fold(0, |sum, file| async move { Ok(file.meta.size.saturating_add(sum)) });
        ctx.run(sizes).await
    }
}

impl Catalog {
    /// Lists the directories of the root and reads the summary of each backup, sorted by name.
    pub(super) async fn list_summaries(&self) -> Result<Vec<BackupSummary>, Error> {
        let found = self.store.list_level(&self.root.as_prefix()).await?;
        let names = names_of_directories(found.dirs);
        let mut summaries: Vec<BackupSummary> = stream::iter(names)
            .map(|name| async move { self.read_summary(&name).await })
            .buffer_unordered(CONCURRENT_HEAD_READS)
            .try_filter_map(|summary| async move { Ok(summary) })
            .try_collect()
            .await?;
        let broken = found.broken.iter().filter_map(|(entry, reason)| {
            let name = entry.parse::<BackupName>().ok().filter(|name| !name.is_reserved())?;
            Some(unreadable_summary(&name, reason.clone()))
        });
        summaries.extend(broken);
        summaries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(summaries)
    }

    /// Lists the names of the directories of the root that may be backups.
    pub(super) async fn list_names(&self) -> Result<Vec<BackupName>, Error> {
        let found = self.store.list_level(&self.root.as_prefix()).await?;
        Ok(names_of_directories(found.dirs).collect())
    }

    /// Reads the summary of one backup; returns `None` if the directory does not exist or is not a backup.
    ///
    /// A backup that cannot be read is no error, so that it does not hide others; a store that cannot be read is one.
    pub(crate) async fn read_summary(&self, name: &BackupName) -> Result<Option<BackupSummary>, Error> {
        match self.read_head(name).await {
            Err(Error::Storage(error)) => {
                let summary = summarize_error(name, error)?;
                // Where reading is denied, it is denied for files that do not exist too.
                let exists = self.exists(name).await;
                Ok(exists.then_some(summary))
            }
            read => read,
        }
    }

    /// Returns whether there is anything under the name of a backup, as far as that can be listed.
    async fn exists(&self, name: &BackupName) -> bool {
        let dir = self.layout(name).dir().clone();
        if self.store.has_objects_below(&dir).await.unwrap_or(true) {
            return true;
        }
        // Broken links and special files are no objects.
        let root = self.store.list_level(&self.root.as_prefix()).await;
        root.map_or(true, |found| {
            let is_name = |entry: &String| entry == name.as_str();
            found.dirs.iter().any(is_name) || found.broken.iter().any(|(entry, _)| is_name(entry))
        })
    }

    /// Does the same as [`Self::read_summary`], but fails if the backup cannot be read.
    pub(crate) async fn read_head(&self, name: &BackupName) -> Result<Option<BackupSummary>, Error> {
        let key = self.layout(name).manifest_file(ManifestFile::Head);
        let Some(bytes) = self.read_optional_file(&key, MAX_HEAD_BYTES).await? else {
            return self.summarize_without_head(name).await;
        };
        if bytes.len() > MAX_HEAD_BYTES {
            let problem =
                format!("{}: it is larger than {} MiB", ManifestFile::Head.as_str(), MAX_HEAD_BYTES >> 20);
            return Ok(Some(damaged_summary(name, problem)));
        }
        match json::read_backup_meta(bytes.as_ref()) {
            Ok(head) if head.summary.is_some() => Ok(Some(summary_from_head(name, &head))),
            Ok(head) => self.summarize_go_backup(name, &head).await.map(Some),
            Err(error) => {
                Ok(Some(damaged_summary(name, format!("{}: {error}", ManifestFile::Head.as_str()))))
            }
        }
    }

    /// Summarizes a backup of the Go tool, whose head exists before its other files.
    ///
    /// A listing of the metadata files shows whether the backup is complete.
    async fn summarize_go_backup(&self, name: &BackupName, head: &Manifest) -> Result<BackupSummary, Error> {
        let meta = self.list_meta_files(name).await?;
        if let Some(broken) = find_broken_file(name, &meta) {
            return Ok(broken);
        }
        let find =
            |file: ManifestFile| meta.objects.iter().find(|object| object.key.file_name() == file.as_str());
        let has = |file: ManifestFile| find(file).is_some();
        let has_manifest = has(ManifestFile::Full)
            || (has(ManifestFile::Collections)
                && has(ManifestFile::Partitions)
                && has(ManifestFile::Segments));
        let written = find(ManifestFile::Head).and_then(|head| head.meta.modified_ms);
        let mut summary = summary_from_head(name, head);
        if !has_manifest {
            summary.state = BackupState::Unfinished;
        }
        summary.taken_ms = head.start_time_ms.or(written);
        summary.tool = Some(if head.start_time_ms.is_some() { "Go 0.4".into() } else { "Go 0.5+".into() });
        Ok(summary)
    }

    /// Summarizes a directory without a head: an unfinished or running backup, or `None` if it is not a backup.
    async fn summarize_without_head(&self, name: &BackupName) -> Result<Option<BackupSummary>, Error> {
        let meta = self.list_meta_files(name).await?;
        if let Some(broken) = find_broken_file(name, &meta) {
            return Ok(Some(broken));
        }
        let mut files = meta.objects.iter().map(|object| object.key.file_name());
        let marker = if files.clone().any(|file| file == MB_BEGIN) {
            self.read_begin_marker(name).await?
        } else {
            None
        };
        if !files.any(is_known_file)
            && !self.store.has_objects_below(&self.layout(name).binlogs_dir()).await?
        {
            return self.find_broken_directory(name).await;
        }
        let is_live = match &marker {
            Some(marker) => self.seems_alive(name, marker).await?,
            None => false,
        };
        Ok(Some(BackupSummary {
            state: if is_live { BackupState::Running } else { BackupState::Unfinished },
            taken_ms: marker.as_ref().map(|m| m.started_ms),
            tool: marker.map(|m| m.tool),
            ..empty_summary(name)
        }))
    }

    /// Returns the summary of a directory that is a broken link; `None` if there is no such entry.
    async fn find_broken_directory(&self, name: &BackupName) -> Result<Option<BackupSummary>, Error> {
        let found = self.store.list_level(&self.root.as_prefix()).await?;
        let entry = found.broken.into_iter().find(|(entry, _)| entry == name.as_str());
        Ok(entry.map(|(_, reason)| unreadable_summary(name, reason)))
    }

    /// Lists the metadata files; a missing directory has none.
    pub(super) async fn list_meta_files(&self, name: &BackupName) -> Result<LevelListing, Error> {
        match self.store.list_level(&self.layout(name).meta_dir()).await {
            Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(LevelListing::default()),
            listed => listed.map_err(Error::from),
        }
    }
}

fn names_of_directories(dirs: Vec<String>) -> impl Iterator<Item = BackupName> {
    let names = dirs.into_iter().filter_map(|dir| dir.parse::<BackupName>().ok());
    names.filter(|name| !name.is_reserved())
}

/// Returns the summary of a backup one of whose metadata files is a broken link or a directory.
fn find_broken_file(name: &BackupName, meta: &LevelListing) -> Option<BackupSummary> {
    let broken = meta.broken.iter().map(|(file, reason)| (file, reason.as_str()));
    let dirs = meta.dirs.iter().map(|dir| (dir, "is a directory"));
    let (file, reason) = broken.chain(dirs).find(|(file, _)| is_known_file(file))?;
    Some(unreadable_summary(name, format!("{file}: {reason}")))
}

/// Returns whether a file name is one of the metadata files of a backup.
fn is_known_file(file: &str) -> bool {
    file.starts_with("mb_") || ManifestFile::ALL.iter().any(|known| known.as_str() == file)
}

/// Returns the summary of an unfinished backup without any facts.
fn empty_summary(name: &BackupName) -> BackupSummary {
    BackupSummary {
        name: name.to_string(),
        id: None,
        state: BackupState::Unfinished,
        taken_ms: None,
        ended_ms: None,
        size: None,
        collections: None,
        rows: None,
        milvus_version: None,
        tool: None,
        problem: None,
    }
}

/// Returns the summary of a complete backup with the facts of its head.
fn summary_from_head(name: &BackupName, head: &Manifest) -> BackupSummary {
    let summary = head.summary.as_ref();
    BackupSummary {
        id: Some(head.id.clone()).filter(|id| !id.is_empty()),
        state: BackupState::Complete,
        taken_ms: summary.map(|s| s.taken_ms),
        ended_ms: head.end_time_ms,
        size: Some(head.size + head.summary.as_ref().map_or(0, |summary| summary.snapshot_bytes)),
        collections: summary.map(|s| s.collections),
        rows: summary.map(|s| s.rows),
        milvus_version: Some(head.milvus_version.clone()).filter(|v| !v.is_empty()),
        tool: summary.map(|s| s.tool.clone()),
        ..empty_summary(name)
    }
}

/// Returns the summary of a backup that cannot be read; fails if the error may concern the store as a whole.
pub(super) fn summarize_error(name: &BackupName, error: StorageError) -> Result<BackupSummary, Error> {
    use StorageErrorKind as K;
    match error.kind() {
        K::NotFound | K::AlreadyExists | K::PermissionDenied | K::Unsupported | K::Unexpected => {
            Ok(unreadable_summary(name, error.to_string()))
        }
        _ => Err(error.into()),
    }
}

fn unreadable_summary(name: &BackupName, problem: String) -> BackupSummary {
    BackupSummary { state: BackupState::Unreadable, problem: Some(problem), ..empty_summary(name) }
}

/// Returns the summary of a damaged backup.
fn damaged_summary(name: &BackupName, problem: String) -> BackupSummary {
    BackupSummary { state: BackupState::Damaged, problem: Some(problem), ..empty_summary(name) }
}
