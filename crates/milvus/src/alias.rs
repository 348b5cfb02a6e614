//! Aliases.

use model::name::CollectionRef;
use proto::milvus::{CreateAliasRequest, DropAliasRequest, ListAliasesRequest};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::MilvusError;

impl Milvus {
    /// The aliases of a collection.
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

    /// Gives a collection an alias; the very same again is no error, one that is taken is.
    pub async fn create_alias(&self, collection: &CollectionRef, alias: &str) -> Result<(), MilvusError> {
        let about = format!("{alias} of collection {collection}");
        let call = Call::new("create alias", &about, &collection.database);
        let request = CreateAliasRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            alias: alias.to_owned(),
        };
        self.rpc.call(call, request, rpc!(create_alias)).await.map(drop)
    }

    /// Takes an alias away.
    pub async fn drop_alias(&self, database: &str, alias: &str) -> Result<(), MilvusError> {
        let about = format!("{database}.{alias}");
        let call = Call::once("drop alias", &about, database);
        let request = DropAliasRequest { db_name: database.to_owned(), alias: alias.to_owned() };
        self.rpc.call(call, request, rpc!(drop_alias)).await.map(drop)
    }
}
