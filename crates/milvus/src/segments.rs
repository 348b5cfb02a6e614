//! The list of the segments of a collection.

use model::ids::{PartitionScope, SegmentId};
use model::name::CollectionRef;
use proto::common;
use proto::milvus::GetPersistentSegmentInfoRequest;

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{ErrorKind, MilvusError};

/// A segment of a collection, as listed by Milvus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// The id of the segment, which is part of the keys of its files.
    pub id: SegmentId,
    /// The partition of the segment; all partitions for some L0 segments.
    pub partition: PartitionScope,
    /// How much of the segment is in the store.
    pub state: SegmentState,
    /// The number of rows, including deleted rows; final when the segment is flushed (0 in some sealed segments).
    pub rows: u64,
    /// The kind of data in the segment, reported since Milvus 2.4.7.
    pub level: SegmentLevel,
    /// The version of the file format; 0 before Milvus 2.6, which does not report it.
    pub storage_version: i64,
}

/// The state of a segment between receiving rows and being in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// The segment receives rows.
    Growing,
    /// The segment receives no more rows, and its files are being written.
    Sealed,
    /// The files are being registered; `GetFlushState` already counts the segment as flushed (2.2 to 3.0).
    Flushing,
    /// All files of the segment are in the store.
    Flushed,
    /// The segment belongs to an import job that is not finished.
    Importing,
    /// The segment was dropped, or replaced by compaction.
    Dropped,
}

/// The kind of data in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentLevel {
    /// Rows, from a Milvus without levels.
    Legacy,
    /// Only delete entries for other segments.
    L0,
    /// Rows that are not clustered.
    L1,
    /// Rows that clustering compaction has sorted by a clustering key.
    L2,
}

impl Milvus {
    /// Lists the segments of a collection in all states except growing.
    ///
    /// The server collects the ids first and the details afterwards. If compaction replaces a segment in between, it
    /// answers "segment not found"; the call is then retried as after an outage.
    pub async fn segments(&self, collection: &CollectionRef) -> Result<Vec<SegmentInfo>, MilvusError> {
        let call = Call::new("list the segments of collection", collection, &collection.database)
            .retried_after(ErrorKind::NotFound);
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
                state: state_from_wire(info.state()),
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

fn state_from_wire(state: common::SegmentState) -> SegmentState {
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
