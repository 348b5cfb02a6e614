//! Calls on aliases: list, create, drop.

use model::name::CollectionRef;
use proto::milvus::{CreateAliasRequest, DropAliasRequest, ListAliasesRequest};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::MilvusError;

impl Milvus {
    /// Lists the names of the aliases of a collection.
    pub async fn aliases(&self, collection: &CollectionRef) -> Result<Vec<String>, MilvusError> {
        if !self.capabilities().list_aliases {
            return Ok(self.describe_collection(collection).await?.aliases);
        }
        let call = Call::new("list the aliases of collection", collection, &collection.database);
        let request = ListAliasesRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        Ok(self.rpc.call(call, request, rpc!(list_aliases)).await?.aliases)
    }

    /// Drops an alias; succeeds if there is none of this name.
    pub async fn drop_alias(&self, database: &str, alias: &str) -> Result<(), MilvusError> {
        let call = Call::new("drop alias", &alias, database);
        let request = DropAliasRequest { db_name: database.to_owned(), alias: alias.to_owned() };
        self.rpc.call(call, request, rpc!(drop_alias)).await.map(drop)
    }

    /// Creates an alias; succeeds if the collection already has it, and fails if another collection has it.
    pub async fn create_alias(&self, collection: &CollectionRef, alias: &str) -> Result<(), MilvusError> {
        let subject = format!("{alias} of collection {collection}");
        let call = Call::new("create alias", &subject, &collection.database);
        let request = CreateAliasRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            alias: alias.to_owned(),
        };
        self.rpc.call(call, request, rpc!(create_alias)).await.map(drop)
    }
}
