//! Reads one collection: what Milvus says of it, its flush, its segments and their files.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::{CollectionInfo, Flushed, MilvusError};
use model::ids::{PartitionId, PartitionScope};
use model::manifest::{CollectionBackup, Index, LoadState, PartitionBackup, Segment};
use model::name::CollectionRef;
use model::plan::SegmentSeen;
use model::plan::backup::{FlushStrategy, PlannedCollection};

use super::Run;
use crate::clock::now_ms;
use crate::source::Sums;
use crate::{CollectionPhase, Error, Event};

/// What Milvus says of a collection, before its segments are listed.
pub(super) struct Described {
    pub(super) info: CollectionInfo,
    partitions: Vec<(String, PartitionId, LoadState)>,
    indexes: Vec<Index>,
    load_state: LoadState,
    flushed: Option<Flushed>,
    pub(super) flush: Duration,
    started_s: i64,
}

/// A collection with its segments as they were a moment ago.
pub(super) struct Snapshot {
    pub(super) backup: CollectionBackup,
    pub(super) sums: Sums,
}

/// Why a collection was not captured.
pub(super) enum Miss {
    /// It is gone.
    Vanished,
    /// All else.
    Failed(Error),
}

impl From<MilvusError> for Miss {
    fn from(error: MilvusError) -> Self {
        Error::from(error).into()
    }
}

impl From<Error> for Miss {
    fn from(error: Error) -> Self {
        match error {
            Error::Milvus(error) if gone(&error) => Self::Vanished,
            other => Self::Failed(other),
        }
    }
}

fn gone(error: &MilvusError) -> bool {
    matches!(error.kind(), milvus::ErrorKind::CollectionNotFound | milvus::ErrorKind::DatabaseNotFound)
}

impl Run<'_> {
    /// Describes and flushes a collection.
    pub(super) async fn describe(&self, name: &CollectionRef) -> Result<Described, Miss> {
        let milvus = &self.source.milvus;
        let started_s = now_ms() / 1000;
        self.phase(name, CollectionPhase::Describing);
        let info = milvus.describe_collection(name).await?;
        let (partitions, indexes, load_state) = tokio::try_join!(
            self.partitions(name),
            async { milvus.list_indexes(name).await.map_err(Error::from) },
            async { milvus.load_state(name, None).await.map_err(Error::from) },
        )?;
        let flushing = Instant::now();
        let flushed = if self.strategy == FlushStrategy::Serial {
            self.phase(name, CollectionPhase::Flushing);
            Some(milvus.flush(name).await?)
        } else {
            None
        };
        Ok(Described {
            info,
            partitions,
            indexes: indexes.into_iter().map(|i| i.index).collect(),
            load_state,
            flushed,
            flush: flushing.elapsed(),
            started_s,
        })
    }

    async fn partitions(&self, name: &CollectionRef) -> Result<Vec<(String, PartitionId, LoadState)>, Error> {
        let milvus = &self.source.milvus;
        let listed = milvus.list_partitions(name).await?;
        stream::iter(listed)
            .map(|(partition, id)| async move {
                let state = milvus.load_state(name, Some(&partition)).await?;
                Ok((partition, id, state))
            })
            .buffered(8)
            .try_collect()
            .await
    }

    /// Lists a described collection's segments and their files.
    pub(super) async fn snapshot(&self, name: &CollectionRef, seen: &Described) -> Result<Snapshot, Miss> {
        if self.strategy == FlushStrategy::MetaOnly {
            return Ok(Snapshot { backup: assemble(name, seen, Vec::new()), sums: Sums::default() });
        }
        self.phase(name, CollectionPhase::Listing);
        let segments = self.source.milvus.segments(name).await?;
        let rows: u64 = segments.iter().map(|s| s.rows).sum();
        let seen_segments: Vec<SegmentSeen> =
            segments.iter().map(|s| SegmentSeen { id: s.id, partition: s.partition, rows: s.rows }).collect();
        let listed = self.source.list(seen.info.id, &seen.info.schema, &seen_segments).await?;
        if rows > 0 && !listed.any {
            return Err(self.without_files(name, rows).await);
        }
        match listed.segments {
            Ok(segments) => Ok(Snapshot { backup: assemble(name, seen, segments), sums: listed.sums }),
            Err(problems) => Err(Miss::Failed(Error::Segments {
                collection: name.to_string(),
                problems: problems.iter().take(3).map(ToString::to_string).collect(),
            })),
        }
    }

    /// Rows but no files: the collection was dropped in between, or the root is wrong.
    async fn without_files(&self, name: &CollectionRef, rows: u64) -> Miss {
        match self.source.milvus.has_collection(name).await {
            Ok(false) => Miss::Vanished,
            _ => Miss::Failed(Error::WrongRoot {
                collection: name.to_string(),
                root: self.source.place(),
                rows,
            }),
        }
    }

    /// What would be taken of a collection now, without a flush; `None` if it vanished.
    pub(super) async fn preview(&self, name: &CollectionRef) -> Result<Option<PlannedCollection>, Error> {
        let look = async {
            let milvus = &self.source.milvus;
            let info = milvus.describe_collection(name).await?;
            let partitions = self.partitions(name).await?;
            let seen = Described {
                info,
                partitions,
                indexes: Vec::new(),
                load_state: LoadState::NotLoad,
                flushed: None,
                flush: Duration::ZERO,
                started_s: 0,
            };
            self.snapshot(name, &seen).await
        };
        match look.await {
            Ok(snapshot) => Ok(Some(PlannedCollection::from(&snapshot.backup))),
            Err(Miss::Vanished) => Ok(None),
            Err(Miss::Failed(error)) => Err(error),
        }
    }

    pub(super) fn phase(&self, name: &CollectionRef, phase: CollectionPhase) {
        self.ctx.emit(Event::Collection { collection: name.clone(), phase });
    }
}

