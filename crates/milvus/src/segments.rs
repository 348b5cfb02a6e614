//! The list of the segments of a collection.

use model::ids::{PartitionScope, SegmentId};
use model::name::CollectionRef;
use model::segment::{ReportedSegment, SegmentKind, SegmentLevel, SegmentState, StorageVersion};
use proto::common;
use proto::milvus::{GetPersistentSegmentInfoRequest, PersistentSegmentInfo};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};

impl Milvus {
    /// Lists the segments of a collection in all states except growing.
    ///
    /// The server collects the ids first and the details afterwards. If compaction replaces a segment in between, it
    /// answers "segment not found"; the call is then retried as after an outage.
    pub async fn segments(&self, collection: &CollectionRef) -> Result<Vec<ReportedSegment>, MilvusError> {
        let call = Call::new("list the segments of collection", collection, &collection.database)
            .retried_after(MilvusErrorKind::NotFound);
        let request = GetPersistentSegmentInfoRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        let reply = self.rpc.call(call, request, rpc!(get_persistent_segment_info)).await?;
        Ok(reply.infos.iter().map(segment_from_wire).collect())
    }
}

fn segment_from_wire(info: &PersistentSegmentInfo) -> ReportedSegment {
    let partition = PartitionScope::from_wire(info.partition_id);
    let level = level_from_wire(info.level());
    let storage_version = StorageVersion(info.storage_version);
    // Milvus 2.4.0 to 2.4.6 reports no level, but no segment of all partitions contains rows.
    let only_deletes = level == SegmentLevel::L0 || partition == PartitionScope::All;
    ReportedSegment {
        id: SegmentId(info.segment_id),
        partition,
        state: state_from_wire(info.state()),
        rows: u64::try_from(info.num_rows).unwrap_or_default(),
        kind: SegmentKind::new(only_deletes, storage_version),
        level,
        is_sorted: info.is_sorted,
        storage_version,
        virtual_channel: None,
    }
}

fn level_from_wire(level: common::SegmentLevel) -> SegmentLevel {
    match level {
        common::SegmentLevel::Legacy => SegmentLevel::Legacy,
        common::SegmentLevel::L0 => SegmentLevel::L0,
        common::SegmentLevel::L1 => SegmentLevel::L1,
        common::SegmentLevel::L2 => SegmentLevel::L2,
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

#[cfg(test)]
mod tests {
    use model::ids::PartitionId;
    use model::segment::StorageFormat;

    use super::*;

    fn reported(partition_id: i64, level: common::SegmentLevel, storage_version: i64) -> ReportedSegment {
        segment_from_wire(&PersistentSegmentInfo {
            partition_id,
            level: level.into(),
            storage_version,
            is_sorted: true,
            ..PersistentSegmentInfo::default()
        })
    }

    #[test]
    fn deletes_are_recognized_by_level_or_partition() {
        use common::SegmentLevel::{L0, L1, Legacy};
        let one = PartitionScope::One(PartitionId(2));
        let deletes = [reported(2, L0, 0), reported(-1, L0, 2), reported(-1, Legacy, 0)];
        assert!(deletes.iter().all(|segment| segment.kind == SegmentKind::Deletes));
        assert_eq!(deletes.map(|segment| segment.partition), [one, PartitionScope::All, PartitionScope::All]);
        let rows = reported(2, L1, 2);
        assert_eq!(rows.kind, SegmentKind::Rows { format: StorageFormat::V2 });
        assert_eq!((rows.level, rows.is_sorted), (SegmentLevel::L1, true));
        let old = reported(2, Legacy, 0);
        assert_eq!(old.kind, SegmentKind::Rows { format: StorageFormat::V1 });
    }
}
