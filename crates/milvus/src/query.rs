//! Queries: the number of live rows, and which keys exist.

use std::fmt::Write as _;

use model::name::CollectionRef;
use proto::common::ConsistencyLevel;
use proto::milvus::{QueryRequest, QueryResults};
use proto::schema::field_data::Field;
use proto::schema::scalar_field::Data;

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};

/// The output field with which a query returns the number of rows.
const COUNT_FIELD: &str = "count(*)";

/// Primary keys of rows of one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowKeys {
    /// The keys of a field of type Int64.
    Int64(Vec<i64>),
    /// The keys of a field of type `VarChar`.
    VarChar(Vec<String>),
}

impl RowKeys {
    /// Returns the number of keys.
    pub fn len(&self) -> usize {
        match self {
            Self::Int64(keys) => keys.len(),
            Self::VarChar(keys) => keys.len(),
        }
    }

    /// Returns whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the expression that selects the rows with these keys.
    pub(crate) fn to_expression(&self, field: &str) -> String {
        let mut expression = format!("{field} in [");
        let mut separator = "";
        let mut add = |literal: &dyn std::fmt::Display| {
            // Writing to a string cannot fail.
            let _ = write!(expression, "{separator}{literal}");
            separator = ", ";
        };
        match self {
            Self::Int64(keys) => keys.iter().for_each(|key| add(key)),
            // Milvus reads the escapes of JSON in its literals too.
            Self::VarChar(keys) => keys.iter().for_each(|key| add(&serde_json::Value::from(key.as_str()))),
        }
        expression.push(']');
        expression
    }
}

impl Milvus {
    /// Counts the live rows of a loaded collection, or of one of its partitions, with consistency Strong (2.3.0 and
    /// later).
    ///
    /// Rows with the same key all count. Fails with [`MilvusErrorKind::NotLoaded`] if the collection is not loaded.
    pub async fn count_rows(
        &self,
        collection: &CollectionRef,
        partition: Option<&str>,
    ) -> Result<u64, MilvusError> {
        let call = Call::new("count the rows of collection", collection, &collection.database);
        if !self.capabilities().counts_live_rows {
            let version = &self.server().version;
            return Err(call.error(
                MilvusErrorKind::Unsupported,
                format!("Milvus {version} has no query that counts rows"),
            ));
        }
        let reply = self.query(call, collection, partition, String::new(), COUNT_FIELD).await?;
        let count = match only_column(reply) {
            Some(Data::LongData(counts)) => counts.data.first().and_then(|count| u64::try_from(*count).ok()),
            _ => None,
        };
        count.ok_or_else(|| call.error(MilvusErrorKind::Server, "the reply contains no number of rows"))
    }

    /// Returns those of the given keys that live rows of a loaded collection have, with consistency Strong.
    ///
    /// `key_field` is the name of the primary key. Servers accept at most 16,384 keys.
    pub async fn query_keys(
        &self,
        collection: &CollectionRef,
        partition: Option<&str>,
        key_field: &str,
        keys: &RowKeys,
    ) -> Result<RowKeys, MilvusError> {
        let call = Call::new("query keys of collection", collection, &collection.database);
        let expression = keys.to_expression(key_field);
        let reply = self.query(call, collection, partition, expression, key_field).await?;
        match (only_column(reply), keys) {
            (Some(Data::LongData(found)), RowKeys::Int64(_)) => Ok(RowKeys::Int64(found.data)),
            (Some(Data::StringData(found)), RowKeys::VarChar(_)) => Ok(RowKeys::VarChar(found.data)),
            (None, RowKeys::Int64(_)) => Ok(RowKeys::Int64(Vec::new())),
            (None, RowKeys::VarChar(_)) => Ok(RowKeys::VarChar(Vec::new())),
            _ => Err(call.error(MilvusErrorKind::Server, "the reply contains keys of another type")),
        }
    }

    async fn query(
        &self,
        call: Call<'_>,
        collection: &CollectionRef,
        partition: Option<&str>,
        expression: String,
        output_field: &str,
    ) -> Result<QueryResults, MilvusError> {
        let request = QueryRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            expr: expression,
            output_fields: vec![output_field.to_owned()],
            partition_names: partition.map(str::to_owned).into_iter().collect(),
            guarantee_timestamp: 0,
            consistency_level: ConsistencyLevel::Strong.into(),
            use_default_consistency: false,
        };
        self.rpc.call(call, request, rpc!(query)).await
    }
}

/// Returns the values of the only column of a reply.
fn only_column(reply: QueryResults) -> Option<Data> {
    match reply.fields_data.into_iter().next()?.field? {
        Field::Scalars(scalars) => scalars.data,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_literals() {
        assert_eq!(RowKeys::Int64(vec![i64::MIN, 7]).to_expression("id"), "id in [-9223372036854775808, 7]");
        let keys = RowKeys::VarChar(vec!["a\"b".to_owned(), "c\\d, e\n".to_owned()]);
        assert_eq!(keys.to_expression("name"), r#"name in ["a\"b", "c\\d, e\n"]"#);
    }
}
