//! The features of Milvus by version, and the schemas that each version supports.

use std::fmt;

use super::{Release, ServerVersion};
use crate::manifest::{DataType, Field, FieldSteps, Index, Schema};

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
    /// Has a REST service on the port of gRPC, and import jobs that read the directories of single segments (2.4.0).
    pub rest: bool,
    /// Can import files; Milvus Lite cannot.
    pub imports: bool,
    /// Describes the files of segments over REST (2.5.8).
    pub describe_segments: bool,
    /// Imports files that contain groups of columns (2.6.0).
    pub imports_column_groups: bool,
    /// Fills the columns of fields that were added after a segment was written (2.6.0).
    pub fills_missing_columns: bool,
    /// Keeps the aliases of a dropped collection, or refuses to drop it while it has some (2.4.0).
    pub keeps_aliases_of_dropped: bool,
    /// Has import jobs that wait for their commit, and lists and counts their segments before it (3.0.0).
    pub commits_imports: bool,
    /// Has snapshots of collections, which a drop of their collection destroys (3.0.0).
    pub snapshots: bool,
    /// Exports snapshots to a store, and restores them from there (3.0.1).
    pub exports_snapshots: bool,
    /// Leaves out of its lists what the user has no privilege on, without an error (2.5.0).
    pub shortens_lists: bool,
    /// Can read and add users, roles and grants as a whole (2.4.10).
    pub rbac: bool,
    /// Can load single partitions; Milvus Lite loads whole collections only.
    pub loads_partitions: bool,
    /// Can skip the check of a model function's provider when a collection is created (2.6.8).
    pub skips_function_check: bool,
    /// The release that fixed the loss of imported deletes in a later compaction, if this one has that fault (2.5.27 and
    /// 2.6.16 have not).
    pub loses_imported_deletes_until: Option<Release>,
    /// Takes the end of an import in milliseconds; later releases take a timestamp (2.4.24, 2.5.6).
    pub import_ends_in_ms: bool,
    /// Replaces rows by their keys, with upserts (2.3.0).
    pub upserts: bool,
    /// Counts the live rows of a loaded collection with a query (2.3.0).
    pub counts_live_rows: bool,
    /// Stores missing values and fills in default values (2.5.0).
    pub stores_nulls: bool,
    /// Accepts given keys for a primary key with automatic ids, in collections with the property
    /// `allow_insert_auto_id` (2.5.19, 2.6.3).
    pub inserts_auto_id_keys: bool,
    /// Refuses inserted numbers that are not finite also in fields that are no vectors (2.4.0).
    pub refuses_infinite_scalars: bool,
    /// Accepts only objects and null as inserted JSON values (2.3).
    pub inserts_json_objects_only: bool,
    /// Refuses inserted undeclared keys that have the name of a field (2.5.0).
    pub refuses_declared_dynamic_keys: bool,
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
        // Milvus Lite has what inserts need, and little else.
        let has = |release: Release| !version.is_lite() && version.at_least(release);
        Self {
            list_aliases: version.at_least((2, 3, 0)),
            flush_persists_deletes: has((2, 3, 0)),
            flush_keeps_ids: !version.at_least((2, 6, 0)),
            import_applies_deletes_by_time: version.at_least((2, 3, 4)),
            bulk_flush: has((2, 6, 11)),
            rest: has((2, 4, 0)),
            imports: !version.is_lite(),
            describe_segments: has((2, 5, 8)),
            imports_column_groups: has((2, 6, 0)),
            fills_missing_columns: has((2, 6, 0)),
            keeps_aliases_of_dropped: version.at_least((2, 4, 0)),
            commits_imports: has((3, 0, 0)),
            snapshots: has((3, 0, 0)),
            exports_snapshots: has((3, 0, 1)),
            shortens_lists: has((2, 5, 0)),
            rbac: has((2, 4, 10)),
            loads_partitions: !version.is_lite(),
            skips_function_check: has((2, 6, 8)),
            loses_imported_deletes_until: loses_imported_deletes_until(version),
            import_ends_in_ms: !version.at_least((2, 4, 24))
                || (version.at_least((2, 5, 0)) && !version.at_least((2, 5, 6))),
            upserts: version.at_least((2, 3, 0)),
            counts_live_rows: version.at_least((2, 3, 0)),
            stores_nulls: version.at_least((2, 5, 0)),
            inserts_auto_id_keys: has((2, 6, 3))
                || (version.at_least((2, 5, 19)) && !version.at_least((2, 6, 0))),
            refuses_infinite_scalars: version.at_least((2, 4, 0)),
            inserts_json_objects_only: version.at_least((2, 3, 0)) && !version.at_least((2, 4, 0)),
            refuses_declared_dynamic_keys: version.at_least((2, 5, 0)),
            version: version.clone(),
        }
    }

    /// Returns the version from which the capabilities were derived.
    pub fn version(&self) -> &ServerVersion {
        &self.version
    }

    /// Returns in words what a backup and a restore can do with this Milvus, and what they cannot.
    pub fn describe(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let all = [
            (self.list_aliases, "lists of aliases"),
            (self.flush_persists_deletes, "flushes of deletes"),
            (self.import_applies_deletes_by_time, "imports of deletes by time"),
            (self.rest, "imports over REST"),
            (self.imports_column_groups, "groups of columns (storage version 2)"),
            (self.describe_segments, "names of the files of segments"),
            (self.rbac, "users and roles (--rbac)"),
            (self.bulk_flush, "flushes of the whole cluster"),
            (self.exports_snapshots, "exports of snapshots (--format snapshot)"),
        ];
        let of = |wanted: bool| all.iter().filter(|(has, _)| *has == wanted).map(|(_, name)| *name).collect();
        (of(true), of(false))
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
        needs(vectors > 4, "more than four vector fields", (2, 6, 0));
        needs(!schema.functions.is_empty(), "functions", (2, 5, 0));
        needs(!schema.struct_array_fields.is_empty(), "arrays of structs", (2, 6, 0));
        needs(
            schema.struct_array_fields.iter().any(|array| array.nullable),
            "missing arrays of structs",
            (3, 0, 0),
        );
        needs(schema.enable_namespace, "namespaces", (3, 0, 0));
        needs(schema.is_external(), "external collections", (3, 0, 0));
        let steps = FieldSteps::new(schema);
        needs(!steps.added.is_empty(), "fields that were added later", (2, 6, 0));
        needs(!steps.dropped.is_empty(), "gaps in the field ids, because fields were dropped", (3, 0, 0));
        problems.extend(steps.impossible.into_iter().map(|name| SchemaProblem {
            field: Some(name),
            feature: "an id that no new field can get".to_owned(),
            since: None,
        }));
        problems
    }

    /// Returns the problems with importing rows of a collection, which are faults of some releases.
    pub fn import_problems(&self, schema: &Schema) -> Vec<SchemaProblem> {
        let has_outputs = schema.functions.iter().any(|function| !function.output_field_names.is_empty());
        let faults: [(bool, &str, Release, Release); 5] = [
            (
                schema.has_partition_key(),
                "imports into a collection with a partition key",
                (2, 2, 0),
                (2, 2, 15),
            ),
            (
                schema.has_partition_key(),
                "imports into a collection with a partition key",
                (2, 3, 0),
                (2, 3, 2),
            ),
            (true, "imports into the partitions of a backup", (2, 4, 0), (2, 4, 3)),
            (has_outputs, "imports of the outputs of functions", (2, 5, 0), (2, 5, 7)),
            (has_outputs, "imports of the outputs of functions", (2, 6, 0), (2, 6, 14)),
        ];
        if !self.imports {
            let feature = "imports of files, which Milvus Lite lacks".to_owned();
            return vec![SchemaProblem { field: None, feature, since: None }];
        }
        let is_faulty =
            |from: Release, mended: Release| self.version.at_least(from) && !self.version.at_least(mended);
        faults
            .into_iter()
            .filter(|(concerns, _, from, mended)| *concerns && is_faulty(*from, *mended))
            .map(|(_, feature, _, mended)| SchemaProblem {
                field: None,
                feature: feature.to_owned(),
                since: Some(mended),
            })
            .collect()
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
            let since = if field.data_type.is_vector() { (2, 6, 0) } else { (2, 5, 0) };
            used.push(("missing values".to_owned(), Some(since)));
        }
        if field.element_nullable {
            used.push(("missing elements".to_owned(), Some((3, 0, 1))));
        }
        if field.is_clustering_key {
            used.push(("clustering key".to_owned(), Some((2, 4, 0))));
        }
        if self.version.is_lite() && !is_in_lite(field.data_type) {
            used.push((format!("type {}, which Milvus Lite lacks", field.data_type), None));
        }
        if field.is_function_output {
            used.push(("output of a function".to_owned(), Some((2, 5, 0))));
        }
        used.into_iter()
            .filter(|(_, since)| since.is_none_or(|since| !self.version.at_least(since)))
            .map(move |(feature, since)| SchemaProblem { field: Some(name.clone()), feature, since })
    }
}

