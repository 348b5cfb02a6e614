//! The checks of inserted columns in the words of each release.

use proto::schema::field_data::Field;
use proto::schema::{DataType, FieldData};

use super::cell::{Cell, Column};
use super::reply::{Refusal, Version};
use super::values::read_cells;

type Answer<R> = Result<R, Refusal>;

/// Refuses the values of columns that the server makes itself.
pub(super) fn check_fields(
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
        made => {
            let sent_count = if made.is_none() { sent_fields } else { sent_count };
            let name = if made.is_none() { "insert.unknown_field" } else { "insert.made_field" };
            let made = made.map_or("", |column| &column.name);
            Err(Refusal::worded(name, &[&expected.to_string(), &sent_count.to_string(), made]))
        }
    }
}

/// Returns the refusal of a request that lacks a column.
pub(super) fn no_data(column: &Column, sent: usize, needed: usize) -> Refusal {
    let name = match column.data_type {
        DataType::VarChar => "insert.no_text",
        _ if column.is_vector() => "insert.no_vector",
        _ => "insert.no_data",
    };
    Refusal::worded(name, &[&column.name, &sent.to_string(), &needed.to_string()])
}

/// Returns the values of a sent column, with nulls or defaults in place.
pub(super) fn column_cells(
    data: &FieldData,
    column: &Column,
    count: usize,
    version: Version,
) -> Answer<Vec<Cell>> {
    let name = &column.name;
    let Some(cells) = read_cells(data, column) else {
        return Err(Refusal::invalid(format!("field {name} has values of another type: invalid parameter")));
    };
    if let Some(Field::Vectors(vectors)) = &data.field
        && column.dim > 0
        && usize::try_from(vectors.dim) != Ok(column.dim)
        && version >= (2, 4, 0)
    {
        let (sent, dim) = (vectors.dim, column.dim);
        return Err(Refusal::invalid(format!(
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
        let counts = [cells.len(), count].map(|count| count.to_string());
        let [sent, count] = counts.each_ref();
        return Err(Refusal::worded("insert.count", &[name, sent, count]));
    }
    check_values(&cells, column)?;
    let mut cells = cells.into_iter();
    let filler = column.filler().unwrap_or(Cell::Null);
    let filled = valid.into_iter().map(|valid| if valid { cells.next() } else { None });
    Ok(filled.map(|cell| cell.unwrap_or_else(|| filler.clone())).collect())
}

fn check_values(cells: &[Cell], column: &Column) -> Answer<()> {
    let name = &column.name;
    for (row, cell) in cells.iter().enumerate() {
        match cell {
            Cell::Bytes(text) if column.max_length.is_some_and(|most| text.len() > most) => {
                let numbers = [row, text.len(), column.max_length.unwrap_or_default()];
                let [row, length, most] = numbers.map(|number| number.to_string());
                return Err(Refusal::worded("insert.too_long", &[name, &row, &length, &most]));
            }
            Cell::Bytes(vector) if column.data_type == DataType::FloatVector => {
                let numbers = vector.chunks_exact(4).filter_map(|bytes| bytes.try_into().ok());
                if let Some(value) = numbers.map(f32::from_le_bytes).find(|number| !number.is_finite()) {
                    let text = format!("value '{value}' is not a number or infinity");
                    return Err(Refusal::plain(text));
                }
            }
            Cell::Int(value) => {
                let fits = match column.data_type {
                    DataType::Int8 => i8::try_from(*value).is_ok(),
                    DataType::Int16 => i16::try_from(*value).is_ok(),
                    _ => true,
                };
                if !fits {
                    return Err(Refusal::invalid(format!(
                        "the value {value} of field {name} is out of range: invalid parameter"
                    )));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
