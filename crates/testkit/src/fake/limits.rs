//! The limits and the data types of each release.

use proto::schema::DataType;

use super::reply::Version;
use super::words::{V2_2, V2_3, V2_4, V2_5, V2_6, V3_0};

/// The limits of schemas since a release.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    since: Version,
    /// The largest number of fields.
    pub(super) fields: usize,
    /// The largest number of vector fields.
    pub(super) vectors: usize,
    /// Whether a schema needs a vector field.
    pub(super) needs_vector: bool,
    pub(super) least_dimension: i64,
    /// The number of partitions of a collection with a partition key, unless the request sets another.
    pub(super) key_partitions: i64,
    pub(super) most_key_partitions: i64,
    /// The longest password in bytes.
    pub(super) password: usize,
}

const IN_2_2: Limits = Limits {
    since: V2_2,
    fields: 64,
    vectors: 1,
    needs_vector: false,
    least_dimension: 1,
    key_partitions: 64,
    most_key_partitions: 4096,
    password: 256,
};
const IN_2_4: Limits = Limits { since: V2_4, vectors: 4, needs_vector: true, ..IN_2_2 };
const IN_2_5: Limits = Limits {
    since: V2_5,
    least_dimension: 2,
    key_partitions: 16,
    most_key_partitions: 1024,
    password: 72,
    ..IN_2_4
};
const IN_2_6: Limits = Limits { since: V2_6, vectors: 10, ..IN_2_5 };
/// 65 fields were accepted; the real limit is not known.
const IN_3_0: Limits = Limits { since: V3_0, fields: 1024, ..IN_2_6 };
const LIMITS: [Limits; 5] = [IN_2_2, IN_2_4, IN_2_5, IN_2_6, IN_3_0];

pub(super) const MOST_SHARDS: i32 = 16;
pub(super) const MOST_DIMENSIONS: i64 = 32_768;
pub(super) const MOST_CHARACTERS: i64 = 65_535;
pub(super) const MOST_ELEMENTS: i64 = 4_096;

/// Returns the limits of a release.
pub(super) fn limits(version: Version) -> &'static Limits {
    LIMITS.iter().rfind(|limits| limits.since <= version).unwrap_or(&IN_2_2)
}

/// The types that came after 2.2, each with the release that knows its name and the one that stores it.
const LATER_TYPES: [(DataType, Version, Version); 11] = [
    (DataType::Array, V2_2, V2_3),
    (DataType::Float16Vector, V2_3, V2_4),
    (DataType::BFloat16Vector, V2_3, V2_4),
    (DataType::SparseFloatVector, V2_4, V2_4),
    (DataType::Geometry, V2_5, V2_5),
    (DataType::Int8Vector, V2_6, V2_6),
    (DataType::Timestamptz, V2_6, V2_6),
    (DataType::Text, V2_6, V3_0),
    (DataType::ArrayOfVector, V2_6, V2_6),
    (DataType::ArrayOfStruct, V2_6, V2_6),
    (DataType::Mol, V3_0, V3_0),
];

/// Returns whether a release stores fields of a type.
pub(super) fn is_stored(number: i32, version: Version) -> bool {
    match DataType::try_from(number) {
        Ok(DataType::None | DataType::String | DataType::Struct) | Err(_) => false,
        Ok(data_type) => {
            let later = LATER_TYPES.iter().find(|(later, ..)| *later == data_type);
            later.is_none_or(|(_, _, since)| *since <= version)
        }
    }
}

/// Returns the name of a type, or its number if the release does not know it.
pub(super) fn type_name(number: i32, version: Version) -> String {
    let Ok(data_type) = DataType::try_from(number) else { return number.to_string() };
    let later = LATER_TYPES.iter().find(|(later, ..)| *later == data_type);
    if later.is_none_or(|(_, since, _)| *since <= version) {
        data_type.as_str_name().to_owned()
    } else {
        number.to_string()
    }
}

/// Returns whether a type is a vector that the release knows.
pub(super) fn is_vector(number: i32, version: Version) -> bool {
    (i32::from(DataType::BinaryVector)..i32::from(DataType::ArrayOfVector)).contains(&number)
        && type_name(number, version) != number.to_string()
}
