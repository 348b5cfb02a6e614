//! Deletes a backup: its commit marker first, so that what remains of a broken deletion is plainly unfinished.

use futures::TryStreamExt;
use model::key::ObjectKey;
use model::layout::backup::{BACKUP_META, FULL_META, MB_BEGIN};
use model::name::BackupName;
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::{BackupState, BackupSummary, Engine, Error, Event, JobCtx, Phase};

/// What a deletion was asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRequest {
    /// The backup.
    pub name: BackupName,
    /// Whether to only tell what would be deleted.
    pub dry_run: bool,
}

/// What a deletion did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteOutcome {
    /// What was found.
    pub backup: BackupSummary,
    /// Where it lay.
    pub place: String,
    /// Objects below it.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Engine {
    /// Deletes a backup in any state but running; an unfinished or half-deleted one too.
    pub async fn delete(&self, request: &DeleteRequest, ctx: &JobCtx) -> Result<DeleteOutcome, Error> {
        ctx.emit(Event::Phase(Phase::Preflight));
        let catalog = Catalog::open(self)?;
        let name = &request.name;
        let backup = ctx.run(catalog.deletable(name)).await?;
        let dir = catalog.layout(name).dir().clone();
        let place = catalog.store.describe(&dir);
        if request.dry_run {
            let (objects, bytes) = ctx.run(catalog.weigh(&dir)).await?;
            return Ok(DeleteOutcome { backup, place, objects, bytes });
        }
        let (objects, bytes) = catalog.remove(name, ctx).await?;
        Ok(DeleteOutcome { backup, place, objects, bytes })
    }
}

impl Catalog {
    /// The backup, if there is one and nobody makes it right now.
    pub(crate) async fn deletable(&self, name: &BackupName) -> Result<BackupSummary, Error> {
        let none = || Error::NoSuchBackup { name: name.to_string(), place: self.place() };
        if name.is_reserved() {
            return Err(none());
        }
        let Some(summary) = self.summary(name).await? else {
            let dir = self.layout(name).dir().clone();
            let any = self.store.any_below(&dir).await?;
            return Err(if any { Error::NotABackup { place: self.store.describe(&dir) } } else { none() });
        };
        if summary.state == BackupState::Running
            && let Some(marker) = self.marker(name).await?
        {
            return Err(marker.running(name.as_str()));
        }
        Ok(summary)
    }

    async fn weigh(&self, dir: &ObjectKey) -> Result<(u64, u64), Error> {
        let mut entries = self.store.list(dir);
        let (mut objects, mut bytes) = (0, 0);
        while let Some(entry) = entries.try_next().await? {
            objects += 1;
            bytes += entry.meta.size;
        }
        Ok((objects, bytes))
    }

    /// Marker first, then what makes the Go tool see a backup, then the data, then the rest.
    async fn remove(&self, name: &BackupName, ctx: &JobCtx) -> Result<(u64, u64), Error> {
        let layout = self.layout(name);
        let (objects, bytes) = ctx.run(self.weigh(layout.dir())).await?;
        // from here on it is deleted in part, whenever it is stopped
        ctx.emit(Event::Phase(Phase::Delete));
        ctx.check()?;
        for file in [BACKUP_META, FULL_META] {
            self.store.delete(&[layout.meta_file(file)]).await?;
        }
        // a trace that stays until the data is gone, whoever made the backup
        let trace = layout.meta_file(MB_BEGIN);
        let exists = self.store.stat(&trace).await?.is_some();
        if !exists {
            self.store.write(&trace, "{}".into()).await?;
        }
        for dir in [layout.binlogs_dir(), layout.dir().clone()] {
            let progress = |objects| ctx.emit(Event::Deleted { objects });
            self.store.delete_below(&dir, ctx.cancel(), progress).await?;
        }
        Ok((objects, bytes))
    }
}
