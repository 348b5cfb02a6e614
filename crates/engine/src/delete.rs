//! Deletion of a backup: the commit marker is removed first, so an interrupted deletion leaves an unfinished backup.

use futures::{FutureExt, TryStreamExt};
use model::key::ObjectKey;
use model::layout::backup::{MB_BEGIN, MB_SNAPSHOTS, ManifestFile};
use model::name::BackupName;
use serde::{Deserialize, Serialize};
use storage::{StorageError, StorageErrorKind};

use crate::catalog::{Catalog, LiveRun};
use crate::lease::Lease;
use crate::snapshot_record::SnapshotRecord;
use crate::{BackupState, BackupSummary, Engine, Error, Event, JobCtx, Phase};

/// A request to delete a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRequest {
    /// The name of the backup.
    pub name: BackupName,
    /// Whether the backup is deleted even if another run is writing or reading it.
    #[serde(default)]
    pub force: bool,
}

/// A deletion that passed the preflight. [`Engine::delete`] executes it; until then nothing is changed.
#[derive(Debug)]
pub struct PreparedDeletion {
    request: DeleteRequest,
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
    /// The runs that use the backup, which a forced deletion overrides.
    #[serde(default)]
    pub overridden: Vec<String>,
    /// Whether the bucket keeps old versions, so that its space is freed only by its own rules.
    #[serde(default)]
    pub keeps_versions: bool,
}

impl Engine {
    /// Finds the backup and lists its objects. Changes nothing.
    ///
    /// A backup that no run is writing or reading can be deleted, also one whose deletion was interrupted.
    pub async fn plan_delete(
        &self,
        request: &DeleteRequest,
        ctx: &JobCtx,
    ) -> Result<PreparedDeletion, Error> {
        ctx.emit(Event::Phase(Phase::Preflight));
        let catalog = Catalog::open(self)?;
        let DeletableBackup { backup, overridden } = ctx.run(catalog.find_deletable_backup(request)).await?;
        let dir = catalog.layout(&request.name).dir().clone();
        let place = catalog.store.describe(&dir);
        let measured = ctx.run(catalog.measure_directory(&dir)).await;
        let (objects, bytes) = match (measured, backup.state) {
            // The extent of what cannot be read is not known.
            (Err(Error::Storage(_)), BackupState::Unreadable | BackupState::Damaged) => (0, 0),
            (measured, _) => measured?,
        };
        let keeps_versions = ctx.run(catalog.store.keeps_versions().map(Ok::<_, Error>)).await?;
        let contents = DeleteOutcome { backup, place, objects, bytes, overridden, keeps_versions };
        Ok(PreparedDeletion { request: request.clone(), catalog, contents })
    }

    /// Deletes the backup; fails if a run has started to write or read it since the deletion was planned.
    pub async fn delete(&self, prepared: PreparedDeletion, ctx: &JobCtx) -> Result<DeleteOutcome, Error> {
        let PreparedDeletion { request, catalog, contents } = prepared;
        let DeletableBackup { backup, overridden } = ctx.run(catalog.find_deletable_backup(&request)).await?;
        if backup.state == BackupState::Complete && contents.backup.state != BackupState::Complete {
            // What was to be deleted is gone, and another run has used its name.
            return Err(Error::NameTaken { name: request.name.to_string(), state: backup.state });
        }
        for run in &overridden {
            ctx.warn(format!("deleting {} although it is {run}", request.name));
        }
        catalog.warn_about_snapshots(&request.name, ctx).await;
        ctx.emit(Event::Phase(Phase::Delete));
        // An interruption after this check leaves an unfinished backup.
        ctx.check()?;
        catalog.claim_and_remove(self, &request, backup.state, ctx).await?;
        Ok(DeleteOutcome { overridden, ..contents })
    }
}

/// A backup that may be deleted.
pub(crate) struct DeletableBackup {
    pub(crate) backup: BackupSummary,
    /// The runs that use it, which the request overrides.
    pub(crate) overridden: Vec<String>,
}

