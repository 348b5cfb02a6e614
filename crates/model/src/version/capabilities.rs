//! The features of Milvus by version, and the schemas that each version supports.

use std::fmt;

use super::{Release, ServerVersion};
use crate::manifest::{DataType, Field, Index, Schema};

/// The features of one Milvus, derived from its version; where the server answers otherwise, its answer has priority.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// Can list aliases; older releases report them in a collection's description (2.3.0).
    pub list_aliases: bool,
    /// Writes at a flush also the deletes of rows flushed earlier; older releases take up to ten minutes longer (2.3.0).
    pub flush_persists_deletes: bool,
    /// Keeps the id that a flush reported for a segment until the segment is compacted. From 2.6 on, a sorted copy with
    /// another id replaces the segment at once.
    pub flush_keeps_ids: bool,
    /// Can flush the whole cluster with one call that returns its flush messages (2.6.11).
    pub bulk_flush: bool,
    /// Applies the deletes of an import only to rows that are older (2.3.4); older releases delete also the rows that were
    /// inserted again afterwards.
    pub import_applies_deletes_by_time: bool,
    version: ServerVersion,
}

/// A feature of a schema that a Milvus does not support.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaProblem {
    /// The field with the feature; `None` if the whole schema has it.
    pub field: Option<String>,
    /// The feature in words, such as `type 104`.
    pub feature: String,
    /// The first release that supports the feature, where known.
    pub since: Option<Release>,
}

impl fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "field {field}: ")?;
        }
        f.write_str(&self.feature)?;
        match self.since {
            Some((major, minor, patch)) => write!(f, " (since Milvus {major}.{minor}.{patch})"),
            None => Ok(()),
        }
    }
}

impl Capabilities {
    /// Derives the capabilities of a version.
    pub fn from_version(version: &ServerVersion) -> Self {
        Self {
            list_aliases: version.at_least((2, 3, 0)),
            flush_persists_deletes: version.at_least((2, 3, 0)),
            flush_keeps_ids: !version.at_least((2, 6, 0)),
            import_applies_deletes_by_time: version.at_least((2, 3, 4)),
            bulk_flush: version.at_least((2, 6, 11)),
            version: version.clone(),
        }
    }

    /// Returns every feature of a schema that this Milvus would reject, or accept and silently lose.
    pub fn schema_problems(&self, schema: &Schema) -> Vec<SchemaProblem> {
        let fields = schema.fields.iter().flat_map(|field| self.field_problems(field));
        let mut problems: Vec<SchemaProblem> = fields.collect();
        let mut needs = |present: bool, feature: &str, since: Release| {
            if present && !self.version.at_least(since) {
                problems.push(SchemaProblem { field: None, feature: feature.to_owned(), since: Some(since) });
            }
        };
        let vectors = schema.fields.iter().filter(|field| field.data_type.is_vector()).count();
        needs(vectors > 1, "more than one vector field", (2, 4, 0));
        needs(!schema.functions.is_empty(), "functions", (2, 5, 0));
        needs(!schema.struct_array_fields.is_empty(), "arrays of structs", (2, 6, 0));
        needs(
            has_field_id_gaps(schema),
            "gaps in the field ids, because fields were added or dropped later",
            (2, 6, 0),
        );
        problems
    }

    /// Returns the problem with importing rows into the partitions of a partition key, which the first releases refuse.
    pub fn import_problem(&self, schema: &Schema) -> Option<SchemaProblem> {
        let since = if self.version.at_least((2, 3, 0)) { (2, 3, 2) } else { (2, 2, 15) };
        (schema.has_partition_key() && !self.version.at_least(since)).then(|| SchemaProblem {
            field: None,
            feature: "imports into a collection with a partition key".to_owned(),
            since: Some(since),
        })
    }

    /// Returns the problem with an index whose type this Milvus does not have; `None` if it has it or may have it.
    pub fn index_problem(&self, index: &Index) -> Option<SchemaProblem> {
        let since = first_release_with_index(&index.index_type)?;
        (!self.version.at_least(since)).then(|| SchemaProblem {
            field: Some(index.field_name.clone()),
            feature: format!("index type {}", index.index_type),
            since: Some(since),
        })
    }

    fn field_problems(&self, field: &Field) -> impl Iterator<Item = SchemaProblem> + use<'_> {
        let name = field.name.clone();
        let typed =
            |what: &str, data_type: DataType| (format!("{what} {data_type}"), first_release_with(data_type));
        let mut used = vec![typed("type", field.data_type)];
        if field.data_type == DataType::ARRAY {
            used.push(typed("elements of type", field.element_type));
        }
        if field.nullable {
            used.push(("missing values".to_owned(), Some((2, 5, 0))));
        }
        if field.is_function_output {
            used.push(("output of a function".to_owned(), Some((2, 5, 0))));
        }
        used.into_iter()
            .filter(|(_, since)| since.is_none_or(|since| !self.version.at_least(since)))
            .map(move |(feature, since)| SchemaProblem { field: Some(name.clone()), feature, since })
    }
}

/// Returns the first release that stores values of a type; `None` for types unknown to this program.
fn first_release_with(data_type: DataType) -> Option<Release> {
    match data_type.0 {
        1..=5 | 10 | 11 | 20 | 21 | 100 | 101 => Some((2, 2, 0)),
        23 => Some((2, 2, 9)),
        22 => Some((2, 3, 0)),
        102..=104 => Some((2, 4, 0)),
        105 | 106 | 200 | 201 => Some((2, 6, 0)),
        24 | 26 => Some((2, 6, 6)),
        25 | 27 => Some((3, 0, 0)),
        _ => None,
    }
}

