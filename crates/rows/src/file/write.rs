//! Writes files of storage version 1, as Milvus's own writer does: one column, without an Arrow schema.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Primitive, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{SchemaDescriptor, Type};

use super::Physical;
use crate::error::Reason;
use crate::values::view_length;

/// The name of the column, which readers ignore.
const COLUMN: &str = "val";
/// The bytes that Milvus adds to the length of each text when it states the size of a column.
const TEXT_OVERHEAD: usize = 16;

/// The form of a column to write.
pub(crate) struct ColumnForm {
    pub(crate) physical: Physical,
    /// The annotation of the column, by which some readers choose their type.
    pub(crate) annotation: Option<LogicalType>,
    pub(crate) nullable: bool,
}

/// Writes a Parquet file with one column in one row group, in memory.
pub(crate) struct ColumnWriter {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
    physical: Physical,
    original_size: usize,
}

/// A file that was written.
pub(crate) struct WrittenColumn {
    pub(crate) parquet: Vec<u8>,
    /// The extras of the file's container.
    pub(crate) extras: String,
}

impl ColumnWriter {
    /// Begins a file; fails for lists, which storage version 1 has only since Milvus 2.6.
    pub(crate) fn new(form: &ColumnForm) -> Result<Self, Reason> {
        let (primitive, length, arrow) = match form.physical {
            Physical::Bool => (Primitive::BOOLEAN, 0, ArrowType::Boolean),
            Physical::Int32 => (Primitive::INT32, 0, ArrowType::Int32),
            Physical::Int64 => (Primitive::INT64, 0, ArrowType::Int64),
            Physical::Float => (Primitive::FLOAT, 0, ArrowType::Float32),
            Physical::Double => (Primitive::DOUBLE, 0, ArrowType::Float64),
            Physical::Bytes => (Primitive::BYTE_ARRAY, 0, ArrowType::BinaryView),
            Physical::Fixed(width) => {
                let width = i32::try_from(width).map_err(|_| Reason::damaged("the values are too wide"))?;
                (Primitive::FIXED_LEN_BYTE_ARRAY, width, ArrowType::FixedSizeBinary(width))
            }
            Physical::ListOfFixed(_) | Physical::Other => {
                return Err(Reason::Request("columns of lists cannot be written".to_owned()));
            }
        };
        let repetition = if form.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        let column = Type::primitive_type_builder(COLUMN, primitive)
            .with_length(length)
            .with_repetition(repetition)
            .with_logical_type(form.annotation.clone())
            .build()?;
        let group = Type::group_type_builder("schema").with_fields(vec![Arc::new(column)]).build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(None)
            .build();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true)
            .with_parquet_schema(SchemaDescriptor::new(Arc::new(group)));
        let schema = Arc::new(Schema::new(vec![Field::new(COLUMN, arrow, form.nullable)]));
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)?;
        Ok(Self { schema, writer, physical: form.physical, original_size: 0 })
    }

    /// Appends values in the form in which [`super::ColumnStream`] returns them.
    pub(crate) fn write(&mut self, values: ArrayRef) -> Result<(), Reason> {
        self.original_size += self.size_in_memory(&values);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![values])
            .map_err(|error| ParquetError::ArrowError(error.to_string()))?;
        Ok(self.writer.write(&batch)?)
    }

    /// Returns the size of values as Milvus counts it.
    fn size_in_memory(&self, values: &ArrayRef) -> usize {
        let width = match self.physical {
            Physical::Bytes => {
                let views = values.as_binary_view_opt().map(|values| values.views().as_ref());
                let lengths = views.unwrap_or_default().iter().map(|view| view_length(*view) + TEXT_OVERHEAD);
                return lengths.sum();
            }
            Physical::Fixed(width) => width,
            Physical::Bool => 1,
            Physical::Int32 | Physical::Float => 4,
            _ => 8,
        };
        values.len() * width
    }

    /// Ends the file and returns it.
    pub(crate) fn close(self) -> Result<WrittenColumn, Reason> {
        let extras = format!(r#"{{"original_size":"{}"}}"#, self.original_size);
        Ok(WrittenColumn { parquet: self.writer.into_inner()?, extras })
    }
}
