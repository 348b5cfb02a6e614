//! The types of indexes and their parameters by release.

use proto::common::KeyValuePair;
use proto::schema::{CollectionSchema, DataType, FieldSchema, FunctionType};

use super::limits::{is_vector, type_name};
use super::reply::{Refusal, Version};
use super::words::{V2_2, V2_3, V2_4, V2_5, V2_6, V3_0};

type Check = Result<(), Refusal>;

pub(super) const AUTO_INDEX: &str = "AUTOINDEX";
pub(super) const INDEX_TYPE: &str = "index_type";
pub(super) const METRIC_TYPE: &str = "metric_type";
pub(super) const JSON_PATH: &str = "json_path";
const JSON_CAST: &str = "json_cast_type";
const PARAMS: &str = "params";

/// The types of indexes on vectors, each from one release until another.
const VECTOR_INDEXES: [(&str, Version, Version); 25] = [
    ("FLAT", V2_2, NEVER),
    ("IVF_FLAT", V2_2, NEVER),
    ("IVF_SQ8", V2_2, NEVER),
    ("IVF_PQ", V2_2, NEVER),
    ("HNSW", V2_2, NEVER),
    ("ANNOY", V2_2, V2_3),
    ("DISKANN", V2_2, NEVER),
    ("BIN_FLAT", V2_2, NEVER),
    ("BIN_IVF_FLAT", V2_2, NEVER),
    (AUTO_INDEX, V2_2, NEVER),
    ("SCANN", V2_3, NEVER),
    ("SPARSE_INVERTED_INDEX", V2_4, NEVER),
    ("SPARSE_WAND", V2_4, NEVER),
    ("HNSW_SQ", V2_5, NEVER),
    ("HNSW_PQ", V2_5, NEVER),
    ("HNSW_PRQ", V2_5, NEVER),
    ("IVF_RABITQ", V2_5, NEVER),
    // The recorded server of 3.0 was built without these.
    ("GPU_CAGRA", V2_5, V3_0),
    ("GPU_IVF_FLAT", V2_5, V3_0),
    ("GPU_IVF_PQ", V2_5, V3_0),
    ("GPU_BRUTE_FORCE", V2_5, V3_0),
    ("AISAQ", V2_6, NEVER),
    ("MINHASH_LSH", V2_6, NEVER),
    ("EMB_LIST_HNSW", V2_6, NEVER),
    ("EMB_LIST_IVF_FLAT", V2_6, NEVER),
];
const NEVER: Version = (u32::MAX, 0, 0);

/// The types of indexes on other fields, each with the types of fields from a release on.
const SCALAR_INDEXES: [(&str, Version, &[DataType]); 8] = [
    ("Trie", V2_2, &[DataType::VarChar]),
    ("STL_SORT", V2_2, NUMBERS),
    ("INVERTED", V2_4, ANYTHING),
    (
        "BITMAP",
        V2_5,
        &[
            DataType::Bool,
            DataType::Int8,
            DataType::Int16,
            DataType::Int32,
            DataType::Int64,
            DataType::VarChar,
            DataType::Array,
        ],
    ),
    (
        "STL_SORT",
        V2_6,
        &[
            DataType::Int8,
            DataType::Int16,
            DataType::Int32,
            DataType::Int64,
            DataType::Float,
            DataType::Double,
            DataType::VarChar,
            DataType::Timestamptz,
        ],
    ),
    ("NGRAM", V2_6, &[DataType::VarChar, DataType::Json]),
    ("RTREE", V2_6, &[DataType::Geometry]),
    (AUTO_INDEX, V2_4, ANYTHING),
];
const NUMBERS: &[DataType] =
    &[DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64, DataType::Float, DataType::Double];
const ANYTHING: &[DataType] = &[];

