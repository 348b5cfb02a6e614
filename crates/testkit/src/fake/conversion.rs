//! The conversion of columns that an import reads to those of its collection.

use proto::schema::DataType;

use super::cell::{Cell, Column, Form};
use super::parquet::ReadColumn;

/// Checks the physical type of a column, and fills nulls that the target does not allow, as Milvus does.
pub(super) fn convert(column: ReadColumn, target: &Column) -> Result<Vec<Cell>, String> {
    let expected = match target.form() {
        Form::Bool => "Boolean",
        Form::Int8 => "Int8",
        Form::Int16 => "Int16",
        Form::Int32 => "Int32",
        Form::Int64 => "Int64",
        Form::Float => "Float32",
        Form::Double => "Float64",
        Form::Text => "String",
        Form::Bytes => "Binary",
        Form::Fixed(_) if target.nullable => "Binary",
        Form::Fixed(_) => "FixedSizeBinary",
        Form::List(_) => "List",
    };
    let found = column.type_name;
    // Text that is not UTF-8 has no annotation, and older files have none at all.
    let same = |a: &str, b: &str| (expected, found) == (a, b);
    let is_close = same("String", "Binary")
        || same("Binary", "String")
        || same("Binary", "FixedSizeBinary")
        || same("Int8", "Int32")
        || same("Int16", "Int32");
    if expected != found && !is_close {
        let name = format!("{:?}", target.data_type);
        return Err(format!(
            "deserialize error on type {name}: expected *array.{expected}, got *array.{found}: service internal error: service internal error"
        ));
    }
    let cells = column.cells.into_iter().map(|cell| match (&cell, target.form()) {
        (Cell::Null, _) if !target.nullable => Ok(zero(target)),
        (Cell::Bytes(vector), Form::Fixed(width)) if vector.len() != width => Err(format!(
            "Wrong row type: invalid parameter[expected=[]byte][actual=[{}]]",
            vector.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        )),
        _ => Ok(cell),
    });
    cells.collect()
}

fn zero(column: &Column) -> Cell {
    match column.form() {
        Form::Bool => Cell::Bool(false),
        Form::Float => Cell::Float(0.0),
        Form::Double => Cell::Double(0.0),
        Form::Text | Form::Bytes => Cell::Bytes(Vec::new()),
        Form::Fixed(width) => Cell::Bytes(vec![0; width]),
        Form::List(_) => Cell::List(Vec::new()),
        Form::Int8 | Form::Int16 | Form::Int32 | Form::Int64 => Cell::Int(0),
    }
}

/// Returns the name of the type that Go has for the values of a column.
pub(super) fn go_type(column: &Column) -> &'static str {
    match column.form() {
        Form::Bool => "bool",
        Form::Int8 => "int8",
        Form::Int16 => "int16",
        Form::Int32 => "int32",
        Form::Int64 => "int64",
        Form::Float => "float32",
        Form::Double => "float64",
        Form::Text => "string",
        Form::List(_) => "*schemapb.VectorField",
        Form::Fixed(_) if column.data_type == DataType::FloatVector => "float32",
        Form::Bytes | Form::Fixed(_) => "[]byte",
    }
}

/// Returns a value as Go prints it.
pub(super) fn go_values(cell: &Cell, data_type: DataType) -> String {
    match cell {
        Cell::Null => "<nil>".to_owned(),
        Cell::Bool(value) => value.to_string(),
        Cell::Int(value) => value.to_string(),
        Cell::Float(value) => value.to_string(),
        Cell::Double(value) => value.to_string(),
        Cell::Bytes(value) if data_type == DataType::FloatVector => {
            let numbers = value.chunks_exact(4).filter_map(|bytes| bytes.try_into().ok());
            numbers.map(|bytes| f32::from_le_bytes(bytes).to_string()).collect::<Vec<_>>().join(" ")
        }
        Cell::Bytes(value) => String::from_utf8_lossy(value).into_owned(),
        Cell::List(_) => String::new(),
    }
}
