//! The delete entries of a backup, and their effect on the segments with rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::ids::{CollectionId, LogId, PartitionId, PartitionScope, SegmentId, Tso};
use model::layout::backup::BackupLayout;
use model::manifest::{Binlog, CollectionBackup, DeltaLog, PartitionBackup, Segment};
use model::name::BackupName;
use model::plan::backup::segments;
use model::plan::restore::DeleteEffect;
use model::segment::SegmentKind;
use model::version::ServerVersion;
use rows::{
    DeleteMap, DeltaFile, DeltaFiles, InsertFile, KeyType, ReadOptions, RowsError, SegmentDeletes,
    SegmentFiles, SegmentReader, SegmentRewriter,
};
use storage::Store;

use super::Catalog;

/// The number of segments that are read at the same time.
const SEGMENTS_AT_ONCE: usize = 4;
/// The number of partitions whose delete entries are counted at the same time, each with eight files.
const PARTITIONS_AT_ONCE: usize = 4;

/// For each segment of a truncated restore, the time after which its rows and delete entries are left out.
pub(crate) type SegmentEnds = BTreeMap<SegmentId, Tso>;

/// The delete entries of the L0 segments of a collection, for the rows of one partition or of all.
#[derive(Debug, Default)]
pub(crate) struct L0Deletes {
    by_scope: BTreeMap<PartitionScope, Arc<DeleteMap>>,
    /// The ends that were kept to, and that the segments with rows must be read with.
    ends: SegmentEnds,
}

/// Reads the segments of one collection in a backup.
pub(crate) struct SegmentContents<'a> {
    store: &'a Store,
    layout: BackupLayout,
    collection: &'a CollectionBackup,
    key_type: KeyType,
    l0: &'a L0Deletes,
}

impl Catalog {
    /// Reads the L0 segments of a collection, up to the ends of a truncated restore.
    pub(crate) async fn read_l0(
        &self,
        name: &BackupName,
        collection: &CollectionBackup,
        ends: SegmentEnds,
    ) -> Result<L0Deletes, RowsError> {
        let mut l0 = L0Deletes { ends, ..L0Deletes::default() };
        let Some(key_type) = KeyType::of(&collection.schema) else { return Ok(l0) };
        let layout = self.layout(name);
        let partitions = collection.partitions.iter().map(|partition| PartitionScope::One(partition.id));
        for scope in partitions.chain([PartitionScope::All]) {
            let segments = collection.segments_of(scope).iter();
            let of_deletes = segments.filter(|segment| segment.kind == SegmentKind::Deletes);
            let logs: Vec<_> = of_deletes
                .map(|segment| DeltaFiles {
                    until: l0.ends.get(&segment.id).copied(),
                    ..delta_files(&layout, collection.id, scope, segment)
                })
                .collect();
            let map = DeleteMap::read(&self.store, key_type, &logs).await?;
            if !map.is_empty() {
                l0.by_scope.insert(scope, Arc::new(map));
            }
        }
        Ok(l0)
    }

    /// Counts the delete entries in the delta logs of the segments of each partition, and of those for all partitions.
    pub(crate) async fn count_delete_entries(
        &self,
        name: &BackupName,
        collection: &CollectionBackup,
    ) -> Result<BTreeMap<PartitionScope, u64>, RowsError> {
        let layout = self.layout(name);
        let partitions = collection.partitions.iter().map(|partition| PartitionScope::One(partition.id));
        let counts = partitions.chain([PartitionScope::All]).map(|scope| {
            let segments =
                collection.segments_of(scope).iter().filter(|segment| !segment.delta_logs.is_empty());
            let logs: Vec<_> =
                segments.map(|segment| delta_files(&layout, collection.id, scope, segment)).collect();
            async move { Ok((scope, rows::count_delete_entries(&self.store, &logs).await?)) }
        });
        // The futures are made beforehand, so that this one is `Send`.
        let counts: Vec<_> = counts.collect();
        stream::iter(counts).buffer_unordered(PARTITIONS_AT_ONCE).try_collect().await
    }

