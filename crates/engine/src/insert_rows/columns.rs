//! Matches the fields of a backup with those of the target.

use std::collections::BTreeSet;

use model::ids::FieldId;
use model::manifest::{DYNAMIC_FIELD, DataType, Field, KeyValue, Schema, StructArrayField};
use model::version::Capabilities;

use super::InsertProblem;

/// The property with which a collection accepts keys although it makes them itself.
const ALLOW_AUTO_ID: &str = "allow_insert_auto_id";

/// A field of the target, and the field of the backup whose values it gets.
#[derive(Clone, Debug)]
pub(super) struct InsertColumn {
    pub(super) source: FieldId,
    /// The name in requests, which for fields of structs is that within the struct.
    pub(super) name: String,
    /// The name in messages.
    pub(super) full_name: String,
    /// The name of the array of structs that contains the field.
    pub(super) parent: Option<String>,
    pub(super) data_type: DataType,
    pub(super) element_type: DataType,
    pub(super) dim: usize,
    /// Whether values may be missing in the backup.
    pub(super) may_lack_values: bool,
    /// Whether the backup has another type, so that values may exceed the range of this one.
    pub(super) is_converted: bool,
    pub(super) is_nullable: bool,
    pub(super) has_default: bool,
    pub(super) is_dynamic: bool,
    pub(super) max_length: Option<usize>,
    pub(super) max_capacity: Option<usize>,
    /// Whether the target refuses numbers that are not finite, in fields that are no vectors.
    pub(super) finite_only: bool,
    /// Whether the target accepts only objects and null as JSON.
    pub(super) objects_only: bool,
    /// The undeclared keys that the target refuses.
    pub(super) refused_keys: BTreeSet<String>,
}

/// A declared field of a schema, alone or in an array of structs.
#[derive(Clone, Copy)]
struct Declared<'a> {
    field: &'a Field,
    array: Option<&'a StructArrayField>,
}

impl<'a> Declared<'a> {
    fn all(schema: &'a Schema) -> impl Iterator<Item = Self> {
        let alone = schema.fields.iter().filter(|field| !field.is_dynamic);
        let arrays = schema.struct_array_fields.iter();
        let in_structs = arrays.flat_map(|array| array.fields.iter().map(move |field| (field, array)));
        alone
            .map(|field| Self { field, array: None })
            .chain(in_structs.map(|(field, array)| Self { field, array: Some(array) }))
    }

    /// Returns the name under which a request names the field: that of the array, for a field of structs.
    fn top_name(self) -> &'a str {
        self.array.map_or(&self.field.name, |array| &array.name)
    }

    /// Returns the name within the struct; Milvus stores `array[field]` and describes both forms.
    fn name(self) -> &'a str {
        let name = self.field.name.as_str();
        let inner = |array: &StructArrayField| {
            name.strip_prefix(array.name.as_str())?.strip_prefix('[')?.strip_suffix(']')
        };
        self.array.and_then(inner).unwrap_or(name)
    }

    fn full_name(self) -> String {
        match self.array {
            Some(array) => format!("{}[{}]", array.name, self.name()),
            None => self.field.name.clone(),
        }
    }

    fn is_same(self, other: Self) -> bool {
        self.array.map(|array| &array.name) == other.array.map(|array| &array.name)
            && self.name() == other.name()
    }

    fn is_nullable(self) -> bool {
        self.field.nullable || self.array.is_some_and(|array| array.nullable)
    }

    fn has_default(self) -> bool {
        self.field.default_value.as_ref().is_some_and(|value| !value.is_empty())
    }
}

