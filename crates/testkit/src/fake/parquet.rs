//! Parquet files: their columns as values, in both directions.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow_schema::{DataType as ArrowType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::cell::{Cell, Column, Form};

/// The key of a column's field id in its metadata.
const FIELD_ID: &str = "PARQUET:field_id";
/// What Milvus says about a file that is cut off.
const CUT_OFF: &str = "parquet: file is smaller than indicated metadata size";

/// A column of a file.
pub(super) struct ReadColumn {
    /// The field id, which files of storage version 2 state.
    pub(super) field: Option<i64>,
    /// The name that Go's Arrow has for the type.
    pub(super) type_name: &'static str,
    pub(super) cells: Vec<Cell>,
}

/// Encodes a file with one column, of storage version 1.
pub(super) fn write_column(column: &Column, cells: &[&Cell]) -> Result<Vec<u8>, String> {
    // Lists of vectors are the only columns that need Arrow's own schema to be read.
    let keeps_schema = matches!(column.form(), Form::List(_));
    let field = |array: &ArrayRef| Field::new("val", array.data_type().clone(), column.nullable);
    let array = to_array(column, cells)?;
    write(vec![field(&array)], vec![array], Vec::new(), keeps_schema)
}

/// Encodes a file with a group of columns, of storage version 2; `groups` lists the fields of all groups.
pub(super) fn write_group(columns: &[(&Column, Vec<&Cell>)], groups: &str) -> Result<Vec<u8>, String> {
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for (column, cells) in columns {
        let array = to_array(column, cells)?;
        let metadata = HashMap::from([(FIELD_ID.to_owned(), column.id.to_string())]);
        let field = Field::new(&column.name, array.data_type().clone(), column.nullable);
        fields.push(field.with_metadata(metadata));
        arrays.push(array);
    }
    let rows = arrays.first().map_or(0, Array::len);
    let bytes: usize = arrays.iter().map(Array::get_array_memory_size).sum();
    let metadata = [
        ("storage_version", "1.0.0".to_owned()),
        ("row_group_metadata", format!("{bytes}|{rows}|0")),
        ("group_field_id_list", groups.to_owned()),
    ];
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value));
    write(fields, arrays, metadata.to_vec(), false)
}

fn write(
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
    metadata: Vec<KeyValue>,
    keeps_schema: bool,
) -> Result<Vec<u8>, String> {
    let schema = Arc::new(Schema::new(fields));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(None)
        .set_key_value_metadata((!metadata.is_empty()).then_some(metadata))
        .build();
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(!keeps_schema);
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|error| error.to_string())?;
    let written = ArrowWriter::try_new_with_options(Vec::new(), schema, options).and_then(|mut writer| {
        writer.write(&batch)?;
        writer.into_inner()
    });
    written.map_err(|error| error.to_string())
}

fn to_array(column: &Column, cells: &[&Cell]) -> Result<ArrayRef, String> {
    let ints = || cells.iter().map(|cell| if let Cell::Int(value) = cell { Some(*value) } else { None });
    let bytes =
        || cells.iter().map(|cell| if let Cell::Bytes(value) = cell { Some(&value[..]) } else { None });
    // Each value was checked against the range of its type when it was inserted.
    macro_rules! narrow {
        ($array:ty, $number:ty) => {
            Arc::new(
                ints()
                    .map(|value| value.and_then(|value| <$number>::try_from(value).ok()))
                    .collect::<$array>(),
            )
        };
    }
    Ok(match column.form() {
        Form::Bool => {
            let values =
                cells.iter().map(|cell| if let Cell::Bool(value) = cell { Some(*value) } else { None });
            Arc::new(values.collect::<BooleanArray>())
        }
        Form::Int8 => narrow!(Int8Array, i8),
        Form::Int16 => narrow!(Int16Array, i16),
        Form::Int32 => narrow!(Int32Array, i32),
        Form::Int64 => Arc::new(ints().collect::<Int64Array>()),
        Form::Float => {
            let values =
                cells.iter().map(|cell| if let Cell::Float(value) = cell { Some(*value) } else { None });
            Arc::new(values.collect::<Float32Array>())
        }
        Form::Double => {
            let values =
                cells.iter().map(|cell| if let Cell::Double(value) = cell { Some(*value) } else { None });
            Arc::new(values.collect::<Float64Array>())
        }
        Form::Text if bytes().flatten().all(|text| std::str::from_utf8(text).is_ok()) => Arc::new(
            bytes().map(|text| text.and_then(|text| std::str::from_utf8(text).ok())).collect::<StringArray>(),
        ),
        // Nullable vectors have a variable length.
        Form::Fixed(width) if !column.nullable => {
            let width = i32::try_from(width).map_err(|error| error.to_string())?;
            let values = FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes(), width);
            Arc::new(values.map_err(|error| error.to_string())?)
        }
        Form::Text | Form::Bytes | Form::Fixed(_) => Arc::new(bytes().collect::<BinaryArray>()),
        Form::List(width) => {
            let width = i32::try_from(width).map_err(|error| error.to_string())?;
            let mut lists = ListBuilder::new(FixedSizeBinaryBuilder::new(width));
            for cell in cells {
                if let Cell::List(vectors) = cell {
                    for vector in vectors {
                        lists.values().append_value(vector).map_err(|error| error.to_string())?;
                    }
                }
                lists.append(matches!(cell, Cell::List(_)));
            }
            Arc::new(lists.finish())
        }
    })
}

