//! The values of fields that were added after a file was written.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryViewArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, UInt32Array,
    new_null_array,
};
use prost::Message;

use super::ColumnType;
use crate::error::Reason;

impl ColumnType {
    /// Returns the value that Milvus gives to rows without one, once for each of `rows` rows: the default, else null.
    pub(crate) fn missing(&self, rows: usize) -> Result<ArrayRef, Reason> {
        let Some(encoded) = &self.default else { return Ok(new_null_array(&self.kind.to_arrow(), rows)) };
        let unusable = |problem: String| {
            Reason::Request(format!(
                "the schema has an unusable default for field {:?}: {problem}",
                self.name
            ))
        };
        let value = ValueField::decode(encoded.as_slice()).map_err(|error| unusable(error.to_string()))?;
        // the form in which a file would contain the value
        let stored: ArrayRef = match value.data {
            None => return Ok(new_null_array(&self.kind.to_arrow(), rows)),
            Some(Value::Bool(value)) => Arc::new(BooleanArray::from(vec![value])),
            Some(Value::Int(value)) => Arc::new(Int32Array::from(vec![value])),
            Some(Value::Long(value) | Value::Timestamptz(value)) => Arc::new(Int64Array::from(vec![value])),
            Some(Value::Float(value)) => Arc::new(Float32Array::from(vec![value])),
            Some(Value::Double(value)) => Arc::new(Float64Array::from(vec![value])),
            Some(Value::Text(value) | Value::Bytes(value)) => {
                Arc::new(BinaryViewArray::from_iter_values([value]))
            }
        };
        let one = self.kind.convert(&stored).map_err(|fault| unusable(fault.problem))?;
        if *arrow_array::Array::data_type(&one) != self.kind.to_arrow() {
            return Err(unusable(format!("it is not of type {}", self.data_type)));
        }
        let repeated = arrow_select::take::take(&one, &UInt32Array::from(vec![0; rows]), None);
        repeated.map_err(|error| unusable(error.to_string()))
    }
}

#[derive(Clone, PartialEq, Message)]
struct ValueField {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    data: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Value {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(int32, tag = "2")]
    Int(i32),
    #[prost(int64, tag = "3")]
    Long(i64),
    #[prost(float, tag = "4")]
    Float(f32),
    #[prost(double, tag = "5")]
    Double(f64),
    #[prost(bytes, tag = "6")]
    Text(Vec<u8>),
    #[prost(bytes, tag = "7")]
    Bytes(Vec<u8>),
    #[prost(int64, tag = "8")]
    Timestamptz(i64),
}