impl Catalog {
    /// Returns the backup to delete; fails if it does not exist, or if a run uses it and the request is not forced.
    pub(crate) async fn find_deletable_backup(
        &self,
        request: &DeleteRequest,
    ) -> Result<DeletableBackup, Error> {
        let name = &request.name;
        if name.is_reserved() {
            return Err(self.no_such_backup(name).await);
        }
        let Some(backup) = self.read_summary(name).await? else {
            if name.latest_pattern().is_some() {
                return Err(Error::DeletesLatest(name.to_string()));
            }
            let dir = self.layout(name).dir().clone();
            let any = self.store.has_objects_below(&dir).await?;
            return Err(if any {
                Error::NotABackup { place: self.store.describe(&dir) }
            } else {
                self.no_such_backup(name).await
            });
        };
        let overridden = match self.find_users(name).await {
            Ok(users) => override_users(request, &users)?,
            // The markers of what cannot be read may be readable.
            Err(Error::Storage(_)) if backup.state == BackupState::Unreadable => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(DeletableBackup { backup, overridden })
    }

    /// Warns about snapshots that an interrupted run may have left in Milvus, because their record is deleted too.
    async fn warn_about_snapshots(&self, name: &BackupName, ctx: &JobCtx) {
        let key = self.layout(name).meta_file(MB_SNAPSHOTS);
        // Without an answer, the deletion is as good as one that does not look.
        let record = SnapshotRecord::read(&self.store, &key).await.ok().flatten().unwrap_or_default();
        for remaining in record.describe_remaining() {
            ctx.warn(remaining);
        }
    }

    /// Returns the runs that are writing, deleting or reading a backup.
    async fn find_users(&self, name: &BackupName) -> Result<Vec<LiveRun>, Error> {
        let mut users: Vec<LiveRun> = self.find_writer(name).await?.into_iter().collect();
        users.extend(self.find_readers(name).await?);
        Ok(users)
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

    /// Claims a backup, so that nothing reads or writes it any longer, and removes it.
    pub(crate) async fn claim_and_remove(
        &self,
        engine: &Engine,
        request: &DeleteRequest,
        state: BackupState,
        ctx: &JobCtx,
    ) -> Result<(), Error> {
        // A cancellation does not interrupt the claim: a marker that is never stopped would look live.
        let mut lease = match self.claim_for_removal(engine, request).await {
            Err(Error::Storage(error)) if needs_no_marker(state, &error) => {
                return self.remove_backup(&request.name, state, ctx).await;
            }
            claimed => claimed?,
        };
        let removed = self.remove_claimed_backup(request, state, &mut lease, ctx).await;
        match &removed {
            Ok(()) => {}
            // Another run has come first, so nothing was removed.
            Err(Error::Running { .. } | Error::NameTaken { .. }) => lease.release().await,
            Err(_) => lease.stop().await,
        }
        removed
    }

    /// Removes a backup, with its begin marker last; fails before that if a run has completed it or begun to read it.
    async fn remove_claimed_backup(
        &self,
        request: &DeleteRequest,
        state: BackupState,
        lease: &mut Lease,
        ctx: &JobCtx,
    ) -> Result<(), Error> {
        let name = &request.name;
        let head = self.layout(name).manifest_file(ManifestFile::Head);
        if state == BackupState::Unfinished && self.store.metadata(&head).await?.is_some() {
            return Err(Error::NameTaken { name: name.to_string(), state: BackupState::Complete });
        }
        // A reader looks for the begin marker after it has written its mark, so one of both finds the other.
        override_users(request, &self.find_readers(name).await?)?;
        lease.run(self.remove_contents(name, ctx)).await?;
        // A renewal must not write the marker again after its removal.
        lease.end_renewal().await;
        self.remove_directory(name, ctx).await
    }

    /// Removes a backup without a claim, because no marker can be written.
    async fn remove_backup(&self, name: &BackupName, state: BackupState, ctx: &JobCtx) -> Result<(), Error> {
        self.leave_trace(name, state).await?;
        self.remove_contents(name, ctx).await?;
        self.remove_directory(name, ctx).await
    }

    /// Creates a begin marker if there is none, so that an interrupted deletion can be seen.
    async fn leave_trace(&self, name: &BackupName, state: BackupState) -> Result<(), Error> {
        let begin_marker = self.layout(name).meta_file(MB_BEGIN);
        let marked = async {
            let exists = self.store.metadata(&begin_marker).await?.is_some();
            if exists { Ok(()) } else { self.store.write(&begin_marker, "{}".into()).await }
        };
        match marked.await {
            Err(error) if needs_no_marker(state, &error) => Ok(()),
            marked => marked.map_err(Error::from),
        }
    }

    /// Removes the commit marker, the file by which the Go tool finds a backup, and then the data.
    async fn remove_contents(&self, name: &BackupName, ctx: &JobCtx) -> Result<(), Error> {
        let layout = self.layout(name);
        for file in [ManifestFile::Head, ManifestFile::Full] {
            self.store.delete(&[layout.manifest_file(file)]).await?;
        }
        self.remove_below(&layout.binlogs_dir(), ctx).await
    }

    /// Removes what is left of a backup after its data.
    async fn remove_directory(&self, name: &BackupName, ctx: &JobCtx) -> Result<(), Error> {
        self.remove_below(self.layout(name).dir(), ctx).await
    }

    async fn remove_below(&self, dir: &ObjectKey, ctx: &JobCtx) -> Result<(), Error> {
        let progress = |objects| ctx.emit(Event::Deleted { objects });
        self.store.delete_below(dir, ctx.cancel(), progress).await.map(drop).map_err(Error::from)
    }
}

/// Returns whether a backup is deleted although no begin marker can be written.
///
/// A broken link or a file may have the place of its directory, and a full disk must be freed.
fn needs_no_marker(state: BackupState, error: &StorageError) -> bool {
    state != BackupState::Complete || error.kind() == StorageErrorKind::NoSpace
}

/// Describes the runs that a forced deletion overrides; fails at the first one if the deletion is not forced.
fn override_users(request: &DeleteRequest, users: &[LiveRun]) -> Result<Vec<String>, Error> {
    match users.first() {
        Some(first) if !request.force => Err(first.to_error(&request.name)),
        _ => Ok(users.iter().map(LiveRun::describe_use).collect()),
    }
}