    /// Determines the effect of delete entries on each segment of a collection to which some apply, or which has an end.
    pub(crate) async fn find_delete_effects(
        &self,
        name: &BackupName,
        collection: &CollectionBackup,
        ends: SegmentEnds,
    ) -> Result<BTreeMap<SegmentId, DeleteEffect>, RowsError> {
        let l0 = self.read_l0(name, collection, ends).await?;
        match self.open_segments(name, collection, &l0) {
            Some(contents) => contents.find_effects().await,
            None => Ok(BTreeMap::new()),
        }
    }

    /// Opens the segments of a collection for reading; `None` if its schema has no primary key.
    pub(crate) fn open_segments<'a>(
        &'a self,
        name: &BackupName,
        collection: &'a CollectionBackup,
        l0: &'a L0Deletes,
    ) -> Option<SegmentContents<'a>> {
        let key_type = KeyType::of(&collection.schema)?;
        Some(SegmentContents { store: &self.store, layout: self.layout(name), collection, key_type, l0 })
    }
}

impl SegmentContents<'_> {
    /// Returns the segments with rows and their partitions: partition by partition, the oldest segment first.
    pub(crate) fn row_segments(&self) -> Vec<(&PartitionBackup, &Segment)> {
        let partitions = self.collection.partitions.iter();
        let segments = partitions.flat_map(|partition| {
            let mut segments: Vec<_> = partition.segments.iter().filter(|it| it.kind.has_rows()).collect();
            segments.sort_by_key(|segment| segment.id);
            segments.into_iter().map(move |segment| (partition, segment))
        });
        segments.collect()
    }

    /// Opens a segment for reading its live rows.
    pub(crate) async fn read_rows(
        &self,
        partition: PartitionId,
        segment: &Segment,
        options: &ReadOptions,
    ) -> Result<SegmentReader, RowsError> {
        let own = Arc::new(self.read_own_deletes(partition, segment).await?);
        let deletes = self.l0_of(partition).cloned().chain([own]).collect();
        let files = self.segment_files(partition, segment);
        SegmentReader::open(self.store, &self.collection.schema, files, deletes, options).await
    }

    /// Reads the keys and timestamps of each segment to which delete entries apply, or which has an end.
    async fn find_effects(&self) -> Result<BTreeMap<SegmentId, DeleteEffect>, RowsError> {
        let partitions = self.collection.partitions.iter();
        let segments = partitions.flat_map(|p| p.segments.iter().map(move |s| (p.id, s)));
        let affected = segments.filter(|(partition, segment)| {
            let has_deletes = !segment.delta_logs.is_empty() || self.l0_of(*partition).next().is_some();
            let is_read = has_deletes || self.end_of(segment).is_some();
            segment.kind.has_rows() && !segment.binlogs.is_empty() && is_read
        });
        // The futures are made beforehand, so that this one is `Send`.
        let effects: Vec<_> = affected
            .map(|(partition, segment)| async move {
                let deletes = self.find_deletes(partition, segment).await?;
                let effect = DeleteEffect {
                    live: deletes.live,
                    own_logs_suffice: deletes.own_logs_suffice,
                    has_reinserted_rows: deletes.reinserted > 0,
                    has_partly_deleted_keys: deletes.has_partly_deleted_keys(),
                    until: self.end_of(segment),
                    later: deletes.later,
                };
                Ok((segment.id, effect))
            })
            .collect();
        stream::iter(effects).buffer_unordered(SEGMENTS_AT_ONCE).try_collect().await
    }

    /// Encodes the delta log that replaces those of a segment and has the entries of L0 segments too; `None` if no row is
    /// deleted.
    pub(crate) async fn fold_deletes(
        &self,
        partition: PartitionId,
        segment: &Segment,
    ) -> Result<Option<(DeltaLog, Bytes)>, RowsError> {
        let entries = self.find_deletes(partition, segment).await?.entries();
        if entries.is_empty() {
            return Ok(None);
        }
        let scope = PartitionScope::One(partition);
        let file = rows::encode_delta_log(self.collection.id, scope, segment.id, &entries)?;
        // Any number would do, but Milvus sorts files by name, so it must have the usual length.
        let log = segment.binlogs.iter().map(|binlog| binlog.log).max().unwrap_or(LogId(segment.id.0));
        Ok(Some((DeltaLog { log, size: file.len() as u64 }, file)))
    }

    /// Reads the keys and timestamps of a segment and finds the rows that are deleted.
    async fn find_deletes(
        &self,
        partition: PartitionId,
        segment: &Segment,
    ) -> Result<SegmentDeletes, RowsError> {
        let own = self.read_own_deletes(partition, segment).await?;
        let l0: Vec<_> = self.l0_of(partition).cloned().collect();
        let files = self.segment_files(partition, segment);
        let end = self.end_of(segment);
        SegmentDeletes::find(self.store, &self.collection.schema, files, &own, &l0, end).await
    }

    /// Begins to rewrite the insert binlogs of a segment without the deleted rows.
    pub(crate) async fn rewrite(
        &self,
        partition: PartitionId,
        segment: &Segment,
    ) -> Result<SegmentRewriter, RowsError> {
        let own = Arc::new(self.read_own_deletes(partition, segment).await?);
        let deletes = self.l0_of(partition).cloned().chain([own]).collect();
        let files = self.segment_files(partition, segment);
        SegmentRewriter::new(self.store, &self.collection.schema, &files, deletes)
    }

    /// Returns the entries of the L0 segments that apply to a partition.
    fn l0_of(&self, partition: PartitionId) -> impl Iterator<Item = &Arc<DeleteMap>> {
        [PartitionScope::One(partition), PartitionScope::All]
            .into_iter()
            .filter_map(|scope| self.l0.by_scope.get(&scope))
    }

    /// Returns the time after which the rows and delete entries of a segment are left out.
    fn end_of(&self, segment: &Segment) -> Option<Tso> {
        self.l0.ends.get(&segment.id).copied()
    }

    async fn read_own_deletes(
        &self,
        partition: PartitionId,
        segment: &Segment,
    ) -> Result<DeleteMap, RowsError> {
        let scope = PartitionScope::One(partition);
        let logs = delta_files(&self.layout, self.collection.id, scope, segment);
        let logs = DeltaFiles { until: self.end_of(segment), ..logs };
        DeleteMap::read(self.store, self.key_type, &[logs]).await
    }

    fn segment_files(&self, partition: PartitionId, segment: &Segment) -> SegmentFiles {
        let (collection, group, id) = (self.collection.id, segment.group_id, segment.id);
        let file = |binlog: &Binlog| InsertFile {
            key: self.layout.insert_key(collection, partition, group, id, binlog.field, binlog.log),
            binlog: *binlog,
        };
        SegmentFiles {
            collection,
            partition,
            segment: id,
            rows: Some(segment.rows),
            files: segment.binlogs.iter().map(file).collect(),
        }
    }
}

