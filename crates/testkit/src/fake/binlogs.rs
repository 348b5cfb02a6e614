//! Reads the binlogs that an import names, with the checks and the words of each release from 2.4 on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proto::schema::DataType;

use super::cell::{Cell, Column, Deletion, Key, ROW_ID, Row, TIMESTAMP, system_columns};
use super::container;
use super::conversion::{convert, go_type, go_values};
use super::parquet;
use super::reply::Version;
use super::segments::latest;

/// What an import reads, and how.
pub(super) struct Rules {
    pub(super) version: Version,
    /// Whether the files are column groups.
    pub(super) has_groups: bool,
    /// The times outside of which rows and deletes are ignored.
    pub(super) start: u64,
    pub(super) end: u64,
}

/// The files of a segment by field or group, in the order of their names.
pub(super) type FieldFiles = BTreeMap<i64, Vec<PathBuf>>;

/// Returns all files below a path, in the order of their paths.
pub(super) fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        files.extend(files_below(&entry.path()));
    }
    files.sort();
    files
}

/// Returns the files below a prefix by the number of their directory.
pub(super) fn field_files(prefix: &Path, version: Version) -> Result<FieldFiles, String> {
    let mut fields = FieldFiles::new();
    for path in files_below(prefix) {
        let directory = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let field = directory.parse().map_err(|_| no_number(&directory, version))?;
        fields.entry(field).or_default().push(path);
    }
    Ok(fields)
}

/// Returns the failure because of a directory that is no number.
pub(super) fn no_number(directory: &str, version: Version) -> String {
    let place = if version < (2, 6, 0) { "" } else { " on server side" };
    format!(
        "failed to parse field id from log, error: strconv.ParseInt: parsing \"{directory}\": invalid syntax: importing data failed{place}"
    )
}

/// Reads the rows of a segment that are in the range of times and not deleted.
pub(super) fn read_rows(
    files: &FieldFiles,
    deletes: &[Deletion],
    columns: &[Column],
    rules: &Rules,
) -> Result<Vec<Row>, String> {
    let system = system_columns();
    let all: Vec<&Column> = system.iter().chain(columns).collect();
    let chunks = check_fields(files, columns, rules)?;
    let mut values: BTreeMap<i64, Vec<Cell>> = BTreeMap::new();
    for chunk in 0..chunks {
        let mut rows = 0;
        let mut read = BTreeMap::new();
        for (field, files) in files {
            let Some(path) = files.get(chunk) else { continue };
            for (id, cells) in read_file(*field, path, &all, rules)? {
                rows = cells.len();
                read.insert(id, cells);
            }
        }
        for column in &all {
            let missing = || match column.filler() {
                Some(filler) => Ok(vec![filler; rows]),
                None => Err(format!(
                    "Wrong row type: invalid parameter[expected={}][actual=<nil>]",
                    go_type(column)
                )),
            };
            let cells = read.remove(&column.id).map_or_else(missing, Ok)?;
            values.entry(column.id).or_default().extend(cells);
        }
    }
    let dead = latest(deletes.iter().filter(|delete| rules.contains(delete.time)));
    let rows = make_rows(values, columns)?.into_iter();
    let is_kept =
        |row: &Row| rules.contains(row.time) && dead.get(&row.key).is_none_or(|time| *time <= row.time);
    Ok(rows.filter(is_kept).collect())
}

impl Rules {
    pub(super) fn contains(&self, time: u64) -> bool {
        (self.start..=self.end).contains(&time)
    }
}

