//! The checks of inserted columns in the words of each release.

use proto::common::ErrorCode;
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
pub(super) fn no_data(column: &Column, sent: usize, needed: usize, version: Version) -> Refusal {
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
pub(super) fn column_cells(
    data: &FieldData,
    column: &Column,
    count: usize,
    version: Version,
) -> Answer<Vec<Cell>> {
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

pub(super) fn invalid(text: &str) -> Refusal {
    Refusal::new(1100, ErrorCode::IllegalArgument, text)
}

pub(super) fn by_version(version: Version, old: &str, new: &str) -> Refusal {
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
