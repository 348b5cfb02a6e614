//! `list`: one LIST of the root and one head a backup, many at once.

use std::fmt;

use futures::stream::{self, StreamExt, TryStreamExt};
use model::layout::backup::{
    BACKUP_META, COLLECTION_META, FULL_META, MB_BEGIN, PARTITION_META, SEGMENT_META,
};
use model::manifest::{Manifest, json};
use model::name::BackupName;
use serde::{Deserialize, Serialize};
use storage::ErrorKind;

use super::Catalog;
use crate::lease::Marker;
use crate::{Engine, Error, JobCtx};

/// Heads read at once.
const AT_ONCE: usize = 64;

/// What a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// All of its files are there.
    Complete,
    /// It was begun (or its deletion was) and not ended.
    Unfinished,
    /// It is being made.
    Running,
    /// Its files cannot be understood.
    Damaged,
}

impl BackupState {
    /// The state in a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Unfinished => "unfinished",
            Self::Running => "running",
            Self::Damaged => "damaged",
        }
    }
}

impl fmt::Display for BackupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What `list` shows of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSummary {
    /// The directory's name.
    pub name: String,
    /// The id of the job that made it.
    pub id: Option<String>,
    /// What it is.
    pub state: BackupState,
    /// When it was begun, milliseconds since 1970; of a foreign backup, when its head was written.
    pub taken_ms: Option<i64>,
    /// When it was ended, milliseconds since 1970; not told by releases of the Go tool from 0.5 on.
    pub ended_ms: Option<i64>,
    /// Bytes of its binlogs.
    pub size: Option<u64>,
    /// The number of collections; not known of a foreign backup.
    pub collections: Option<u64>,
    /// Rows, deleted ones included; not known of a foreign backup.
    pub rows: Option<u64>,
    /// The Milvus it was taken of.
    pub milvus_version: Option<String>,
    /// Who made it.
    pub tool: Option<String>,
    /// What is wrong with it.
    pub problem: Option<String>,
}

impl Engine {
    /// Lists the backups below the backup root, sorted by name.
    pub async fn list(&self, ctx: &JobCtx) -> Result<Vec<BackupSummary>, Error> {
        let catalog = Catalog::open(self)?;
        ctx.run(catalog.list()).await
    }

    /// Bytes of the files that say what a backup holds.
    pub async fn meta_size(&self, name: &BackupName, ctx: &JobCtx) -> Result<u64, Error> {
        let catalog = Catalog::open(self)?;
        let files = catalog.store.list(&catalog.layout(name).meta_dir());
        let sizes = files.try_fold(0, |sum, file| async move { Ok(file.meta.size.saturating_add(sum)) });
        ctx.run(sizes).await
    }
}

impl Catalog {
    async fn list(&self) -> Result<Vec<BackupSummary>, Error> {
        let found = self.store.list_dirs(&self.root.as_dir()).await?;
        let names = found
            .dirs
            .into_iter()
            .filter_map(|dir| dir.parse::<BackupName>().ok())
            .filter(|n| !n.is_reserved());
        let mut summaries: Vec<BackupSummary> = stream::iter(names)
            .map(|name| async move { self.summary(&name).await })
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|summary| async move { Ok(summary) })
            .try_collect()
            .await?;
        summaries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(summaries)
    }

    /// One backup as `list` shows it; `None` for a directory that is none.
    pub(crate) async fn summary(&self, name: &BackupName) -> Result<Option<BackupSummary>, Error> {
        let key = self.layout(name).meta_file(BACKUP_META);
        let Some(bytes) = self.read_file(&key).await? else { return self.headless(name).await };
        match json::read_backup_meta(bytes.as_ref()) {
            Ok(head) if head.summary.is_some() => Ok(Some(known(name, &head))),
            Ok(head) => self.foreign(name, &head).await.map(Some),
            Err(error) => Ok(Some(damaged(name, format!("{BACKUP_META}: {error}")))),
        }
    }

    /// A backup whose head tells nothing of its files: one LIST more tells whether they are all there.
    async fn foreign(&self, name: &BackupName, head: &Manifest) -> Result<BackupSummary, Error> {
        let meta = self.meta_files(name).await?;
        let has = |file: &str| meta.iter().any(|(known, _)| known == file);
        let whole = has(FULL_META) || (has(COLLECTION_META) && has(PARTITION_META) && has(SEGMENT_META));
        let written = meta.iter().find(|(file, _)| file == BACKUP_META).and_then(|(_, modified)| *modified);
        let mut summary = known(name, head);
        if !whole {
            summary.state = BackupState::Unfinished;
        }
        summary.taken_ms = head.start_time_ms.or(written);
        summary.tool = Some(if head.start_time_ms.is_some() { "Go 0.4".into() } else { "Go 0.5+".into() });
        Ok(summary)
    }

    /// A directory without a head: begun, half deleted, or no backup at all.
    async fn headless(&self, name: &BackupName) -> Result<Option<BackupSummary>, Error> {
        let meta = self.meta_files(name).await?;
        let marker =
            if meta.iter().any(|(file, _)| file == MB_BEGIN) { self.marker(name).await? } else { None };
        let ours = meta.iter().any(|(file, _)| is_known_file(file));
        if !ours {
            let binlogs = self.layout(name).binlogs_dir();
            let any = self.store.any_below(&binlogs).await;
            if !any? {
                return Ok(None);
            }
        }
        let live = marker.as_ref().is_some_and(Marker::is_live);
        Ok(Some(BackupSummary {
            state: if live { BackupState::Running } else { BackupState::Unfinished },
            taken_ms: marker.as_ref().map(|m| m.started_ms),
            tool: marker.map(|m| m.tool),
            ..blank(name)
        }))
    }

    pub(crate) async fn marker(&self, name: &BackupName) -> Result<Option<Marker>, Error> {
        Marker::read(&self.store, &self.layout(name).meta_file(MB_BEGIN)).await
    }

    async fn meta_files(&self, name: &BackupName) -> Result<Vec<(String, Option<i64>)>, Error> {
        let dir = self.layout(name).meta_dir();
        match self.store.list_dirs(&dir).await {
            Ok(found) => Ok(found
                .objects
                .into_iter()
                .map(|e| (e.key.file_name().to_owned(), e.meta.modified_ms))
                .collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Error::from(error)),
        }
    }
}

fn is_known_file(file: &str) -> bool {
    file.starts_with("mb_")
        || [BACKUP_META, COLLECTION_META, PARTITION_META, SEGMENT_META, FULL_META].contains(&file)
}

fn blank(name: &BackupName) -> BackupSummary {
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

fn known(name: &BackupName, head: &Manifest) -> BackupSummary {
    let summary = head.summary.as_ref();
    BackupSummary {
        id: Some(head.id.clone()).filter(|id| !id.is_empty()),
        state: BackupState::Complete,
        taken_ms: summary.map(|s| s.taken_ms),
        ended_ms: head.end_time_ms,
        size: Some(head.size),
        collections: summary.map(|s| s.collections),
        rows: summary.map(|s| s.rows),
        milvus_version: Some(head.milvus_version.clone()).filter(|v| !v.is_empty()),
        tool: summary.map(|s| s.tool.clone()),
        ..blank(name)
    }
}

fn damaged(name: &BackupName, problem: String) -> BackupSummary {
    BackupSummary { state: BackupState::Damaged, problem: Some(problem), ..blank(name) }
}
