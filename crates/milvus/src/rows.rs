//! Calls on rows: insert, delete, query, count.

use model::name::CollectionRef;
use proto::common::ConsistencyLevel;
use proto::milvus::{DeleteRequest, InsertRequest, QueryRequest};

use crate::call::{Call, rpc};
use crate::column::{self, Column, Values};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};

/// The output field with which a query returns the number of rows.
const COUNT_FIELD: &str = "count(*)";

impl Milvus {
    /// Inserts rows and returns their number; without a partition, the server chooses one.
    ///
    /// The columns must not include the primary key of a collection with automatic ids.
    pub async fn insert(
        &self,
        collection: &CollectionRef,
        partition: Option<&str>,
        columns: &[Column],
    ) -> Result<u64, MilvusError> {
        let call = Call::unrepeatable("insert into collection", collection, &collection.database);
        let rows = columns.first().map_or(0, |column| column.values.len());
        let request = InsertRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            partition_name: partition.unwrap_or_default().to_owned(),
            fields_data: columns.iter().map(column::to_wire).collect(),
            num_rows: u32::try_from(rows)
                .map_err(|_| call.error(MilvusErrorKind::Invalid, "too many rows"))?,
        };
        let reply = self.rpc.call(call, request, rpc!(insert)).await?;
        Ok(u64::try_from(reply.insert_cnt).unwrap_or_default())
    }

    /// Deletes the rows that match an expression, such as `id in [1, 2]`, and returns the number of keys in it.
    pub async fn delete(&self, collection: &CollectionRef, expr: &str) -> Result<u64, MilvusError> {
        let call = Call::new("delete from collection", collection, &collection.database);
        let request = DeleteRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            partition_name: String::new(),
            expr: expr.to_owned(),
        };
        let reply = self.rpc.call(call, request, rpc!(delete)).await?;
        Ok(u64::try_from(reply.delete_cnt).unwrap_or_default())
    }

    /// Reads the rows that match an expression, with strong consistency; no partitions means all partitions.
    ///
    /// The collection must be loaded. Servers return at most 16,384 rows.
    pub async fn query(
        &self,
        collection: &CollectionRef,
        partitions: &[String],
        expr: &str,
        output_fields: &[String],
    ) -> Result<Vec<Column>, MilvusError> {
        let call = Call::new("query collection", collection, &collection.database);
        let request = QueryRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            expr: expr.to_owned(),
            output_fields: output_fields.to_vec(),
            partition_names: partitions.to_vec(),
            guarantee_timestamp: 0,
            consistency_level: ConsistencyLevel::Strong.into(),
            use_default_consistency: false,
        };
        let reply = self.rpc.call(call, request, rpc!(query)).await?;
        let unknown =
            |name| call.error(MilvusErrorKind::Unsupported, format!("field {name} holds unknown values"));
        let columns = reply.fields_data.into_iter().map(|data| {
            let name = data.field_name.clone();
            column::from_wire(data).ok_or_else(|| unknown(name))
        });
        columns.collect()
    }

    /// Counts the rows of a loaded collection without deleted rows; not supported before Milvus 2.3.
    pub async fn row_count(&self, collection: &CollectionRef) -> Result<u64, MilvusError> {
        let call = Call::new("count the rows of collection", collection, &collection.database);
        if !self.capabilities().count_star {
            return Err(call.error(MilvusErrorKind::Unsupported, "the server is older than 2.3"));
        }
        let columns = self.query(collection, &[], "", &[COUNT_FIELD.to_owned()]).await?;
        match columns.first().map(|column| &column.values) {
            Some(Values::Long(counts)) if counts.len() == 1 => {
                Ok(counts.first().copied().and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
            }
            _ => Err(call.error(MilvusErrorKind::Server, "the server told no count")),
        }
    }
}