/// Returns the fields to insert, or every reason why they cannot be inserted.
pub(super) fn match_columns(
    source: &Schema,
    target: &Schema,
    capabilities: &Capabilities,
    wanted: Option<&[String]>,
) -> Result<Vec<InsertColumn>, Vec<InsertProblem>> {
    let mut columns = Vec::new();
    let mut problems = Vec::new();
    let is_wanted = |name: &str| wanted.is_none_or(|names| names.iter().any(|wanted| wanted == name));
    for field in Declared::all(target) {
        let is_wanted = is_wanted(field.top_name());
        match match_field(field, source, target, capabilities, is_wanted, wanted.is_some()) {
            Ok(column) => columns.extend(column),
            Err(reason) => problems.push(InsertProblem::new(field.full_name(), reason)),
        }
    }
    if target.dynamic_field().is_some()
        && is_wanted(DYNAMIC_FIELD)
        && let Some(id) = source.dynamic_field()
    {
        columns.push(dynamic_column(id, target, capabilities));
    }
    match wanted {
        Some(names) => {
            let known: BTreeSet<&str> = Declared::all(target).map(Declared::top_name).collect();
            let is_known = |name: &&String| {
                known.contains(name.as_str())
                    || (*name == DYNAMIC_FIELD
                        && source.dynamic_field().is_some()
                        && target.dynamic_field().is_some())
            };
            let unknown = names.iter().filter(|name| !is_known(name));
            problems.extend(unknown.map(|name| InsertProblem::new(name, "the target has no such field")));
        }
        None => problems.extend(lost_fields(source, target)),
    }
    if problems.is_empty() { Ok(columns) } else { Err(problems) }
}

/// Returns the column of a field of the target; `None` if it is left out; fails with the reason why it cannot be
/// inserted or left out.
fn match_field(
    field: Declared<'_>,
    source: &Schema,
    target: &Schema,
    capabilities: &Capabilities,
    is_wanted: bool,
    is_named: bool,
) -> Result<Option<InsertColumn>, String> {
    let declared = field.field;
    if target.is_function_output(&declared.name) {
        let reason = "a function of the target computes its values, so they cannot be inserted";
        return if is_wanted && is_named { Err(reason.to_owned()) } else { Ok(None) };
    }
    let makes_keys = declared.is_primary_key && (declared.auto_id || target.auto_id);
    if makes_keys && !is_wanted {
        return Ok(None);
    }
    if makes_keys && !accepts_auto_id(target, capabilities) {
        return Err(refused_auto_id(capabilities));
    }
    let has_filler = capabilities.stores_nulls && (field.is_nullable() || field.has_default());
    if !is_wanted {
        let reason = "it cannot be left out, because the target has it neither nullable nor with a default";
        return if has_filler { Ok(None) } else { Err(reason.to_owned()) };
    }
    let Some(stored) = Declared::all(source).find(|stored| stored.is_same(field)) else {
        let reason =
            "the backup does not contain it, and the target has it neither nullable nor with a default";
        return if has_filler { Ok(None) } else { Err(reason.to_owned()) };
    };
    if let Some(reason) = type_problem(stored.field, declared) {
        return Err(reason);
    }
    Ok(Some(InsertColumn {
        source: FieldId(stored.field.id),
        name: field.name().to_owned(),
        full_name: field.full_name(),
        parent: field.array.map(|array| array.name.clone()),
        data_type: declared.data_type,
        element_type: declared.element_type,
        dim: declared.number_param("dim").unwrap_or_default(),
        may_lack_values: stored.is_nullable(),
        is_converted: stored.field.data_type != declared.data_type
            || stored.field.element_type != declared.element_type,
        is_nullable: capabilities.stores_nulls && field.is_nullable(),
        has_default: capabilities.stores_nulls && field.has_default(),
        is_dynamic: false,
        max_length: declared.number_param("max_length"),
        max_capacity: declared.number_param("max_capacity"),
        finite_only: capabilities.refuses_infinite_scalars,
        objects_only: capabilities.inserts_json_objects_only,
        refused_keys: BTreeSet::new(),
    }))
}

fn accepts_auto_id(target: &Schema, capabilities: &Capabilities) -> bool {
    let is_allowed =
        |property: &KeyValue| property.key == ALLOW_AUTO_ID && property.value.eq_ignore_ascii_case("true");
    capabilities.inserts_auto_id_keys && target.properties.iter().any(is_allowed)
}

