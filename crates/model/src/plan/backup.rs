//! What a backup will do.

use crate::ids::{CollectionId, PartitionScope};
use crate::key::ObjectKey;
use crate::layout::backup::BackupLayout;
use crate::layout::milvus::MilvusLayout;
use crate::manifest::{CollectionBackup, Manifest, Segment};
use crate::name::{BackupName, CollectionRef};
use crate::selection::Selection;
use crate::version::Capabilities;

/// How the newest rows get into segments before these are copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlushStrategy {
    /// What suits the server.
    #[default]
    Auto,
    /// Each collection is flushed just before it is read.
    Serial,
    /// One flush of the whole cluster (Milvus 2.6.11 and later).
    Bulk,
    /// Only what is flushed already; the newest rows stay out.
    Skip,
    /// Schemas and indexes, no data.
    MetaOnly,
}

impl FlushStrategy {
    /// The words of `--strategy`.
    pub const WORDS: [&str; 5] = ["auto", "serial_flush", "bulk_flush", "skip_flush", "meta_only"];

    /// Reads a word of `--strategy`; the empty word means auto.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "" | "auto" => Self::Auto,
            "serial_flush" => Self::Serial,
            "bulk_flush" => Self::Bulk,
            "skip_flush" => Self::Skip,
            "meta_only" => Self::MetaOnly,
            _ => return None,
        })
    }

    /// The word of `--strategy`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Serial => "serial_flush",
            Self::Bulk => "bulk_flush",
            Self::Skip => "skip_flush",
            Self::MetaOnly => "meta_only",
        }
    }

    /// What is done on this server: never `Auto`.
    pub fn resolve(self, server: &Capabilities) -> Result<Self, StrategyError> {
        match self {
            Self::Auto => Ok(Self::Serial),
            Self::Bulk if !server.bulk_flush => Err(StrategyError::BulkFlush),
            other => Ok(other),
        }
    }
}

/// Why a flush strategy cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    /// The server has no usable `FlushAll`.
    #[error("strategy bulk_flush needs Milvus 2.6.11 or later")]
    BulkFlush,
}

/// What a backup was asked to do.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// The backup's name, checked for creation.
    pub name: BackupName,
    /// What to take.
    pub selection: Selection,
    /// How to flush.
    pub strategy: FlushStrategy,
    /// Whether a collection that vanishes while it is read fails the backup.
    pub strict: bool,
    /// Whether to stop at the plan; nothing is changed, so nothing is flushed.
    pub dry_run: bool,
}

/// What a backup will do, or would have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupPlan {
    /// The backup's name.
    pub name: BackupName,
    /// The resolved strategy.
    pub strategy: FlushStrategy,
    /// Selected databases.
    pub databases: Vec<String>,
    /// Selected collections.
    pub collections: Vec<PlannedCollection>,
    /// How the bytes travel, in words.
    pub copy: String,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// What will be taken of one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCollection {
    /// The collection.
    pub name: CollectionRef,
    /// The number of partitions.
    pub partitions: usize,
    /// The number of segments.
    pub segments: usize,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// The number of files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl From<&CollectionBackup> for PlannedCollection {
    fn from(c: &CollectionBackup) -> Self {
        let totals = Totals::of(c);
        Self {
            name: c.name.clone(),
            partitions: c.partitions.len(),
            segments: totals.segments,
            rows: totals.rows,
            objects: totals.objects,
            bytes: totals.bytes,
        }
    }
}

/// Sums over segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Segments.
    pub segments: usize,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// Files.
    pub objects: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Totals {
    /// The sums of one collection, L0 segments included.
    pub fn of(collection: &CollectionBackup) -> Self {
        let mut totals = Self::default();
        segments(collection).for_each(|(_, segment)| totals.add(segment));
        totals
    }

    /// The sums of a whole backup.
    pub fn of_all(manifest: &Manifest) -> Self {
        manifest.collections.iter().map(Self::of).fold(Self::default(), |a, b| Self {
            segments: a.segments + b.segments,
            rows: a.rows + b.rows,
            objects: a.objects + b.objects,
            bytes: a.bytes + b.bytes,
        })
    }

    fn add(&mut self, segment: &Segment) {
        self.segments += 1;
        self.rows += segment.rows;
        self.objects += segment.objects() as u64;
        self.bytes += segment.size();
    }
}

/// Every segment of a collection with the partition it belongs to.
pub fn segments(collection: &CollectionBackup) -> impl Iterator<Item = (PartitionScope, &Segment)> {
    let of_partitions = collection
        .partitions
        .iter()
        .flat_map(|p| p.segments.iter().map(move |segment| (PartitionScope::One(p.id), segment)));
    of_partitions.chain(collection.l0_segments.iter().map(|segment| (PartitionScope::All, segment)))
}

/// One file of a collection: where it lies in Milvus's storage and where in the backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectPair {
    /// Its key below Milvus's root.
    pub from: ObjectKey,
    /// Its key in the backup.
    pub to: ObjectKey,
    /// Its bytes.
    pub size: u64,
}

/// Every file of a collection, made as it is asked for.
pub fn object_pairs<'a>(
    collection: &'a CollectionBackup,
    from: &'a MilvusLayout,
    to: &'a BackupLayout,
) -> impl Iterator<Item = ObjectPair> + 'a {
    segments(collection)
        .flat_map(move |(scope, segment)| segment_pairs(collection.id, scope, segment, from, to))
}

fn segment_pairs<'a>(
    collection: CollectionId,
    scope: PartitionScope,
    segment: &'a Segment,
    from: &'a MilvusLayout,
    to: &'a BackupLayout,
) -> impl Iterator<Item = ObjectPair> + 'a {
    let inserts = segment.binlogs.iter().filter_map(move |b| {
        let PartitionScope::One(partition) = scope else { return None };
        Some(ObjectPair {
            from: from.insert_key(collection, partition, segment.id, b.field, b.log),
            to: to.insert_key(collection, partition, segment.group_id, segment.id, b.field, b.log),
            size: b.size,
        })
    });
    let deltas = segment.delta_logs.iter().map(move |d| ObjectPair {
        from: from.delta_key(collection, scope, segment.id, d.log),
        to: to.delta_key(collection, scope, segment.group_id, segment.id, d.log),
        size: d.size,
    });
    inserts.chain(deltas)
}
