//! Writes values of record batches as JSON.

use std::fmt::{Display, Write as _};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch, StructArray};
use arrow_schema::{DataType, Field};
use serde::Serialize;
use serde::de::IgnoredAny;

use crate::geometry::geometry_text;

/// Appends one row of a [`SegmentReader`](crate::SegmentReader)'s batch as a JSON object in one line.
///
/// Vectors are lists of numbers, binary vectors lists of bytes, sparse vectors objects of positions and values, times
/// are texts of ISO 8601, shapes are well-known text. JSON values and the hidden field `$meta` are JSON as the client sent it; one that
/// is not JSON, which Milvus does not always refuse, is a string. Text that is not UTF-8 has replacement characters.
/// A row behind the end of the batch has nulls.
pub fn write_json_row(batch: &RecordBatch, row: usize, out: &mut String) {
    out.push('{');
    for (index, (field, column)) in batch.schema_ref().fields().iter().zip(batch.columns()).enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(field.name(), out);
        out.push(':');
        write_json_value(field, column, row, out);
    }
    out.push('}');
}

/// Appends one value of a [`SegmentReader`](crate::SegmentReader)'s column as JSON, in the forms of [`write_json_row`].
pub fn write_json_value(field: &Field, column: &dyn Array, row: usize, out: &mut String) {
    let name_of = |key| field.metadata().get(key).map_or("", String::as_str);
    let milvus = [name_of("milvus.type"), name_of("milvus.element_type")];
    write_value(&milvus, column, row, out);
}

/// Appends a value; `milvus` names its type and that of its elements, in Milvus's words.
fn write_value(milvus: &[&str], column: &dyn Array, row: usize, out: &mut String) {
    if row >= column.len() || column.is_null(row) {
        out.push_str("null");
        return;
    }
    let (name, elements) = milvus.split_first().unwrap_or((&"", &[]));
    match column.data_type() {
        DataType::Boolean => out.push_str(if column.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int8 => write_display(column.as_primitive::<Int8Type>().value(row), out),
        DataType::Int16 => write_display(column.as_primitive::<Int16Type>().value(row), out),
        DataType::Int32 => write_display(column.as_primitive::<Int32Type>().value(row), out),
        DataType::Int64 => write_display(column.as_primitive::<Int64Type>().value(row), out),
        DataType::UInt32 => write_display(column.as_primitive::<UInt32Type>().value(row), out),
        DataType::UInt64 => write_display(column.as_primitive::<UInt64Type>().value(row), out),
        DataType::Timestamp(_, _) => {
            write_time(column.as_primitive::<TimestampMicrosecondType>().value(row), out);
        }
        DataType::Float16 => write_float(column.as_primitive::<Float16Type>().value(row).to_f32(), out),
        DataType::Float32 => write_float(column.as_primitive::<Float32Type>().value(row), out),
        DataType::Float64 => write_float(column.as_primitive::<Float64Type>().value(row), out),
        DataType::Utf8 => write_string(name, column.as_string::<i32>().value(row), out),
        DataType::Binary if matches!(*name, "VarChar" | "String" | "JSON") => {
            write_string(name, &String::from_utf8_lossy(column.as_binary::<i32>().value(row)), out);
        }
        DataType::Binary => {
            let bytes = column.as_binary::<i32>().value(row);
            match geometry_text(bytes).filter(|_| *name == "Geometry") {
                Some(text) => write_text(&text, out),
                None => write_list(bytes, out, write_display),
            }
        }
        DataType::FixedSizeBinary(_) if *name == "BFloat16Vector" => {
            let (halves, _) = column.as_fixed_size_binary().value(row).as_chunks::<2>();
            // Such a number is the upper half of one of 32 bits.
            let floats = halves.iter().map(|[low, high]| f32::from_le_bytes([0, 0, *low, *high]));
            write_list(floats, out, write_float);
        }
        DataType::FixedSizeBinary(_) => {
            write_list(column.as_fixed_size_binary().value(row), out, write_display);
        }
        DataType::List(_) => write_items(elements, &column.as_list::<i32>().value(row), out),
        DataType::FixedSizeList(_, _) => {
            write_items(elements, &column.as_fixed_size_list().value(row), out);
        }
        DataType::Map(_, _) => write_sparse(&column.as_map().value(row), out),
        // A reader returns no other types.
        other => write_text(&other.to_string(), out),
    }
}

fn write_items(milvus: &[&str], items: &dyn Array, out: &mut String) {
    write_list(0..items.len(), out, |index, out| write_value(milvus, items, index, out));
}

/// Appends positions and values of a sparse vector.
fn write_sparse(entries: &StructArray, out: &mut String) {
    let (positions, values) = (entries.column(0), entries.column(1));
    out.push('{');
    for entry in 0..entries.len() {
        out.push_str(if entry > 0 { ",\"" } else { "\"" });
        write_value(&[], positions, entry, out);
        out.push_str("\":");
        write_value(&[], values, entry, out);
    }
    out.push('}');
}

fn write_list<T>(
    items: impl IntoIterator<Item = T>,
    out: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    out.push('[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}

/// Appends text, or JSON as it is.
fn write_string(milvus: &str, text: &str, out: &mut String) {
    if milvus == "JSON" && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        // Line breaks in JSON are outside of its strings.
        out.extend(text.trim().chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
    } else {
        write_text(text, out);
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// Appends a number, or the name of one that JSON does not have: NaN, inf, -inf.
fn write_float<F: Copy + Into<f64> + Serialize + Display>(number: F, out: &mut String) {
    match serde_json::to_string(&number) {
        Ok(digits) if number.into().is_finite() => out.push_str(&digits),
        _ => write_text(&number.to_string(), out),
    }
}

/// Appends a time in microseconds since 1970.
fn write_time(microseconds: i64, out: &mut String) {
    match time_text(microseconds) {
        Some(time) => write_text(&time, out),
        None => write_display(microseconds, out),
    }
}

/// Returns a time in microseconds since 1970 as text of ISO 8601 in UTC; `None` if its year has more than four digits.
pub fn time_text(microseconds: i64) -> Option<String> {
    jiff::Timestamp::from_microsecond(microseconds).ok().map(|time| time.to_string())
}

fn write_display(value: impl Display, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{value}");
}
