//! Compares the files of a collection in a backup with its manifest.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use model::ids::{FileId, PartitionId, PartitionScope};
use model::key::ObjectKey;
use model::layout::backup::BackupLayout;
use model::manifest::CollectionBackup;
use model::name::BackupName;
use model::plan::ExpectedFiles;
use model::plan::restore::PrefixFacts;
use storage::{ListedObject, StorageError, Store};

use super::Catalog;
use crate::Error;

/// A difference between the files of a backup and its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// An object of the manifest does not exist; contains its path.
    Missing(String),
    /// An object has a different size than in the manifest.
    Size {
        /// The store and key of the object.
        key: String,
        /// Its actual size in bytes.
        found: u64,
        /// Its size in bytes according to the manifest.
        expected: u64,
    },
    /// A directory of snapshots has fewer or smaller files than Milvus exported.
    Bundle {
        /// The store and prefix of the directory.
        place: String,
        /// The number of files that exist, and their size in bytes.
        found: (u64, u64),
        /// The number of files that were exported, and their size in bytes.
        expected: (u64, u64),
    },
    /// A delta log for all partitions is not in the manifest, so deleted rows would come back; contains its location.
    UnlistedDeletes(String),
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(key) => write!(f, "{key} is missing"),
            Self::Size { key, found, expected } => write!(f, "{key} has {found} bytes instead of {expected}"),
            Self::Bundle { place, found: (files, bytes), expected: (all, size) } => {
                write!(f, "{place} has {files} of {all} files of snapshots, and {bytes} of {size} bytes")
            }
            Self::UnlistedDeletes(key) => write!(
                f,
                "{key} has deletes for all partitions, but the metadata does not list it (full_meta.json does, where it \
                 exists)"
            ),
        }
    }
}

/// Fails with the first five damages of a backup, if there are any.
pub(crate) fn reject_damages(name: &BackupName, damages: impl Iterator<Item = Damage>) -> Result<(), Error> {
    let mut problems: Vec<String> = damages.map(|damage| damage.to_string()).collect();
    if problems.is_empty() {
        return Ok(());
    }
    let more = problems.len().saturating_sub(5);
    problems.truncate(5);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    Err(Error::Damaged { name: name.to_string(), problems })
}

/// The walk over the files of one collection in a backup, which compares them with the manifest.
pub(crate) struct CollectionComparison<'a> {
    layout: BackupLayout,
    listing: BoxStream<'static, Result<ListedObject, StorageError>>,
    expected: ExpectedFiles<'a>,
}

/// An object below the prefixes of a collection in a backup.
pub(crate) struct ComparedObject {
    pub(crate) object: ListedObject,
    /// The file of the manifest that the object is; `None` for an object that the manifest does not contain.
    pub(crate) file: Option<ComparedFile>,
}

/// The file of a manifest that an object is.
#[derive(Clone, Copy)]
pub(crate) struct ComparedFile {
    pub(crate) scope: PartitionScope,
    pub(crate) id: FileId,
    /// The size in bytes according to the manifest; 0 if the manifest does not know it.
    pub(crate) size: u64,
}

impl ComparedFile {
    /// Returns whether the object has the size of the manifest.
    pub(crate) fn has_size_of(&self, object: &ListedObject) -> bool {
        self.size == 0 || self.size == object.meta.size
    }

    /// Creates the error about a copy, stored under this key, that has another size.
    pub(crate) fn size_error(&self, copy: &ListedObject, key: String) -> Error {
        let [found, expected] = [copy.meta.size, self.size].map(|size| format!("{size} bytes"));
        Error::Copied { key, found, expected }
    }
}

impl<'a> CollectionComparison<'a> {
    /// Begins the walk; the files of each segment of `collection` must be sorted.
    pub(crate) fn new(store: &Store, layout: BackupLayout, collection: &'a CollectionBackup) -> Self {
        let inserts = store.list(&layout.insert_collection_dir(collection.id));
        let deletes = store.list(&layout.delta_collection_dir(collection.id));
        let listing = inserts.chain(deletes).boxed();
        Self { layout, listing, expected: ExpectedFiles::new(collection) }
    }

    /// Returns whether the manifest contains no files.
    pub(crate) fn expects_nothing(&self) -> bool {
        self.expected.is_empty()
    }

