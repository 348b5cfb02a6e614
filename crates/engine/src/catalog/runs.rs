//! The runs that use a backup: the one that writes or deletes it, and those that read it.

use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use model::key::ObjectKey;
use model::layout::backup::{MB_BEGIN, MB_READER_PREFIX, ManifestFile};
use model::name::BackupName;
use storage::StorageErrorKind;

use super::Catalog;
use crate::lease::Lease;
use crate::marker::{Marker, MarkerUse, SignUse};
use crate::{BackupState, DeleteRequest, Engine, Error, Event, JobCtx};

/// The number of markers that are read concurrently.
const CONCURRENT_MARKER_READS: usize = 16;

/// A run that holds a lease.
pub(crate) struct LiveRun {
    pub(crate) marker: Marker,
    /// The time since its last sign of life.
    pub(crate) last_sign_of_life: Duration,
}

impl LiveRun {
    /// Describes what the run does, such as `being read by process 7 on host`.
    pub(crate) fn describe_use(&self) -> String {
        let (usage, owner) = (self.marker.usage.participle(), self.marker.describe_owner());
        let seconds = self.last_sign_of_life.as_secs();
        format!("being {usage} by {owner} (last sign of life {seconds} s ago)")
    }

    /// Creates the error for another run that wants to change the backup.
    pub(crate) fn to_error(&self, name: &BackupName) -> Error {
        Error::Running { name: name.to_string(), usage: self.describe_use() }
    }
}

impl Catalog {
    /// Returns the key of the begin marker.
    fn begin_marker(&self, name: &BackupName) -> ObjectKey {
        self.layout(name).meta_file(MB_BEGIN)
    }

    /// Reads the begin marker of a backup; returns `None` if there is none.
    pub(super) async fn read_begin_marker(&self, name: &BackupName) -> Result<Option<Marker>, Error> {
        Marker::read(&self.store, &self.begin_marker(name)).await
    }

    /// Returns whether the run that has this begin marker seems to be alive, to show it.
    pub(super) async fn seems_alive(&self, name: &BackupName, marker: &Marker) -> Result<bool, Error> {
        let (key, reader) = (self.begin_marker(name), self.server.as_ref());
        Ok(marker.last_sign_of_life(&self.store, &key, reader, SignUse::Display).await?.is_some())
    }

    /// Returns the run that is writing or deleting a backup.
    pub(crate) async fn find_writer(&self, name: &BackupName) -> Result<Option<LiveRun>, Error> {
        self.find_live_run(&self.begin_marker(name)).await
    }

    /// Returns the runs that are reading a backup.
    pub(crate) async fn find_readers(&self, name: &BackupName) -> Result<Vec<LiveRun>, Error> {
        let meta = self.list_meta_files(name).await?;
        let marks = meta.objects.into_iter().map(|object| object.key);
        let marks: Vec<_> = marks.filter(|key| key.file_name().starts_with(MB_READER_PREFIX)).collect();
        stream::iter(marks)
            .map(|key| async move { self.find_live_run(&key).await })
            .buffered(CONCURRENT_MARKER_READS)
            .try_filter_map(|run| async move { Ok(run) })
            .try_collect()
            .await
    }

    async fn find_live_run(&self, key: &ObjectKey) -> Result<Option<LiveRun>, Error> {
        let Some(marker) = Marker::read(&self.store, key).await? else { return Ok(None) };
        let sign =
            marker.last_sign_of_life(&self.store, key, self.server.as_ref(), SignUse::Decision).await?;
        Ok(sign.map(|last_sign_of_life| LiveRun { marker, last_sign_of_life }))
    }

    /// Claims a backup by its begin marker, to write or delete it; returns `None` if there is one.
    async fn claim_backup(
        &self,
        engine: &Engine,
        name: &BackupName,
        usage: MarkerUse,
    ) -> Result<Option<Lease>, Error> {
        Lease::claim(engine, &self.store, &self.begin_marker(name), usage).await
    }

    /// Claims a backup to remove it: by a new begin marker, or in place of that of a run that has ended.
    ///
    /// By force, also in place of that of a run that writes the backup; that run stops when it finds the other marker.
    pub(crate) async fn claim_for_removal(
        &self,
        engine: &Engine,
        DeleteRequest { name, force }: &DeleteRequest,
    ) -> Result<Lease, Error> {
        if let Some(lease) = self.claim_backup(engine, name, MarkerUse::Delete).await? {
            return Ok(lease);
        }
        if !force && let Some(run) = self.find_writer(name).await? {
            return Err(run.to_error(name));
        }
        Lease::take_over(engine, &self.store, &self.begin_marker(name), MarkerUse::Delete).await
    }

