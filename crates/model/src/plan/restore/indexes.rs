//! The indexes that a restore creates.

use super::RestoreRequest;
use crate::manifest::{CollectionBackup, Index};

/// Returns the index to create; with `auto_index`, an index of a vector field becomes AUTOINDEX.
pub(super) fn index_to_create(index: &Index, backup: &CollectionBackup, request: &RestoreRequest) -> Index {
    let vector = backup.schema.fields.iter().any(|f| f.name == index.field_name && f.data_type.is_vector());
    let mut index = index.clone();
    index.params.retain(|key, _| !request.skip.index_params.contains(key));
    if request.options.auto_index && vector {
        index.params.retain(|key, _| key == "metric_type");
        set_index_type(&mut index, "AUTOINDEX");
    } else if index.index_type == "marisa-trie" {
        // older servers report this name, but CreateIndex accepts only the newer one
        set_index_type(&mut index, "Trie");
    }
    index
}

fn set_index_type(index: &mut Index, word: &str) {
    word.clone_into(&mut index.index_type);
    index.params.insert("index_type".to_owned(), word.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{DataType, Field};
    use crate::plan::restore::RestoreOptions;
    use crate::plan::sample;

    fn index(field: &str, index_type: &str) -> Index {
        let params = [("index_type", index_type), ("metric_type", "COSINE"), ("params", "{\"M\":16}")];
        Index {
            field_name: field.to_owned(),
            name: format!("{field}_idx"),
            index_type: index_type.to_owned(),
            params: params.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            id: 7,
            ..Index::default()
        }
    }

    fn planned_index(index: &Index, auto: bool) -> Index {
        let mut backup = sample::collection("books", vec![]);
        let field = |name: &str, data_type| Field { name: name.to_owned(), data_type, ..Field::default() };
        backup.schema.fields = vec![field("emb", DataType::FLOAT_VECTOR), field("title", DataType::VARCHAR)];
        index_to_create(
            index,
            &backup,
            &RestoreRequest {
                options: RestoreOptions { auto_index: auto, ..RestoreOptions::default() },
                ..sample::request()
            },
        )
    }

    #[test]
    fn an_index_is_created_with_its_old_parameters() {
        let hnsw = index("emb", "HNSW");
        assert_eq!(planned_index(&hnsw, false), hnsw);
    }

    #[test]
    fn autoindex_keeps_the_name_and_the_metric_and_is_for_vectors_only() {
        let auto = planned_index(&index("emb", "HNSW"), true);
        assert_eq!((auto.name.as_str(), auto.index_type.as_str()), ("emb_idx", "AUTOINDEX"));
        let params = [("index_type", "AUTOINDEX"), ("metric_type", "COSINE")];
        assert_eq!(auto.params, params.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        let scalar = index("title", "STL_SORT");
        assert_eq!(planned_index(&scalar, true), scalar);
    }

    #[test]
    fn the_old_name_of_the_trie_index_is_replaced() {
        for auto in [false, true] {
            let trie = planned_index(&index("title", "marisa-trie"), auto);
            assert_eq!((trie.index_type.as_str(), trie.params["index_type"].as_str()), ("Trie", "Trie"));
            assert_eq!(trie.params["params"], "{\"M\":16}");
        }
    }
}
