//! Deletes a backup: its commit marker first, so that what remains of a broken deletion is plainly unfinished.

use futures::TryStreamExt;
use model::key::ObjectKey;
use model::layout::backup::{BACKUP_META, FULL_META, MB_BEGIN};
use model::name::BackupName;
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::{BackupState, BackupSummary, Engine, Error, Event, JobCtx, Phase};

/// A request to delete a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRequest {
    /// The backup.
    pub name: BackupName,
}

/// A deletion that passed the preflight. [`Engine::delete`] executes it; until then nothing is changed.
#[derive(Debug)]
pub struct PreparedDeletion {
    name: BackupName,
    catalog: Catalog,
    contents: DeleteOutcome,
}

impl PreparedDeletion {
    /// The backup and what will be removed with it.
    pub fn contents(&self) -> &DeleteOutcome {
        &self.contents
    }
}

/// What a deletion removes.
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
    /// Finds the backup and lists what is stored of it. A backup in any state but running can be deleted, an unfinished or
    /// half-deleted one too. Changes nothing.
    pub async fn plan_delete(
        &self,
        request: &DeleteRequest,
        ctx: &JobCtx,
    ) -> Result<PreparedDeletion, Error> {
        ctx.emit(Event::Phase(Phase::Preflight));
        let catalog = Catalog::open(self)?;
        let name = request.name.clone();
        let backup = ctx.run(catalog.deletable(&name)).await?;
        let dir = catalog.layout(&name).dir().clone();
        let place = catalog.store.describe(&dir);
        let (objects, bytes) = ctx.run(catalog.weigh(&dir)).await?;
        Ok(PreparedDeletion { name, catalog, contents: DeleteOutcome { backup, place, objects, bytes } })
    }

    /// Deletes the backup, unless a run began to make it since the deletion was planned.
    pub async fn delete(&self, prepared: PreparedDeletion, ctx: &JobCtx) -> Result<DeleteOutcome, Error> {
        let PreparedDeletion { name, catalog, contents } = prepared;
        ctx.run(catalog.deletable(&name)).await?;
        catalog.remove(&name, ctx).await?;
        Ok(contents)
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
    async fn remove(&self, name: &BackupName, ctx: &JobCtx) -> Result<(), Error> {
        let layout = self.layout(name);
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
        Ok(())
    }
}
