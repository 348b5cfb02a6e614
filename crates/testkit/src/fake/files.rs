//! The files of segments below the root of the server.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proto::common::ErrorCode;
use proto::schema::DataType;

use super::cell::{Cell, Column, Deletion, Row, system_columns, user_columns};
use super::container::{self, Header, Kind};
use super::delta_logs::encode_delete;
use super::groups::{column_groups, field_list};
use super::parquet;
use super::reply::Refusal;
use super::segment::Segment;
use super::state::FakeState;

impl FakeState {
    /// Returns the directory of a segment's insert logs (`insert_log`) or delta logs (`delta_log`).
    pub(super) fn segment_dir(&self, kind: &str, collection: i64, segment: &Segment) -> PathBuf {
        self.root.join(format!("{kind}/{collection}/{}/{}", segment.partition, segment.id))
    }

    /// Writes the insert logs of a segment, and its delta log if it has deletes.
    pub(super) fn write_files(
        &mut self,
        database: &str,
        name: &str,
        segment: &mut Segment,
    ) -> Result<(), Refusal> {
        let version = self.version;
        let held = self.collection(database, name)?;
        let (collection, user) = (held.id, user_columns(held, version));
        let system = system_columns();
        let dir = self.segment_dir("insert_log", collection, segment);
        let rows: Vec<FileRow<'_>> = segment.rows.iter().map(|row| FileRow::new(row, &user)).collect();
        let times = time_range(segment.rows.iter().map(|row| row.time));
        let mut files = Vec::new();
        if version >= (2, 6, 0) {
            let groups = column_groups(&user, &system, &average_sizes(&user, &rows), version);
            let list = field_list(&groups);
            for (group, columns) in &groups {
                let columns: Vec<_> =
                    columns.iter().map(|column| (*column, column_cells(&rows, column.id))).collect();
                files.push((*group, parquet::write_group(&columns, &list).map_err(cannot_write)?));
            }
            segment.storage_version = 2;
        } else {
            for column in system.iter().chain(&user) {
                let cells = column_cells(&rows, column.id);
                let payload = parquet::write_column(column, &cells).map_err(cannot_write)?;
                let size = cells.len() * 16;
                let nullable = if version < (2, 5, 0) {
                    String::new()
                } else {
                    format!(r#","nullable":{}"#, column.nullable)
                };
                let header = Header {
                    kind: Kind::Insert,
                    ids: [collection, segment.partition, segment.id, column.id],
                    times,
                    data_type: column.data_type.into(),
                    extras: format!(r#"{{"original_size":"{size}"{nullable}}}"#),
                };
                files.push((column.id, container::encode(&header, &payload)));
            }
        }
        for (field, content) in files {
            let log = self.next_id();
            let dir = dir.join(field.to_string());
            let written = std::fs::create_dir_all(&dir)
                .and_then(|()| std::fs::write(dir.join(log.to_string()), content));
            written.map_err(|error| cannot_write(error.to_string()))?;
            segment.logs.insert(field, vec![log]);
        }
        let deletes = segment.deletes.clone();
        self.write_deletes(database, name, segment, &deletes)
    }

    /// Writes a delta log of a segment, unless there are no deletes.
    pub(super) fn write_deletes(
        &mut self,
        database: &str,
        name: &str,
        segment: &mut Segment,
        deletes: &[Deletion],
    ) -> Result<(), Refusal> {
        if deletes.is_empty() {
            return Ok(());
        }
        let collection = self.collection(database, name)?.id;
        let texts: Vec<Cell> =
            deletes.iter().map(|delete| Cell::Bytes(encode_delete(delete).into_bytes())).collect();
        let column = Column { data_type: DataType::String, ..system_columns()[0].clone() };
        let cells: Vec<&Cell> = texts.iter().collect();
        let payload = parquet::write_column(&column, &cells).map_err(cannot_write)?;
        let header = Header {
            kind: Kind::Delete,
            ids: [collection, segment.partition, segment.id, -1],
            times: time_range(deletes.iter().map(|delete| delete.time)),
            data_type: DataType::String.into(),
            extras: format!(r#"{{"original_size":"{}"}}"#, deletes.len() * 16),
        };
        let log = self.next_id();
        let dir = self.segment_dir("delta_log", collection, segment);
        let content = container::encode(&header, &payload);
        let written =
            std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(dir.join(log.to_string()), content));
        written.map_err(|error| cannot_write(error.to_string()))?;
        segment.delta_logs.push(log);
        Ok(())
    }
}

/// A row with the values of all columns.
struct FileRow<'a> {
    cells: BTreeMap<i64, std::borrow::Cow<'a, Cell>>,
}

impl<'a> FileRow<'a> {
    fn new(row: &'a Row, user: &[Column]) -> Self {
        use std::borrow::Cow;
        let time = i64::from_ne_bytes(row.time.to_ne_bytes());
        let mut cells =
            BTreeMap::from([(0, Cow::Owned(Cell::Int(row.id))), (1, Cow::Owned(Cell::Int(time)))]);
        for column in user {
            let filler = || Cow::Owned(column.filler().unwrap_or(Cell::Null));
            cells.insert(column.id, row.cells.get(&column.id).map_or_else(filler, Cow::Borrowed));
        }
        Self { cells }
    }
}

fn column_cells<'a>(rows: &'a [FileRow<'_>], id: i64) -> Vec<&'a Cell> {
    rows.iter().filter_map(|row| row.cells.get(&id).map(|cell| &**cell)).collect()
}

fn average_sizes(user: &[Column], rows: &[FileRow<'_>]) -> BTreeMap<i64, usize> {
    let size = |cell: &Cell| if let Cell::Bytes(bytes) = cell { bytes.len() } else { 8 };
    let average = |column: &Column| {
        let cells = column_cells(rows, column.id);
        cells.iter().map(|cell| size(cell)).sum::<usize>() / cells.len().max(1)
    };
    user.iter().map(|column| (column.id, average(column))).collect()
}

fn time_range(times: impl Iterator<Item = u64> + Clone) -> [u64; 2] {
    [times.clone().min().unwrap_or_default(), times.max().unwrap_or_default()]
}

fn cannot_write(error: String) -> Refusal {
    Refusal::new(1001, ErrorCode::UnexpectedError, error)
}
