//! The catalog: the backups below a backup root, their states and contents.

mod bundles;
mod compare;
mod deletes;
mod facts;
mod gc_pauses;
mod head;
mod latest;
mod objects;
mod read;
mod runs;
mod write;

use model::key::ObjectKey;
use model::layout::backup::BackupLayout;
use model::name::BackupName;
use storage::Store;

pub(crate) use compare::{
    CollectionComparison, ComparedFile, ComparedObject, missing_copy_error, reject_damages,
};
pub(crate) use deletes::{L0Deletes, SegmentContents, SegmentEnds, describe_imported_rows, has_l0_logs};
pub use facts::{BackupFacts, CollectionFacts, PartitionFacts};
pub(crate) use gc_pauses::GcPauseRecord;
pub use head::{BackupState, BackupSummary};
pub(crate) use objects::ObjectListWriter;
pub use read::BackupDetail;
pub(crate) use runs::LiveRun;

use crate::{Engine, Error, ServerIdentity};

/// All backups below one backup root of a store.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    pub(crate) store: Store,
    root: ObjectKey,
    /// The server whose process this is, if it is one.
    server: Option<ServerIdentity>,
}

impl Catalog {
    /// Opens the catalog at the backup location of an engine.
    pub(crate) fn open(engine: &Engine) -> Result<Self, Error> {
        let config = &engine.config;
        let (root, server) = (config.backup.root.clone(), config.server.clone());
        Ok(Self { store: engine.open_backup_store()?, root, server })
    }

    /// Returns the layout of the keys of one backup.
    pub(crate) fn layout(&self, name: &BackupName) -> BackupLayout {
        BackupLayout::new(&self.root, name)
    }

    /// Describes the store and root path of the backups, for messages.
    pub(crate) fn describe_root(&self) -> String {
        self.store.describe(&self.root.as_prefix())
    }

    /// Creates the error for a name that no backup has, with a similar name if there is one.
    pub(crate) async fn no_such_backup(&self, name: &BackupName) -> Error {
        // The error is about the name, so a root that cannot be listed suggests nothing.
        let names = self.list_names().await.unwrap_or_default();
        let similar = model::most_similar(name.as_str(), names.iter().map(BackupName::as_str));
        let similar = similar.filter(|similar| *similar != name.as_str()).map(str::to_owned);
        Error::NoSuchBackup { name: name.to_string(), place: self.describe_root(), similar }
    }

    /// Reads a file, of one with more than `limit` bytes only the beginning; returns `None` if it does not exist.
    async fn read_optional_file(&self, key: &ObjectKey, limit: usize) -> Result<Option<bytes::Bytes>, Error> {
        match self.store.read_beginning(key, limit).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == storage::StorageErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::from(error)),
        }
    }
}
