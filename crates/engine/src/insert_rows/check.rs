//! Finds values that the target would refuse or change.

use std::collections::BTreeMap;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use model::manifest::DataType;
use serde::de::IgnoredAny;

use super::columns::InsertColumn;
use super::scalars::{bytes, floats, ints};
use super::vectors::{float_vector, half_vector, sparse_rows};

/// The largest JSON value that Milvus accepts, in bytes.
const MAX_JSON_BYTES: usize = 65_536;

/// A row and why its value cannot be inserted.
type Problem = Option<(usize, String)>;

/// Returns the first row whose value the target would refuse or change, and the reason.
pub(super) fn find_problem(column: &InsertColumn, values: &dyn Array) -> Problem {
    let null = find_null(column, values);
    let value = match column.data_type {
        DataType::ARRAY | DataType::ARRAY_OF_VECTOR => find_in_lists(column, values),
        other => find_in_values(column, other, values),
    };
    match (null, value) {
        (Some(null), Some(value)) => Some(if value.0 < null.0 { value } else { null }),
        (null, value) => null.or(value),
    }
}

/// Returns whether a value of a column may be one that the target would refuse or change.
pub(super) fn may_have_problems(column: &InsertColumn) -> bool {
    let lacks_values = column.may_lack_values && (column.has_default || !column.is_nullable);
    let element_type = match column.data_type {
        DataType::ARRAY | DataType::ARRAY_OF_VECTOR => column.element_type,
        other => other,
    };
    let always_fits = match element_type {
        DataType::BOOL | DataType::INT64 | DataType::BINARY_VECTOR | DataType::INT8_VECTOR => true,
        DataType::INT8 | DataType::INT16 | DataType::INT32 => !column.is_converted,
        DataType::FLOAT | DataType::DOUBLE => !column.finite_only,
        _ => false,
    };
    lacks_values || !always_fits || column.max_capacity.is_some()
}

fn find_null(column: &InsertColumn, values: &dyn Array) -> Problem {
    let reason = match (column.has_default, column.is_nullable) {
        _ if column.is_dynamic || values.null_count() == 0 => return None,
        (true, _) => "is null, and the target would store the default value instead",
        (false, false) => "is null, and the field of the target is not nullable",
        (false, true) => return None,
    };
    let row = (0..values.len()).find(|row| values.is_null(*row))?;
    Some((row, reason.to_owned()))
}

/// Checks arrays: the number of their elements, and the elements.
fn find_in_lists(column: &InsertColumn, values: &dyn Array) -> Problem {
    let lists = values.as_list_opt::<i32>()?;
    lists.iter().enumerate().find_map(|(row, list)| {
        let list = list?;
        if let Some(most) = column.max_capacity.filter(|most| list.len() > *most) {
            return Some((row, format!("has {} elements, and the target allows {most}", list.len())));
        }
        let (element, reason) = find_in_values(column, column.element_type, &list)?;
        Some((row, format!("has an element (number {}) that {reason}", element + 1)))
    })
}

fn find_in_values(column: &InsertColumn, data_type: DataType, values: &dyn Array) -> Problem {
    let is_element = data_type != column.data_type;
    match data_type {
        DataType::INT8 => find(ints(values), |it| out_of_range::<i8>(it, data_type)),
        DataType::INT16 => find(ints(values), |it| out_of_range::<i16>(it, data_type)),
        DataType::INT32 => find(ints(values), |it| out_of_range::<i32>(it, data_type)),
        DataType::FLOAT | DataType::DOUBLE if column.finite_only && !is_element => {
            find(floats(values), not_finite)
        }
        DataType::STRING | DataType::VARCHAR => find(bytes(values), |text| text_problem(text, column)),
        DataType::JSON => find(bytes(values), |json| json_problem(json, column)),
        DataType::GEOMETRY => find(bytes(values), |shape| {
            rows::geometry_text(shape)
                .is_none()
                .then(|| "is not a shape that can be written as text".to_owned())
        }),
        DataType::TIMESTAMPTZ => {
            let times = values.as_primitive_opt::<TimestampMicrosecondType>()?;
            find(times.iter(), |time| {
                let is_unknown = rows::time_text(time).is_none();
                is_unknown.then(|| "is a time whose year has more than four digits".to_owned())
            })
        }
        DataType::SPARSE_FLOAT_VECTOR => {
            sparse_rows(values).find_map(|(row, pairs)| Some((row, sparse_problem(&pairs)?)))
        }
        DataType::FLOAT_VECTOR => find_vector(values, |row| {
            float_vector(values, row).is_some_and(|vector| vector.iter().all(|number| number.is_finite()))
        }),
        DataType::FLOAT16_VECTOR => find_vector(values, |row| {
            half_vector(values, row).is_some_and(|vector| vector.iter().all(|number| number.is_finite()))
        }),
        DataType::BFLOAT16_VECTOR => {
            let vectors = values.as_fixed_size_binary_opt()?;
            find_vector(values, |row| {
                vectors.value(row).as_chunks::<2>().0.iter().all(|half| is_finite_bfloat16(*half))
            })
        }
        _ => None,
    }
}

