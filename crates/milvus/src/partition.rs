//! Partitions.

use model::ids::PartitionId;
use model::name::CollectionRef;
use proto::milvus::{CreatePartitionRequest, ShowPartitionsRequest};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::MilvusError;

impl Milvus {
    /// The partitions of a collection with their ids.
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

    /// Creates a partition; one that exists is no error. A collection with a partition key refuses.
    pub async fn create_partition(&self, collection: &CollectionRef, name: &str) -> Result<(), MilvusError> {
        let about = format!("{name} of collection {collection}");
        let call = Call::new("create partition", &about, &collection.database);
        let request = CreatePartitionRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            partition_name: name.to_owned(),
        };
        self.rpc.call(call, request, rpc!(create_partition)).await.map(drop)
    }
}