/// Makes rows of the values of all columns, the system columns among them.
pub(super) fn make_rows(
    mut values: BTreeMap<i64, Vec<Cell>>,
    columns: &[Column],
) -> Result<Vec<Row>, String> {
    let numbers = |cells: Option<Vec<Cell>>| -> Vec<i64> {
        let number = |cell| if let Cell::Int(number) = cell { number } else { 0 };
        cells.unwrap_or_default().into_iter().map(number).collect()
    };
    let (ids, times) = (numbers(values.remove(&ROW_ID)), numbers(values.remove(&TIMESTAMP)));
    let key_column = columns.iter().find(|column| column.is_key).map_or(0, |column| column.id);
    let mut rows: Vec<Row> = Vec::with_capacity(ids.len());
    for (id, time) in ids.into_iter().zip(times) {
        let time = u64::from_ne_bytes(time.to_ne_bytes());
        rows.push(Row { id, time, key: Key::Int(id), cells: BTreeMap::new() });
    }
    for (field, cells) in values {
        if cells.len() != rows.len() {
            return Err(format!("field {field} has {} rows instead of {}", cells.len(), rows.len()));
        }
        for (row, cell) in rows.iter_mut().zip(cells) {
            if field == key_column {
                row.key = cell.as_key().unwrap_or(Key::Int(row.id));
            }
            row.cells.insert(field, cell);
        }
    }
    Ok(rows)
}

/// Checks which columns have files, and returns how many each has.
fn check_fields(files: &FieldFiles, columns: &[Column], rules: &Rules) -> Result<usize, String> {
    let system = system_columns();
    let fail = |text: String| Err(format!("{text}: importing data failed"));
    let missing = if rules.has_groups {
        if !files.contains_key(&0) {
            return fail("no binlog for system fields".to_owned());
        }
        columns.iter().find(|column| column.is_vector() && !files.contains_key(&column.id))
    } else {
        // From 2.6 on, what a row can do without needs no files.
        let needs = |column: &&Column| rules.version < (2, 6, 0) || column.filler().is_none();
        let is_missing = |column: &&Column| !files.contains_key(&column.id);
        columns.iter().chain(&system).filter(needs).find(is_missing)
    };
    if let Some(column) = missing {
        return fail(format!("no binlog for field:{}", column.name));
    }
    let first = files.values().next().map_or(0, Vec::len);
    if let Some((field, other)) = files.iter().find(|(_, files)| files.len() != first) {
        return fail(format!("misaligned binlog count, field{field}:{}, field0:{first}", other.len()));
    }
    let is_known = |field: &&i64| **field < 2 || columns.iter().any(|column| column.id == **field);
    if let Some(field) = files.keys().find(|field| !is_known(field))
        && rules.version < (2, 6, 0)
    {
        return Err(format!("field not found[field={field}]"));
    }
    Ok(first)
}

/// Reads one file: the columns that the collection has.
fn read_file(
    field: i64,
    path: &Path,
    columns: &[&Column],
    rules: &Rules,
) -> Result<Vec<(i64, Vec<Cell>)>, String> {
    let content = std::fs::read(path).map_err(|error| error.to_string())?;
    if rules.has_groups {
        if !content.starts_with(b"PAR1") {
            let cause = "runtime error: invalid memory address or nil pointer dereference";
            return Err(format!("internal error recovered: {cause}: service internal error"));
        }
        let mut read = Vec::new();
        for column in parquet::read(Bytes::from(content))? {
            let target = columns.iter().find(|target| Some(target.id) == column.field);
            if let Some(target) = target {
                read.push((target.id, convert(column, target)?));
            }
        }
        return Ok(read);
    }
    let contents = container::decode(&content).map_err(|error| format!("{error}: service internal error"))?;
    let column = parquet::read(Bytes::copy_from_slice(contents.payload))
        .map_err(|error| format!("failed to iterate events reader, error: {error}: importing data failed"))?;
    let target = columns.iter().find(|target| target.id == field);
    let (Some(target), Some(column)) = (target, column.into_iter().next()) else { return Ok(Vec::new()) };
    let is_system = field < 2;
    if rules.version < (2, 6, 0) && !is_system {
        if contents.data_type != i32::from(target.data_type) {
            let source = DataType::try_from(contents.data_type).unwrap_or_default();
            return Err(format!(
                "Wrong rows type: invalid parameter[expected=[]{}][actual=[{}]]",
                go_type(target).trim_start_matches("[]"),
                column.cells.iter().map(|cell| go_values(cell, source)).collect::<Vec<_>>().join(" ")
            ));
        }
        if target.nullable && !contents.nullable {
            return Err("the server process ended".to_owned());
        }
    }
    Ok(vec![(target.id, convert(column, target)?)])
}
