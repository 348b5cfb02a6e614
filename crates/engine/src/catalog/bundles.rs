//! Compares the snapshots that Milvus exported into a backup with its manifest.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use model::manifest::{CollectionBackup, Manifest};
use model::name::BackupName;

use super::Catalog;
use super::compare::Damage;
use crate::Error;

/// What the manifest says about the collections whose files are below one directory.
#[derive(Default)]
struct ExpectedBundle {
    files: u64,
    bytes: u64,
}

impl Catalog {
    /// Returns whether files of snapshots are missing: the metadata of a collection, or files of the directory that its
    /// snapshot shares with others.
    ///
    /// Only Milvus knows which files there should be, so their number and size are compared.
    pub(crate) async fn inspect_bundles(
        &self,
        name: &BackupName,
        manifest: &Manifest,
    ) -> Result<Vec<Damage>, Error> {
        let layout = self.layout(name);
        let mut damages = Vec::new();
        let mut roots: BTreeMap<&str, ExpectedBundle> = BTreeMap::new();
        for CollectionBackup { name: collection, snapshot, .. } in &manifest.collections {
            let Some(bundle) = snapshot else {
                damages.push(Damage::Missing(format!("the snapshot of {collection}")));
                continue;
            };
            let (Ok(path), Ok(root)) = (bundle.checked_metadata_path(), bundle.root()) else {
                damages.push(Damage::Missing(format!("the metadata of {collection}")));
                continue;
            };
            let key = layout.dir().join(path);
            if self.store.metadata(&key).await?.is_none() {
                damages.push(Damage::Missing(self.store.describe(&key)));
            }
            let expected = roots.entry(root).or_default();
            expected.files = expected.files.saturating_add(bundle.total_files);
            expected.bytes = expected.bytes.saturating_add(bundle.total_bytes);
        }
        for (root, ExpectedBundle { files, bytes }) in roots {
            let dir = layout.dir().join(root).as_prefix();
            let mut objects = self.store.list(&dir);
            let (mut found_files, mut found_bytes) = (0u64, 0u64);
            while let Some(object) = objects.try_next().await? {
                found_files += 1;
                found_bytes = found_bytes.saturating_add(object.meta.size);
            }
            if found_files < files || found_bytes < bytes {
                let place = self.store.describe(&dir);
                damages.push(Damage::Bundle {
                    place,
                    found: (found_files, found_bytes),
                    expected: (files, bytes),
                });
            }
        }
        Ok(damages)
    }
}
