//! Deletion of a backup: the commit marker is removed first, so an interrupted deletion leaves an unfinished backup.

use futures::TryStreamExt;
use model::key::ObjectKey;
use model::layout::backup::{MB_BEGIN, ManifestFile};
use model::name::BackupName;
use serde::{Deserialize, Serialize};

use crate::catalog::Catalog;
use crate::lease::Marker;
use crate::{BackupState, BackupSummary, Engine, Error, Event, JobCtx, Phase};

/// A request to delete a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRequest {
    /// The name of the backup.
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
    /// Returns the backup and the amount of data that the deletion will remove.
    pub fn contents(&self) -> &DeleteOutcome {
        &self.contents
    }
}

/// The backup and the amount of data that a deletion removes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteOutcome {
    /// The summary of the backup before the deletion.
    pub backup: BackupSummary,
    /// The store and directory of the backup.
    #[serde(default)]
    pub place: String,
    /// The number of objects in the directory.
    #[serde(default)]
    pub objects: u64,
    /// Their total size in bytes.
    #[serde(default)]
    pub bytes: u64,
}

impl Engine {
    /// Finds the backup and lists its objects. Changes nothing.
    ///
    /// A backup in any state except running can be deleted, also one whose deletion was interrupted.
    pub async fn plan_delete(
        &self,
        request: &DeleteRequest,
        ctx: &JobCtx,
    ) -> Result<PreparedDeletion, Error> {
        ctx.emit(Event::Phase(Phase::Preflight));
        let catalog = Catalog::open(self)?;
        let name = request.name.clone();
        let backup = ctx.run(catalog.find_deletable_backup(&name)).await?;
        let dir = catalog.layout(&name).dir().clone();
        let place = catalog.store.describe(&dir);
        let measured = ctx.run(catalog.measure_directory(&dir)).await;
        let (objects, bytes) = match (measured, backup.state) {
            // The extent of what cannot be read is not known.
            (Err(Error::Storage(_)), BackupState::Unreadable | BackupState::Damaged) => (0, 0),
            (measured, _) => measured?,
        };
        Ok(PreparedDeletion { name, catalog, contents: DeleteOutcome { backup, place, objects, bytes } })
    }

    /// Deletes the backup; fails if a `create` has started to write it since the deletion was planned.
    pub async fn delete(&self, prepared: PreparedDeletion, ctx: &JobCtx) -> Result<DeleteOutcome, Error> {
        let PreparedDeletion { name, catalog, contents } = prepared;
        let state = ctx.run(catalog.find_deletable_backup(&name)).await?.state;
        catalog.remove_backup(&name, state, ctx).await?;
        Ok(contents)
    }
}

impl Catalog {
    /// Returns the summary of a backup; fails if it does not exist or is running.
    pub(crate) async fn find_deletable_backup(&self, name: &BackupName) -> Result<BackupSummary, Error> {
        if name.is_reserved() {
            return Err(self.no_such_backup(name));
        }
        let Some(summary) = self.read_summary(name).await? else {
            let dir = self.layout(name).dir().clone();
            let any = self.store.has_objects_below(&dir).await?;
            return Err(if any {
                Error::NotABackup { place: self.store.describe(&dir) }
            } else {
                self.no_such_backup(name)
            });
        };
        let marker = match summary.state {
            BackupState::Running => self.read_marker(name).await?,
            // The marker may be readable, even if the head is not.
            BackupState::Unreadable => {
                self.read_marker(name).await.unwrap_or_default().filter(Marker::is_live)
            }
            _ => None,
        };
        marker.map_or(Ok(summary), |marker| Err(marker.running_error(name.as_str())))
    }

    /// Returns the number of objects in a directory and their total size in bytes.
    async fn measure_directory(&self, dir: &ObjectKey) -> Result<(u64, u64), Error> {
        let mut entries = self.store.list(dir);
        let (mut objects, mut bytes) = (0, 0);
        while let Some(entry) = entries.try_next().await? {
            objects += 1;
            bytes += entry.meta.size;
        }
        Ok((objects, bytes))
    }

    /// Removes a backup in an order that makes every interruption visible.
    ///
    /// The order is: the commit marker, the file by which the Go tool finds a backup, the data, everything else.
    async fn remove_backup(&self, name: &BackupName, state: BackupState, ctx: &JobCtx) -> Result<(), Error> {
        let layout = self.layout(name);
        // An interruption after this check leaves an unfinished backup.
        ctx.emit(Event::Phase(Phase::Delete));
        ctx.check()?;
        for file in [ManifestFile::Head, ManifestFile::Full] {
            self.store.delete(&[layout.manifest_file(file)]).await?;
        }
        // The begin marker stays until the data is gone. Backups of other tools get one here.
        let begin_marker = layout.meta_file(MB_BEGIN);
        let marked = async {
            let exists = self.store.metadata(&begin_marker).await?.is_some();
            if exists { Ok(()) } else { self.store.write(&begin_marker, "{}".into()).await }
        };
        // No marker can be written where a broken link or a file has the place of the directory.
        if let Err(error) = marked.await
            && state != BackupState::Unreadable
        {
            return Err(error.into());
        }
        for dir in [layout.binlogs_dir(), layout.dir().clone()] {
            let progress = |objects| ctx.emit(Event::Deleted { objects });
            self.store.delete_below(&dir, ctx.cancel(), progress).await?;
        }
        Ok(())
    }
}
