//! Columns computed from row numbers, so that every run makes the same rows.

use crate::test_milvus::{Column, Values};
use model::manifest::DataType;
use std::ops::Range;

/// Returns a column of a declared field.
pub(super) fn column(name: &str, data_type: DataType, values: Values) -> Column {
    Column { name: name.to_owned(), data_type, is_dynamic: false, values }
}

pub(super) fn longs(name: &str, rows: Range<i32>) -> Column {
    column(name, DataType::INT64, Values::Long(rows.map(i64::from).collect()))
}

pub(super) fn texts(name: &str, rows: Range<i32>, text: impl Fn(i32) -> String) -> Column {
    column(name, DataType::VARCHAR, Values::Text(rows.map(text).collect()))
}

pub(super) fn doubles(name: &str, rows: Range<i32>, number: impl Fn(f64) -> f64) -> Column {
    column(name, DataType::DOUBLE, Values::Double(rows.map(|row| number(f64::from(row))).collect()))
}

/// Returns a column of vectors that consist of the row's number and `rest`.
pub(super) fn numbered_vectors(name: &str, rows: Range<i32>, rest: [f32; 3]) -> Column {
    #[expect(clippy::cast_precision_loss, reason = "row numbers are small")]
    let data = rows.flat_map(|row| [row as f32, rest[0], rest[1], rest[2]]).collect();
    column(name, DataType::FLOAT_VECTOR, Values::FloatVector { dim: 4, data })
}

/// Returns a pseudo-random number that is the same in every run (`SplitMix64`).
pub(super) fn pseudo_random(row: i32, position: u64) -> u64 {
    let mut word = u64::from(row.unsigned_abs())
        .wrapping_mul(1024)
        .wrapping_add(position)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}