/// The metrics of each kind of vectors from a release on.
const METRICS: [(DataType, Version, &str); 7] = [
    (DataType::FloatVector, V2_2, "L2 IP"),
    (DataType::FloatVector, V2_3, "L2 IP COSINE"),
    (DataType::BinaryVector, V2_2, "HAMMING JACCARD TANIMOTO SUBSTRUCTURE SUPERSTRUCTURE"),
    (DataType::BinaryVector, V2_6, "HAMMING JACCARD SUBSTRUCTURE SUPERSTRUCTURE MHJACCARD"),
    (DataType::SparseFloatVector, V2_4, "IP"),
    (DataType::SparseFloatVector, V2_5, "IP BM25"),
    (DataType::ArrayOfVector, V2_6, "MAX_SIM MAX_SIM_COSINE MAX_SIM_IP MAX_SIM_L2 L2 IP COSINE"),
];
const CASTS: &str = "BOOL DOUBLE VARCHAR JSON ARRAY_BOOL ARRAY_DOUBLE ARRAY_VARCHAR";

/// The parameters of a request, with those that are written as JSON.
pub(super) struct IndexParams(Vec<(String, String)>);

impl IndexParams {
    /// Reads the parameters of a request.
    pub(super) fn read(pairs: &[KeyValuePair]) -> Result<Self, Refusal> {
        let mut all: Vec<(String, String)> = Vec::new();
        for pair in pairs {
            all.push((pair.key.clone(), pair.value.clone()));
            if pair.key == PARAMS {
                let Ok(inner) = serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(&pair.value)
                else {
                    return Err(Refusal::worded("index.params", &[]));
                };
                all.extend(inner.into_iter().map(|(key, value)| match value {
                    serde_json::Value::String(text) => (key, text),
                    other => (key, other.to_string()),
                }));
            }
        }
        Ok(Self(all))
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    /// Returns whether there are no other parameters; those in JSON count one by one.
    fn has_only(&self, keys: &[&str]) -> bool {
        self.0.iter().all(|(key, _)| key == PARAMS || keys.contains(&key.as_str()))
    }
}

/// Fails if a release cannot build an index with these parameters on a field.
pub(super) fn check_index(
    field: &FieldSchema,
    schema: &CollectionSchema,
    params: &IndexParams,
    version: Version,
) -> Check {
    let is_vector = is_vector(field.data_type, version) || field.data_type() == DataType::ArrayOfVector;
    check_indexable(field, version)?;
    if is_vector {
        check_vector_index(field, schema, params, version)
    } else if version < V2_4 {
        check_old_scalar_index(field, params)
    } else {
        check_scalar_index(field, params, version)
    }
}

/// Until 2.4, few types of fields can have an index.
fn check_indexable(field: &FieldSchema, version: Version) -> Check {
    let indexable = NUMBERS.contains(&field.data_type())
        || matches!(
            field.data_type(),
            DataType::VarChar | DataType::FloatVector | DataType::BinaryVector | DataType::Float16Vector
        );
    if version >= V2_4 || indexable {
        return Ok(());
    }
    let name = type_name(field.data_type, version);
    Err(Refusal::worded("index.field_type", &[&name, &name.to_lowercase()]))
}

fn is_known(name: &str, version: Version) -> bool {
    VECTOR_INDEXES.iter().any(|(own, since, until)| *own == name && (*since..*until).contains(&version))
}

fn check_vector_index(
    field: &FieldSchema,
    schema: &CollectionSchema,
    params: &IndexParams,
    version: Version,
) -> Check {
    let Some(index_type) = params.get(INDEX_TYPE) else { return Ok(()) };
    let metric = params.get(METRIC_TYPE);
    if index_type == AUTO_INDEX && !params.has_only(&[INDEX_TYPE, METRIC_TYPE]) {
        return Err(Refusal::plain("only metric type can be passed when use AutoIndex"));
    }
    if !is_known(index_type, version) {
        return Err(Refusal::worded("index.type", &[index_type]));
    }
    check_metric(field, metric, index_type == AUTO_INDEX, version)?;
    // Later servers leave these checks to the index library.
    if version < V2_4 {
        let number = |key| params.get(key).and_then(|text| text.parse::<i64>().ok());
        if index_type == "HNSW" && number("efConstruction").is_none_or(|ef| ef < 1) {
            return Err(Refusal::worded("index.hnsw", &[]));
        }
        let dimension = field.type_params.iter().find(|param| param.key == "dim");
        let dimension = dimension.and_then(|param| param.value.parse::<i64>().ok()).unwrap_or_default();
        if index_type == "DISKANN" && dimension < 32 && version < V2_3 {
            return Err(Refusal::plain("dim out of range: [32, 32768]"));
        }
    }
    let makes_it = |function: &&proto::schema::FunctionSchema| {
        function.r#type() == FunctionType::Bm25 && function.output_field_names.contains(&field.name)
    };
    match metric {
        Some(metric) if metric != "BM25" && schema.functions.iter().any(|each| makes_it(&each)) => {
            Err(Refusal::plain(format!(
                "index metric type of BM25 function output field must be BM25, got {metric}"
            )))
        }
        _ => Ok(()),
    }
}

fn check_metric(field: &FieldSchema, metric: Option<&str>, is_auto: bool, version: Version) -> Check {
    let kind = match field.data_type() {
        DataType::BinaryVector | DataType::SparseFloatVector | DataType::ArrayOfVector => field.data_type(),
        _ => DataType::FloatVector,
    };
    let Some(metric) = metric else {
        return if is_auto { Ok(()) } else { Err(Refusal::worded("index.no_metric", &[])) };
    };
    let known = METRICS.iter().rfind(|(own, since, _)| *own == kind && *since <= version);
    if known.is_none_or(|(.., names)| names.split(' ').any(|name| name == metric)) {
        return Ok(());
    }
    Err(match kind {
        DataType::SparseFloatVector => Refusal::worded("index.sparse_metric", &[]),
        DataType::BinaryVector => Refusal::worded("index.metric", &["binary", metric]),
        _ => Refusal::worded("index.metric", &["float", metric]),
    })
}

/// Until 2.4, each type of fields has one type of indexes.
fn check_old_scalar_index(field: &FieldSchema, params: &IndexParams) -> Check {
    let expected = if field.data_type() == DataType::VarChar { "Trie" } else { "STL_SORT" };
    match params.get(INDEX_TYPE) {
        None | Some("marisa-trie") => Ok(()),
        Some(index_type) if index_type == expected => Ok(()),
        Some(index_type) => Err(Refusal::worded("index.scalar_type", &[expected, index_type])),
    }
}

fn check_scalar_index(field: &FieldSchema, params: &IndexParams, version: Version) -> Check {
    let data_type = field.data_type();
    let index_type = match params.get(INDEX_TYPE) {
        None => AUTO_INDEX,
        Some("marisa-trie") => "Trie",
        Some(index_type) => index_type,
    };
    let known = SCALAR_INDEXES.iter().rfind(|(name, since, _)| *name == index_type && *since <= version);
    let Some((.., fields)) = known else {
        let name = if is_known(index_type, version) { "index.only_vectors" } else { "index.type" };
        return Err(Refusal::worded(name, &[index_type]));
    };
    if data_type == DataType::Json && version >= V2_5 {
        let Some(cast) = params.get(JSON_CAST) else { return Err(Refusal::worded("index.no_cast", &[])) };
        if !CASTS.split(' ').any(|name| name == cast.to_uppercase()) {
            return Err(Refusal::worded("index.cast", &[cast]));
        }
    } else if !fields.is_empty() && !fields.contains(&data_type) {
        let name = match index_type {
            "STL_SORT" => "index.sort",
            "BITMAP" => "index.bitmap",
            _ => "index.wrong_field",
        };
        return Err(Refusal::worded(name, &[index_type, &type_name(field.data_type, version)]));
    }
    Ok(())
}
