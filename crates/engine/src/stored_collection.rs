//! Opens collections of a backup for reading their rows.

use model::manifest::{BackupFormat, CollectionBackup};
use model::name::{BackupName, CollectionRef};

use crate::catalog::{BackupDetail, Catalog, L0Deletes, SegmentContents, SegmentEnds};
use crate::{Engine, Error};

/// The largest number of missing or changed files of a collection that are named.
const SHOWN_DAMAGES: usize = 20;

/// A complete backup whose binlogs can be read.
pub(crate) struct StoredBackup {
    catalog: Catalog,
    name: BackupName,
    pub(crate) detail: BackupDetail,
}

/// A collection of a backup, with the deletes of its L0 segments.
pub(crate) struct StoredCollection<'a> {
    catalog: &'a Catalog,
    backup: &'a BackupName,
    collection: &'a CollectionBackup,
    l0: L0Deletes,
}

impl Engine {
    /// Reads the manifest of a backup; fails if the backup is not complete or has no binlogs.
    pub(crate) async fn open_stored_backup(&self, name: &BackupName) -> Result<StoredBackup, Error> {
        let catalog = Catalog::open(self)?;
        let detail = catalog.read_complete_backup(name).await?;
        detail.check_format(name)?;
        if detail.manifest.format == BackupFormat::Snapshot {
            return Err(Error::NoBinlogs(name.to_string()));
        }
        Ok(StoredBackup { catalog, name: name.clone(), detail })
    }
}

impl StoredBackup {
    /// Finds a collection by its name; fails if the backup does not contain it.
    pub(crate) fn find_collection(&self, name: &CollectionRef) -> Result<&CollectionBackup, Error> {
        let collections = &self.detail.manifest.collections;
        collections.iter().find(|collection| collection.name == *name).ok_or_else(|| {
            let wanted = name.to_string();
            let known = collections.iter().map(|it| it.name.to_string()).collect();
            let collections = similar_first(&wanted, known);
            Error::NoSuchCollection { backup: self.name.to_string(), collection: wanted, collections }
        })
    }

    /// Compares the files of a collection with the manifest, without reading them; returns what is odd.
    pub(crate) async fn compare_files(&self, collection: &CollectionBackup) -> Result<Vec<String>, Error> {
        let (partitions, damages) = self.catalog.inspect_collection(&self.name, collection).await?;
        let surplus =
            collection.partitions.iter().filter(|it| partitions.get(&it.id).is_some_and(|it| it.foreign));
        let surplus =
            surplus.map(|it| format!("partition {} has files that the manifest does not list", it.name));
        let damages: Vec<String> = damages.iter().map(ToString::to_string).collect();
        let more = damages.len().saturating_sub(SHOWN_DAMAGES);
        let more = (more > 0).then(|| format!("{more} more files are missing or have another size"));
        Ok(damages.into_iter().take(SHOWN_DAMAGES).chain(more).chain(surplus).collect())
    }

    /// Opens a collection for reading its rows.
    pub(crate) async fn open_collection<'a>(
        &'a self,
        collection: &'a CollectionBackup,
    ) -> Result<StoredCollection<'a>, Error> {
        StoredCollection::open(&self.catalog, &self.name, collection).await
    }
}

impl<'a> StoredCollection<'a> {
    /// Reads the delete entries of the L0 segments of a collection.
    pub(crate) async fn open(
        catalog: &'a Catalog,
        backup: &'a BackupName,
        collection: &'a CollectionBackup,
    ) -> Result<Self, Error> {
        let l0 = catalog.read_l0(backup, collection, SegmentEnds::new()).await?;
        Ok(Self { catalog, backup, collection, l0 })
    }

    /// Opens the segments for reading; fails if the schema has no primary key that can be read.
    pub(crate) fn segments(&self) -> Result<SegmentContents<'_>, Error> {
        self.catalog.open_segments(self.backup, self.collection, &self.l0).ok_or_else(|| Error::NoKey {
            collection: self.collection.name.to_string(),
            backup: self.backup.to_string(),
        })
    }
}

/// Returns names in alphabetical order, but that which resembles the wanted one most first.
pub(crate) fn similar_first(wanted: &str, mut names: Vec<String>) -> Vec<String> {
    let similar = model::most_similar(wanted, names.iter().map(String::as_str)).map(str::to_owned);
    names.sort_by_cached_key(|name| (Some(name) != similar.as_ref(), name.clone()));
    names
}
