//! Columns of rows, and their conversion to and from protobuf messages.

use model::manifest::DataType;
use proto::schema::{
    self as wire, ArrayArray, BoolArray, DoubleArray, FieldData, FloatArray, IntArray, JsonArray, LongArray,
    ScalarField, StringArray, VectorField,
};

/// The values of one field in several rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The name of the field, which is `$meta` for undeclared keys.
    pub name: String,
    /// The type of the field; `values` must fit it.
    pub data_type: DataType,
    /// Whether the values are the undeclared keys of each row as JSON, as in the field `$meta`.
    pub is_dynamic: bool,
    /// The values, one per row.
    pub values: Values,
}

/// The values of a column, all of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Boolean values, one per row.
    Bool(Vec<bool>),
    /// Integers of 8, 16 or 32 bits.
    Int(Vec<i32>),
    /// Integers of 64 bits.
    Long(Vec<i64>),
    /// Floats of 32 bits.
    Float(Vec<f32>),
    /// Floats of 64 bits.
    Double(Vec<f64>),
    /// Strings, as in `VarChar` fields.
    Text(Vec<String>),
    /// JSON texts in UTF-8.
    Json(Vec<Vec<u8>>),
    /// Arrays of scalar values, one per row.
    Array {
        /// The type of the elements of all arrays.
        element: DataType,
        /// The elements of the arrays, one array per row.
        rows: Vec<Values>,
    },
    /// Vectors of 32-bit floats, one per row.
    FloatVector {
        /// The number of floats per vector.
        dim: usize,
        /// The floats of all vectors, concatenated.
        data: Vec<f32>,
    },
    /// Vectors of bits, one per row.
    BinaryVector {
        /// The number of bits per vector, a multiple of 8.
        dim: usize,
        /// The bits of all vectors, concatenated, 8 per byte.
        data: Vec<u8>,
    },
}

impl Values {
    /// Returns the number of rows, which for vectors is the number of vectors.
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(data) => data.len(),
            Self::Int(data) => data.len(),
            Self::Long(data) => data.len(),
            Self::Float(data) => data.len(),
            Self::Double(data) => data.len(),
            Self::Text(data) => data.len(),
            Self::Json(data) => data.len(),
            Self::Array { rows, .. } => rows.len(),
            Self::FloatVector { dim, data } => data.len() / (*dim).max(1),
            Self::BinaryVector { dim, data } => data.len() * 8 / (*dim).max(1),
        }
    }

    /// Returns whether the column has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Converts a column to its protobuf message.
pub(super) fn to_wire(column: &Column) -> FieldData {
    use wire::vector_field::Data;
    let vector = |dim: usize, data| {
        let dim = i64::try_from(dim).unwrap_or(i64::MAX);
        wire::field_data::Field::Vectors(VectorField { dim, data: Some(data) })
    };
    let field = match &column.values {
        Values::FloatVector { dim, data } => {
            vector(*dim, Data::FloatVector(FloatArray { data: data.clone() }))
        }
        Values::BinaryVector { dim, data } => vector(*dim, Data::BinaryVector(data.clone())),
        scalars => wire::field_data::Field::Scalars(ScalarField { data: scalars_to_wire(scalars) }),
    };
    FieldData {
        r#type: column.data_type.0,
        field_name: column.name.clone(),
        field: Some(field),
        is_dynamic: column.is_dynamic,
        ..FieldData::default()
    }
}

fn scalars_to_wire(values: &Values) -> Option<wire::scalar_field::Data> {
    use wire::scalar_field::Data;
    Some(match values {
        Values::Bool(data) => Data::BoolData(BoolArray { data: data.clone() }),
        Values::Int(data) => Data::IntData(IntArray { data: data.clone() }),
        Values::Long(data) => Data::LongData(LongArray { data: data.clone() }),
        Values::Float(data) => Data::FloatData(FloatArray { data: data.clone() }),
        Values::Double(data) => Data::DoubleData(DoubleArray { data: data.clone() }),
        Values::Text(data) => Data::StringData(StringArray { data: data.clone() }),
        Values::Json(data) => Data::JsonData(JsonArray { data: data.clone() }),
        Values::Array { element, rows } => Data::ArrayData(ArrayArray {
            data: rows.iter().map(|row| ScalarField { data: scalars_to_wire(row) }).collect(),
            element_type: element.0,
        }),
        Values::FloatVector { .. } | Values::BinaryVector { .. } => return None,
    })
}

/// Converts a protobuf message to a column; returns `None` for types that [`Values`] does not have.
pub(super) fn from_wire(data: FieldData) -> Option<Column> {
    use wire::vector_field::Data;
    let values = match data.field? {
        wire::field_data::Field::Scalars(scalars) => scalars_from_wire(scalars.data?)?,
        wire::field_data::Field::Vectors(vectors) => {
            let dim = usize::try_from(vectors.dim).ok()?;
            match vectors.data? {
                Data::FloatVector(floats) => Values::FloatVector { dim, data: floats.data },
                Data::BinaryVector(data) => Values::BinaryVector { dim, data },
                _ => return None,
            }
        }
        wire::field_data::Field::StructArrays(_) => return None,
    };
    Some(Column {
        name: data.field_name,
        data_type: DataType(data.r#type),
        is_dynamic: data.is_dynamic,
        values,
    })
}

/// Returns the values of an array without elements; `None` if the element type is not supported.
fn empty_array(element: i32) -> Option<Values> {
    Some(match DataType(element) {
        DataType::BOOL => Values::Bool(Vec::new()),
        DataType::INT8 | DataType::INT16 | DataType::INT32 => Values::Int(Vec::new()),
        DataType::INT64 => Values::Long(Vec::new()),
        DataType::FLOAT => Values::Float(Vec::new()),
        DataType::DOUBLE => Values::Double(Vec::new()),
        DataType::STRING | DataType::VARCHAR => Values::Text(Vec::new()),
        _ => return None,
    })
}

fn scalars_from_wire(data: wire::scalar_field::Data) -> Option<Values> {
    use wire::scalar_field::Data;
    Some(match data {
        Data::BoolData(array) => Values::Bool(array.data),
        Data::IntData(array) => Values::Int(array.data),
        Data::LongData(array) => Values::Long(array.data),
        Data::FloatData(array) => Values::Float(array.data),
        Data::DoubleData(array) => Values::Double(array.data),
        Data::StringData(array) => Values::Text(array.data),
        Data::JsonData(array) => Values::Json(array.data),
        Data::ArrayData(array) => Values::Array {
            element: DataType(array.element_type),
            rows: array
                .data
                .into_iter()
                // An array without elements may be sent without a type.
                .map(|row| row.data.map_or_else(|| empty_array(array.element_type), scalars_from_wire))
                .collect::<Option<_>>()?,
        },
        Data::BytesData(_) | Data::GeometryData(_) | Data::TimestamptzData(_) | Data::GeometryWktData(_) => {
            return None;
        }
    })
}
