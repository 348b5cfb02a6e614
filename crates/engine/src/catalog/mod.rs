//! The backups below a backup root: which there are, in which state, and what they hold.

mod extra;
mod head;
mod objects;
mod read;
mod write;

use model::key::ObjectKey;
use model::layout::backup::BackupLayout;
use model::name::BackupName;
use storage::Store;

pub use extra::{CollectionExtra, Extra, PartitionExtra};
pub use head::{BackupState, BackupSummary};
pub(crate) use objects::{ObjectLine, ObjectList};
pub(crate) use read::file_id;
pub use read::{BackupDetail, Damage};

use crate::{Engine, Error};

/// The backup root on its store.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    pub(crate) store: Store,
    root: ObjectKey,
}

impl Catalog {
    pub(crate) fn open(engine: &Engine) -> Result<Self, Error> {
        Ok(Self { store: engine.backup_store()?, root: engine.config.backup.root.clone() })
    }

    pub(crate) fn layout(&self, name: &BackupName) -> BackupLayout {
        BackupLayout::new(&self.root, name)
    }

    /// Where backups lie, for people.
    pub(crate) fn place(&self) -> String {
        self.store.describe(&self.root.as_dir())
    }

    async fn read_file(&self, key: &ObjectKey) -> Result<Option<bytes::Bytes>, Error> {
        match self.store.read(key).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == storage::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::from(error)),
        }
    }
}
