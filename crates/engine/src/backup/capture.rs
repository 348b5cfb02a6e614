//! Reads one collection: what Milvus says of it, its flush, its segments and their files.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::{CollectionInfo, MilvusError, SegmentInfo, SegmentState};
use model::ids::{PartitionId, PartitionScope};
use model::manifest::{CollectionBackup, Index, LoadState, PartitionBackup, Segment};
use model::name::CollectionRef;
use model::plan::SegmentSeen;
use model::plan::backup::{FlushStrategy, PlannedCollection};

use super::settle::{Cut, Settled};
use super::{PreparedBackup, Run};
use crate::clock::now_ms;
use crate::instance::Sums;
use crate::{CollectionPhase, Error, Event};

/// A described collection, before its segments are listed.
pub(super) struct Described {
    pub(super) info: CollectionInfo,
    /// Partitions as they were before the flush.
    partitions: Vec<(String, PartitionId)>,
    load_states: HashMap<PartitionId, LoadState>,
    indexes: Vec<Index>,
    load_state: LoadState,
    /// The flush, where the strategy flushes each collection.
    pub(super) cut: Option<Cut>,
    started_s: i64,
}

/// A collection with its segments as they were a moment ago.
pub(super) struct Snapshot {
    pub(super) backup: CollectionBackup,
    pub(super) sums: Sums,
    /// What the operator should know of it.
    pub(super) warnings: Vec<String>,
}

/// Why a collection was not captured.
pub(super) enum Miss {
    /// It is gone.
    Vanished,
    /// Rows of it would be missing: it is left out, and the others are backed up.
    Incomplete(Error),
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

/// How often an answer that contradicts another one is asked for again, with growing pauses from this one on.
pub(super) const CONTRADICTIONS: u32 = 5;
pub(super) const CONTRADICTION_PAUSE: Duration = Duration::from_millis(100);

impl Run<'_> {
    /// Describes and flushes a collection.
    pub(super) async fn describe(&self, name: &CollectionRef) -> Result<Described, Miss> {
        let milvus = &self.prepared.source.milvus;
        let started_s = now_ms() / 1000;
        self.phase(name, CollectionPhase::Describing);
        let info = milvus.describe_collection(name).await?;
        let (partitions, indexes) =
            tokio::try_join!(milvus.list_partitions(name), milvus.list_indexes(name))?;
        let (load_state, load_states) =
            tokio::try_join!(self.load_state(name, None), self.load_states(name, partitions.clone()))?;
        let cut = if self.prepared.strategy == FlushStrategy::Serial {
            self.phase(name, CollectionPhase::Flushing);
            Some(self.flush(name).await?)
        } else {
            None
        };
        Ok(Described {
            info,
            partitions,
            load_states,
            indexes: indexes.into_iter().map(|i| i.index).collect(),
            load_state: load_state.unwrap_or(LoadState::NotLoad),
            cut,
            started_s,
        })
    }

    pub(super) async fn flush(&self, name: &CollectionRef) -> Result<Cut, Miss> {
        let begun = Instant::now();
        let flushed = self.prepared.source.milvus.flush(name).await?;
        Ok(Cut::new(flushed, begun.elapsed(), self.prepared.source.milvus.capabilities().flush_keeps_ids))
    }

    /// The load states of partitions; one that was dropped meanwhile has none.
    async fn load_states(
        &self,
        name: &CollectionRef,
        partitions: Vec<(String, PartitionId)>,
    ) -> Result<HashMap<PartitionId, LoadState>, Miss> {
        stream::iter(partitions)
            .map(|(partition, id)| async move {
                Ok(self.load_state(name, Some(&partition)).await?.map(|state| (id, state)))
            })
            .buffered(8)
            .try_filter_map(|found| async move { Ok(found) })
            .try_collect()
            .await
    }

