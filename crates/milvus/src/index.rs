//! Indexes.

use model::manifest::Index;
use model::name::CollectionRef;
use proto::common::{self, KeyValuePair};
use proto::milvus::{CreateIndexRequest, DescribeIndexRequest, DropIndexRequest, IndexDescription};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{ErrorKind, MilvusError};

/// The parameter that names an index's type.
const INDEX_TYPE: &str = "index_type";

/// An index as its server describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexInfo {
    /// What was asked for, with the server's defaults.
    pub index: Index,
    /// Whether it is built.
    pub state: IndexState,
    /// Rows that are indexed.
    pub indexed_rows: u64,
    /// Rows that wait to be indexed.
    pub pending_rows: u64,
}

/// How far an index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// On its way.
    Building,
    /// Built over all flushed rows, as the server sees it; segments below 1024 rows count without files.
    Finished,
    /// Given up, with the server's reason.
    Failed(String),
}

impl Milvus {
    /// The indexes of a collection.
    pub async fn list_indexes(&self, collection: &CollectionRef) -> Result<Vec<IndexInfo>, MilvusError> {
        let call = Call::new("list the indexes of collection", collection, &collection.database);
        let request = DescribeIndexRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        match self.rpc.call(call, request, rpc!(describe_index)).await {
            Ok(reply) => Ok(reply.index_descriptions.into_iter().map(read).collect()),
            // having none is an error of its own to the server
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Creates an index; the very same again is no error.
    pub async fn create_index(&self, collection: &CollectionRef, index: &Index) -> Result<(), MilvusError> {
        let about = format!("{} on {} of collection {collection}", index.name, index.field_name);
        let call = Call::new("create index", &about, &collection.database);
        let request = CreateIndexRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            field_name: index.field_name.clone(),
            extra_params: params(index),
            index_name: index.name.clone(),
        };
        self.rpc.call(call, request, rpc!(create_index)).await.map(drop)
    }

    /// Drops an index; a loaded collection refuses.
    pub async fn drop_index(&self, collection: &CollectionRef, index: &Index) -> Result<(), MilvusError> {
        let about = format!("{} on {} of collection {collection}", index.name, index.field_name);
        let call = Call::new("drop index", &about, &collection.database);
        let request = DropIndexRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            field_name: index.field_name.clone(),
            index_name: index.name.clone(),
        };
        self.rpc.call(call, request, rpc!(drop_index)).await.map(drop)
    }
}

fn read(told: IndexDescription) -> IndexInfo {
    let state = match told.state() {
        common::IndexState::Finished => IndexState::Finished,
        common::IndexState::Failed => IndexState::Failed(told.index_state_fail_reason),
        _ => IndexState::Building,
    };
    let params: std::collections::BTreeMap<_, _> =
        told.params.into_iter().map(|pair| (pair.key, pair.value)).collect();
    IndexInfo {
        index: Index {
            field_name: told.field_name,
            name: told.index_name,
            index_type: params.get(INDEX_TYPE).cloned().unwrap_or_default(),
            params,
            id: told.index_id,
        },
        state,
        indexed_rows: u64::try_from(told.indexed_rows).unwrap_or_default(),
        pending_rows: u64::try_from(told.pending_index_rows).unwrap_or_default(),
    }
}

/// All parameters, the type among them.
fn params(index: &Index) -> Vec<KeyValuePair> {
    let mut params = index.params.clone();
    if !index.index_type.is_empty() {
        params.entry(INDEX_TYPE.to_owned()).or_insert_with(|| index.index_type.clone());
    }
    if let Some(kind) = params.get_mut(INDEX_TYPE)
        && kind == "marisa-trie"
    {
        // servers describe it by this old name and do not take it back
        "Trie".clone_into(kind);
    }
    params.into_iter().map(|(key, value)| KeyValuePair { key, value }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(index: &Index) -> Vec<(String, String)> {
        params(index).into_iter().map(|pair| (pair.key, pair.value)).collect()
    }

    #[test]
    fn the_type_is_sent_once_and_by_its_new_name() {
        let mut index = Index { index_type: "HNSW".to_owned(), ..Index::default() };
        assert_eq!(sent(&index), [("index_type".to_owned(), "HNSW".to_owned())]);
        index.params.insert("index_type".to_owned(), "marisa-trie".to_owned());
        assert_eq!(sent(&index), [("index_type".to_owned(), "Trie".to_owned())]);
    }
}
