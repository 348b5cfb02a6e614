//! Inserted rows: the checks of each release, and the rows that are kept.

use std::collections::BTreeMap;

use proto::common::ErrorCode;
use proto::milvus as wire;
use proto::schema::field_data::Field;
use proto::schema::{DataType, FieldData, FunctionType, IDs, LongArray, StringArray, i_ds};

use super::cell::{Cell, Column, Key, Row, user_columns};
use super::external::refuse_external;
use super::hash;
use super::properties::missing_hidden_field;
use super::reply::{Refusal, Version};
use super::state::FakeState;
use super::values::{count_words, read_cells};
use super::words::{Kind, V3_0};

type Answer<R> = Result<R, Refusal>;

impl FakeState {
    pub(super) fn insert(&mut self, request: &wire::InsertRequest) -> Answer<wire::MutationResult> {
        let version = self.version;
        let wire::InsertRequest { db_name, collection_name, partition_name, .. } = request;
        let held = self.collection(db_name, collection_name)?;
        refuse_external(&held.schema, "insert")?;
        if let Some(text) = missing_hidden_field(&held.schema, &held.properties).filter(|_| version >= V3_0) {
            return Err(Refusal::stated(Kind::Invalid, text));
        }
        if held.has_partition_key() && !partition_name.is_empty() {
            let text = "not support manually specifying the partition names if partition key mode is used";
            return Err(unexpected(version, text));
        }
        let partitions: Vec<i64> = match partition_name.as_str() {
            "" if held.has_partition_key() => held.partitions.iter().map(|partition| partition.id).collect(),
            "" => held.partition("_default").map(|partition| vec![partition.id])?,
            name => match held.partition(name) {
                Ok(partition) => vec![partition.id],
                Err(refusal) => return Err(no_partition(name, refusal, version)),
            },
        };
        if held.lacks_dynamic_field() {
            return Err(invalid("fieldName $meta not exist"));
        }
        let columns = user_columns(held, version);
        let functions = held.schema.functions.clone();
        let count = request.num_rows as usize;
        if count == 0 {
            let detail = "invalid parameter[expected=invalid num_rows][actual=0]";
            return Err(by_version(
                version,
                "num_rows(0) should be greater than 0",
                &format!("num_rows should be greater than 0: {detail}"),
            ));
        }
        let fields = flatten_structs(&request.fields_data);
        check_fields(&fields, request.fields_data.len(), &columns, version)?;
        // A dynamic column that was not sent is filled before columns are counted.
        let is_filled =
            columns.iter().any(|column| column.is_dynamic) && !fields.iter().any(|(_, data)| data.is_dynamic);
        let sent = fields.len() + usize::from(is_filled);
        let mut values: BTreeMap<i64, Vec<Cell>> = BTreeMap::new();
        for column in columns.iter().filter(|column| !column.is_output && !column.auto_id) {
            let is_it = |(name, data): &&(String, &FieldData)| {
                *name == column.name || (column.is_dynamic && data.is_dynamic)
            };
            let cells = match fields.iter().find(is_it) {
                Some((_, data)) => column_cells(data, column, count, version)?,
                None => match column.filler() {
                    Some(filler) => vec![filler; count],
                    None => return Err(no_data(column, sent, columns.len(), version)),
                },
            };
            values.insert(column.id, cells);
        }
        for function in functions.iter().filter(|function| function.r#type() == FunctionType::Bm25) {
            let id_of = |names: &[String]| {
                columns.iter().find(|column| names.first() == Some(&column.name)).map(|column| column.id)
            };
            if let (Some(input), Some(output)) =
                (id_of(&function.input_field_names), id_of(&function.output_field_names))
            {
                let texts = values.get(&input).cloned().unwrap_or_default();
                let count = |cell: &Cell| count_words(if let Cell::Bytes(text) = cell { text } else { &[] });
                values.insert(output, texts.iter().map(count).collect());
            }
        }
        let (rows, ids) = self.make_rows(&columns, values, count);
        let by_partition = columns.iter().find(|column| column.is_partition_key).map(|column| column.id);
        let mut groups: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
        for row in rows {
            let key = by_partition.and_then(|id| row.cells.get(&id)?.as_key());
            let partition = key.map_or(0, |key| hash::choose(&key, partitions.len()));
            groups.entry(partitions.get(partition).copied().unwrap_or_default()).or_default().push(row);
        }
        for (partition, rows) in groups {
            self.add_growing_rows(db_name, collection_name, partition, rows, false)?;
        }
        let ids = Some(IDs { id_field: Some(ids) });
        Ok(wire::MutationResult { i_ds: ids, insert_cnt: request.num_rows.into(), ..Default::default() })
    }