/// Returns the delta logs of a segment.
fn delta_files(
    layout: &BackupLayout,
    collection: CollectionId,
    partition: PartitionScope,
    segment: &Segment,
) -> DeltaFiles {
    let (group, id) = (segment.group_id, segment.id);
    let file = |log: &DeltaLog| DeltaFile {
        key: layout.delta_key(collection, partition, group, id, log.log),
        log: *log,
    };
    let files = segment.delta_logs.iter().map(file).collect();
    DeltaFiles { collection, partition, segment: id, files, until: None }
}

/// Returns whether a collection has delete entries in L0 segments.
pub(crate) fn has_l0_logs(collection: &CollectionBackup) -> bool {
    segments(collection)
        .any(|(_, segment)| segment.kind == SegmentKind::Deletes && !segment.delta_logs.is_empty())
}

/// Describes the rows of Milvus 3.0 that folded deletes may remove by mistake; `None` if there are none.
///
/// That release records the time of an import only in its own metadata, and compares deletes with that time.
pub(crate) fn describe_imported_rows(
    source: &ServerVersion,
    collections: &[&CollectionBackup],
) -> Option<String> {
    if !source.at_least((3, 0, 0)) {
        return None;
    }
    let names = collections.iter().filter(|c| has_l0_logs(c)).map(|c| c.name.to_string());
    let names: Vec<String> = names.collect();
    (!names.is_empty()).then(|| {
        format!(
            "{}: rows that were imported into this Milvus 3.0 after their keys had been deleted are missing in a \
             restore, because it records the time of an import in none of its files",
            names.join(", ")
        )
    })
}
