//! The columns that are read: those that were asked for, and those that decide which rows are alive.

use model::ids::FieldId;
use model::manifest::{DYNAMIC_FIELD, DataType, Field, Schema};

use super::ReadOptions;
use crate::error::Reason;
use crate::values::ColumnType;

/// The columns that are read, the requested ones first.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) types: Vec<ColumnType>,
    /// The number of columns that were asked for.
    pub(super) requested: usize,
    /// The positions of the timestamp and the primary key, where they are read.
    pub(super) timestamp: Option<usize>,
    pub(super) key: Option<usize>,
    /// For each array of structs, the positions of its requested fields, whose rows have equally many elements.
    pub(super) structs: Vec<Vec<usize>>,
}

impl Columns {
    /// Chooses the columns: the requested ones, and the primary key and the timestamp if deletes or the time to live
    /// need them.
    pub(super) fn choose(schema: &Schema, options: &ReadOptions, with_deletes: bool) -> Result<Self, Reason> {
        let fields = all_fields(schema);
        let requested = match &options.columns {
            Some(ids) => ids.clone(),
            None => fields.iter().map(|field| FieldId(field.id)).collect(),
        };
        let mut types: Vec<ColumnType> = Vec::new();
        for id in &requested {
            if types.iter().any(|column| column.id == *id) {
                return Err(Reason::Request(format!("field {id} was requested twice")));
            }
            types.push(type_of(&fields, *id, options.binary_text)?);
        }
        let requested = types.len();
        let mut position_of =
            |id: FieldId, binary_text: bool, needed: bool| -> Result<Option<usize>, Reason> {
                if let Some(found) = types.iter().position(|column| column.id == id) {
                    return Ok(Some(found));
                }
                if !needed {
                    return Ok(None);
                }
                types.push(type_of(&fields, id, binary_text)?);
                Ok(Some(types.len() - 1))
            };
        // A reader of everything checks the timestamps too.
        let needs_time = with_deletes || options.expired_at_ms.is_some() || options.columns.is_none();
        let timestamp = position_of(FieldId::TIMESTAMP, false, needs_time)?;
        let key = match fields.iter().find(|field| field.is_primary_key) {
            Some(key) if with_deletes => position_of(FieldId(key.id), true, true)?,
            None if with_deletes => return Err(Reason::Request("the schema has no primary key".to_owned())),
            _ => None,
        };
        let position = |field: &Field| types.iter().position(|column| column.id.0 == field.id);
        let structs = schema.struct_array_fields.iter();
        let structs = structs.map(|array| array.fields.iter().filter_map(position).collect()).collect();
        Ok(Self { types, requested, timestamp, key, structs })
    }
}

fn type_of(fields: &[Field], id: FieldId, binary_text: bool) -> Result<ColumnType, Reason> {
    if let Some(system) = ColumnType::of_system_field(id) {
        return Ok(system);
    }
    match fields.iter().find(|field| field.id == id.0) {
        Some(field) => ColumnType::of_field(field, binary_text),
        None => Err(Reason::Request(format!("the schema has no field {id}"))),
    }
}

/// Returns the user fields that have files of their own, with the hidden field, sorted by id.
fn all_fields(schema: &Schema) -> Vec<Field> {
    let mut fields: Vec<Field> = schema.stored_fields().cloned().collect();
    fields.retain(|field| field.id >= FieldId::FIRST_USER_FIELD.0);
    fields.extend(schema.hidden_field().map(|id| Field {
        id: id.0,
        name: DYNAMIC_FIELD.to_owned(),
        data_type: DataType::JSON,
        is_dynamic: true,
        // Nothing tells whether it may be null; a field that was added later may.
        nullable: true,
        ..Field::default()
    }));
    fields.sort_by_key(|field| field.id);
    fields
}
