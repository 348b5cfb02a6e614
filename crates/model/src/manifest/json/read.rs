//! Conversion from the JSON files to the model: joins the level files and unites the two lists of properties.

use std::collections::HashMap;

use super::JsonError;
use super::tree::{BackupWire, Binlogs, CollectionWire, DeltaLogs, PartitionWire, SegmentWire};
use crate::ids::{CollectionId, PartitionId, PartitionScope};
use crate::manifest::{ClusterFlush, CollectionBackup, KeyValue, Manifest, PartitionBackup, Segment};
use crate::name::CollectionRef;
use crate::segment::SegmentKind;

pub(super) type SegmentRead = SegmentWire<Binlogs, DeltaLogs>;
pub(super) type PartitionRead = PartitionWire<Vec<SegmentRead>>;
pub(super) type CollectionRead = CollectionWire<Vec<PartitionRead>, Vec<SegmentRead>>;

/// Converts the backup itself, with collections that were converted before.
pub(super) fn to_manifest<C>(wire: BackupWire<C>, collections: Vec<CollectionBackup>) -> Manifest {
    let cluster_flush = ClusterFlush {
        messages: wire.flush_messages,
        control_channel: wire.control_channel,
        physical_channels: wire.physical_channels,
    };
    Manifest {
        id: wire.id,
        name: wire.name,
        start_time_ms: wire.start_time,
        end_time_ms: wire.end_time,
        size: wire.size,
        milvus_version: wire.milvus_version,
        format: wire.format,
        databases: wire.databases,
        collections,
        rbac: wire.rbac.map(Into::into),
        cluster_flush: (!cluster_flush.messages.is_empty()).then_some(cluster_flush),
        summary: wire.summary,
    }
}

pub(super) fn to_collection(wire: CollectionRead) -> CollectionBackup {
    let mut schema = wire.schema;
    let properties = unite_properties(wire.properties, &schema.properties);
    schema.properties.clone_from(&properties);
    CollectionBackup {
        id: wire.id,
        name: CollectionRef::new(wire.db_name, wire.name),
        schema,
        shards: wire.shards,
        consistency: wire.consistency,
        partitions: wire.partitions.into_iter().map(to_partition).collect(),
        shared_segments: wire
            .l0_segments
            .into_iter()
            // 0.4 omits `is_l0` in backups of metadata only
            .map(|wire| to_segment(SegmentRead { is_l0: true, ..wire }))
            .collect(),
        size: wire.size,
        indexes: wire.indexes,
        load_state: wire.load_state,
        backup_timestamp: wire.backup_timestamp,
        seal_time_s: wire.seal_time,
        channel_checkpoints: wire.channel_checkpoints,
        start_time_s: wire.start_time,
        end_time_s: wire.end_time,
        properties,
        db_id: wire.db_id,
        created_timestamp: wire.created_timestamp,
        virtual_channels: wire.virtual_channels,
        physical_channels: wire.physical_channels,
        aliases: wire.aliases,
        snapshot: wire.snapshot,
    }
}

fn to_partition(wire: PartitionRead) -> PartitionBackup {
    let id = wire.id.0;
    // the position of a segment in the tree has priority over the partition that it records
    let segments = wire.segments.into_iter().map(|wire| to_segment(SegmentRead { partition: id, ..wire }));
    PartitionBackup {
        id: wire.id,
        name: wire.name,
        segments: segments.collect(),
        size: wire.size,
        load_state: wire.load_state,
    }
}

fn to_segment(wire: SegmentRead) -> Segment {
    Segment {
        id: wire.id,
        partition: PartitionScope::from_wire(wire.partition),
        kind: SegmentKind::new(wire.is_l0, wire.storage_version),
        storage_version: wire.storage_version,
        virtual_channel: wire.virtual_channel,
        rows: wire.rows,
        group_id: wire.group_id,
        binlogs: wire.binlogs.0,
        delta_logs: wire.delta_logs.0,
    }
}

/// Adds the properties whose keys the first list lacks; the list that contains a property depends on the version.
fn unite_properties(mut properties: Vec<KeyValue>, others: &[KeyValue]) -> Vec<KeyValue> {
    for other in others {
        if !properties.iter().any(|property| property.key == other.key) {
            properties.push(other.clone());
        }
    }
    properties
}

/// Adds partitions to their collections; fails if a collection is missing.
pub(super) fn join_partitions(
    collections: &mut [CollectionBackup],
    partitions: Vec<PartitionRead>,
) -> Result<(), JsonError> {
    let positions: HashMap<CollectionId, usize> =
        collections.iter().enumerate().map(|(i, c)| (c.id, i)).collect();
    for wire in partitions {
        let orphan = JsonError::Orphan {
            child: format!("partition {}", wire.id),
            parent: format!("collection {}", wire.collection),
        };
        let parent = positions.get(&wire.collection).and_then(|i| collections.get_mut(*i)).ok_or(orphan)?;
        parent.partitions.push(to_partition(PartitionRead { segments: Vec::new(), ..wire }));
    }
    Ok(())
}

/// Adds segments to their partitions; fails if a partition is missing.
pub(super) fn join_segments(
    collections: &mut [CollectionBackup],
    segments: Vec<SegmentRead>,
) -> Result<(), JsonError> {
    let mut parents: HashMap<(CollectionId, PartitionId), &mut PartitionBackup> = collections
        .iter_mut()
        .flat_map(|c| {
            let id = c.id;
            c.partitions.iter_mut().map(move |p| ((id, p.id), p))
        })
        .collect();
    for wire in segments {
        let parent = parents.get_mut(&(wire.collection, PartitionId(wire.partition))).ok_or_else(|| {
            JsonError::Orphan {
                child: format!("segment {}", wire.id),
                parent: format!("partition {} of collection {}", wire.partition, wire.collection),
            }
        })?;
        parent.segments.push(to_segment(wire));
    }
    for parent in parents.into_values() {
        parent.segments.shrink_to_fit();
    }
    Ok(())
}
