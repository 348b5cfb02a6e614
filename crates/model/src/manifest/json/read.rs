//! From what was read to the model: levels joined, properties united, places checked.

use std::collections::HashMap;

use super::JsonError;
use super::tree::{BackupWire, Binlogs, CollectionWire, DeltaLogs, PartitionWire, SegmentWire};
use crate::ids::{CollectionId, PartitionId, PartitionScope};
use crate::manifest::{CollectionBackup, KeyValue, Manifest, PartitionBackup, Segment};
use crate::name::CollectionRef;

pub(super) type SegmentRead = SegmentWire<Binlogs, DeltaLogs>;
pub(super) type PartitionRead = PartitionWire<Vec<SegmentRead>>;
pub(super) type CollectionRead = CollectionWire<Vec<PartitionRead>, Vec<SegmentRead>>;

/// The backup itself; its collections come from elsewhere.
pub(super) fn manifest<C>(wire: BackupWire<C>, collections: Vec<CollectionBackup>) -> Manifest {
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
        summary: wire.summary,
    }
}

pub(super) fn collection(wire: CollectionRead) -> CollectionBackup {
    let mut schema = wire.schema;
    let properties = union(wire.properties, &schema.properties);
    schema.properties.clone_from(&properties);
    CollectionBackup {
        id: wire.id,
        name: CollectionRef::new(wire.db_name, wire.name),
        schema,
        shards: wire.shards,
        consistency: wire.consistency,
        partitions: wire.partitions.into_iter().map(partition).collect(),
        l0_segments: wire
            .l0_segments
            .into_iter()
            // 0.4 leaves out the mark where it took the metadata alone
            .map(|wire| segment(SegmentRead { is_l0: true, ..wire }))
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
    }
}

fn partition(wire: PartitionRead) -> PartitionBackup {
    let id = wire.id.0;
    // where a segment stands in the tree counts more than what it says of itself
    let segments = wire.segments.into_iter().map(|wire| segment(SegmentRead { partition: id, ..wire }));
    PartitionBackup {
        id: wire.id,
        name: wire.name,
        segments: segments.collect(),
        size: wire.size,
        load_state: wire.load_state,
    }
}

fn segment(wire: SegmentRead) -> Segment {
    Segment {
        id: wire.id,
        partition: PartitionScope::from_wire(wire.partition),
        rows: wire.rows,
        is_l0: wire.is_l0,
        group_id: wire.group_id,
        storage_version: wire.storage_version,
        v_channel: wire.v_channel,
        binlogs: wire.binlogs.0,
        delta_logs: wire.delta_logs.0,
    }
}

/// Adds what the first list has no key for; which of the two lists holds a property depends on the maker's version.
fn union(mut properties: Vec<KeyValue>, others: &[KeyValue]) -> Vec<KeyValue> {
    for other in others {
        if !properties.iter().any(|property| property.key == other.key) {
            properties.push(other.clone());
        }
    }
    properties
}

/// Puts partitions below their collections.
pub(super) fn join_partitions(
    collections: &mut [CollectionBackup],
    partitions: Vec<PartitionRead>,
) -> Result<(), JsonError> {
    let places: HashMap<CollectionId, usize> =
        collections.iter().enumerate().map(|(i, c)| (c.id, i)).collect();
    for wire in partitions {
        let orphan = JsonError::Orphan {
            child: format!("partition {}", wire.id),
            parent: format!("collection {}", wire.collection),
        };
        let home = places.get(&wire.collection).and_then(|i| collections.get_mut(*i)).ok_or(orphan)?;
        home.partitions.push(partition(PartitionRead { segments: Vec::new(), ..wire }));
    }
    Ok(())
}

/// Puts segments below their partitions.
pub(super) fn join_segments(
    collections: &mut [CollectionBackup],
    segments: Vec<SegmentRead>,
) -> Result<(), JsonError> {
    let mut homes: HashMap<(CollectionId, PartitionId), &mut PartitionBackup> = collections
        .iter_mut()
        .flat_map(|c| {
            let id = c.id;
            c.partitions.iter_mut().map(move |p| ((id, p.id), p))
        })
        .collect();
    for wire in segments {
        let home = homes.get_mut(&(wire.collection, PartitionId(wire.partition))).ok_or_else(|| {
            JsonError::Orphan {
                child: format!("segment {}", wire.id),
                parent: format!("partition {} of collection {}", wire.partition, wire.collection),
            }
        })?;
        home.segments.push(segment(wire));
    }
    for home in homes.into_values() {
        home.segments.shrink_to_fit();
    }
    Ok(())
}