fn refused_auto_id(capabilities: &Capabilities) -> String {
    if capabilities.inserts_auto_id_keys {
        return format!("the target makes its keys itself, and lacks the property {ALLOW_AUTO_ID}");
    }
    "the target makes its keys itself, and its Milvus accepts no others (since Milvus 2.5.19 and 2.6.3)"
        .to_owned()
}

fn dynamic_column(source: FieldId, target: &Schema, capabilities: &Capabilities) -> InsertColumn {
    let names = Declared::all(target).map(|field| field.top_name().to_owned());
    let declared = names.filter(|_| capabilities.refuses_declared_dynamic_keys);
    InsertColumn {
        source,
        name: DYNAMIC_FIELD.to_owned(),
        full_name: DYNAMIC_FIELD.to_owned(),
        parent: None,
        data_type: DataType::JSON,
        element_type: DataType::default(),
        dim: 0,
        may_lack_values: true,
        is_converted: false,
        is_nullable: false,
        has_default: false,
        is_dynamic: true,
        max_length: None,
        max_capacity: None,
        finite_only: true,
        objects_only: true,
        refused_keys: declared.chain([DYNAMIC_FIELD.to_owned()]).collect(),
    }
}

/// Returns the fields of the backup that the target lacks, so that their values would be lost.
fn lost_fields(source: &Schema, target: &Schema) -> Vec<InsertProblem> {
    const REASON: &str = "the target does not have it, so its values would be lost";
    let is_lost = |stored: &Declared<'_>| {
        !Declared::all(target).any(|field| field.is_same(*stored))
            && !source.is_function_output(&stored.field.name)
    };
    let fields = Declared::all(source).filter(is_lost).map(Declared::full_name);
    let has_dynamic = source.dynamic_field().is_some() && target.dynamic_field().is_none();
    fields
        .chain(has_dynamic.then(|| DYNAMIC_FIELD.to_owned()))
        .map(|name| InsertProblem::new(name, REASON))
        .collect()
}

/// Returns why values of a field of the backup cannot become those of a field of the target.
fn type_problem(stored: &Field, target: &Field) -> Option<String> {
    let describe = |field: &Field| match field.data_type {
        DataType::ARRAY | DataType::ARRAY_OF_VECTOR => {
            format!("{} of {}", field.data_type, field.element_type)
        }
        other => other.to_string(),
    };
    let has_elements = matches!(stored.data_type, DataType::ARRAY | DataType::ARRAY_OF_VECTOR);
    if !fits(stored.data_type, target.data_type)
        || (has_elements && !fits(stored.element_type, target.element_type))
    {
        return Some(format!(
            "it has type {} in the backup and {} in the target",
            describe(stored),
            describe(target)
        ));
    }
    if !is_known(target.data_type) {
        return Some(format!("values of type {} cannot be inserted", target.data_type));
    }
    let dims = [stored, target].map(|field| field.number_param("dim"));
    let has_dim = target.data_type.is_vector() && target.data_type != DataType::SPARSE_FLOAT_VECTOR;
    match dims {
        [Some(stored), Some(target)] if has_dim && stored != target => {
            Some(format!("it has dimension {stored} in the backup and {target} in the target"))
        }
        [_, None] if has_dim => Some("the target has no dimension for it".to_owned()),
        _ => None,
    }
}

/// Returns whether values of one type may be values of another one; those that exceed it are found by row.
fn fits(stored: DataType, target: DataType) -> bool {
    let is_int = |it| matches!(it, DataType::INT8 | DataType::INT16 | DataType::INT32 | DataType::INT64);
    let is_text = |it| matches!(it, DataType::STRING | DataType::VARCHAR);
    stored == target
        || (is_int(stored) && is_int(target))
        || (is_text(stored) && is_text(target))
        || (stored == DataType::FLOAT && target == DataType::DOUBLE)
}

/// Returns whether this program can insert values of a type.
fn is_known(data_type: DataType) -> bool {
    matches!(data_type.0, 1..=5 | 10 | 11 | 20..=24 | 26 | 100..=106)
}
