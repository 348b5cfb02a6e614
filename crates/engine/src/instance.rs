//! A Milvus together with the store in which it keeps its files: the source of a backup, the target of a restore.

use futures::TryStreamExt;
use milvus::Milvus;
use model::ids::{CollectionId, LogId};
use model::layout::milvus::MilvusLayout;
use model::manifest::{Schema, Segment};
use model::plan::{SegmentFiles, SegmentProblem, SegmentSeen};
use storage::Store;

use crate::{Engine, Error};

/// A Milvus and the store in which it keeps its files.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) milvus: Milvus,
    pub(crate) store: Store,
    pub(crate) layout: MilvusLayout,
}

/// What a collection's prefixes showed.
pub(crate) struct Listed {
    /// The named segments with their files, or what is wrong with them.
    pub(crate) segments: Result<Vec<Segment>, Vec<SegmentProblem>>,
    /// Checksums, where the store gives such.
    pub(crate) sums: Sums,
    /// Whether anything at all lies below the insert prefix.
    pub(crate) any: bool,
}

impl Instance {
    pub(crate) async fn open(engine: &Engine) -> Result<Self, Error> {
        let store = engine.source()?;
        let milvus = engine.milvus().await?;
        let layout = MilvusLayout::new(engine.config.source.root.clone());
        Ok(Self { milvus, store, layout })
    }

    /// Where Milvus's files are looked for, for people.
    pub(crate) fn place(&self) -> String {
        self.store.describe(&self.layout.root().as_dir())
    }

    /// Fails where the bucket is not there or the credentials do not let us in.
    pub(crate) async fn store_answers(&self) -> Result<(), Error> {
        let root = self.layout.root().as_dir();
        self.store.any_below(&root).await.map(drop).map_err(Error::from)
    }

    /// Whether any insert binlog of a collection lies where the configuration says.
    pub(crate) async fn has_files(&self, collection: CollectionId) -> Result<bool, Error> {
        let dir = self.layout.insert_dir(collection);
        let any = self.store.any_below(&dir).await;
        any.map_err(Error::from)
    }

    /// Lists a collection's files in pages and puts them to the segments that Milvus named.
    pub(crate) async fn list(
        &self,
        collection: CollectionId,
        schema: &Schema,
        seen: &[SegmentSeen],
    ) -> Result<Listed, Error> {
        let mut files = SegmentFiles::new(seen, schema);
        let mut sums = Vec::new();
        let mut any = false;
        for (dir, inserts) in
            [(self.layout.insert_dir(collection), true), (self.layout.delta_dir(collection), false)]
        {
            let mut entries = self.store.list(&dir);
            while let Some(entry) = entries.try_next().await? {
                any |= inserts;
                let taken = if inserts {
                    let key = self.layout.parse_insert(&entry.key);
                    key.filter(|key| files.add_insert(key, entry.meta.size)).map(|key| key.log)
                } else {
                    let key = self.layout.parse_delta(&entry.key);
                    key.filter(|key| files.add_delta(key, entry.meta.size)).map(|key| key.log)
                };
                if let (Some(log), Some(sum)) = (taken, entry.meta.etag.as_deref().and_then(plain_md5)) {
                    sums.push((log, sum));
                }
            }
        }
        Ok(Listed { segments: files.finish(), sums: Sums::new(sums), any })
    }
}

/// The beginnings of plain MD5 `ETag`s by log id: 16 bytes a file, and no copy fault is likely to share one.
#[derive(Debug, Default)]
pub(crate) struct Sums(Vec<(LogId, u64)>);

impl Sums {
    fn new(mut sums: Vec<(LogId, u64)>) -> Self {
        sums.sort_unstable();
        Self(sums)
    }

    /// The sum of a file, where it is known.
    pub(crate) fn of(&self, log: LogId) -> Option<u64> {
        let at = self.0.binary_search_by_key(&log, |(log, _)| *log).ok()?;
        self.0.get(at).map(|(_, sum)| *sum)
    }
}

/// The beginning of the MD5 in an `ETag`; those of multipart uploads carry a dash and cannot be compared.
pub(crate) fn plain_md5(etag: &str) -> Option<u64> {
    let hex = etag.trim_matches('"');
    let all = (hex.len() == 32).then(|| u128::from_str_radix(hex, 16).ok()).flatten()?;
    u64::try_from(all >> 64).ok()
}
