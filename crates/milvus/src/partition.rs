//! Calls on partitions: list, create.

use model::ids::PartitionId;
use model::name::CollectionRef;
use proto::milvus::{CreatePartitionRequest, ShowPartitionsRequest};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::MilvusError;

impl Milvus {
    /// Lists the names and ids of the partitions of a collection.
    pub async fn list_partitions(
        &self,
        collection: &CollectionRef,
    ) -> Result<Vec<(String, PartitionId)>, MilvusError> {
        let call = Call::new("list the partitions of collection", collection, &collection.database);
        let request = ShowPartitionsRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        let reply = self.rpc.call(call, request, rpc!(show_partitions)).await?;
        Ok(reply.partition_names.into_iter().zip(reply.partition_i_ds.into_iter().map(PartitionId)).collect())
    }

    /// Creates a partition. Succeeds if it exists; fails if the collection has a partition key.
    pub async fn create_partition(&self, collection: &CollectionRef, name: &str) -> Result<(), MilvusError> {
        let subject = format!("{name} of collection {collection}");
        let call = Call::new("create partition", &subject, &collection.database);
        let request = CreatePartitionRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            partition_name: name.to_owned(),
        };
        self.rpc.call(call, request, rpc!(create_partition)).await.map(drop)
    }
}