    /// Claims the name of a new backup; of two runs that do so at the same time, one fails here or at the commit.
    pub(crate) async fn claim_new_backup(&self, engine: &Engine, name: &BackupName) -> Result<Lease, Error> {
        if let Some(lease) = self.claim_backup(engine, name, MarkerUse::Write).await? {
            return Ok(lease);
        }
        let state = match self.find_writer(name).await? {
            Some(_) => BackupState::Running,
            None => BackupState::Unfinished,
        };
        Err(Error::NameTaken { name: name.to_string(), state })
    }

    /// Gives back the claim on a new backup, and deals with what a failure has left.
    pub(crate) async fn end_writing<T>(
        &self,
        name: &BackupName,
        lease: Lease,
        written: Result<T, Error>,
        ctx: &JobCtx,
    ) -> Result<T, Error> {
        if written.is_ok() {
            lease.release().await;
        } else if lease.was_lost() {
            self.remove_later_files(name, &lease, ctx).await;
        } else {
            lease.stop().await;
            self.warn_if_unfinished(name, ctx).await;
        }
        written
    }

    /// Removes what a run wrote after its begin marker had vanished, unless another run has made a backup there.
    async fn remove_later_files(&self, name: &BackupName, lease: &Lease, ctx: &JobCtx) {
        let layout = self.layout(name);
        let removed = async {
            let head = self.store.metadata(&layout.manifest_file(ManifestFile::Head)).await?;
            if head.is_some() { Ok(false) } else { lease.remove_later_objects(layout.dir()).await }
        };
        match removed.await {
            Ok(true) => ctx.emit(Event::Note("removed what this run wrote after that".to_owned())),
            Ok(false) => {}
            Err(error) => {
                let place = self.store.describe(layout.dir());
                ctx.warn(format!("cannot remove what this run wrote to {place}: {error}"));
            }
        }
    }

    /// Warns that a backup is left unfinished, if anything of it is left.
    async fn warn_if_unfinished(&self, name: &BackupName, ctx: &JobCtx) {
        // If the store cannot be asked, the warning does no harm.
        if self.store.has_objects_below(self.layout(name).dir()).await.unwrap_or(true) {
            ctx.warn(format!("{name} is left unfinished; delete it before its name is used again"));
        }
    }

    /// Marks a backup as being read, so that no `delete` removes it meanwhile.
    ///
    /// Fails if the backup is being deleted: reader and deletion first write their markers and then look for the
    /// other's, so at least one of them finds the other. Returns `None` where the backup cannot be written to.
    pub(crate) async fn claim_for_reading(
        &self,
        engine: &Engine,
        name: &BackupName,
    ) -> Result<Option<Lease>, Error> {
        use StorageErrorKind::{NoSpace, PermissionDenied, Unsupported};
        let file = format!("{MB_READER_PREFIX}{}.json", uuid::Uuid::new_v4());
        let key = self.layout(name).meta_file(&file);
        let lease = match Lease::claim(engine, &self.store, &key, MarkerUse::Read).await {
            Ok(lease) => lease,
            Err(Error::Storage(error))
                if matches!(error.kind(), NoSpace | PermissionDenied | Unsupported) =>
            {
                tracing::info!("cannot mark {name} as being read: {error}");
                None
            }
            Err(error) => return Err(error),
        };
        let checked = self.check_still_complete(name).await;
        match (checked, lease) {
            (Ok(()), lease) => Ok(lease),
            (Err(error), lease) => {
                if let Some(lease) = lease {
                    lease.release().await;
                }
                Err(error)
            }
        }
    }

    /// Fails if a run is deleting the backup, or if it has no commit marker any more.
    async fn check_still_complete(&self, name: &BackupName) -> Result<(), Error> {
        // A `create` that has committed needs a moment to remove its begin marker.
        if let Some(run) = self.find_writer(name).await?
            && run.marker.usage == MarkerUse::Delete
        {
            return Err(run.to_error(name));
        }
        let head = self.layout(name).manifest_file(ManifestFile::Head);
        match self.store.metadata(&head).await? {
            Some(_) => Ok(()),
            None => Err(Error::NotComplete { name: name.to_string(), state: BackupState::Unfinished }),
        }
    }
}
