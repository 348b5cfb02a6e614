//! The segments of a collection.

use model::ids::{PartitionScope, SegmentId};
use model::name::CollectionRef;
use proto::common;
use proto::milvus::GetPersistentSegmentInfoRequest;

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::MilvusError;

/// A segment that lies on the store as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its id; part of every key of its files.
    pub id: SegmentId,
    /// Where it belongs.
    pub partition: PartitionScope,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// What it holds; told since 2.4.7.
    pub level: SegmentLevel,
    /// How its files are made; 0 where not told, before 2.6.
    pub storage_version: i64,
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
    /// The flushed segments of a collection; growing ones and those being flushed are not among them.
    pub async fn segments(&self, collection: &CollectionRef) -> Result<Vec<SegmentInfo>, MilvusError> {
        let call = Call::new("list the segments of collection", collection, &collection.database);
        let request = GetPersistentSegmentInfoRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        let reply = self.rpc.call(call, request, rpc!(get_persistent_segment_info)).await?;
        let flushed = reply.infos.iter().filter(|info| info.state() == common::SegmentState::Flushed);
        Ok(flushed
            .map(|info| SegmentInfo {
                id: SegmentId(info.segment_id),
                partition: PartitionScope::from_wire(info.partition_id),
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
