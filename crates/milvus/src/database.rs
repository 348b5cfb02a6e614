//! Calls on databases: list, create.

use model::name::DEFAULT_DATABASE;
use proto::milvus::{CreateDatabaseRequest, ListDatabasesRequest};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};

impl Milvus {
    /// Lists the names of all databases; only `default` on a server that does not support databases.
    pub async fn list_databases(&self) -> Result<Vec<String>, MilvusError> {
        let call = Call::new("list the databases of", &self.server().address, "");
        match self.rpc.call(call, ListDatabasesRequest {}, rpc!(list_databases)).await {
            Ok(reply) => Ok(reply.db_names),
            Err(error) if error.kind() == MilvusErrorKind::Unsupported => {
                Ok(vec![DEFAULT_DATABASE.to_owned()])
            }
            Err(error) => Err(error),
        }
    }

    /// Creates a database; fails if it exists.
    pub async fn create_database(&self, name: &str) -> Result<(), MilvusError> {
        let call = Call::unrepeatable("create database", &name, "");
        let request = CreateDatabaseRequest { db_name: name.to_owned(), properties: Vec::new() };
        self.rpc.call(call, request, rpc!(create_database)).await.map(drop)
    }
}
