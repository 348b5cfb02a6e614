//! The types of fields, in Milvus, in Parquet and in Arrow, and the conversion of values between the latter two.

mod arrays;
mod convert;
mod default;
mod sparse;
mod vectors;

use std::collections::HashMap;

use arrow_schema::{DataType as ArrowType, Field as ArrowField, Fields, TimeUnit};
use model::ids::FieldId;
use model::manifest::{DataType, Field};

pub(crate) use convert::view_length;
use vectors::VectorType;

use crate::error::{Reason, Unsupported};
use crate::file::Physical;

/// A value that cannot be converted: its row in the batch, and what is wrong with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ValueFault {
    pub(crate) row: usize,
    pub(crate) problem: String,
}

impl ValueFault {
    pub(crate) fn new(row: usize, problem: impl Into<String>) -> Self {
        Self { row, problem: problem.into() }
    }
}

/// What the values of a field are, and how they become Arrow's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ValueKind {
    /// Values that Parquet and Arrow have in the same form.
    Same(ArrowType),
    Int8,
    Int16,
    /// The timestamps of rows, 64 bits without a sign.
    RowTimestamp,
    /// Microseconds since 1970.
    Timestamptz,
    /// Text, or bytes if the reader asked for those.
    Text {
        binary: bool,
    },
    Bytes,
    Array(Box<ValueKind>),
    Vector(VectorType),
    SparseVector,
    ArrayOfVector(VectorType),
}

/// A field of a collection as a column of a record batch.
#[derive(Clone, Debug)]
pub(crate) struct ColumnType {
    pub(crate) id: FieldId,
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) kind: ValueKind,
    /// Whether Milvus's schema allows null.
    pub(crate) nullable: bool,
    /// Whether the field is the hidden one with undeclared keys.
    pub(crate) is_dynamic: bool,
    /// The encoded default value.
    pub(crate) default: Option<Vec<u8>>,
    element_type: DataType,
}

impl ColumnType {
    /// Derives the type of a user field; `binary_text` chooses bytes for text.
    pub(crate) fn of_field(field: &Field, binary_text: bool) -> Result<Self, Reason> {
        Ok(Self {
            id: FieldId(field.id),
            name: field.name.clone(),
            data_type: field.data_type,
            kind: kind_of(field, binary_text)?,
            nullable: field.nullable,
            is_dynamic: field.is_dynamic,
            default: field.default_value.clone().filter(|encoded| !encoded.is_empty()),
            element_type: field.element_type,
        })
    }

    /// Returns the type of the system field with this id; `None` for other ids.
    pub(crate) fn of_system_field(id: FieldId) -> Option<Self> {
        let (name, kind) = match id {
            FieldId::ROW_ID => ("RowID", ValueKind::Same(ArrowType::Int64)),
            FieldId::TIMESTAMP => ("Timestamp", ValueKind::RowTimestamp),
            _ => return None,
        };
        Some(Self {
            id,
            name: name.to_owned(),
            data_type: DataType::INT64,
            kind,
            nullable: false,
            is_dynamic: false,
            default: None,
            element_type: DataType(0),
        })
    }

    /// Returns the column's field in an Arrow schema, with Milvus's id and type as metadata.
    pub(crate) fn to_arrow(&self, nullable: bool) -> ArrowField {
        let mut metadata = HashMap::from([
            ("milvus.field_id".to_owned(), self.id.to_string()),
            ("milvus.name".to_owned(), self.name.clone()),
            ("milvus.type".to_owned(), self.data_type.to_string()),
        ]);
        if self.element_type != DataType(0) {
            metadata.insert("milvus.element_type".to_owned(), self.element_type.to_string());
        }
        if let ValueKind::Vector(vector) | ValueKind::ArrayOfVector(vector) = &self.kind {
            metadata.insert("milvus.dim".to_owned(), vector.dim().to_string());
        }
        ArrowField::new(&self.name, self.kind.to_arrow(), nullable).with_metadata(metadata)
    }
}

