//! Checks a file's own statements against its place and the schema.

use model::ids::FieldId;
use model::manifest::DataType;

use crate::error::{Place, Reason};
use crate::file::{Descriptor, FileColumn, Footer};
use crate::values::ColumnType;

/// Checks the header of a file of storage version 1, found in the directory of the field `column`.
pub(super) fn check_descriptor(
    descriptor: &Descriptor,
    place: &Place,
    column: FieldId,
    expected: &ColumnType,
) -> Result<(), Reason> {
    let ids = [place.collection.0, place.partition.to_wire(), place.segment.0, column.0];
    if descriptor.ids != ids {
        let problem = format!("its header has the ids {:?} instead of {ids:?}", descriptor.ids);
        return Err(Reason::Inconsistent(problem));
    }
    let found = DataType(descriptor.data_type);
    let texts = [DataType::STRING, DataType::VARCHAR];
    if found != expected.data_type && !(texts.contains(&found) && texts.contains(&expected.data_type)) {
        let problem = format!("its header has type {found} instead of {}", expected.data_type);
        return Err(Reason::Inconsistent(problem));
    }
    Ok(())
}

/// Checks that a column is stored in a form that its type allows.
pub(super) fn check_form(column: &FileColumn, expected: &ColumnType) -> Result<(), Reason> {
    if expected.kind.is_stored_as(column.physical) {
        return Ok(());
    }
    let problem =
        format!("a column of type {} is stored as {:?} in Parquet", expected.data_type, column.physical);
    Err(Reason::Inconsistent(problem))
}

/// Checks what a file of storage version 2 says about its row groups and columns.
pub(super) fn check_group(footer: &Footer) -> Result<(), Reason> {
    let version = footer.value("storage_version").unwrap_or_default();
    if version != "1.0.0" {
        return Err(Reason::Inconsistent(format!("the column group has unknown version {version:?}")));
    }
    check_row_groups(footer)?;
    let own: Option<Vec<i64>> = footer.columns.iter().map(|column| column.field.map(|id| id.0)).collect();
    let own = own.ok_or_else(|| Reason::damaged("a column has no field id"))?;
    // Files that Milvus 2.6 wrote list the groups of their segment; those of the library alone do not.
    let Some(lists) = footer.value("group_field_id_list") else { return Ok(()) };
    let is_listed = lists.split(';').any(|list| {
        let ids: Option<Vec<i64>> = list.split(',').map(|id| id.trim().parse().ok()).collect();
        ids.as_ref() == Some(&own)
    });
    if is_listed {
        Ok(())
    } else {
        let problem = format!("the columns {own:?} are none of the groups that the file lists: {lists}");
        Err(Reason::Inconsistent(problem))
    }
}

/// Compares the row groups with the list `bytes|rows|first row;…` in the metadata.
fn check_row_groups(footer: &Footer) -> Result<(), Reason> {
    let listed =
        footer.value("row_group_metadata").ok_or_else(|| Reason::damaged("row_group_metadata is missing"))?;
    let mut first_row = 0;
    let mut groups = footer.rows_of_groups();
    for entry in listed.split(';').filter(|entry| !entry.is_empty()) {
        let mut numbers = entry.split('|').map(|number| number.parse::<u64>().ok());
        let found = (numbers.next().flatten(), numbers.next().flatten(), numbers.next().flatten());
        let rows = groups.next();
        match (found, rows) {
            ((Some(_), Some(listed_rows), Some(listed_first)), Some(rows))
                if (listed_rows, listed_first) == (rows, first_row) =>
            {
                first_row += rows;
            }
            _ => {
                return Err(Reason::inconsistent("row_group_metadata contradicts the row groups"));
            }
        }
    }
    match groups.next() {
        None => Ok(()),
        Some(_) => Err(Reason::inconsistent("row_group_metadata lists fewer row groups than there are")),
    }
}
