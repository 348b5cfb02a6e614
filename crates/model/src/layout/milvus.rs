//! The keys of a collection's files below Milvus's root path.

use super::{DELTA_LOG, INSERT_LOG, parse_ids};
use crate::ids::{CollectionId, FieldId, LogId, PartitionId, PartitionScope, SegmentId};
use crate::key::ObjectKey;

/// Directories below Milvus's root path in which Milvus stores its own files, without staging directories.
pub(crate) const RESERVED_DIRS: &[&str] = &[
    "insert_log",
    "delta_log",
    "stats_log",
    "bm25_stats",
    "index_files",
    "index_v1",
    "text_log",
    "json_key_index_log",
    "json_stats",
    "ngram_log",
    "analyze_stats",
    "part_stats",
    "snapshots",
    // the message log: woodpecker, rocksmq
    "wp",
    "rdb_data",
    "rdb_data_meta_kv",
];

const STAGING_PREFIX: &str = "restore-temp-";

/// Returns the id of a staging directory, given the directory's name; `None` for any other directory.
pub fn staging_id(dir: &str) -> Option<&str> {
    dir.strip_prefix(STAGING_PREFIX)
}

/// The ids in the key of an insert binlog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InsertKey {
    /// The collection that the file belongs to.
    pub collection: CollectionId,
    /// The partition that the file belongs to.
    pub partition: PartitionId,
    /// The segment that the file belongs to.
    pub segment: SegmentId,
    /// The column, or the column group under storage version 2.
    pub field: FieldId,
    /// The id of the file itself.
    pub log: LogId,
}

/// The ids in the key of a delta log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeltaKey {
    /// The collection that the file belongs to.
    pub collection: CollectionId,
    /// The partition whose rows the file deletes, or all of the collection.
    pub partition: PartitionScope,
    /// The segment that the file belongs to.
    pub segment: SegmentId,
    /// The id of the file itself.
    pub log: LogId,
}

/// The keys of Milvus's files below one root path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MilvusLayout {
    root: ObjectKey,
}

impl MilvusLayout {
    /// Creates the layout for Milvus's root path, which may be empty.
    pub fn new(root: ObjectKey) -> Self {
        Self { root }
    }

    /// Returns the root path of Milvus.
    pub fn root(&self) -> &ObjectKey {
        &self.root
    }

    /// Returns the prefix of a collection's insert binlogs.
    pub fn insert_dir(&self, collection: CollectionId) -> ObjectKey {
        self.root.join(&format!("{INSERT_LOG}/{collection}/"))
    }

    /// Returns the prefix of a collection's delta logs.
    pub fn delta_dir(&self, collection: CollectionId) -> ObjectKey {
        self.root.join(&format!("{DELTA_LOG}/{collection}/"))
    }

    /// Returns the key of an insert binlog.
    pub fn insert_key(
        &self,
        collection: CollectionId,
        partition: PartitionId,
        segment: SegmentId,
        field: FieldId,
        log: LogId,
    ) -> ObjectKey {
        self.root.join(&format!("{INSERT_LOG}/{collection}/{partition}/{segment}/{field}/{log}"))
    }

    /// Returns the key of a delta log.
    pub fn delta_key(
        &self,
        collection: CollectionId,
        partition: PartitionScope,
        segment: SegmentId,
        log: LogId,
    ) -> ObjectKey {
        self.root.join(&format!("{DELTA_LOG}/{collection}/{}/{segment}/{log}", partition.to_wire()))
    }

    /// Parses the ids in an insert binlog's key; returns `None` for any other key.
    pub fn parse_insert(&self, key: &ObjectKey) -> Option<InsertKey> {
        let [collection, partition, segment, field, log] =
            parse_ids(key.relative_to(&self.root)?.strip_prefix(INSERT_LOG)?.strip_prefix('/')?)?;
        Some(InsertKey {
            collection: CollectionId(collection),
            partition: PartitionId(partition),
            segment: SegmentId(segment),
            field: FieldId(field),
            log: LogId(log),
        })
    }

