//! Listing of objects, in pages and without a request per object.

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use model::key::ObjectKey;
use opendal::EntryMode;

use super::Store;
use crate::backend::{Backend, disk};
use crate::classify;
use crate::error::{Cause, Result, StorageErrorKind};
use crate::object::{LevelListing, ListedObject, ObjectMetadata};

impl Store {
    /// Lists all objects below a prefix, at any depth, in the order of the store (in a bucket, by key).
    ///
    /// The listing of a prefix that does not exist is empty. It omits directories, directory
    /// markers and temporary files.
    pub fn list(&self, prefix: &ObjectKey) -> BoxStream<'static, Result<ListedObject>> {
        match self.backend() {
            Backend::Disk => {
                let store = self.clone();
                disk::list(prefix)
                    .map_err(move |(key, cause)| cause.during("list", store.prefix(&key)))
                    .boxed()
            }
            Backend::S3(_) => self
                .raw_entries(prefix, true)
                .try_filter_map(|entry| {
                    let object = (entry.metadata().mode() == EntryMode::FILE).then(|| ListedObject {
                        meta: ObjectMetadata::from_opendal(entry.metadata()),
                        key: ObjectKey::new(entry.path()),
                    });
                    std::future::ready(Ok(object))
                })
                .boxed(),
        }
    }

    /// Lists the directories and objects directly below a prefix; a prefix that does not exist is empty.
    pub async fn list_level(&self, prefix: &ObjectKey) -> Result<LevelListing> {
        let mut listing = match self.backend() {
            Backend::Disk => {
                disk::list_level(prefix).await.map_err(|cause| cause.during("list", self.prefix(prefix)))?
            }
            Backend::S3(_) => self.list_level_of_bucket(prefix).await?,
        };
        listing.dirs.sort_unstable();
        listing.objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        listing.broken.sort_unstable();
        Ok(listing)
    }

    async fn list_level_of_bucket(&self, prefix: &ObjectKey) -> Result<LevelListing> {
        let mut listing = LevelListing::default();
        let mut entries = self.raw_entries(prefix, false);
        while let Some(entry) = entries.try_next().await? {
            let key = ObjectKey::new(entry.path());
            match entry.metadata().mode() {
                EntryMode::DIR if key.as_prefix() != prefix.as_prefix() => {
                    listing.dirs.push(key.file_name().to_owned());
                }
                EntryMode::FILE => {
                    listing
                        .objects
                        .push(ListedObject { meta: ObjectMetadata::from_opendal(entry.metadata()), key });
                }
                _ => {}
            }
        }
        Ok(listing)
    }

    /// Returns whether any object exists below a prefix, at any depth.
    pub async fn has_objects_below(&self, prefix: &ObjectKey) -> Result<bool> {
        self.list(prefix).try_next().await.map(|first| first.is_some())
    }

    /// Finds an object in a listing of the keys that begin with its key; it is the first of them.
    pub(super) async fn find_in_listing(&self, key: &ObjectKey) -> opendal::Result<Option<ObjectMetadata>> {
        let mut entries = self.operator().lister_with(key.as_str()).recursive(true).limit(1).await?;
        let first = entries.try_next().await?.filter(|entry| entry.path() == key.as_str());
        Ok(first.map(|entry| ObjectMetadata::from_opendal(entry.metadata())))
    }

    /// Lists the entries of OpenDAL below a prefix, including directories, directory markers and temporary files.
    pub(super) fn raw_entries(
        &self,
        prefix: &ObjectKey,
        recursive: bool,
    ) -> BoxStream<'static, Result<opendal::Entry>> {
        let (store, prefix) = (self.clone(), prefix.as_prefix());
        let open = async move {
            let lister = store.operator().lister_with(prefix.as_str()).recursive(recursive).await;
            let fail = move |error| {
                let cause = classify::opendal_error(&error);
                // A listing of a prefix without objects is empty.
                let is_no_bucket = cause.kind == StorageErrorKind::NotFound;
                let kind = if is_no_bucket { StorageErrorKind::BucketMissing } else { cause.kind };
                Cause { kind, ..cause }.during("list", store.prefix(&prefix))
            };
            match lister {
                Ok(lister) => Ok(lister.map_err(fail)),
                Err(error) => Err(fail(error)),
            }
        };
        stream::once(open).try_flatten().boxed()
    }
}
