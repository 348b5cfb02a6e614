//! A Milvus together with the store of its files: the source of a backup, the target of a restore.

use futures::TryStreamExt;
use milvus::Milvus;
use model::ids::{CollectionId, LogId};
use model::layout::milvus::MilvusLayout;
use model::plan::{ListedSegments, SegmentFiles};
use storage::Store;

use crate::{Engine, Error};

/// A connection to Milvus, the store of its files, and the layout of their keys.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) milvus: Milvus,
    pub(crate) store: Store,
    pub(crate) layout: MilvusLayout,
}

/// The files of one collection, as listed in the store of Milvus.
pub(crate) struct CollectionListing {
    /// The requested segments with their files.
    pub(crate) listed: ListedSegments,
    /// The checksums of the files, as far as the store reports them.
    pub(crate) checksums: Checksums,
    /// Whether any object exists below the insert prefix, also one of another segment.
    pub(crate) has_insert_objects: bool,
}

impl Instance {
    /// Connects to the Milvus of an engine and opens the store of its files.
    pub(crate) async fn open(engine: &Engine) -> Result<Self, Error> {
        let store = engine.open_source_store()?;
        let milvus = engine.connect_milvus().await?;
        let layout = MilvusLayout::new(engine.config.source.root.clone());
        Ok(Self { milvus, store, layout })
    }

    /// Describes the root path of Milvus's files, for messages.
    pub(crate) fn describe_root(&self) -> String {
        self.store.describe(&self.layout.root().as_prefix())
    }

    /// Fails if the store is unreachable, the bucket is missing or access is denied.
    pub(crate) async fn check_store_access(&self) -> Result<(), Error> {
        let root = self.layout.root().as_prefix();
        self.store.has_objects_below(&root).await.map(drop).map_err(Error::from)
    }

    /// Returns whether any insert binlog of a collection exists below the configured root path.
    pub(crate) async fn has_insert_files(&self, collection: CollectionId) -> Result<bool, Error> {
        let dir = self.layout.insert_dir(collection);
        let any = self.store.has_objects_below(&dir).await;
        any.map_err(Error::from)
    }

    /// Lists the files of a collection page by page and assigns them to its segments.
    pub(crate) async fn list_files(
        &self,
        collection: CollectionId,
        mut files: SegmentFiles,
    ) -> Result<CollectionListing, Error> {
        let mut checksums = Vec::new();
        let mut has_insert_objects = false;
        for (dir, inserts) in
            [(self.layout.insert_dir(collection), true), (self.layout.delta_dir(collection), false)]
        {
            let mut entries = self.store.list(&dir);
            while let Some(entry) = entries.try_next().await? {
                has_insert_objects |= inserts;
                let assigned = if inserts {
                    let key = self.layout.parse_insert(&entry.key);
                    key.filter(|key| files.add_insert(key, entry.meta.size)).map(|key| key.log)
                } else {
                    let key = self.layout.parse_delta(&entry.key);
                    key.filter(|key| files.add_delta(key, entry.meta.size)).map(|key| key.log)
                };
                let checksum = entry.meta.etag.as_deref().and_then(md5_prefix);
                if let (Some(log), Some(checksum)) = (assigned, checksum) {
                    checksums.push((log, checksum));
                }
            }
        }
        Ok(CollectionListing {
            listed: files.finish(),
            checksums: Checksums::new(checksums),
            has_insert_objects,
        })
    }
}

/// The first eight bytes of the MD5 `ETag` of each file, by log id.
///
/// They take 16 bytes of memory for each file and are enough to detect a damaged copy.
#[derive(Debug, Default)]
pub(crate) struct Checksums(Vec<(LogId, u64)>);

impl Checksums {
    fn new(mut checksums: Vec<(LogId, u64)>) -> Self {
        checksums.sort_unstable();
        Self(checksums)
    }

    /// Returns the checksum of a file, or `None` if the store reported no MD5 for it.
    pub(crate) fn find_by_log(&self, log: LogId) -> Option<u64> {
        let index = self.0.binary_search_by_key(&log, |(log, _)| *log).ok()?;
        self.0.get(index).map(|(_, checksum)| *checksum)
    }
}

/// Returns the first eight bytes of the MD5 in an `ETag`.
///
/// Returns `None` for other `ETag`s: those of multipart uploads contain a dash and cannot be compared.
pub(crate) fn md5_prefix(etag: &str) -> Option<u64> {
    let hex = etag.trim_matches('"');
    let md5 = (hex.len() == 32).then(|| u128::from_str_radix(hex, 16).ok()).flatten()?;
    u64::try_from(md5 >> 64).ok()
}