/// Puts together what was seen. Segments of partitions that were dropped meanwhile are left out.
fn assemble(name: &CollectionRef, seen: &Described, segments: Vec<Segment>) -> CollectionBackup {
    let info = &seen.info;
    let mut l0_segments = Vec::new();
    let mut by_partition: HashMap<PartitionId, Vec<Segment>> = HashMap::new();
    for segment in segments {
        match segment.partition {
            PartitionScope::One(id) => by_partition.entry(id).or_default().push(segment),
            PartitionScope::All => l0_segments.push(segment),
        }
    }
    let partitions: Vec<PartitionBackup> = seen
        .partitions
        .iter()
        .map(|(name, id, load_state)| {
            let segments = by_partition.remove(id).unwrap_or_default();
            let size = segments.iter().map(Segment::size).sum();
            PartitionBackup { id: *id, name: name.clone(), segments, size, load_state: *load_state }
        })
        .collect();
    let size =
        partitions.iter().map(|p| p.size).sum::<u64>() + l0_segments.iter().map(Segment::size).sum::<u64>();
    let mut schema = info.schema.clone();
    schema.properties.clone_from(&info.properties);
    let flushed = seen.flushed.as_ref();
    CollectionBackup {
        id: info.id,
        name: name.clone(),
        schema,
        shards: info.shards,
        consistency: info.consistency,
        partitions,
        l0_segments,
        size,
        indexes: seen.indexes.clone(),
        load_state: seen.load_state,
        backup_timestamp: flushed.and_then(|f| f.backup_timestamp),
        seal_time_s: flushed.and_then(|f| f.seal_time_s),
        channel_checkpoints: flushed.map(|f| f.checkpoints.clone()).unwrap_or_default(),
        start_time_s: Some(seen.started_s),
        end_time_s: Some(now_ms() / 1000),
        properties: info.properties.clone(),
        db_id: info.db_id,
        created_timestamp: info.created_timestamp,
        virtual_channels: info.virtual_channels.clone(),
        physical_channels: info.physical_channels.clone(),
        aliases: info.aliases.clone(),
    }
}
