//! Reads the binlogs that an import task of 2.2 or 2.3 names, with the checks and the words of these releases.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use proto::schema::DataType;

use super::binlogs::{FieldFiles, files_below, make_rows};
use super::cell::{Cell, Column, Deletion, Form, Row, system_columns};
use super::container;
use super::delta_logs::read_deletes;
use super::parquet;
use super::reply::Version;
use super::segments::latest;

/// The release that compares the times of deletes and rows.
const COMPARES_TIMES: Version = (2, 3, 4);

/// Returns the rows below the insert prefix that are not deleted, or the reason why the task fails.
pub(super) fn read_files(
    paths: &[String],
    is_backup: bool,
    columns: &[Column],
    range: [u64; 2],
    version: Version,
) -> Result<Vec<Row>, String> {
    let (true, [inserts, deltas]) = (is_backup && !paths.first().is_none_or(String::is_empty), paths) else {
        let first = paths.first().map_or("", String::as_str);
        return Err(format!("unsupported file type: '{first}'"));
    };
    // Like the real server, the fake silently finds nothing below a path that is not absolute.
    let absolute =
        |path: &str| if Path::new(path).is_absolute() { files_below(Path::new(path)) } else { Vec::new() };
    let segments = by_segment(absolute(inserts))?;
    let mut all_deletes: BTreeMap<String, Vec<std::path::PathBuf>> = BTreeMap::new();
    for path in absolute(deltas) {
        let segment = path.iter().rev().nth(1).unwrap_or_default().to_string_lossy().into_owned();
        all_deletes.entry(segment).or_default().push(path);
    }
    let mut rows = Vec::new();
    for (segment, files) in segments {
        let deletes = read_deletes(all_deletes.get(&segment).map_or(&[], Vec::as_slice))?;
        let deletes: Vec<Deletion> =
            deletes.into_iter().filter(|delete| (range[0]..=range[1]).contains(&delete.time)).collect();
        let dead = latest(deletes.iter());
        let is_kept = |row: &Row| {
            let is_dead = dead.get(&row.key).is_some_and(|time| version < COMPARES_TIMES || *time > row.time);
            !is_dead && (range[0]..=range[1]).contains(&row.time)
        };
        rows.extend(read_segment(&files, columns, version)?.into_iter().filter(is_kept));
    }
    Ok(rows)
}

/// Groups files by segment and field; the ids are those in the last three parts of each path.
fn by_segment(paths: Vec<std::path::PathBuf>) -> Result<BTreeMap<String, FieldFiles>, String> {
    let mut segments: BTreeMap<String, FieldFiles> = BTreeMap::new();
    for path in paths {
        let parts: Vec<String> =
            path.iter().rev().take(3).map(|part| part.to_string_lossy().into_owned()).collect();
        let [log, field, segment] = parts.as_slice() else { continue };
        if log.starts_with('.') {
            continue;
        }
        let (Ok(_), Ok(field), Ok(_)) = (log.parse::<i64>(), field.parse(), segment.parse::<i64>()) else {
            return Err(format!("failed to parse binlog path {}", path.display()));
        };
        segments.entry(segment.clone()).or_default().entry(field).or_default().push(path);
    }
    Ok(segments)
}

fn read_segment(files: &FieldFiles, columns: &[Column], version: Version) -> Result<Vec<Row>, String> {
    let system = system_columns();
    let all: Vec<&Column> = system.iter().chain(columns).collect();
    for (field, paths) in files {
        if let (false, Some(path)) = (all.iter().any(|column| column.id == *field), paths.first()) {
            let again = if version < (2, 3, 0) { "" } else { ": importing data failed" };
            return Err(format!(
                "could not read binlog file {}, error: the field ID {field} doesn't exist in collection schema{again}",
                path.display()
            ));
        }
    }
    let count = files.values().map(Vec::len).max().unwrap_or_default();
    let mut values: BTreeMap<i64, Vec<Cell>> = BTreeMap::new();
    for column in &all {
        let Some(paths) = files.get(&column.id) else {
            return Err(format!("the field {} has no binlog file", column.id));
        };
        if paths.len() != count {
            return Err("binlog file count of each field must be equal".to_owned());
        }
        for path in paths {
            values.entry(column.id).or_default().extend(read_column(path, column, version)?);
        }
    }
    make_rows(values, columns)
}

fn read_column(path: &Path, column: &Column, version: Version) -> Result<Vec<Cell>, String> {
    let unreadable = |error: String| format!("could not read binlog file {}, error: {error}", path.display());
    let content = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let contents = container::decode(&content).map_err(unreadable)?;
    let found = DataType::try_from(contents.data_type).unwrap_or_default();
    if found != column.data_type {
        let again = if version < (2, 3, 0) { "" } else { ": importing data failed" };
        return Err(if column.is_key && column.data_type == DataType::VarChar {
            format!(
                "failed to read varchar primary key from binlog '{}', error: binlog data type is not varchar{again}",
                path.display()
            )
        } else {
            format!("binlog is {} type, unequal to field {}", type_name(found), column.id)
        });
    }
    let read = parquet::read(Bytes::copy_from_slice(contents.payload)).map_err(unreadable)?;
    let cells = read.into_iter().next().map(|column| column.cells).unwrap_or_default();
    let values = cells.iter().filter(|cell| **cell != Cell::Null).count();
    if values < cells.len() {
        return Err(format!("expect {} rows, but got valuesRead = {values}", cells.len()));
    }
    if let (Form::Fixed(width), Some(Cell::Bytes(vector))) = (column.form(), cells.first())
        && vector.len() != width
    {
        let dim = vector.len() * column.dim / width.max(1);
        return Err(format!("dimension {dim} is not equal to schema dimension {}", column.dim));
    }
    Ok(cells)
}

fn type_name(data_type: DataType) -> String {
    let name = match data_type {
        DataType::FloatVector => "float vector",
        DataType::BinaryVector => "binary vector",
        DataType::VarChar => "varchar",
        other => return format!("{other:?}").to_lowercase(),
    };
    name.to_owned()
}
