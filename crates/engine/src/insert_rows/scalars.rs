//! Values that are no vectors.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_schema::DataType as ArrowType;
use model::manifest::DataType;
use proto::schema::scalar_field::Data;
use proto::schema::{
    ArrayArray, BoolArray, DoubleArray, FloatArray, GeometryWktArray, IntArray, JsonArray, LongArray,
    ScalarField, StringArray,
};

use super::columns::InsertColumn;

/// A value for each row.
pub(super) type Each<'a, T> = Box<dyn Iterator<Item = Option<T>> + 'a>;

/// Encodes the values that are not null; a missing object of undeclared keys is an empty one.
pub(super) fn encode(column: &InsertColumn, values: &dyn Array) -> ScalarField {
    if column.is_dynamic {
        let objects = bytes(values).map(|object| object.unwrap_or(b"{}").to_vec());
        return field(Data::JsonData(JsonArray { data: objects.collect() }));
    }
    encode_values(column.data_type, column.element_type, values)
}

fn encode_values(data_type: DataType, element_type: DataType, values: &dyn Array) -> ScalarField {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    field(match data_type {
        DataType::BOOL => {
            let data = values.as_boolean_opt().into_iter().flatten().flatten().collect();
            Data::BoolData(BoolArray { data })
        }
        DataType::INT8 | DataType::INT16 | DataType::INT32 => {
            let numbers = ints(values).flatten().filter_map(|number| i32::try_from(number).ok());
            Data::IntData(IntArray { data: numbers.collect() })
        }
        DataType::INT64 => Data::LongData(LongArray { data: ints(values).flatten().collect() }),
        DataType::FLOAT => {
            let data = values.as_primitive_opt::<Float32Type>().into_iter().flatten().flatten().collect();
            Data::FloatData(FloatArray { data })
        }
        DataType::DOUBLE => Data::DoubleData(DoubleArray { data: floats(values).flatten().collect() }),
        DataType::JSON => {
            Data::JsonData(JsonArray { data: bytes(values).flatten().map(<[u8]>::to_vec).collect() })
        }
        DataType::GEOMETRY => {
            let data = bytes(values).flatten().filter_map(rows::geometry_text).collect();
            Data::GeometryWktData(GeometryWktArray { data })
        }
        DataType::TIMESTAMPTZ => {
            let times = values.as_primitive_opt::<TimestampMicrosecondType>().into_iter().flatten().flatten();
            Data::StringData(StringArray { data: times.filter_map(rows::time_text).collect() })
        }
        DataType::ARRAY => {
            let lists = values.as_list_opt::<i32>().into_iter().flat_map(|lists| lists.iter().flatten());
            let data = lists.map(|list| encode_values(element_type, DataType::default(), &list));
            Data::ArrayData(ArrayArray { data: data.collect(), element_type: element_type.0 })
        }
        _ => Data::StringData(StringArray { data: bytes(values).flatten().map(text).collect() }),
    })
}

fn field(data: Data) -> ScalarField {
    ScalarField { data: Some(data) }
}

/// Returns the integers of any width.
pub(super) fn ints(values: &dyn Array) -> Each<'_, i64> {
    match values.data_type() {
        ArrowType::Int8 => Box::new(values.as_primitive::<Int8Type>().iter().map(|it| it.map(i64::from))),
        ArrowType::Int16 => Box::new(values.as_primitive::<Int16Type>().iter().map(|it| it.map(i64::from))),
        ArrowType::Int32 => Box::new(values.as_primitive::<Int32Type>().iter().map(|it| it.map(i64::from))),
        ArrowType::Int64 => Box::new(values.as_primitive::<Int64Type>().iter()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Returns the floats of any width.
pub(super) fn floats(values: &dyn Array) -> Each<'_, f64> {
    match values.data_type() {
        ArrowType::Float32 => {
            Box::new(values.as_primitive::<Float32Type>().iter().map(|it| it.map(f64::from)))
        }
        ArrowType::Float64 => Box::new(values.as_primitive::<Float64Type>().iter()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Returns the bytes of text, JSON and shapes.
pub(super) fn bytes(values: &dyn Array) -> Each<'_, &[u8]> {
    match values.data_type() {
        ArrowType::Utf8 => Box::new(values.as_string::<i32>().iter().map(|it| it.map(str::as_bytes))),
        ArrowType::Binary => Box::new(values.as_binary::<i32>().iter()),
        _ => Box::new(std::iter::empty()),
    }
}
