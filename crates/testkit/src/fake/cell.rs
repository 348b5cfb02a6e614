//! The columns of a collection and the values in them.

use std::collections::BTreeMap;

use proto::schema::value_field::Data;
use proto::schema::{DataType, FieldSchema, ValueField};

use super::reply::Version;
use super::state::Collection;

/// The ids of the system columns.
pub(super) const ROW_ID: i64 = 0;
pub(super) const TIMESTAMP: i64 = 1;

/// A value in the form in which files store it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    /// Integers of all widths, and times in microseconds.
    Int(i64),
    Float(f32),
    Double(f64),
    /// Text, JSON, encoded arrays, and vectors.
    Bytes(Vec<u8>),
    /// A list of vectors.
    List(Vec<Vec<u8>>),
}

/// A primary key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Int(i64),
    Text(String),
}

/// The physical type of a column; the numbers are widths in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Float,
    Double,
    Text,
    Bytes,
    Fixed(usize),
    List(usize),
}

/// A column of a segment.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) data_type: DataType,
    pub(super) element: DataType,
    pub(super) dim: usize,
    pub(super) max_length: Option<usize>,
    pub(super) nullable: bool,
    pub(super) default: Option<Cell>,
    pub(super) is_key: bool,
    pub(super) auto_id: bool,
    /// Whether the column decides the group or the partition: the partition key and the clustering key.
    pub(super) is_routing: bool,
    pub(super) is_partition_key: bool,
    /// Whether a function computes the values.
    pub(super) is_output: bool,
    /// Whether the column holds the fields that the schema does not name.
    pub(super) is_dynamic: bool,
}

/// A row of a segment.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: i64,
    pub(super) time: u64,
    pub(super) key: Key,
    /// The values by field id; a field that was added later has none.
    pub(super) cells: BTreeMap<i64, Cell>,
}

/// The deletion of all older rows with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deletion {
    pub(super) key: Key,
    pub(super) time: u64,
}

impl Cell {
    /// Returns the value as a primary key, if it can be one.
    pub(super) fn as_key(&self) -> Option<Key> {
        match self {
            Self::Int(key) => Some(Key::Int(*key)),
            Self::Bytes(text) => Some(Key::Text(String::from_utf8_lossy(text).into_owned())),
            _ => None,
        }
    }
}

impl Column {
    fn of_field(field: &FieldSchema, version: Version) -> Self {
        let param = |key: &str| {
            let found = field.type_params.iter().find(|param| param.key == key);
            found.and_then(|param| param.value.parse::<usize>().ok())
        };
        Self {
            id: field.field_id,
            name: field.name.clone(),
            data_type: field.data_type(),
            element: field.element_type(),
            dim: param("dim").unwrap_or_default(),
            max_length: param("max_length"),
            // Older releases drop the flag.
            nullable: field.nullable && version >= (2, 5, 0),
            default: field.default_value.as_ref().filter(|_| version >= (2, 5, 0)).and_then(default_cell),
            is_key: field.is_primary_key,
            auto_id: field.auto_id,
            is_routing: field.is_partition_key || field.is_clustering_key,
            is_partition_key: field.is_partition_key,
            is_output: field.is_function_output,
            is_dynamic: field.is_dynamic,
        }
    }

    fn system(id: i64, name: &str) -> Self {
        let field = FieldSchema {
            field_id: id,
            name: name.to_owned(),
            data_type: DataType::Int64.into(),
            ..Default::default()
        };
        Self::of_field(&field, (0, 0, 0))
    }

    pub(super) fn is_vector(&self) -> bool {
        matches!(self.data_type as i32, 100..200)
    }

    /// Returns the physical type of the column.
    pub(super) fn form(&self) -> Form {
        match self.data_type {
            DataType::Bool => Form::Bool,
            DataType::Int8 => Form::Int8,
            DataType::Int16 => Form::Int16,
            DataType::Int32 => Form::Int32,
            DataType::Int64 | DataType::Timestamptz => Form::Int64,
            DataType::Float => Form::Float,
            DataType::Double => Form::Double,
            DataType::String | DataType::VarChar | DataType::Text => Form::Text,
            DataType::ArrayOfVector => Form::List(vector_width(self.element, self.dim)),
            DataType::FloatVector
            | DataType::BinaryVector
            | DataType::Float16Vector
            | DataType::BFloat16Vector
            | DataType::Int8Vector => Form::Fixed(vector_width(self.data_type, self.dim)),
            _ => Form::Bytes,
        }
    }

    /// Returns the value of rows whose files lack the column; `None` if there must be one.
    pub(super) fn filler(&self) -> Option<Cell> {
        let null = self.nullable.then_some(Cell::Null);
        self.default.clone().or(null).or_else(|| self.is_dynamic.then(|| Cell::Bytes(b"{}".to_vec())))
    }
}

/// Returns the bytes of a vector.
fn vector_width(data_type: DataType, dim: usize) -> usize {
    match data_type {
        DataType::FloatVector => 4 * dim,
        DataType::Float16Vector | DataType::BFloat16Vector => 2 * dim,
        DataType::BinaryVector => dim / 8,
        _ => dim,
    }
}

fn default_cell(value: &ValueField) -> Option<Cell> {
    Some(match value.data.as_ref()? {
        Data::BoolData(value) => Cell::Bool(*value),
        Data::IntData(value) => Cell::Int((*value).into()),
        Data::LongData(value) | Data::TimestamptzData(value) => Cell::Int(*value),
        Data::FloatData(value) => Cell::Float(*value),
        Data::DoubleData(value) => Cell::Double(*value),
        Data::StringData(value) => Cell::Bytes(value.clone().into_bytes()),
        Data::BytesData(value) => Cell::Bytes(value.clone()),
    })
}

/// Returns the columns of the user by id: those of the schema's fields, of its structs, and the hidden dynamic field.
pub(super) fn user_columns(held: &Collection, version: Version) -> Vec<Column> {
    let schema = &held.schema;
    let mut columns: Vec<Column> =
        schema.fields.iter().map(|field| Column::of_field(field, version)).collect();
    for parent in &schema.struct_array_fields {
        for field in &parent.fields {
            let column = Column::of_field(field, version);
            columns.push(Column { name: format!("{}[{}]", parent.name, field.name), ..column });
        }
    }
    if let Some(id) = held.dynamic_field_id.filter(|_| schema.enable_dynamic_field) {
        let nullable = version >= (2, 6, 8);
        let default = nullable.then(|| Cell::Bytes(b"{}".to_vec()));
        let column = Column::system(id, "$meta");
        columns.push(Column { data_type: DataType::Json, is_dynamic: true, nullable, default, ..column });
    }
    columns.sort_by_key(|column| column.id);
    columns
}

/// Returns the columns that precede those of the user.
pub(super) fn system_columns() -> [Column; 2] {
    [Column::system(ROW_ID, "RowID"), Column::system(TIMESTAMP, "Timestamp")]
}
