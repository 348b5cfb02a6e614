//! Calls on indexes: list, create, drop.

use model::manifest::Index;
use model::name::CollectionRef;
use proto::common::{self, KeyValuePair};
use proto::milvus::{
    AlterIndexRequest, CreateIndexRequest, DescribeIndexRequest, DropIndexRequest, IndexDescription,
};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};

/// The name of the parameter with the type of an index.
const TYPE_PARAM: &str = "index_type";

/// The parameters with which an index of type AUTOINDEX may be created; `params` is an empty object there.
const PARAMS_OF_AUTOINDEX: [&str; 5] = [TYPE_PARAM, "metric_type", "params", "json_path", "json_cast_type"];

/// The description of an index by its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexInfo {
    /// The definition of the index, including defaults set by the server.
    pub index: Index,
    /// The state of building the index.
    pub state: IndexState,
    /// The number of indexed rows.
    pub indexed_rows: u64,
    /// The number of rows that are not indexed yet.
    pub pending_rows: u64,
}

/// The state of building an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// The server builds the index or has not started yet.
    Building,
    /// The index covers all flushed rows; segments with fewer than 1024 rows count as indexed without files.
    Finished,
    /// Building failed, with the reason given by the server.
    Failed(String),
}

impl Milvus {
    /// Lists the indexes of a collection; the list may be empty.
    pub async fn list_indexes(&self, collection: &CollectionRef) -> Result<Vec<IndexInfo>, MilvusError> {
        let call = Call::new("list the indexes of collection", collection, &collection.database);
        let request = DescribeIndexRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            ..Default::default()
        };
        match self.rpc.call(call, request, rpc!(describe_index)).await {
            Ok(reply) => Ok(reply.index_descriptions.into_iter().map(index_from_wire).collect()),
            // The server reports an error if the collection has no index.
            Err(error) if error.kind() == MilvusErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Creates an index; succeeds if the same index exists.
    pub async fn create_index(&self, collection: &CollectionRef, index: &Index) -> Result<(), MilvusError> {
        let subject = format!("{} on {} of collection {collection}", index.name, index.field_name);
        let call = Call::new("create index", &subject, &collection.database);
        let (params, altered) = params_to_wire(index);
        let request = CreateIndexRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            field_name: index.field_name.clone(),
            extra_params: params,
            index_name: name_to_send(&index.name).to_owned(),
        };
        self.rpc.call(call, request, rpc!(create_index)).await?;
        if altered.is_empty() {
            return Ok(());
        }
        let call = Call::new("set parameters of index", &subject, &collection.database);
        let request = AlterIndexRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            index_name: index.name.clone(),
            extra_params: altered,
            delete_keys: Vec::new(),
        };
        self.rpc.call(call, request, rpc!(alter_index)).await.map(drop)
    }

    /// Drops an index; fails if the collection is loaded.
    pub async fn drop_index(&self, collection: &CollectionRef, index: &Index) -> Result<(), MilvusError> {
        let subject = format!("{} on {} of collection {collection}", index.name, index.field_name);
        let call = Call::new("drop index", &subject, &collection.database);
        let request = DropIndexRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            field_name: index.field_name.clone(),
            index_name: index.name.clone(),
        };
        self.rpc.call(call, request, rpc!(drop_index)).await.map(drop)
    }
}

fn index_from_wire(description: IndexDescription) -> IndexInfo {
    let state = match description.state() {
        common::IndexState::Finished => IndexState::Finished,
        common::IndexState::Failed => IndexState::Failed(description.index_state_fail_reason),
        _ => IndexState::Building,
    };
    let params: std::collections::BTreeMap<_, _> =
        description.params.into_iter().map(|pair| (pair.key, pair.value)).collect();
    IndexInfo {
        index: Index {
            field_name: description.field_name,
            name: description.index_name,
            index_type: params.get(TYPE_PARAM).cloned().unwrap_or_default(),
            params,
            id: description.index_id,
            ..Index::default()
        },
        state,
        indexed_rows: u64::try_from(description.indexed_rows).unwrap_or_default(),
        pending_rows: u64::try_from(description.pending_index_rows).unwrap_or_default(),
    }
}

/// Returns the name to send; an empty one where Milvus made up the name, from a path, and would refuse it.
fn name_to_send(name: &str) -> &str {
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') { name } else { "" }
}

/// Returns the parameters with which an index is created, including its type, and those that it can only get afterwards.
fn params_to_wire(index: &Index) -> (Vec<KeyValuePair>, Vec<KeyValuePair>) {
    let mut params = index.params.clone();
    if !index.index_type.is_empty() {
        params.entry(TYPE_PARAM.to_owned()).or_insert_with(|| index.index_type.clone());
    }
    if let Some(kind) = params.get_mut(TYPE_PARAM)
        && kind == "marisa-trie"
    {
        // Servers report this old name but do not accept it.
        "Trie".clone_into(kind);
    }
    let is_auto = params.get(TYPE_PARAM).is_some_and(|kind| kind == "AUTOINDEX");
    let is_created = |key: &str| !is_auto || PARAMS_OF_AUTOINDEX.contains(&key);
    let pairs = params.into_iter().map(|(key, value)| KeyValuePair { key, value });
    pairs.partition(|pair| is_created(&pair.key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_params(index: &Index) -> Vec<(String, String)> {
        params_to_wire(index).0.into_iter().map(|pair| (pair.key, pair.value)).collect()
    }

    #[test]
    fn an_autoindex_gets_its_other_parameters_afterwards() {
        let params = [
            ("index_type", "AUTOINDEX"),
            ("metric_type", "COSINE"),
            ("params", "{}"),
            ("mmap.enabled", "true"),
        ];
        let params = params.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let index = Index { params, ..Index::default() };
        let (created, altered) = params_to_wire(&index);
        assert_eq!((created.len(), altered.len()), (3, 1));
        assert_eq!((name_to_send("v_idx"), name_to_send("j/a")), ("v_idx", ""));
    }

    #[test]
    fn the_type_is_sent_once_and_under_its_new_name() {
        let mut index = Index { index_type: "HNSW".to_owned(), ..Index::default() };
        assert_eq!(sent_params(&index), [("index_type".to_owned(), "HNSW".to_owned())]);
        index.params.insert("index_type".to_owned(), "marisa-trie".to_owned());
        assert_eq!(sent_params(&index), [("index_type".to_owned(), "Trie".to_owned())]);
    }
}
