//! The segments of a collection.

use model::ids::{PartitionScope, SegmentId};
use model::name::CollectionRef;
use proto::common;
use proto::milvus::GetPersistentSegmentInfoRequest;

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{ErrorKind, MilvusError};

/// A segment as Milvus lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// The segment's id; part of every key of its files.
    pub id: SegmentId,
    /// The partition it belongs to, or all of them.
    pub partition: PartitionScope,
    /// How far it is on its way to the store.
    pub state: SegmentState,
    /// Rows, deleted ones included; final once the segment is flushed (a sealed segment may report 0).
    pub rows: u64,
    /// What it holds; told since 2.4.7.
    pub level: SegmentLevel,
    /// How its files are made; 0 where not told, before 2.6.
    pub storage_version: i64,
}

/// How far a segment is on its way to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// Takes rows.
    Growing,
    /// Takes no more rows; its files are being written.
    Sealed,
    /// Its files are being registered. `GetFlushState` counts it as flushed (2.2 to 3.0).
    Flushing,
    /// All its files are on the store.
    Flushed,
    /// Belongs to an import that has not ended.
    Importing,
    /// Replaced by compaction, or dropped.
    Dropped,
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentLevel {
    /// Rows; not told more exactly.
    Legacy,
    /// Only deletes of other segments.
    L0,
    /// Rows.
    L1,
    /// Rows, clustered.
    L2,
}

impl Milvus {
    /// Lists the segments of a collection in every state but growing.
    ///
    /// The server collects the ids first and their details afterwards; while compaction replaces segments in between
    /// it answers "segment not found", so that answer is asked for again like an outage.
    pub async fn segments(&self, collection: &CollectionRef) -> Result<Vec<SegmentInfo>, MilvusError> {
        let call = Call::new("list the segments of collection", collection, &collection.database)
            .repeated_after(ErrorKind::NotFound);
        let request = GetPersistentSegmentInfoRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        let reply = self.rpc.call(call, request, rpc!(get_persistent_segment_info)).await?;
        Ok(reply
            .infos
            .iter()
            .map(|info| SegmentInfo {
                id: SegmentId(info.segment_id),
                partition: PartitionScope::from_wire(info.partition_id),
                state: state(info.state()),
                rows: u64::try_from(info.num_rows).unwrap_or_default(),
                level: match info.level() {
                    common::SegmentLevel::Legacy => SegmentLevel::Legacy,
                    common::SegmentLevel::L0 => SegmentLevel::L0,
                    common::SegmentLevel::L1 => SegmentLevel::L1,
                    common::SegmentLevel::L2 => SegmentLevel::L2,
                },
                storage_version: info.storage_version,
            })
            .collect())
    }
}

fn state(state: common::SegmentState) -> SegmentState {
    match state {
        common::SegmentState::Growing => SegmentState::Growing,
        common::SegmentState::Sealed => SegmentState::Sealed,
        common::SegmentState::Flushing => SegmentState::Flushing,
        common::SegmentState::Flushed => SegmentState::Flushed,
        common::SegmentState::Importing => SegmentState::Importing,
        common::SegmentState::None | common::SegmentState::NotExist | common::SegmentState::Dropped => {
            SegmentState::Dropped
        }
    }
}
