//! Captures one collection: its description, its flush, its segments and their files.

use std::collections::HashMap;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::{CollectionInfo, DescribedSegment, MilvusErrorKind};
use model::ids::{PartitionId, PartitionScope, SegmentId};
use model::manifest::{CollectionBackup, Index, LoadState, PartitionBackup, Segment};
use model::name::CollectionRef;
use model::plan::SegmentFiles;
use model::plan::backup::{CollectionCopyPlan, PlannedCollection, ResolvedFlush};
use model::segment::{ReportedSegment, SegmentState};

use super::capture_error::{CaptureError, is_not_found};
use super::settle::{Cut, SettledSegments};
use super::{BackupRun, PreparedBackup};
use crate::clock::now_ms;
use crate::instance::{Checksums, CollectionListing};
use crate::{CollectionPhase, Error, Event};

/// The description of a collection, before its segments are listed.
pub(super) struct DescribedCollection {
    pub(super) info: CollectionInfo,
    /// The partitions before the flush.
    partitions: Vec<(String, PartitionId)>,
    /// The load states of the partitions.
    load_states: HashMap<PartitionId, LoadState>,
    indexes: Vec<Index>,
    /// The load state of the whole collection.
    load_state: LoadState,
    /// The flush; `None` if the rows of the collection are not flushed.
    pub(super) cut: Option<Cut>,
    /// The time at which the capture started, in seconds since 1970.
    started_s: i64,
}

/// A collection with its segments and files at the time of one listing.
pub(super) struct Snapshot {
    pub(super) backup: CollectionBackup,
    /// The checksums of the files in the source.
    pub(super) checksums: Checksums,
    /// The warnings about the collection, which are emitted once its copy is verified.
    pub(super) warnings: Vec<String>,
}

/// The number of attempts to resolve answers of Milvus that contradict each other.
pub(super) const CONTRADICTION_ATTEMPTS: u32 = 5;

/// The pause after each of these attempts: 100 ms, then twice the pause before.
pub(super) fn contradiction_pauses() -> impl Iterator<Item = Duration> + Send {
    (0..CONTRADICTION_ATTEMPTS).map(|attempt| Duration::from_millis(100 << attempt))
}