/// Returns the first value that is not null and has a problem.
fn find<T>(values: impl Iterator<Item = Option<T>>, mut problem: impl FnMut(T) -> Option<String>) -> Problem {
    values.enumerate().find_map(|(row, value)| Some((row, problem(value?)?)))
}

/// Returns the first vector that is not null and contains numbers that are not finite.
fn find_vector(values: &dyn Array, is_finite: impl Fn(usize) -> bool) -> Problem {
    let row = (0..values.len()).find(|row| values.is_valid(*row) && !is_finite(*row))?;
    Some((row, "contains NaN or an infinite number, which Milvus refuses".to_owned()))
}

fn out_of_range<T: TryFrom<i64>>(number: i64, data_type: DataType) -> Option<String> {
    T::try_from(number)
        .is_err()
        .then(|| format!("is {number}, which exceeds the type {data_type} of the target"))
}

fn not_finite(number: f64) -> Option<String> {
    (!number.is_finite()).then(|| format!("is {number}, which Milvus refuses"))
}

/// Returns whether a number that is the upper half of one of 32 bits is finite.
fn is_finite_bfloat16([low, high]: [u8; 2]) -> bool {
    f32::from_le_bytes([0, 0, low, high]).is_finite()
}

fn text_problem(text: &[u8], column: &InsertColumn) -> Option<String> {
    if str::from_utf8(text).is_err() {
        return Some("is text that is not UTF-8, which a request cannot contain".to_owned());
    }
    let most = column.max_length.filter(|most| text.len() > *most)?;
    Some(format!("has {} bytes, and the target allows {most}", text.len()))
}

/// An object, of which only the keys matter.
#[derive(serde::Deserialize)]
#[expect(clippy::zero_sized_map_values, reason = "a set cannot be read from an object")]
struct Keys(BTreeMap<String, IgnoredAny>);

fn json_problem(json: &[u8], column: &InsertColumn) -> Option<String> {
    if json.len() > MAX_JSON_BYTES {
        return Some(format!("has {} bytes, and Milvus allows {MAX_JSON_BYTES} in JSON", json.len()));
    }
    if !column.objects_only {
        return None;
    }
    let Ok(object) = serde_json::from_slice::<Option<Keys>>(json) else {
        return Some("is not a JSON object, and the target refuses other values".to_owned());
    };
    let refused =
        object.iter().flat_map(|keys| keys.0.keys()).find(|key| column.refused_keys.contains(*key))?;
    Some(format!("has the key {refused:?}, which is the name of a field of the target"))
}

fn sparse_problem(pairs: &[(u32, f32)]) -> Option<String> {
    if pairs.is_empty() {
        return Some("is a sparse vector without values, which Milvus refuses".to_owned());
    }
    if pairs.iter().any(|(index, _)| *index == u32::MAX) {
        return Some(format!("has the index {}, which Milvus refuses", u32::MAX));
    }
    let wrong = pairs.iter().map(|(_, value)| *value).find(|value| !value.is_finite() || *value < 0.0)?;
    Some(format!("has the value {wrong}, which Milvus refuses in sparse vectors"))
}