/// Returns the first release that builds indexes of a type; `None` for types that all have, or that are unknown.
fn first_release_with_index(index_type: &str) -> Option<Release> {
    match index_type.to_ascii_uppercase().as_str() {
        "SCANN" | "GPU_IVF_FLAT" | "GPU_IVF_PQ" => Some((2, 3, 0)),
        "INVERTED" | "SPARSE_INVERTED_INDEX" | "SPARSE_WAND" | "GPU_CAGRA" | "GPU_BRUTE_FORCE" => {
            Some((2, 4, 0))
        }
        "BITMAP" | "HNSW_SQ" | "HNSW_PQ" | "HNSW_PRQ" => Some((2, 5, 0)),
        "NGRAM" | "RTREE" | "IVF_RABITQ" | "MINHASH_LSH" => Some((2, 6, 0)),
        _ => None,
    }
}

/// Returns whether the fields would get other ids in a new collection.
///
/// A server numbers fields from 100 without gaps, the dynamic field last, and matches binlogs by these ids.
fn has_field_id_gaps(schema: &Schema) -> bool {
    let mut ids: Vec<i64> = schema.fields.iter().filter(|f| !f.is_dynamic).map(|f| f.id).collect();
    ids.sort_unstable();
    schema.struct_array_fields.is_empty() && ids.into_iter().zip(100..).any(|(id, expected)| id != expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capabilities_of(raw: &str) -> Capabilities {
        Capabilities::from_version(&ServerVersion::parse(raw))
    }

    fn field(id: i64, name: &str, data_type: DataType) -> Field {
        Field { id, name: name.to_owned(), data_type, ..Field::default() }
    }

    fn problems(raw: &str, schema: &Schema) -> Vec<String> {
        capabilities_of(raw).schema_problems(schema).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn features_depend_on_the_version() {
        let (old, new) = (capabilities_of("2.2.16"), capabilities_of("2.3.5"));
        assert!(!old.list_aliases && !old.flush_persists_deletes);
        assert!(!old.import_applies_deletes_by_time && new.import_applies_deletes_by_time);
        assert!(!capabilities_of("2.3.3").import_applies_deletes_by_time);
        assert!(new.list_aliases && new.flush_persists_deletes);
        assert!(!capabilities_of("2.6.10").bulk_flush && capabilities_of("2.6.11").bulk_flush);
    }

    #[test]
    fn a_plain_schema_has_no_problems() {
        let schema = Schema {
            fields: vec![
                field(101, "v", DataType::FLOAT_VECTOR),
                field(100, "id", DataType::INT64),
                Field { is_dynamic: true, ..field(102, "$meta", DataType::JSON) },
            ],
            ..Schema::default()
        };
        assert_eq!(problems("2.2.9", &schema), Vec::<String>::new());
    }

    #[test]
    fn the_first_releases_import_nothing_into_partitions_of_a_key() {
        let key = Field { is_partition_key: true, ..field(100, "tenant", DataType::INT64) };
        let schema = Schema { fields: vec![key], ..Schema::default() };
        let problem = |raw: &str| capabilities_of(raw).import_problem(&schema).map(|p| p.to_string());
        let refused =
            |since| Some(format!("imports into a collection with a partition key (since Milvus {since})"));
        assert_eq!((problem("2.2.14"), problem("2.2.15")), (refused("2.2.15"), None));
        assert_eq!((problem("2.3.1"), problem("2.3.2")), (refused("2.3.2"), None));
        assert_eq!(capabilities_of("2.2.9").import_problem(&Schema::default()), None);
    }

    #[test]
    fn index_types_of_later_releases_are_named() {
        let problem = |raw: &str, index_type: &str| {
            let index =
                Index { field_name: "v".to_owned(), index_type: index_type.to_owned(), ..Index::default() };
            capabilities_of(raw).index_problem(&index).map(|problem| problem.to_string())
        };
        let inverted = problem("2.3.5", "INVERTED");
        assert_eq!(inverted.as_deref(), Some("field v: index type INVERTED (since Milvus 2.4.0)"));
        assert_eq!(problem("2.4.0", "INVERTED"), None);
        assert_eq!(problem("2.2.9", "HNSW"), None);
        assert_eq!(problem("2.2.9", "UNHEARD_OF"), None);
    }

    #[test]
    fn unsupported_features_are_named() {
        let tags = Field { element_type: DataType::VARCHAR, ..field(101, "tags", DataType::ARRAY) };
        let schema = Schema {
            fields: vec![
                field(100, "id", DataType::INT64),
                tags,
                field(102, "v", DataType::FLOAT_VECTOR),
                Field { is_function_output: true, ..field(103, "sparse", DataType(104)) },
                Field { nullable: true, ..field(104, "qty", DataType::INT64) },
                field(106, "odd", DataType(999)),
            ],
            functions: vec![crate::manifest::Function::default()],
            ..Schema::default()
        };
        let on_2_3 = [
            "field sparse: type SparseFloatVector (since Milvus 2.4.0)",
            "field sparse: output of a function (since Milvus 2.5.0)",
            "field qty: missing values (since Milvus 2.5.0)",
            "field odd: type 999",
            "more than one vector field (since Milvus 2.4.0)",
            "functions (since Milvus 2.5.0)",
            "gaps in the field ids, because fields were added or dropped later (since Milvus 2.6.0)",
        ];
        assert_eq!(problems("2.3.5", &schema), on_2_3);
        assert_eq!(problems("2.2.16", &schema)[0], "field tags: type Array (since Milvus 2.3.0)");
        assert_eq!(problems("3.0.0", &schema), ["field odd: type 999"]);
    }
}
