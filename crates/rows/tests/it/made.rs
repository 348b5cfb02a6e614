//! Files that the tests make, in the forms of Milvus's writers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{Field, Schema as ArrowSchema};
use milvus_backup_rows::{InsertFile, SegmentFiles};
use model::ids::{CollectionId, FieldId, LogId, PartitionId, SegmentId};
use model::key::ObjectKey;
use model::manifest::{Binlog, DataType, Field as MilvusField, KeyValue, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue as ParquetKeyValue;
use parquet::file::properties::WriterProperties;

/// How a Parquet file is written.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) compressed: bool,
    pub(crate) group_rows: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self { compressed: true, group_rows: 1 << 20 }
    }
}

/// Writes a Parquet file; a column has a name, a field id and values.
pub(crate) fn parquet(columns: &[(&str, i64, ArrayRef)], style: Style, pairs: &[(&str, &str)]) -> Vec<u8> {
    let fields = columns.iter().map(|(name, id, values)| {
        let id = ("PARQUET:field_id".to_owned(), id.to_string());
        Field::new(*name, values.data_type().clone(), values.null_count() > 0)
            .with_metadata(std::collections::HashMap::from([id]))
    });
    let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(
        Arc::clone(&schema),
        columns.iter().map(|(_, _, values)| values.clone()).collect(),
    );
    let compression =
        if style.compressed { Compression::ZSTD(ZstdLevel::default()) } else { Compression::UNCOMPRESSED };
    let pairs = pairs.iter().map(|(key, value)| ParquetKeyValue::new((*key).to_owned(), (*value).to_owned()));
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(style.group_rows))
        .set_key_value_metadata(Some(pairs.collect()))
        .build();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, schema, Some(properties)).unwrap();
    writer.write(&batch.unwrap()).unwrap();
    writer.close().unwrap();
    file
}

/// Wraps a Parquet file in the container of storage version 1.
pub(crate) fn container(
    ids: [i64; 4],
    data_type: DataType,
    extras: &str,
    kind: u8,
    payloads: &[&[u8]],
) -> Vec<u8> {
    let size = |length: usize| i32::try_from(length).unwrap().to_le_bytes();
    let mut file = vec![0xbc, 0xfa, 0xff, 0];
    file.extend([0; 9]);
    file.extend(size(81 + extras.len()));
    file.extend(size(85 + extras.len()));
    file.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
    file.extend([0; 16]);
    file.extend(data_type.0.to_le_bytes());
    file.extend([52, 16, 16, 16, 16, 16, 16, 16]);
    file.extend(size(extras.len()));
    file.extend(extras.as_bytes());
    for payload in payloads {
        file.extend([0; 8]);
        file.push(kind);
        file.extend(size(33 + payload.len()));
        file.extend((-1_i32).to_le_bytes());
        file.extend([0; 16]);
        file.extend(*payload);
    }
    file
}

/// A segment of storage version 1 or 2 in a temporary directory.
pub(crate) struct MadeSegment {
    dir: PathBuf,
    _temporary: Option<tempfile::TempDir>,
    pub(crate) files: SegmentFiles,
}

impl MadeSegment {
    /// The ids of the collection, the partition and the segment.
    pub(crate) const IDS: [i64; 3] = [1, 2, 3];

    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let made = Self::below(temporary.path());
        Self { _temporary: Some(temporary), ..made }
    }

    /// Creates a segment in a directory that remains.
    pub(crate) fn below(dir: &Path) -> Self {
        let [collection, partition, segment] = Self::IDS;
        let files = SegmentFiles {
            collection: CollectionId(collection),
            partition: PartitionId(partition),
            segment: SegmentId(segment),
            rows: None,
            files: Vec::new(),
        };
        Self { dir: dir.to_owned(), _temporary: None, files }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// Adds a file with this content.
    pub(crate) fn add(&mut self, field: i64, log: i64, content: &[u8]) {
        let path = self.path().join(format!("{field}-{log}"));
        std::fs::write(&path, content).unwrap();
        let binlog = Binlog { field: FieldId(field), log: LogId(log), size: content.len() as u64 };
        self.files.files.push(InsertFile { key: ObjectKey::new(path.to_str().unwrap()), binlog });
    }

    /// Adds a file of storage version 1.
    pub(crate) fn add_column(
        &mut self,
        field: i64,
        log: i64,
        data_type: DataType,
        values: ArrayRef,
        style: Style,
    ) {
        let payload = parquet(&[("val", 0, values)], style, &[]);
        let [collection, partition, segment] = Self::IDS;
        let ids = [collection, partition, segment, field];
        self.add(field, log, &container(ids, data_type, r#"{"original_size":"1"}"#, 1, &[&payload]));
    }

    /// Adds the files of the row ids, the timestamps and the key `100` for rows with these timestamps and keys.
    pub(crate) fn add_keys(&mut self, log: i64, rows: &[(i64, i64)]) {
        let times: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1)));
        self.add_column(0, log, DataType::INT64, keys.clone(), Style::default());
        self.add_column(1, log, DataType::INT64, times, Style::default());
        self.add_column(100, log, DataType::INT64, keys, Style::default());
    }
}

/// A schema with the key `id` (field 100) and these fields from 101 on.
pub(crate) fn schema(fields: &[(&str, DataType)]) -> Schema {
    let all = [("id", DataType::INT64)].into_iter().chain(fields.iter().copied());
    let fields = (100..).zip(all).map(|(id, (name, data_type))| MilvusField {
        id,
        name: name.to_owned(),
        data_type,
        is_primary_key: id == 100,
        type_params: vec![KeyValue::new("dim", "8")],
        ..MilvusField::default()
    });
    Schema { fields: fields.collect(), ..Schema::default() }
}
