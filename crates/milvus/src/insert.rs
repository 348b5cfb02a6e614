//! Calls that write rows: insert, upsert, delete.

use model::name::CollectionRef;
use proto::milvus::{DeleteRequest, InsertRequest, UpsertRequest};
use proto::schema::FieldData;

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};
use crate::query::RowKeys;

/// The result of a call that inserted rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsertedRows {
    /// The number of rows, as the server reported it.
    pub rows: u64,
}

impl Milvus {
    /// Inserts rows, which are visible to queries with consistency Strong afterwards and durable after a flush.
    ///
    /// `columns` have one value for each of `rows` rows; nullable fields and those with a default have `valid_data` and only
    /// the values that are not null. The server refuses requests of more than 64 MiB. Without a partition, it chooses one,
    /// and in collections with a partition key `partition` must be `None`.
    ///
    /// A request without an answer is not sent again, because that would duplicate rows. After an error for which
    /// [`MilvusError::was_never_executed`] is false, the collection may contain some of the rows: the server
    /// distributes a request over several messages.
    pub async fn insert_rows(
        &self,
        collection: &CollectionRef,
        partition: Option<&str>,
        columns: Vec<FieldData>,
        rows: u32,
    ) -> Result<InsertedRows, MilvusError> {
        let call = Call::unrepeatable("insert rows into collection", collection, &collection.database);
        let request = InsertRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            partition_name: partition.unwrap_or_default().to_owned(),
            fields_data: columns,
            num_rows: rows,
        };
        let reply = self.rpc.call(call, request, rpc!(insert)).await?;
        check_count(call, rows, reply.insert_cnt)
    }

    /// Inserts rows and deletes the earlier rows with the same keys (2.3.0 and later); otherwise like
    /// [`Self::insert_rows`].
    ///
    /// A request without an answer is sent again. Before 2.4, a primary key with automatic ids is refused; later the rows
    /// get new keys, so there an upsert may not be repeated either.
    pub async fn upsert_rows(
        &self,
        collection: &CollectionRef,
        partition: Option<&str>,
        columns: Vec<FieldData>,
        rows: u32,
    ) -> Result<InsertedRows, MilvusError> {
        let call = Call::new("upsert rows into collection", collection, &collection.database);
        let request = UpsertRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            partition_name: partition.unwrap_or_default().to_owned(),
            fields_data: columns,
            num_rows: rows,
        };
        let reply = self.rpc.call(call, request, rpc!(upsert)).await?;
        check_count(call, rows, reply.upsert_cnt)
    }

    /// Deletes the rows with these keys that were inserted before, in one partition or in all.
    ///
    /// `key_field` is the name of the primary key. The collection need not be loaded. Keys that do not exist are
    /// ignored.
    pub async fn delete_rows(
        &self,
        collection: &CollectionRef,
        partition: Option<&str>,
        key_field: &str,
        keys: &RowKeys,
    ) -> Result<(), MilvusError> {
        if keys.is_empty() {
            return Ok(());
        }
        let call = Call::new("delete rows of collection", collection, &collection.database);
        let request = DeleteRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            partition_name: partition.unwrap_or_default().to_owned(),
            expr: keys.to_expression(key_field),
        };
        self.rpc.call(call, request, rpc!(delete)).await.map(drop)
    }
}

/// Fails if the server reports another number of rows than it was sent.
fn check_count(call: Call<'_>, sent: u32, reported: i64) -> Result<InsertedRows, MilvusError> {
    if reported == i64::from(sent) {
        return Ok(InsertedRows { rows: sent.into() });
    }
    Err(call.error(MilvusErrorKind::Server, format!("the server reports {reported} of {sent} rows")))
}