    /// Returns the next object; `None` after the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<ComparedObject>, Error> {
        let Some(object) = self.listing.try_next().await? else { return Ok(None) };
        let file = parse_file_id(&self.layout, &object.key).and_then(|id| {
            self.expected.mark_found(id).map(|(scope, size)| ComparedFile { scope, id, size })
        });
        Ok(Some(ComparedObject { object, file }))
    }

    /// Returns the files that [`Self::next`] did not find, in no particular order.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (PartitionScope, FileId)> {
        self.expected.missing()
    }
}

impl Catalog {
    /// Lists the objects of a collection in a backup and compares them with the manifest.
    ///
    /// Returns for each partition whether its prefix contains foreign objects, and all damages. The delete entries are
    /// not counted.
    pub(crate) async fn inspect_collection(
        &self,
        name: &BackupName,
        collection: &CollectionBackup,
    ) -> Result<(BTreeMap<PartitionId, PrefixFacts>, Vec<Damage>), Error> {
        let layout = self.layout(name);
        let dir = self.store.describe(layout.dir());
        let dirs = [layout.insert_collection_dir(collection.id), layout.delta_collection_dir(collection.id)];
        let mut comparison = CollectionComparison::new(&self.store, layout.clone(), collection);
        let mut damages = Vec::new();
        let mut foreign = BTreeSet::new();
        while let Some(ComparedObject { object, file }) = comparison.next().await? {
            match file {
                Some(file) if !file.has_size_of(&object) => damages.push(Damage::Size {
                    key: self.store.describe(&object.key),
                    found: object.meta.size,
                    expected: file.size,
                }),
                Some(_) => {}
                None if is_shared_delta_log(&layout, &object.key) => {
                    damages.push(Damage::UnlistedDeletes(self.store.describe(&object.key)));
                }
                None => foreign.extend(dirs.iter().find_map(|dir| parse_partition_of_key(&object.key, dir))),
            }
        }
        damages.extend(comparison.missing().map(|(scope, file)| {
            Damage::Missing(format!("{dir}{}", describe_missing_file(collection, scope, file)))
        }));
        let partitions = collection.partitions.iter();
        let facts = partitions
            .map(|p| (p.id, PrefixFacts { foreign: foreign.contains(&p.id), ..PrefixFacts::default() }));
        Ok((facts.collect(), damages))
    }
}

/// Returns whether a key is that of a delta log for all partitions.
fn is_shared_delta_log(layout: &BackupLayout, key: &ObjectKey) -> bool {
    layout.parse_delta(key).is_some_and(|(parsed, _)| parsed.partition == PartitionScope::All)
}

/// Returns the partition whose prefix contains an object; the rest of the key may have any form.
fn parse_partition_of_key(key: &ObjectKey, collection_dir: &ObjectKey) -> Option<PartitionId> {
    key.relative_to(collection_dir)?.split('/').next()?.parse().ok().map(PartitionId)
}

/// Parses the key of a binlog or delta log in a backup; returns `None` for any other key.
fn parse_file_id(layout: &BackupLayout, key: &ObjectKey) -> Option<FileId> {
    let insert = layout.parse_insert(key).map(|(k, _)| (k.segment, Some(k.field), k.log));
    let file = insert.or_else(|| layout.parse_delta(key).map(|(k, _)| (k.segment, None, k.log)));
    file.map(|(segment, field, log)| FileId { segment, field, log })
}

/// Creates the error about a file that was copied and is not there.
pub(crate) fn missing_copy_error(collection: &str, file: FileId) -> Error {
    let part = file.field.map_or("delta_log".to_owned(), |field| format!("field {field}"));
    Error::Copied {
        key: format!("{collection}: segment {}, {part}, log {}", file.segment, file.log),
        found: "nothing".to_owned(),
        expected: "the file".to_owned(),
    }
}

/// Returns the path of a missing file below the backup, with `…` for the id of its group, which is not known.
fn describe_missing_file(collection: &CollectionBackup, scope: PartitionScope, file: FileId) -> String {
    let FileId { segment, field, log } = file;
    let (collection, partition) = (collection.id, scope.to_wire());
    match field {
        Some(field) => format!("binlogs/insert_log/{collection}/{partition}/…/{segment}/{field}/{log}"),
        None => format!("binlogs/delta_log/{collection}/{partition}/…/{segment}/{log}"),
    }
}
