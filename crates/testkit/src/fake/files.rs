//! The files of segments, which have Milvus's keys and contain one line of text instead of a column.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use proto::schema::{CollectionSchema, DataType, FieldSchema};

/// The content of a file: the number of rows, the type of the column, and the dimension of its vectors or 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) rows: u64,
    pub(super) data_type: i32,
    pub(super) dim: u64,
}

/// Returns the type and the dimension of each column by field id: the system fields, the declared fields, and the
/// hidden dynamic field.
pub(super) fn segment_columns(schema: &CollectionSchema) -> BTreeMap<i64, (i32, u64)> {
    let long = (DataType::Int64.into(), 0);
    let mut columns = BTreeMap::from([(0, long), (1, long)]);
    columns.extend(schema.fields.iter().map(|field| (field.field_id, (field.data_type, dimension(field)))));
    if schema.enable_dynamic_field {
        let last = schema.fields.iter().map(|field| field.field_id).max().unwrap_or_default();
        columns.insert(last + 1, (DataType::Json.into(), 0));
    }
    columns
}

fn dimension(field: &FieldSchema) -> u64 {
    let param = field.type_params.iter().find(|param| param.key == "dim");
    param.and_then(|param| param.value.parse().ok()).unwrap_or_default()
}

/// Returns the directory of a segment's insert binlogs.
pub(super) fn segment_dir(root: &Path, collection: i64, partition: i64, segment: i64) -> PathBuf {
    root.join(format!("insert_log/{collection}/{partition}/{segment}"))
}

/// Writes one file of a column below the directory of its segment.
pub(super) fn write_log(segment: &Path, field: i64, log: i64, content: &Log) -> io::Result<()> {
    let dir = segment.join(field.to_string());
    std::fs::create_dir_all(&dir)?;
    let Log { rows, data_type, dim } = content;
    std::fs::write(dir.join(log.to_string()), format!("fake binlog rows={rows} type={data_type} dim={dim}\n"))
}

/// Reads all files below a prefix, by segment and field; a prefix that does not exist has none.
///
/// The ids are those in the last three parts of each path. A file that the fake did not write is an error, which names
/// the file.
pub(super) fn read_logs(prefix: &Path) -> Result<BTreeMap<i64, BTreeMap<i64, Vec<Log>>>, String> {
    let mut segments = BTreeMap::<i64, BTreeMap<i64, Vec<Log>>>::new();
    let mut dirs = vec![prefix.to_owned()];
    while let Some(dir) = dirs.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let ids: Vec<i64> =
                path.iter().rev().take(3).filter_map(|part| part.to_str()?.parse().ok()).collect();
            let &[_, field, segment] = ids.as_slice() else {
                return Err(format!("failed to parse binlog path {}", path.display()));
            };
            let log =
                parse_log(&path).ok_or_else(|| format!("could not read binlog file {}", path.display()))?;
            segments.entry(segment).or_default().entry(field).or_default().push(log);
        }
    }
    Ok(segments)
}

fn parse_log(path: &Path) -> Option<Log> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut numbers = text.strip_prefix("fake binlog ")?.split_whitespace();
    let mut number = |key: &str| numbers.next()?.strip_prefix(key)?.strip_prefix('=')?.parse::<u64>().ok();
    Some(Log { rows: number("rows")?, data_type: i32::try_from(number("type")?).ok()?, dim: number("dim")? })
}
