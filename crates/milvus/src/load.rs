//! Loading of collections into memory for queries, and releasing them.

use model::manifest::LoadState;
use model::name::CollectionRef;
use proto::common;
use proto::milvus::{
    GetLoadStateRequest, LoadCollectionRequest, LoadPartitionsRequest, ReleaseCollectionRequest,
};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};

impl Milvus {
    /// Returns the load state of a collection, or of one of its partitions.
    pub async fn load_state(
        &self,
        collection: &CollectionRef,
        partition: Option<&str>,
    ) -> Result<LoadState, MilvusError> {
        let call = Call::new("ask for the load state of collection", collection, &collection.database);
        let request = GetLoadStateRequest {
            collection_name: collection.collection.clone(),
            partition_names: partition.map(str::to_owned).into_iter().collect(),
            db_name: collection.database.clone(),
        };
        match self.rpc.call(call, request, rpc!(get_load_state)).await?.state() {
            common::LoadState::NotExist => {
                Err(call.error(MilvusErrorKind::CollectionNotFound, "the server says it does not exist"))
            }
            common::LoadState::NotLoad => Ok(LoadState::NotLoad),
            common::LoadState::Loading => Ok(LoadState::Loading),
            common::LoadState::Loaded => Ok(LoadState::Loaded),
        }
    }

    /// Starts to load a collection with one replica; [`Self::load_state`] reports when it is loaded.
    pub async fn load(&self, collection: &CollectionRef) -> Result<(), MilvusError> {
        let call = Call::new("load collection", collection, &collection.database);
        let request = LoadCollectionRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            replica_number: 1,
        };
        self.rpc.call(call, request, rpc!(load_collection)).await.map(drop)
    }

    /// Starts to load some partitions of a collection with one replica.
    pub async fn load_partitions(
        &self,
        collection: &CollectionRef,
        partitions: &[String],
    ) -> Result<(), MilvusError> {
        let call = Call::new("load partitions of collection", collection, &collection.database);
        let request = LoadPartitionsRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            partition_names: partitions.to_vec(),
            replica_number: 1,
        };
        self.rpc.call(call, request, rpc!(load_partitions)).await.map(drop)
    }

    /// Releases a collection from memory; succeeds if it is not loaded.
    pub async fn release(&self, collection: &CollectionRef) -> Result<(), MilvusError> {
        let call = Call::new("release collection", collection, &collection.database);
        let request = ReleaseCollectionRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        self.rpc.call(call, request, rpc!(release_collection)).await.map(drop)
    }
}
