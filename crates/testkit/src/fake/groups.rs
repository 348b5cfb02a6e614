//! The columns that storage version 2 stores together.

use std::collections::BTreeMap;

use proto::schema::DataType;

use super::cell::Column;
use super::reply::Version;

/// The average size of a value from which 3.0 stores its column alone, in bytes.
pub(super) const LARGE_VALUE: usize = 1024;

/// Returns the columns of each group by the group's id. `sizes` are the average sizes of the columns' values.
pub(super) fn column_groups<'a>(
    user: &'a [Column],
    system: &'a [Column],
    sizes: &BTreeMap<i64, usize>,
    version: Version,
) -> BTreeMap<i64, Vec<&'a Column>> {
    let splits_large = version >= (3, 0, 0);
    let is_large = |column: &Column| sizes.get(&column.id).is_some_and(|size| *size >= LARGE_VALUE);
    let group = |column: &Column| match column.data_type {
        _ if column.is_vector() || column.data_type == DataType::Text => column.id,
        // The first releases had one group for all scalars.
        _ if version < (2, 6, 2) || column.is_key || column.is_routing => 0,
        _ if splits_large && is_large(column) => column.id,
        _ => 1,
    };
    let mut groups: BTreeMap<i64, Vec<&Column>> = BTreeMap::new();
    for column in user {
        groups.entry(group(column)).or_default().push(column);
    }
    // The system columns stand last.
    groups.entry(0).or_default().extend(system);
    groups
}

/// Returns the text by which files name the fields of all groups.
pub(super) fn field_list(groups: &BTreeMap<i64, Vec<&Column>>) -> String {
    let fields = |columns: &Vec<&Column>| {
        let ids: Vec<String> = columns.iter().map(|column| column.id.to_string()).collect();
        ids.join(",")
    };
    groups.values().map(fields).collect::<Vec<_>>().join(";")
}