impl ValueKind {
    /// Returns Arrow's type of the values.
    pub(crate) fn to_arrow(&self) -> ArrowType {
        match self {
            Self::Same(same) => same.clone(),
            Self::Int8 => ArrowType::Int8,
            Self::Int16 => ArrowType::Int16,
            Self::RowTimestamp => ArrowType::UInt64,
            Self::Timestamptz => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Text { binary: false } => ArrowType::Utf8,
            Self::Text { binary: true } | Self::Bytes => ArrowType::Binary,
            Self::Array(element) => ArrowType::List(item(element.to_arrow())),
            Self::Vector(vector) => vector.to_arrow(),
            Self::SparseVector => ArrowType::Map(
                ArrowField::new(
                    "entries",
                    ArrowType::Struct(Fields::from(vec![
                        ArrowField::new("index", ArrowType::UInt32, false),
                        ArrowField::new("value", ArrowType::Float32, false),
                    ])),
                    false,
                )
                .into(),
                true,
            ),
            Self::ArrayOfVector(vector) => ArrowType::List(item(vector.to_arrow())),
        }
    }

    /// Returns whether Parquet columns of this form contain the values.
    pub(crate) fn is_stored_as(&self, physical: Physical) -> bool {
        match self {
            Self::Same(ArrowType::Boolean) => physical == Physical::Bool,
            Self::Same(ArrowType::Int32) | Self::Int8 | Self::Int16 => physical == Physical::Int32,
            Self::Same(ArrowType::Float32) => physical == Physical::Float,
            Self::Same(ArrowType::Float64) => physical == Physical::Double,
            Self::Same(_) | Self::RowTimestamp | Self::Timestamptz => physical == Physical::Int64,
            Self::Text { .. } | Self::Bytes | Self::Array(_) | Self::SparseVector => {
                physical == Physical::Bytes
            }
            // Columns of vectors that may be null have no fixed width.
            Self::Vector(vector) => [Physical::Fixed(vector.width()), Physical::Bytes].contains(&physical),
            // Milvus 2.6.0 and 2.6.1 wrote messages.
            Self::ArrayOfVector(vector) => {
                [Physical::ListOfFixed(vector.width()), Physical::Bytes].contains(&physical)
            }
        }
    }
}

/// Returns the field of a list's elements.
fn item(element: ArrowType) -> arrow_schema::FieldRef {
    ArrowField::new("item", element, false).into()
}

fn kind_of(field: &Field, binary: bool) -> Result<ValueKind, Reason> {
    Ok(match field.data_type {
        DataType::ARRAY => ValueKind::Array(Box::new(scalar_kind(field.element_type, binary)?)),
        DataType::JSON => ValueKind::Text { binary },
        DataType::GEOMETRY => ValueKind::Bytes,
        DataType::TIMESTAMPTZ => ValueKind::Timestamptz,
        DataType::SPARSE_FLOAT_VECTOR => ValueKind::SparseVector,
        DataType::ARRAY_OF_VECTOR => ValueKind::ArrayOfVector(VectorType::new(field.element_type, field)?),
        vector if vector.is_vector() => ValueKind::Vector(VectorType::new(vector, field)?),
        other => scalar_kind(other, binary)?,
    })
}

/// Returns the kind of a type that arrays can contain.
fn scalar_kind(data_type: DataType, binary: bool) -> Result<ValueKind, Reason> {
    Ok(match data_type {
        DataType::BOOL => ValueKind::Same(ArrowType::Boolean),
        DataType::INT8 => ValueKind::Int8,
        DataType::INT16 => ValueKind::Int16,
        DataType::INT32 => ValueKind::Same(ArrowType::Int32),
        DataType::INT64 => ValueKind::Same(ArrowType::Int64),
        DataType::FLOAT => ValueKind::Same(ArrowType::Float32),
        DataType::DOUBLE => ValueKind::Same(ArrowType::Float64),
        DataType::STRING | DataType::VARCHAR => ValueKind::Text { binary },
        other => return Err(Unsupported::Type(other).into()),
    })
}