    /// Parses the ids in a delta log's key; returns `None` for any other key.
    pub fn parse_delta(&self, key: &ObjectKey) -> Option<DeltaKey> {
        let [collection, partition, segment, log] =
            parse_ids(key.relative_to(&self.root)?.strip_prefix(DELTA_LOG)?.strip_prefix('/')?)?;
        Some(DeltaKey {
            collection: CollectionId(collection),
            partition: PartitionScope::from_wire(partition),
            segment: SegmentId(segment),
            log: LogId(log),
        })
    }

    /// Returns the staging directory of the restore with this id.
    pub fn staging_dir(&self, id: &str) -> ObjectKey {
        self.root.join(&format!("{STAGING_PREFIX}{id}/"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout(root: &str) -> MilvusLayout {
        MilvusLayout::new(ObjectKey::new(root))
    }

    #[test]
    fn keys_are_those_of_milvus() {
        let files = layout("files");
        let insert =
            files.insert_key(CollectionId(1), PartitionId(2), SegmentId(3), FieldId::TIMESTAMP, LogId(5));
        assert_eq!(insert.as_str(), "files/insert_log/1/2/3/1/5");
        let delta = files.delta_key(CollectionId(1), PartitionScope::All, SegmentId(3), LogId(5));
        assert_eq!(delta.as_str(), "files/delta_log/1/-1/3/5");
        assert_eq!(layout("").insert_dir(CollectionId(7)).as_str(), "insert_log/7/");
        assert_eq!(
            layout("/var/lib/milvus/").delta_dir(CollectionId(7)).as_str(),
            "var/lib/milvus/delta_log/7/"
        );
        assert_eq!(files.staging_dir("ab").as_str(), "files/restore-temp-ab/");
        assert_eq!(staging_id("restore-temp-ab"), Some("ab"));
    }

    #[test]
    fn other_keys_are_not_parsed() {
        let files = layout("files");
        for key in [
            "files/insert_log/1/2/3/4",
            "files/insert_log/1/2/3/4/5/6",
            "files/insert_log/1/2/3/4/",
            "files/insert_log/1/2/3/04/5",
            "files/insert_log/1/2/3/+4/5",
            "files/insert_log/1/2/3/-0/5",
            "files/insert_log/1/2/3/-/5",
            "files/insert_log/1/2/3/_data/5",
            "files/insert_log/1/2/3/4/99999999999999999999",
            "files/insert_logs/1/2/3/4/5",
            "files/stats_log/1/2/3/4/5",
            "file/insert_log/1/2/3/4/5",
            "filesinsert_log/1/2/3/4/5",
            "",
        ] {
            assert_eq!(files.parse_insert(&ObjectKey::new(key)), None, "{key}");
        }
        assert_eq!(files.parse_delta(&ObjectKey::new("files/delta_log/1/2/3/4/5")), None);
    }

    proptest! {
        #[test]
        fn keys_are_parsed_to_their_ids(
            root in "(/?[a-z0-9]{1,5}){0,3}/?", collection: i64, partition: i64, segment: i64, field: i64, log: i64,
        ) {
            let layout = layout(&root);
            let insert = InsertKey {
                collection: CollectionId(collection),
                partition: PartitionId(partition),
                segment: SegmentId(segment),
                field: FieldId(field),
                log: LogId(log),
            };
            let key = layout.insert_key(insert.collection, insert.partition, insert.segment, insert.field, insert.log);
            prop_assert!(key.relative_to(&layout.insert_dir(insert.collection)).is_some());
            prop_assert_eq!(layout.parse_insert(&key), Some(insert));
            prop_assert_eq!(layout.parse_delta(&key), None);
            let delta = DeltaKey {
                collection: insert.collection,
                partition: PartitionScope::from_wire(partition),
                segment: insert.segment,
                log: insert.log,
            };
            let key = layout.delta_key(delta.collection, delta.partition, delta.segment, delta.log);
            prop_assert_eq!(layout.parse_delta(&key), Some(delta));
        }

        #[test]
        fn any_key_is_parsed_without_panic(root: String, key: String) {
            let (layout, key) = (layout(&root), ObjectKey::new(&key));
            layout.parse_insert(&key);
            layout.parse_delta(&key);
        }
    }
}
