//! Calls about partitions.

use proto::common::Status;
use proto::milvus as wire;

use super::external::refuse_external;
use super::names::{Named, check_name};
use super::reply::Refusal;
use super::state::{FakeState, Partition};

type Answer<R> = Result<R, Refusal>;

impl FakeState {
    pub(super) fn show_partitions(
        &mut self,
        request: &wire::ShowPartitionsRequest,
    ) -> Answer<wire::ShowPartitionsResponse> {
        let collection = self.collection(&request.db_name, &request.collection_name)?;
        Ok(wire::ShowPartitionsResponse {
            partition_names: collection.partitions.iter().map(|partition| partition.name.clone()).collect(),
            partition_i_ds: collection.partitions.iter().map(|partition| partition.id).collect(),
            ..Default::default()
        })
    }

    pub(super) fn create_partition(&mut self, request: &wire::CreatePartitionRequest) -> Answer<Status> {
        check_name(Named::Collection, &request.collection_name, self.version)?;
        check_name(Named::Partition, &request.partition_name, self.version)?;
        let id = self.next_id();
        let collection = self.collection(&request.db_name, &request.collection_name)?;
        refuse_external(&collection.schema, "create partition")?;
        if collection.has_partition_key() {
            return Err(Refusal::plain("disable create partition if partition key mode is used"));
        }
        if collection.partition(&request.partition_name).is_err() {
            collection.partitions.push(Partition { id, name: request.partition_name.clone() });
        }
        Ok(Status::default())
    }
}