/// Returns whether Milvus Lite 3 has a data type.
fn is_in_lite(data_type: DataType) -> bool {
    matches!(data_type.0, 1..=5 | 10 | 11 | 21..=24 | 26 | 101 | 104)
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

fn loses_imported_deletes_until(version: &ServerVersion) -> Option<Release> {
    let fixed = if version.at_least((2, 6, 0)) { (2, 6, 16) } else { (2, 5, 27) };
    (version.at_least((2, 4, 0)) && !version.at_least(fixed)).then_some(fixed)
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
        let fixes = ["2.3.5", "2.5.26", "2.5.27", "2.6.15", "2.6.16"]
            .map(|raw| capabilities_of(raw).loses_imported_deletes_until);
        assert_eq!(fixes, [None, Some((2, 5, 27)), None, Some((2, 6, 16)), None]);
        let in_ms = ["2.3.5", "2.4.23", "2.4.24", "2.5.5", "2.5.6", "2.6.0"];
        let in_ms = in_ms.map(|raw| capabilities_of(raw).import_ends_in_ms);
        assert_eq!(in_ms, [true, true, false, true, false, false]);
        let auto_id_keys = ["2.5.18", "2.5.19", "2.6.0", "2.6.2", "2.6.3", "3.0.0"];
        let auto_id_keys = auto_id_keys.map(|raw| capabilities_of(raw).inserts_auto_id_keys);
        assert_eq!(auto_id_keys, [false, true, false, false, true, true]);
        let objects_only = ["2.2.16", "2.3.5", "2.4.0"];
        let objects_only = objects_only.map(|raw| capabilities_of(raw).inserts_json_objects_only);
        assert_eq!(objects_only, [false, true, false]);
        assert!(!capabilities_of("2.6.10").bulk_flush && capabilities_of("2.6.11").bulk_flush);
    }

    #[test]
    fn milvus_lite_gets_inserts_only() {
        let lite = capabilities_of("milvus_lite");
        assert!(lite.upserts && lite.counts_live_rows && lite.stores_nulls);
        assert!(
            !lite.imports && !lite.rest && !lite.snapshots && !lite.exports_snapshots && !lite.bulk_flush
        );
        let schema = Schema {
            fields: vec![field(100, "id", DataType::INT64), field(101, "v", DataType::BINARY_VECTOR)],
            ..Schema::default()
        };
        let lacks = ["field v: type BinaryVector, which Milvus Lite lacks"];
        assert_eq!(problems("milvus_lite", &schema), lacks);
        assert_eq!(problems("master-20260101-8b1ae98f", &schema), [""; 0]);
        assert!(capabilities_of("master-20260101-8b1ae98f").imports);
        let imports = lite.import_problems(&schema);
        assert_eq!(imports[0].to_string(), "imports of files, which Milvus Lite lacks");
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
        let problems = |raw: &str, schema: &Schema| -> Vec<String> {
            capabilities_of(raw).import_problems(schema).iter().map(ToString::to_string).collect()
        };
        let refused =
            |since| vec![format!("imports into a collection with a partition key (since Milvus {since})")];
        assert_eq!((problems("2.2.14", &schema), problems("2.2.15", &schema)), (refused("2.2.15"), vec![]));
        assert_eq!((problems("2.3.1", &schema), problems("2.3.2", &schema)), (refused("2.3.2"), vec![]));
        let plain = Schema::default();
        assert_eq!(problems("2.2.9", &plain), [""; 0]);
        assert_eq!(
            problems("2.4.2", &plain),
            ["imports into the partitions of a backup (since Milvus 2.4.3)"]
        );
        assert_eq!(problems("2.4.3", &plain), [""; 0]);
    }

    #[test]
    fn releases_that_lose_the_outputs_of_functions_are_named() {
        let output = vec!["sparse".to_owned()];
        let function = crate::manifest::Function { output_field_names: output, ..Default::default() };
        let schema = Schema { functions: vec![function], ..Schema::default() };
        let count = |raw: &str| capabilities_of(raw).import_problems(&schema).len();
        assert_eq!(["2.5.6", "2.5.7", "2.6.13", "2.6.14", "3.0.0"].map(count), [1, 0, 1, 0, 0]);
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
            "gaps in the field ids, because fields were dropped (since Milvus 3.0.0)",
        ];
        assert_eq!(problems("2.3.5", &schema), on_2_3);
        assert_eq!(problems("2.2.16", &schema)[0], "field tags: type Array (since Milvus 2.3.0)");
        assert_eq!(problems("3.0.0", &schema), ["field odd: type 999"]);
    }
}