/// Decodes the columns of a file; the error is in Milvus's words.
pub(super) fn read(file: Bytes) -> Result<Vec<ReadColumn>, String> {
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    let reader = reader.map_err(|_| CUT_OFF.to_owned())?;
    let mut columns: Vec<ReadColumn> = Vec::new();
    let schema = arrow_array::RecordBatchReader::schema(&reader);
    for field in schema.fields() {
        let id = field.metadata().get(FIELD_ID).and_then(|id| id.parse().ok());
        columns.push(ReadColumn { field: id, type_name: type_name(field.data_type()), cells: Vec::new() });
    }
    for batch in reader {
        let batch = batch.map_err(|_| CUT_OFF.to_owned())?;
        for (column, array) in columns.iter_mut().zip(batch.columns()) {
            column.cells.extend(from_array(array)?);
        }
    }
    Ok(columns)
}

fn from_array(array: &ArrayRef) -> Result<Vec<Cell>, String> {
    macro_rules! cells {
        ($values:expr, $cell:expr) => {
            $values.iter().map(|value| value.map_or(Cell::Null, $cell)).collect()
        };
    }
    let bytes = |value: &[u8]| Cell::Bytes(value.to_vec());
    Ok(match array.data_type() {
        ArrowType::Boolean => cells!(array.as_boolean(), Cell::Bool),
        ArrowType::Int8 => cells!(array.as_primitive::<Int8Type>(), |value| Cell::Int(value.into())),
        ArrowType::Int16 => cells!(array.as_primitive::<Int16Type>(), |value| Cell::Int(value.into())),
        ArrowType::Int32 => cells!(array.as_primitive::<Int32Type>(), |value| Cell::Int(value.into())),
        ArrowType::Int64 => cells!(array.as_primitive::<Int64Type>(), Cell::Int),
        ArrowType::Float32 => cells!(array.as_primitive::<Float32Type>(), Cell::Float),
        ArrowType::Float64 => cells!(array.as_primitive::<Float64Type>(), Cell::Double),
        ArrowType::Utf8 => cells!(array.as_string::<i32>(), |text: &str| bytes(text.as_bytes())),
        ArrowType::Binary => cells!(array.as_binary::<i32>(), bytes),
        ArrowType::FixedSizeBinary(_) => cells!(array.as_fixed_size_binary(), bytes),
        ArrowType::List(_) => {
            let list = |vectors: ArrayRef| {
                let vectors = vectors.as_fixed_size_binary_opt()?;
                Some(Cell::List(vectors.iter().map(|vector| vector.unwrap_or_default().to_vec()).collect()))
            };
            let lists = array.as_list::<i32>().iter();
            let lists = lists.map(|vectors| vectors.map_or(Some(Cell::Null), list));
            lists.collect::<Option<_>>().ok_or("a list of other values than vectors")?
        }
        other => return Err(format!("unsupported arrow type {other}")),
    })
}

/// Returns the name of a type in Go's Arrow.
fn type_name(arrow: &ArrowType) -> &'static str {
    match arrow {
        ArrowType::Boolean => "Boolean",
        ArrowType::Int8 => "Int8",
        ArrowType::Int16 => "Int16",
        ArrowType::Int32 => "Int32",
        ArrowType::Int64 => "Int64",
        ArrowType::Float32 => "Float32",
        ArrowType::Float64 => "Float64",
        ArrowType::Utf8 => "String",
        ArrowType::FixedSizeBinary(_) => "FixedSizeBinary",
        ArrowType::List(_) => "List",
        _ => "Binary",
    }
}
