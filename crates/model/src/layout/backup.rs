//! The keys of a backup's files, which are those of Milvus Backup (Go).

use super::milvus::{DeltaKey, InsertKey};
use super::{DELTA_LOG, INSERT_LOG, parse_ids};
use crate::ids::{CollectionId, FieldId, LogId, PartitionId, PartitionScope, SegmentId};
use crate::key::ObjectKey;
use crate::name::BackupName;

/// One of the JSON files that contain the manifest of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestFile {
    /// `backup_meta.json`: everything but the collections; written last as the commit marker.
    Head,
    /// `collection_meta.json`: the level file of the collections.
    Collections,
    /// `partition_meta.json`: the level file of the partitions of all collections.
    Partitions,
    /// `segment_meta.json`: the level file of the segments of all partitions.
    Segments,
    /// `full_meta.json`: the whole tree.
    Full,
}

impl ManifestFile {
    /// All files, in the order in which they are written.
    pub const ALL: [Self; 5] = [Self::Collections, Self::Partitions, Self::Segments, Self::Full, Self::Head];

    /// Returns the name of the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "backup_meta.json",
            Self::Collections => "collection_meta.json",
            Self::Partitions => "partition_meta.json",
            Self::Segments => "segment_meta.json",
            Self::Full => "full_meta.json",
        }
    }
}

/// The begin marker: identifies the run that makes the backup, and records when it last renewed its lease.
pub const MB_BEGIN: &str = "mb_begin.json";
/// How the names of reader marks begin: each identifies a run that reads the backup, such as a restore.
pub const MB_READER_PREFIX: &str = "mb_reader_";
/// The file with facts about the backup that the Go format does not have.
pub const MB_MANIFEST: &str = "mb_manifest.json";

/// The record of the snapshots that a running backup has in Milvus.
pub const MB_SNAPSHOTS: &str = "mb_snapshots.json";

/// Returns the file name of a collection's object list.
pub fn mb_objects(collection: CollectionId) -> String {
    format!("mb_objects_{collection}.jsonl.gz")
}

/// The keys of one backup below a backup root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupLayout {
    dir: ObjectKey,
}

impl BackupLayout {
    /// Creates the layout of a backup from the backup root, which may be empty, and the backup's name.
    pub fn new(root: &ObjectKey, name: &BackupName) -> Self {
        Self { dir: root.join(name.as_str()).as_prefix() }
    }

    /// Returns the prefix of all files of the backup.
    pub fn dir(&self) -> &ObjectKey {
        &self.dir
    }

    /// Returns the prefix of the backup's meta files.
    pub fn meta_dir(&self) -> ObjectKey {
        self.dir.join("meta/")
    }

    /// Returns the key of one of the files with the manifest.
    pub fn manifest_file(&self, file: ManifestFile) -> ObjectKey {
        self.meta_file(file.as_str())
    }

    /// Returns the key of a meta file, given its file name.
    pub fn meta_file(&self, file: &str) -> ObjectKey {
        self.dir.join(&format!("meta/{file}"))
    }

    /// Returns the prefix of the snapshots that Milvus exported.
    pub fn bundle_dir(&self) -> ObjectKey {
        self.dir.join("bundle/")
    }

    /// Returns the prefix of the backup's binlogs.
    pub fn binlogs_dir(&self) -> ObjectKey {
        self.dir.join("binlogs/")
    }

    /// Returns the prefix of a collection's insert binlogs.
    pub fn insert_collection_dir(&self, collection: CollectionId) -> ObjectKey {
        self.dir.join(&format!("binlogs/{INSERT_LOG}/{collection}/"))
    }

    /// Returns the prefix of a collection's delta logs.
    pub fn delta_collection_dir(&self, collection: CollectionId) -> ObjectKey {
        self.dir.join(&format!("binlogs/{DELTA_LOG}/{collection}/"))
    }

    /// Returns the prefix of a partition's insert binlogs.
    pub fn insert_dir(&self, collection: CollectionId, partition: PartitionId) -> ObjectKey {
        self.dir.join(&format!("binlogs/{INSERT_LOG}/{collection}/{partition}/"))
    }

    /// Returns the prefix of a partition's delta logs, or of those that apply to all partitions.
    pub fn delta_dir(&self, collection: CollectionId, partition: PartitionScope) -> ObjectKey {
        self.dir.join(&format!("binlogs/{DELTA_LOG}/{collection}/{}/", partition.to_wire()))
    }

    /// Returns the prefix of a group of segments, which usually contains the directory of one segment.
    pub fn insert_group_dir(
        &self,
        collection: CollectionId,
        partition: PartitionId,
        group: i64,
    ) -> ObjectKey {
        self.insert_dir(collection, partition).join(&format!("{group}/"))
    }

    /// Returns the prefix of the delta logs of a group of segments.
    pub fn delta_group_dir(&self, collection: CollectionId, partition: PartitionId, group: i64) -> ObjectKey {
        self.delta_dir(collection, PartitionScope::One(partition)).join(&format!("{group}/"))
    }

    /// Returns the key of an insert binlog; `group` is the directory level above the segment's, absent in old backups.
    pub fn insert_key(
        &self,
        collection: CollectionId,
        partition: PartitionId,
        group: Option<i64>,
        segment: SegmentId,
        field: FieldId,
        log: LogId,
    ) -> ObjectKey {
        self.dir.join(&match group {
            Some(group) => {
                format!("binlogs/{INSERT_LOG}/{collection}/{partition}/{group}/{segment}/{field}/{log}")
            }
            None => format!("binlogs/{INSERT_LOG}/{collection}/{partition}/{segment}/{field}/{log}"),
        })
    }