    /// Makes rows of columns, with new ids and one time; returns them with their keys.
    fn make_rows(
        &mut self,
        columns: &[Column],
        mut values: BTreeMap<i64, Vec<Cell>>,
        count: usize,
    ) -> (Vec<Row>, i_ds::IdField) {
        let time = self.next_timestamp();
        let key_column = columns.iter().find(|column| column.is_key);
        let mut rows = Vec::with_capacity(count);
        for _ in 0..count {
            rows.push(Row { id: self.next_id(), time, key: Key::Int(0), cells: BTreeMap::new() });
        }
        if let Some(column) = key_column.filter(|column| column.auto_id) {
            let is_text = column.data_type == DataType::VarChar;
            let key =
                |id: i64| if is_text { Cell::Bytes(id.to_string().into_bytes()) } else { Cell::Int(id) };
            values.insert(column.id, rows.iter().map(|row| key(row.id)).collect());
        }
        for (field, cells) in values {
            for (row, cell) in rows.iter_mut().zip(cells) {
                row.cells.insert(field, cell);
            }
        }
        let (mut ints, mut texts) = (Vec::new(), Vec::new());
        for row in &mut rows {
            let key = key_column.and_then(|column| row.cells.get(&column.id)?.as_key());
            row.key = key.unwrap_or(Key::Int(row.id));
            match &row.key {
                Key::Int(key) => ints.push(*key),
                Key::Text(key) => texts.push(key.clone()),
            }
        }
        let keys = if texts.is_empty() {
            i_ds::IdField::IntId(LongArray { data: ints })
        } else {
            i_ds::IdField::StrId(StringArray { data: texts })
        };
        (rows, keys)
    }

    /// Adds rows that no client sent to the first partition, for a fault.
    pub(super) fn add_made_up_rows(&mut self, database: &str, name: &str, count: u64) -> Answer<()> {
        let partition = self.first_partition(database, name)?;
        let version = self.version;
        let columns = user_columns(self.collection(database, name)?, version);
        let count = usize::try_from(count).unwrap_or_default();
        let mut values = BTreeMap::new();
        for column in columns.iter().filter(|column| !column.auto_id) {
            let cells = (0..count).map(|_| {
                let number = if column.is_key { self.next_id() } else { 0 };
                made_up_cell(column, number)
            });
            values.insert(column.id, cells.collect());
        }
        let (rows, _) = self.make_rows(&columns, values, count);
        self.add_growing_rows(database, name, partition, rows, true)
    }
}

fn made_up_cell(column: &Column, number: i64) -> Cell {
    use super::cell::Form;
    match column.form() {
        Form::Bool => Cell::Bool(false),
        Form::Float => Cell::Float(0.0),
        Form::Double => Cell::Double(0.0),
        Form::Text => Cell::Bytes(number.to_string().into_bytes()),
        Form::Fixed(width) => Cell::Bytes(vec![0; width]),
        Form::List(_) => Cell::List(Vec::new()),
        Form::Bytes if column.data_type == DataType::Json => Cell::Bytes(b"{}".to_vec()),
        Form::Bytes => Cell::Bytes(Vec::new()),
        Form::Int8 | Form::Int16 | Form::Int32 | Form::Int64 => Cell::Int(number),
    }
}

/// Returns the sent columns by name; those of struct arrays have the name of the struct before theirs.
fn flatten_structs(fields: &[FieldData]) -> Vec<(String, &FieldData)> {
    let mut flat = Vec::new();
    for data in fields {
        match &data.field {
            Some(Field::StructArrays(parent)) => {
                let name = |field: &FieldData| format!("{}[{}]", data.field_name, field.field_name);
                flat.extend(parent.fields.iter().map(|field| (name(field), field)));
            }
            _ => flat.push((data.field_name.clone(), data)),
        }
    }
    flat
}

/// Refuses the values of columns that the server makes itself.
fn check_fields(
    fields: &[(String, &FieldData)],
    sent_fields: usize,
    columns: &[Column],
    version: Version,
) -> Answer<()> {
    let sent = |column: &&Column| fields.iter().any(|(name, _)| *name == column.name);
    let made = |column: &&Column| column.auto_id || column.is_output;
    // Since 2.5 the column that the server makes counts too.
    let (expected, sent_count) = if version < (2, 5, 0) {
        (columns.iter().filter(|column| !made(column)).count(), sent_fields)
    } else {
        (columns.len(), sent_fields + 1)
    };
    let is_known = |(name, data): &&(String, &FieldData)| {
        columns.iter().any(|column| column.name == *name || column.is_dynamic && data.is_dynamic)
    };
    let surplus = fields.iter().filter(|field| !is_known(field)).count();
    match columns.iter().filter(made).find(sent) {
        None if surplus == 0 => Ok(()),
        None if version < (2, 3, 0) => Err(Refusal::unexpected(format!(
            "len(columns) mismatch the len(fields), len(columns): {sent_fields}, len(fields): {expected}"
        ))),
        Some(column) if version < (2, 3, 0) => Err(Refusal::unexpected(format!(
            "can not assign primary field data when auto id enabled {}",
            column.name
        ))),
        made => {
            let sent_count = if made.is_none() { sent_fields } else { sent_count };
            let text = if version < (2, 5, 0) {
                "the number of fields is less than needed"
            } else {
                "more fieldData has pass in"
            };
            Err(invalid(&format!("{text}: invalid parameter[expected={expected}][actual={sent_count}]")))
        }
    }
}

