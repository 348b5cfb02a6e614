//! Reads the binlogs that an import names, with the checks and the words of each release from 2.4 on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proto::schema::DataType;

use super::cell::{Cell, Column, Deletion, Form, Key, ROW_ID, Row, TIMESTAMP, system_columns};
use super::container;
use super::parquet::{self, ReadColumn};
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

/// Checks the physical type of a column, and fills nulls that the target does not allow, as Milvus does.
fn convert(column: ReadColumn, target: &Column) -> Result<Vec<Cell>, String> {
    let expected = match target.form() {
        Form::Bool => "Boolean",
        Form::Int8 => "Int8",
        Form::Int16 => "Int16",
        Form::Int32 => "Int32",
        Form::Int64 => "Int64",
        Form::Float => "Float32",
        Form::Double => "Float64",
        Form::Text => "String",
        Form::Bytes => "Binary",
        Form::Fixed(_) if target.nullable => "Binary",
        Form::Fixed(_) => "FixedSizeBinary",
        Form::List(_) => "List",
    };
    let found = column.type_name;
    // Text that is not UTF-8 has no annotation, and older files have none at all.
    let same = |a: &str, b: &str| (expected, found) == (a, b);
    let is_close = same("String", "Binary")
        || same("Binary", "String")
        || same("Binary", "FixedSizeBinary")
        || same("Int8", "Int32")
        || same("Int16", "Int32");
    if expected != found && !is_close {
        let name = format!("{:?}", target.data_type);
        return Err(format!(
            "deserialize error on type {name}: expected *array.{expected}, got *array.{found}: service internal error: service internal error"
        ));
    }
    let cells = column.cells.into_iter().map(|cell| match (&cell, target.form()) {
        (Cell::Null, _) if !target.nullable => Ok(zero(target)),
        (Cell::Bytes(vector), Form::Fixed(width)) if vector.len() != width => Err(format!(
            "Wrong row type: invalid parameter[expected=[]byte][actual=[{}]]",
            vector.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        )),
        _ => Ok(cell),
    });
    cells.collect()
}

fn zero(column: &Column) -> Cell {
    match column.form() {
        Form::Bool => Cell::Bool(false),
        Form::Float => Cell::Float(0.0),
        Form::Double => Cell::Double(0.0),
        Form::Text | Form::Bytes => Cell::Bytes(Vec::new()),
        Form::Fixed(width) => Cell::Bytes(vec![0; width]),
        Form::List(_) => Cell::List(Vec::new()),
        Form::Int8 | Form::Int16 | Form::Int32 | Form::Int64 => Cell::Int(0),
    }
}

/// Returns the name of the type that Go has for the values of a column.
fn go_type(column: &Column) -> &'static str {
    match column.form() {
        Form::Bool => "bool",
        Form::Int8 => "int8",
        Form::Int16 => "int16",
        Form::Int32 => "int32",
        Form::Int64 => "int64",
        Form::Float => "float32",
        Form::Double => "float64",
        Form::Text => "string",
        Form::List(_) => "*schemapb.VectorField",
        Form::Fixed(_) if column.data_type == DataType::FloatVector => "float32",
        Form::Bytes | Form::Fixed(_) => "[]byte",
    }
}

/// Returns a value as Go prints it.
fn go_values(cell: &Cell, data_type: DataType) -> String {
    match cell {
        Cell::Null => "<nil>".to_owned(),
        Cell::Bool(value) => value.to_string(),
        Cell::Int(value) => value.to_string(),
        Cell::Float(value) => value.to_string(),
        Cell::Double(value) => value.to_string(),
        Cell::Bytes(value) if data_type == DataType::FloatVector => {
            let numbers = value.chunks_exact(4).filter_map(|bytes| bytes.try_into().ok());
            numbers.map(|bytes| f32::from_le_bytes(bytes).to_string()).collect::<Vec<_>>().join(" ")
        }
        Cell::Bytes(value) => String::from_utf8_lossy(value).into_owned(),
        Cell::List(_) => String::new(),
    }
}

/// Reads the deletes in delta logs.
pub(super) fn read_deletes(files: &[PathBuf]) -> Result<Vec<Deletion>, String> {
    let mut deletes = Vec::new();
    for path in files {
        let content = std::fs::read(path).map_err(|error| error.to_string())?;
        let contents =
            container::decode(&content).map_err(|error| format!("{error}: service internal error"))?;
        let columns = parquet::read(Bytes::copy_from_slice(contents.payload))?;
        let cells = columns.into_iter().next().map(|column| column.cells).unwrap_or_default();
        for cell in cells {
            let Cell::Bytes(text) = cell else { return Err("a delete is no text".to_owned()) };
            deletes.push(parse_delete(&text)?);
        }
    }
    Ok(deletes)
}

/// Parses a delete as every release writes it, or as those before 2.2 did.
fn parse_delete(text: &[u8]) -> Result<Deletion, String> {
    let text = String::from_utf8_lossy(text);
    let bad = || format!("the format of deletion string is incorrect: {text}");
    if let Some((key, time)) = text.split_once(',').filter(|_| !text.starts_with('{')) {
        let (Ok(key), Ok(time)) = (key.parse(), time.parse()) else { return Err(bad()) };
        return Ok(Deletion { key: Key::Int(key), time });
    }
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|_| bad())?;
    let key = match json.get("pk") {
        Some(serde_json::Value::String(key)) => Some(Key::Text(key.clone())),
        Some(key) => key.as_i64().map(Key::Int),
        None => None,
    };
    let time = json.get("ts").and_then(serde_json::Value::as_u64);
    key.zip(time).map(|(key, time)| Deletion { key, time }).ok_or_else(bad)
}