    /// Returns the key of a delta log; `group` is as for [`Self::insert_key`], and absent for [`PartitionScope::All`].
    pub fn delta_key(
        &self,
        collection: CollectionId,
        partition: PartitionScope,
        group: Option<i64>,
        segment: SegmentId,
        log: LogId,
    ) -> ObjectKey {
        let partition = partition.to_wire();
        self.dir.join(&match group {
            Some(group) => format!("binlogs/{DELTA_LOG}/{collection}/{partition}/{group}/{segment}/{log}"),
            None => format!("binlogs/{DELTA_LOG}/{collection}/{partition}/{segment}/{log}"),
        })
    }

    /// Parses the ids and the group in an insert binlog's key; returns `None` for any other key.
    pub fn parse_insert(&self, key: &ObjectKey) -> Option<(InsertKey, Option<i64>)> {
        let relative = self.relative_data_key(key, INSERT_LOG)?;
        let (group, [collection, partition, segment, field, log]) = match parse_ids::<6>(relative) {
            Some([collection, partition, group, segment, field, log]) => {
                (Some(group), [collection, partition, segment, field, log])
            }
            None => (None, parse_ids(relative)?),
        };
        let key = InsertKey {
            collection: CollectionId(collection),
            partition: PartitionId(partition),
            segment: SegmentId(segment),
            field: FieldId(field),
            log: LogId(log),
        };
        Some((key, group))
    }

    /// Parses the ids and the group in a delta log's key; returns `None` for any other key.
    pub fn parse_delta(&self, key: &ObjectKey) -> Option<(DeltaKey, Option<i64>)> {
        let relative = self.relative_data_key(key, DELTA_LOG)?;
        let (group, [collection, partition, segment, log]) = match parse_ids::<5>(relative) {
            Some([collection, partition, group, segment, log]) => {
                (Some(group), [collection, partition, segment, log])
            }
            None => (None, parse_ids(relative)?),
        };
        let key = DeltaKey {
            collection: CollectionId(collection),
            partition: PartitionScope::from_wire(partition),
            segment: SegmentId(segment),
            log: LogId(log),
        };
        Some((key, group))
    }

    /// Returns the part of a key after `binlogs/` and `kind`; `None` if the key is elsewhere.
    fn relative_data_key<'k>(&self, key: &'k ObjectKey, kind: &str) -> Option<&'k str> {
        key.relative_to(&self.dir)?.strip_prefix("binlogs/")?.strip_prefix(kind)?.strip_prefix('/')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout(root: &str) -> BackupLayout {
        BackupLayout::new(&ObjectKey::new(root), &"b".parse().unwrap())
    }

    #[test]
    fn the_keys_of_a_backup() {
        let b = layout("/backup/");
        assert_eq!(b.dir().as_str(), "backup/b/");
        assert_eq!(b.manifest_file(ManifestFile::Full).as_str(), "backup/b/meta/full_meta.json");
        assert_eq!(b.meta_file(&mb_objects(CollectionId(4))).as_str(), "backup/b/meta/mb_objects_4.jsonl.gz");
        let (collection, partition, segment) = (CollectionId(1), PartitionId(2), SegmentId(3));
        assert_eq!(
            b.insert_key(collection, partition, Some(3), segment, FieldId(100), LogId(9)).as_str(),
            "backup/b/binlogs/insert_log/1/2/3/3/100/9"
        );
        assert_eq!(
            b.insert_key(collection, partition, None, segment, FieldId(100), LogId(9)).as_str(),
            "backup/b/binlogs/insert_log/1/2/3/100/9"
        );
        assert_eq!(
            b.delta_key(collection, PartitionScope::One(partition), Some(3), segment, LogId(9)).as_str(),
            "backup/b/binlogs/delta_log/1/2/3/3/9"
        );
        assert_eq!(
            b.delta_key(collection, PartitionScope::All, None, segment, LogId(9)).as_str(),
            "backup/b/binlogs/delta_log/1/-1/3/9"
        );
        assert_eq!(layout("").meta_dir().as_str(), "b/meta/");
    }

    #[test]
    fn other_keys_are_not_parsed() {
        let b = layout("backup");
        for key in [
            "backup/b/binlogs/insert_log/1/2/3/4",
            "backup/b/binlogs/insert_log/1/2/3/4/5/6/7",
            "backup/bb/binlogs/insert_log/1/2/3/4/5",
            "backup/b/meta/full_meta.json",
        ] {
            assert_eq!(b.parse_insert(&ObjectKey::new(key)), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn keys_are_parsed_to_their_ids(
            root in "(/?[a-z0-9]{1,5}){0,3}/?", group: Option<i64>,
            collection: i64, partition: i64, segment: i64, field: i64, log: i64,
        ) {
            let b = layout(&root);
            let insert = InsertKey {
                collection: CollectionId(collection),
                partition: PartitionId(partition),
                segment: SegmentId(segment),
                field: FieldId(field),
                log: LogId(log),
            };
            let key = b.insert_key(
                insert.collection, insert.partition, group, insert.segment, insert.field, insert.log,
            );
            prop_assert!(key.relative_to(&b.insert_collection_dir(insert.collection)).is_some());
            prop_assert_eq!(b.parse_insert(&key), Some((insert, group)));
            let delta = DeltaKey {
                collection: insert.collection,
                partition: PartitionScope::from_wire(partition),
                segment: insert.segment,
                log: insert.log,
            };
            let key = b.delta_key(delta.collection, delta.partition, group, delta.segment, delta.log);
            prop_assert!(key.relative_to(&b.delta_collection_dir(delta.collection)).is_some());
            prop_assert_eq!(b.parse_delta(&key), Some((delta, group)));
        }
    }
}