    /// The load state of a collection or a partition; `None` where the partition was dropped.
    ///
    /// Milvus answers now and then that a collection which exists does not, so such an answer counts only where the
    /// lists confirm it.
    async fn load_state(
        &self,
        name: &CollectionRef,
        partition: Option<&str>,
    ) -> Result<Option<LoadState>, Miss> {
        use milvus::ErrorKind as E;
        let mut pause = CONTRADICTION_PAUSE;
        for _ in 0..CONTRADICTIONS {
            match self.prepared.source.milvus.load_state(name, partition).await {
                Ok(state) => return Ok(Some(state)),
                Err(error) if matches!(error.kind(), E::CollectionNotFound | E::NotFound) => {
                    if !self.prepared.exists(name).await {
                        return Err(Miss::Vanished);
                    }
                    let listed = self.prepared.source.milvus.list_partitions(name).await?;
                    if partition.is_some_and(|partition| !listed.iter().any(|(name, _)| name == partition)) {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        let what = partition.map_or_else(|| name.to_string(), |partition| format!("{name}/{partition}"));
        self.warn(format!("{what}: Milvus does not tell its load state; it is kept as not loaded"));
        Ok(Some(LoadState::NotLoad))
    }

    /// Lists a described collection's segments and their files.
    pub(super) async fn snapshot(
        &self,
        name: &CollectionRef,
        seen: &mut Described,
    ) -> Result<Snapshot, Miss> {
        if self.prepared.strategy == FlushStrategy::MetaOnly {
            let partitions = seen.partitions.clone();
            return Ok(Snapshot {
                backup: assemble(name, seen, &partitions, Vec::new()),
                sums: Sums::default(),
                warnings: Vec::new(),
            });
        }
        self.phase(name, CollectionPhase::Listing);
        let Settled { segments, disagreement } = match &mut seen.cut {
            Some(cut) => self.settled(name, cut).await?,
            None => self.prepared.flushed_already(name).await?,
        };
        let mut warnings = Vec::from_iter(disagreement);
        // listed after the segments: a partition that has some was not created since, and one that lacks was dropped
        let partitions = self.prepared.source.milvus.list_partitions(name).await?;
        let is_listed = |id: PartitionId| partitions.iter().any(|(_, listed)| *listed == id);
        for (partition, id) in &seen.partitions {
            if !is_listed(*id) {
                warnings.push(format!("{name}/{partition} was dropped while it was read, and is left out"));
            }
        }
        let created: Vec<(String, PartitionId)> =
            partitions.iter().filter(|(_, id)| !seen.load_states.contains_key(id)).cloned().collect();
        seen.load_states.extend(self.load_states(name, created).await?);
        let snapshot = self.prepared.list_files(name, seen, &partitions, &segments).await?;
        Ok(Snapshot { warnings, ..snapshot })
    }

    pub(super) fn phase(&self, name: &CollectionRef, phase: CollectionPhase) {
        self.ctx.emit(Event::Collection { collection: name.clone(), phase });
    }
}

impl PreparedBackup {
    /// Whether Milvus has the collection; where it does not answer, that is assumed.
    pub(super) async fn exists(&self, name: &CollectionRef) -> bool {
        match self.source.milvus.has_collection(name).await {
            Ok(exists) => exists,
            Err(error) => !gone(&error),
        }
    }

    /// The segments that are flushed as things stand; the newest rows are not among them.
    async fn flushed_already(&self, name: &CollectionRef) -> Result<Settled, Miss> {
        let mut segments = self.source.milvus.segments(name).await?;
        let listed = segments.len();
        segments.retain(|segment| segment.state == SegmentState::Flushed);
        let disagreement = (segments.len() < listed).then(|| {
            let left_out = listed - segments.len();
            format!("{name}: segments that Milvus is still writing are left out: {left_out}")
        });
        Ok(Settled { segments, disagreement })
    }

    /// Lists the files of a collection's segments; those of partitions that do not exist any longer are left out.
    async fn list_files(
        &self,
        name: &CollectionRef,
        seen: &Described,
        partitions: &[(String, PartitionId)],
        segments: &[SegmentInfo],
    ) -> Result<Snapshot, Miss> {
        let kept: Vec<SegmentSeen> = segments
            .iter()
            .filter(|s| match s.partition {
                PartitionScope::One(id) => partitions.iter().any(|(_, listed)| *listed == id),
                PartitionScope::All => true,
            })
            .map(|s| SegmentSeen { id: s.id, partition: s.partition, rows: s.rows })
            .collect();
        let rows: u64 = kept.iter().map(|s| s.rows).sum();
        let listed = self.source.list(seen.info.id, &seen.info.schema, &kept).await?;
        if rows > 0 && !listed.any {
            return Err(self.without_files(name, rows).await);
        }
        match listed.segments {
            Ok(segments) => Ok(Snapshot {
                backup: assemble(name, seen, partitions, segments),
                sums: listed.sums,
                warnings: Vec::new(),
            }),
            Err(problems) => Err(Miss::Failed(Error::Segments {
                collection: name.to_string(),
                problems: problems.iter().take(3).map(ToString::to_string).collect(),
            })),
        }
    }

    /// Rows but no files: the collection was dropped in between, or the root is wrong.
    async fn without_files(&self, name: &CollectionRef, rows: u64) -> Miss {
        if self.exists(name).await {
            let (collection, root) = (name.to_string(), self.source.place());
            Miss::Failed(Error::WrongRoot { collection, root, rows })
        } else {
            Miss::Vanished
        }
    }

    /// What would be copied of a collection now, without a flush; `None` if it vanished.
    pub(super) async fn preview_collection(
        &self,
        name: &CollectionRef,
    ) -> Result<Option<PlannedCollection>, Error> {
        match self.preview_snapshot(name).await {
            Ok(snapshot) => Ok(Some(PlannedCollection::from(&snapshot.backup))),
            Err(Miss::Vanished) => Ok(None),
            Err(Miss::Incomplete(error) | Miss::Failed(error)) => Err(error),
        }
    }

    async fn preview_snapshot(&self, name: &CollectionRef) -> Result<Snapshot, Miss> {
        let milvus = &self.source.milvus;
        let seen = Described {
            info: milvus.describe_collection(name).await?,
            partitions: milvus.list_partitions(name).await?,
            load_states: HashMap::new(),
            indexes: Vec::new(),
            load_state: LoadState::NotLoad,
            cut: None,
            started_s: 0,
        };
        let segments = match self.strategy {
            FlushStrategy::MetaOnly => Vec::new(),
            _ => self.flushed_already(name).await?.segments,
        };
        self.list_files(name, &seen, &seen.partitions, &segments).await
    }
}

/// Puts together what was seen.
fn assemble(
    name: &CollectionRef,
    seen: &Described,
    partitions: &[(String, PartitionId)],
    segments: Vec<Segment>,
) -> CollectionBackup {
    let info = &seen.info;
    let mut l0_segments = Vec::new();
    let mut by_partition: HashMap<PartitionId, Vec<Segment>> = HashMap::new();
    for segment in segments {
        match segment.partition {
            PartitionScope::One(id) => by_partition.entry(id).or_default().push(segment),
            PartitionScope::All => l0_segments.push(segment),
        }
    }
    let partitions: Vec<PartitionBackup> = partitions
        .iter()
        .map(|(name, id)| {
            let segments = by_partition.remove(id).unwrap_or_default();
            let size = segments.iter().map(Segment::size).sum();
            let load_state = seen.load_states.get(id).copied().unwrap_or(LoadState::NotLoad);
            PartitionBackup { id: *id, name: name.clone(), segments, size, load_state }
        })
        .collect();
    let size =
        partitions.iter().map(|p| p.size).sum::<u64>() + l0_segments.iter().map(Segment::size).sum::<u64>();
    let mut schema = info.schema.clone();
    schema.properties.clone_from(&info.properties);
    let flushed = seen.cut.as_ref().map(|cut| &cut.flushed);
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
