//! Calls on databases: list, describe, create, alter.

use model::manifest::KeyValue;
use model::name::DEFAULT_DATABASE;
use proto::milvus::{
    AlterDatabaseRequest, CreateDatabaseRequest, DescribeDatabaseRequest, ListDatabasesRequest,
};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};
use crate::schema::{pairs_from_wire, pairs_to_wire};

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

    /// Returns the id and the properties of a database; `None` on a server without that call (before 2.4.3).
    pub async fn describe_database(&self, name: &str) -> Result<Option<(i64, Vec<KeyValue>)>, MilvusError> {
        let call = Call::new("describe database", &name, "");
        let request = DescribeDatabaseRequest { db_name: name.to_owned() };
        match self.rpc.call(call, request, rpc!(describe_database)).await {
            Ok(reply) => Ok(Some((reply.db_id, pairs_from_wire(reply.properties)))),
            Err(error) if error.kind() == MilvusErrorKind::Unsupported => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets properties of a database; its other properties remain unchanged.
    pub async fn alter_database(&self, name: &str, properties: &[KeyValue]) -> Result<(), MilvusError> {
        let call = Call::new("set properties of database", &name, "");
        let request = AlterDatabaseRequest {
            db_name: name.to_owned(),
            properties: pairs_to_wire(properties),
            delete_keys: Vec::new(),
        };
        self.rpc.call(call, request, rpc!(alter_database)).await.map(drop)
    }
}