impl BackupRun<'_> {
    /// Describes a collection, and flushes it if the backup flushes each collection.
    pub(super) async fn describe_and_flush(
        &self,
        name: &CollectionRef,
    ) -> Result<DescribedCollection, CaptureError> {
        let milvus = &self.prepared.source.milvus;
        let started_s = now_ms() / 1000;
        self.emit_phase(name, CollectionPhase::Describing);
        let info = milvus.describe_collection(name).await?;
        let (partitions, indexes) =
            tokio::try_join!(milvus.list_partitions(name), milvus.list_indexes(name))?;
        let load_state = self.read_load_state(name, None).await?.unwrap_or(LoadState::NotLoad);
        let load_states = if load_state == LoadState::NotLoad {
            // Then no partition is loaded either, and there may be a thousand of them.
            partitions.iter().map(|(_, id)| (*id, LoadState::NotLoad)).collect()
        } else {
            self.read_load_states(name, partitions.clone()).await?
        };
        let cut = match self.prepared.flush {
            // Milvus refuses to flush a collection that has no rows of its own.
            ResolvedFlush::Serial if !info.schema.is_external() => {
                self.emit_phase(name, CollectionPhase::Flushing);
                Some(self.flush_collection(name).await?)
            }
            ResolvedFlush::Bulk if !info.schema.is_external() => Some(Cut::of_cluster_flush()),
            _ => None,
        };
        Ok(DescribedCollection {
            info,
            partitions,
            load_states,
            indexes: indexes.into_iter().map(|i| i.index).collect(),
            load_state,
            cut,
            started_s,
        })
    }

    /// Reads the load states of partitions; the result lacks partitions that were dropped.
    async fn read_load_states(
        &self,
        name: &CollectionRef,
        partitions: Vec<(String, PartitionId)>,
    ) -> Result<HashMap<PartitionId, LoadState>, CaptureError> {
        stream::iter(partitions)
            .map(|(partition, id)| async move {
                Ok(self.read_load_state(name, Some(&partition)).await?.map(|state| (id, state)))
            })
            .buffered(8)
            .try_filter_map(|found| async move { Ok(found) })
            .try_collect()
            .await
    }

    /// Reads the load state of a collection or a partition; returns `None` if the partition was dropped.
    ///
    /// Milvus sometimes answers that an existing collection does not exist, so such an answer counts only if the lists
    /// of collections and partitions confirm it. If they never do, the state is `NotLoad`, with a warning.
    async fn read_load_state(
        &self,
        name: &CollectionRef,
        partition: Option<&str>,
    ) -> Result<Option<LoadState>, CaptureError> {
        use milvus::MilvusErrorKind as E;
        for pause in contradiction_pauses() {
            match self.prepared.source.milvus.load_state(name, partition).await {
                Ok(state) => return Ok(Some(state)),
                Err(error) if matches!(error.kind(), E::CollectionNotFound | E::NotFound) => {
                    if !self.prepared.collection_exists(name).await {
                        return Err(CaptureError::Vanished);
                    }
                    let listed = self.prepared.source.milvus.list_partitions(name).await?;
                    if partition.is_some_and(|partition| !listed.iter().any(|(name, _)| name == partition)) {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(pause).await;
        }
        let object = partition.map_or_else(|| name.to_string(), |partition| format!("{name}/{partition}"));
        self.warnings
            .record(format!("{object}: Milvus does not report its load state; it is recorded as not loaded"));
        Ok(Some(LoadState::NotLoad))
    }

    /// Lists the segments of a described collection and their files.
    pub(super) async fn take_snapshot(
        &self,
        name: &CollectionRef,
        described: &mut DescribedCollection,
    ) -> Result<Snapshot, CaptureError> {
        let is_external = described.info.schema.is_external();
        if is_external || !self.prepared.flush.copies_rows() {
            let partitions = described.partitions.clone();
            let remark =
                || format!("{name} is external: the backup contains its definition without rows and keys");
            return Ok(Snapshot {
                backup: assemble_backup(name, described, &partitions, Vec::new()),
                checksums: Checksums::default(),
                warnings: is_external.then(remark).into_iter().collect(),
            });
        }
        self.emit_phase(name, CollectionPhase::Listing);
        let SettledSegments { segments, mut warnings } = match &mut described.cut {
            Some(cut) => self.wait_until_settled(name, cut).await?,
            None => self.prepared.list_flushed_segments(name).await?,
        };
        // Partitions are listed after the segments: so every partition of a segment is listed unless it was dropped.
        let partitions = self.prepared.source.milvus.list_partitions(name).await?;
        let is_listed = |id: PartitionId| partitions.iter().any(|(_, listed)| *listed == id);
        for (partition, id) in &described.partitions {
            if !is_listed(*id) {
                warnings.push(format!("{name}/{partition} was dropped during the backup, and is left out"));
            }
        }
        let created: Vec<(String, PartitionId)> =
            partitions.iter().filter(|(_, id)| !described.load_states.contains_key(id)).cloned().collect();
        described.load_states.extend(self.read_load_states(name, created).await?);
        let snapshot = self.prepared.list_files(name, described, &partitions, segments).await?;
        warnings.extend(snapshot.warnings);
        Ok(Snapshot { warnings, ..snapshot })
    }

    /// Emits the event that a collection has entered a phase.
    pub(super) fn emit_phase(&self, name: &CollectionRef, phase: CollectionPhase) {
        self.ctx.emit(Event::Collection { collection: name.clone(), phase });
    }
}

impl PreparedBackup {
    /// Returns whether Milvus has the collection; any error other than "not found" counts as yes.
    pub(super) async fn collection_exists(&self, name: &CollectionRef) -> bool {
        match self.source.milvus.has_collection(name).await {
            Ok(exists) => exists,
            Err(error) => !is_not_found(&error),
        }
    }

    /// Lists the segments that are flushed already; the newest rows are not among them.
    pub(super) async fn list_flushed_segments(
        &self,
        name: &CollectionRef,
    ) -> Result<SettledSegments, CaptureError> {
        let mut segments = self.source.milvus.segments(name).await?;
        let listed = segments.len();
        segments.retain(|segment| segment.state == SegmentState::Flushed);
        let disagreement = (segments.len() < listed).then(|| {
            let left_out = listed - segments.len();
            format!("{name}: segments that Milvus is still writing are left out: {left_out}")
        });
        Ok(SettledSegments { segments, warnings: Vec::from_iter(disagreement) })
    }

    /// Lists the files of the segments of a collection, without segments of partitions that were dropped.
    async fn list_files(
        &self,
        name: &CollectionRef,
        described: &DescribedCollection,
        partitions: &[(String, PartitionId)],
        mut segments: Vec<ReportedSegment>,
    ) -> Result<Snapshot, CaptureError> {
        segments.retain(|s| match s.partition {
            PartitionScope::One(id) => partitions.iter().any(|(_, listed)| *listed == id),
            PartitionScope::All => true,
        });
        let rows: u64 = segments.iter().map(|s| s.rows).sum();
        let (named, refusal) = self.describe_segments(name, described, &mut segments).await?;
        let mut files = SegmentFiles::new(&segments, &described.info.schema)
            .map_err(|source| Error::StorageVersion(name.to_string(), source))?;
        for segment in named {
            let inserts = segment.insert_logs.into_iter().flat_map(|(_, logs)| logs);
            files.name_files(segment.id, inserts.chain(segment.delta_logs));
        }
        let listed = self.source.list_files(described.info.id, files).await?;
        if rows > 0 && !listed.has_insert_objects {
            return Err(self.missing_files_error(name, rows).await);
        }
        let CollectionListing { mut listed, checksums, .. } = listed;
        let (mut remarks, mut problems) = self
            .source
            .leave_out_surplus(described.info.id, &described.info.schema, &mut listed.segments)
            .await?;
        problems.extend(listed.problems());
        remarks.extend(refusal);
        if listed.unnamed > 0 {
            let count = listed.unnamed;
            remarks.push(format!("files that do not belong to the segments are left out: {count}"));
        }
        if !problems.is_empty() {
            return Err(CaptureError::Failed(Error::Segments {
                collection: name.to_string(),
                problems: problems.iter().take(3).map(ToString::to_string).collect(),
            }));
        }
        Ok(Snapshot {
            backup: assemble_backup(name, described, partitions, listed.segments),
            checksums,
            warnings: remarks.into_iter().map(|remark| format!("{name}: {remark}")).collect(),
        })
    }

    /// Describes the segments with their files where Milvus does that, and adds their channels.
    ///
    /// Also returns what to tell if Milvus refuses that. Fails with [`Error::Segments`] if a segment is not flushed or not
    /// known any more: the list is outdated then.
    async fn describe_segments(
        &self,
        name: &CollectionRef,
        described: &DescribedCollection,
        segments: &mut [ReportedSegment],
    ) -> Result<(Vec<DescribedSegment>, Option<String>), CaptureError> {
        let milvus = &self.source.milvus;
        if segments.is_empty() || !milvus.capabilities().describe_segments || !milvus.has_rest().await {
            return Ok(Default::default());
        }
        let outdated = |problem: String| {
            let (collection, problems) = (name.to_string(), vec![problem]);
            CaptureError::Failed(Error::Segments { collection, problems })
        };
        let ids: Vec<SegmentId> = segments.iter().map(|segment| segment.id).collect();
        let found = match milvus.describe_segments(name, described.info.id, &ids).await {
            Ok(found) => found,
            Err(error) if error.kind() == MilvusErrorKind::NotFound => {
                return Err(outdated(error.reason().to_owned()));
            }
            Err(error) if error.kind() == MilvusErrorKind::Unsupported => return Ok(Default::default()),
            Err(error) if error.kind() == MilvusErrorKind::PermissionDenied => {
                let refusal = format!("its files are listed, because Milvus does not name them: {error}");
                return Ok((Vec::new(), Some(refusal)));
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(dropped) = found.iter().find(|segment| !segment.is_flushed) {
            return Err(outdated(format!("segment {} was replaced meanwhile", dropped.id)));
        }
        let channels: HashMap<SegmentId, &str> =
            found.iter().map(|segment| (segment.id, segment.virtual_channel.as_str())).collect();
        for segment in segments {
            let channel = channels.get(&segment.id).filter(|channel| !channel.is_empty());
            segment.virtual_channel = channel.map(|channel| (*channel).to_owned());
        }
        Ok((found, None))
    }

    /// Returns the error for rows without files: the collection was dropped meanwhile, or the root path is wrong.
    async fn missing_files_error(&self, name: &CollectionRef, rows: u64) -> CaptureError {
        if self.collection_exists(name).await {
            let (collection, root) = (name.to_string(), self.source.describe_root());
            CaptureError::Failed(Error::WrongRoot { collection, root, rows })
        } else {
            CaptureError::Vanished
        }
    }

    /// Lists what a backup would copy of a collection now, without a flush; returns `None` if it was dropped.
    pub(super) async fn preview_collection(
        &self,
        name: &CollectionRef,
    ) -> Result<Option<PlannedCollection>, Error> {
        match self.take_preview_snapshot(name).await {
            Ok(Snapshot { backup, .. }) => {
                let to = self.catalog.layout(&self.request.name);
                let plan = CollectionCopyPlan::new(&backup, &self.source.layout, &to, |_| false, None);
                Ok(Some(PlannedCollection::new(&backup, plan.totals())))
            }
            Err(CaptureError::Vanished) => Ok(None),
            Err(CaptureError::Incomplete(error) | CaptureError::Failed(error)) => Err(error),
        }
    }

    async fn take_preview_snapshot(&self, name: &CollectionRef) -> Result<Snapshot, CaptureError> {
        let milvus = &self.source.milvus;
        let described = DescribedCollection {
            info: milvus.describe_collection(name).await?,
            partitions: milvus.list_partitions(name).await?,
            load_states: HashMap::new(),
            indexes: Vec::new(),
            load_state: LoadState::NotLoad,
            cut: None,
            started_s: 0,
        };
        let segments = if self.flush.copies_rows() {
            self.list_flushed_segments(name).await?.segments
        } else {
            Vec::new()
        };
        self.list_files(name, &described, &described.partitions, segments).await
    }
}

/// Combines the description of a collection with its partitions and segments into the form of the manifest.
pub(super) fn assemble_backup(
    name: &CollectionRef,
    described: &DescribedCollection,
    partitions: &[(String, PartitionId)],
    segments: Vec<Segment>,
) -> CollectionBackup {
    let info = &described.info;
    let mut shared_segments = Vec::new();
    let mut by_partition: HashMap<PartitionId, Vec<Segment>> = HashMap::new();
    for segment in segments {
        match segment.partition {
            PartitionScope::One(id) => by_partition.entry(id).or_default().push(segment),
            PartitionScope::All => shared_segments.push(segment),
        }
    }
    let partitions: Vec<PartitionBackup> = partitions
        .iter()
        .map(|(name, id)| {
            let segments = by_partition.remove(id).unwrap_or_default();
            let size = segments.iter().map(Segment::size).sum();
            let load_state = described.load_states.get(id).copied().unwrap_or(LoadState::NotLoad);
            PartitionBackup { id: *id, name: name.clone(), segments, size, load_state }
        })
        .collect();
    let shared_size: u64 = shared_segments.iter().map(Segment::size).sum();
    let size = partitions.iter().map(|p| p.size).sum::<u64>() + shared_size;
    let mut schema = info.schema.clone();
    schema.properties.clone_from(&info.properties);
    let flushed = described.cut.as_ref().map(|cut| &cut.flushed);
    CollectionBackup {
        id: info.id,
        name: name.clone(),
        schema,
        shards: info.shards,
        consistency: info.consistency,
        partitions,
        shared_segments,
        size,
        indexes: described.indexes.clone(),
        load_state: described.load_state,
        backup_timestamp: flushed.and_then(|f| f.backup_timestamp),
        seal_time_s: flushed.and_then(|f| f.seal_time_s),
        channel_checkpoints: flushed.map(|f| f.checkpoints.clone()).unwrap_or_default(),
        start_time_s: Some(described.started_s),
        end_time_s: Some(now_ms() / 1000),
        properties: info.properties.clone(),
        db_id: info.db_id,
        created_timestamp: info.created_timestamp,
        virtual_channels: info.virtual_channels.clone(),
        physical_channels: info.physical_channels.clone(),
        aliases: info.aliases.clone(),
        snapshot: None,
    }
}