/// Returns the refusal of a request that names a missing partition.
pub(super) fn no_partition(name: &str, refusal: Refusal, version: Version) -> Refusal {
    let text = format!("partition is not exist: {name}");
    if version < (2, 3, 0) { Refusal::unexpected(text) } else { refusal }
}

/// Returns the refusal of a request that lacks a column.
fn no_data(column: &Column, sent: usize, needed: usize, version: Version) -> Refusal {
    let name = &column.name;
    let text = if version < (2, 3, 0) {
        format!("the length({sent}) of passed fields is less than needed({needed})")
    } else if version < (2, 4, 0) && column.data_type == DataType::VarChar {
        format!(
            "varchar field '{name}' is illegal, array type mismatch: invalid parameter[expected=need string array][actual=got nil]"
        )
    } else if version < (2, 4, 0) && column.is_vector() {
        return Refusal::new(65535, ErrorCode::UnexpectedError, "%!s(<nil>) is not supported now");
    } else {
        format!("fieldSchema({name}) has no corresponding fieldData pass in: invalid parameter")
    };
    invalid(&text)
}

/// Returns the values of a sent column, with nulls or defaults in place.
fn column_cells(data: &FieldData, column: &Column, count: usize, version: Version) -> Answer<Vec<Cell>> {
    let name = &column.name;
    let Some(cells) = read_cells(data, column) else {
        return Err(invalid(&format!("field {name} has values of another type: invalid parameter")));
    };
    if let Some(Field::Vectors(vectors)) = &data.field
        && column.dim > 0
        && usize::try_from(vectors.dim) != Ok(column.dim)
        && version >= (2, 4, 0)
    {
        let (sent, dim) = (vectors.dim, column.dim);
        return Err(invalid(&format!(
            "the dim ({sent}) of field data({name}) is not equal to schema dim ({dim}): invalid parameter[expected={dim}][actual={sent}]"
        )));
    }
    let valid = if data.valid_data.is_empty() || version < (2, 5, 0) {
        vec![true; count]
    } else {
        data.valid_data.clone()
    };
    let needed = valid.iter().filter(|valid| **valid).count();
    if cells.len() != needed || valid.len() != count {
        let sent = cells.len();
        let old =
            format!("the num_rows ({sent}) of field ({name}) is not equal to passed num_rows ({count})");
        let invalid = |actual| format!("invalid parameter[expected={count}][actual={actual}]");
        return Err(by_version(
            version,
            &old,
            &if version >= (2, 6, 0) {
                format!("the length of field is wrong: {}", invalid(sent))
            } else {
                // 2.3 states the wrong number.
                format!("{old}: {}", invalid(if version < (2, 4, 0) { count } else { sent }))
            },
        ));
    }
    check_values(&cells, column, version)?;
    let mut cells = cells.into_iter();
    let filler = column.filler().unwrap_or(Cell::Null);
    let filled = valid.into_iter().map(|valid| if valid { cells.next() } else { None });
    Ok(filled.map(|cell| cell.unwrap_or_else(|| filler.clone())).collect())
}

fn check_values(cells: &[Cell], column: &Column, version: Version) -> Answer<()> {
    let name = &column.name;
    for (row, cell) in cells.iter().enumerate() {
        match cell {
            Cell::Bytes(text) if column.max_length.is_some_and(|most| text.len() > most) => {
                let (length, most) = (text.len(), column.max_length.unwrap_or_default());
                let old = format!("the length ({length}) of {row}th string exceeds max length ({most})");
                let new = if version < (2, 4, 0) {
                    format!(
                        "{old}: invalid parameter[expected=valid length string][actual=string length exceeds max length]"
                    )
                } else {
                    format!(
                        "length of varchar field {name} exceeds max length, row number: {row}, length: {length}, max length: {most}: invalid parameter"
                    )
                };
                return Err(by_version(version, &old, &new));
            }
            Cell::Bytes(vector) if column.data_type == DataType::FloatVector => {
                let numbers = vector.chunks_exact(4).filter_map(|bytes| bytes.try_into().ok());
                if let Some(value) = numbers.map(f32::from_le_bytes).find(|number| !number.is_finite()) {
                    let text = format!("value '{value}' is not a number or infinity");
                    return Err(unexpected(version, &text));
                }
            }
            Cell::Int(value) => {
                let fits = match column.data_type {
                    DataType::Int8 => i8::try_from(*value).is_ok(),
                    DataType::Int16 => i16::try_from(*value).is_ok(),
                    _ => true,
                };
                if !fits {
                    return Err(invalid(&format!(
                        "the value {value} of field {name} is out of range: invalid parameter"
                    )));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn invalid(text: &str) -> Refusal {
    Refusal::new(1100, ErrorCode::IllegalArgument, text)
}

fn by_version(version: Version, old: &str, new: &str) -> Refusal {
    invalid(if version < (2, 3, 0) { old } else { new })
}

/// A refusal without its own code before 2.6, and an invalid parameter since then.
pub(super) fn unexpected(version: Version, text: &str) -> Refusal {
    if version < (2, 6, 0) {
        Refusal::new(65535, ErrorCode::UnexpectedError, text)
    } else {
        invalid(&format!("{text}: invalid parameter"))
    }
}
