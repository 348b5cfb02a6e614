//! The words for schemas that are refused.

use proto::common::ErrorCode;

use super::words::Kind::{Coded, Invalid, Missing, Plain};
use super::words::{V2_2, V2_3, V2_5, V2_6, V3_0, Words};

const PARAMETER: super::words::Kind = Coded(1100, ErrorCode::IllegalArgument);
const OLD: super::words::Kind = Coded(0, ErrorCode::UnexpectedError);
const FIELD_NAME: super::words::Kind = Coded(1701, ErrorCode::UnexpectedError);

pub(super) const UNREADABLE: &[Words] =
    &[(V2_2, Coded(65535, ErrorCode::UnexpectedError), "proto: cannot parse invalid wire-format data")];
pub(super) const OTHER_NAME: &[Words] = &[
    (V2_2, OLD, "collection name = {0}, schema.Name={1}"),
    (
        V2_3,
        PARAMETER,
        "collection name = {0}, schema.Name={1}: invalid parameter[expected=collection name matches schema name][actual=don't match]",
    ),
];
pub(super) const NO_PRIMARY: &[Words] = &[(V2_2, Missing, "primary key is not specified")];
pub(super) const DUPLICATE_FIELD: &[Words] =
    &[(V2_2, Plain, "duplicated field name"), (V2_5, Plain, "duplicated field name {0} found")];
pub(super) const SYSTEM_FIELD: &[Words] = &[
    (V2_2, OLD, "schema contains system field: RowID, Timestamp, $meta"),
    (
        V2_3,
        PARAMETER,
        "schema contains system field: RowID, Timestamp, $meta: invalid parameter[expected=schema don't contains system field][actual=contains]",
    ),
    (
        V2_6,
        PARAMETER,
        "schema contains system field: RowID, Timestamp, $meta, $namespace_id: invalid parameter[expected=schema don't contains system field][actual=contains]",
    ),
    (
        V3_0,
        FIELD_NAME,
        "field name \"{0}\" is reserved for internal use and cannot be used in user schemas: field name invalid[field={0}]",
    ),
];
pub(super) const UNKNOWN_TYPE: &[Words] = &[
    (V2_2, OLD, "{0} data type not supported"),
    (
        V2_3,
        PARAMETER,
        "invalid parameter[expected=valid field][actual=field data type: {0} is not supported]",
    ),
    (
        V2_6,
        PARAMETER,
        "invalid parameter[expected=Invalid field][actual=field data type: {0} is not supported]",
    ),
];
pub(super) const NO_TYPE: &[Words] =
    &[(V2_2, Plain, "{0} data type not supported"), (V2_3, Plain, "{1}data type {0} is not valid")];
pub(super) const TEXT_TYPE: &[Words] = &[(
    V3_0,
    PARAMETER,
    "TEXT field requires StorageV3; enable common.storage.useLoonFFI: invalid parameter: invalid parameter",
)];
pub(super) const NO_DIMENSION: &[Words] = &[
    (V2_2, Plain, "dimension is not defined in field type params, check type param `dim` for vector field"),
    (
        V2_5,
        Plain,
        "dimension is not defined in field type params of field {0}, check type param `dim` for vector field",
    ),
];
pub(super) const LARGE_DIMENSION: &[Words] = &[
    (V2_2, Plain, "invalid dimension: {1}. should be in range {3} ~ 32768"),
    (V2_5, Plain, "invalid dimension: {1} of field {0}. {2} vector dimension should be in range {3} ~ 32768"),
];
pub(super) const ODD_DIMENSION: &[Words] = &[
    (V2_2, Plain, "invalid dimension: {1}. should be multiple of 8. "),
    (V2_5, Plain, "invalid dimension: {1} of field {0}. binary vector dimension should be multiple of 8. "),
];
pub(super) const NO_LENGTH: &[Words] = &[
    (V2_2, Plain, "type param(max_length) should be specified for varChar field of collection {1}"),
    (V2_5, Plain, "type param(max_length) should be specified for varChar field({0}) of collection {1}"),
    (V2_6, Missing, "type param(max_length) should be specified for the field({0}) of collection {1}"),
];
pub(super) const LENGTH: &[Words] = &[
    (V2_2, Invalid, "the maximum length specified for a VarChar shoule be in (0, 65535]"),
    (V2_3, Invalid, "the maximum length specified for a VarChar should be in (0, 65535]"),
    (
        V2_5,
        Invalid,
        "the maximum length specified for a VarChar field({0}) should be in (0, 65535], but got {1} instead",
    ),
    (
        V2_6,
        Invalid,
        "the maximum length specified for the field({0}) should be in (0, 65535], but got {1} instead",
    ),
];
pub(super) const NO_CAPACITY: &[Words] = &[
    (V2_2, Plain, "type param(max_capacity) should be specified for array field of collection {1}"),
    (V2_5, Missing, "type param(max_capacity) should be specified for array field {0} of collection {1}"),
];
pub(super) const DEFAULT_TYPE: &[Words] = &[
    (
        V2_3,
        PARAMETER,
        "default value type mismatches field schema type: invalid parameter[expected=DataType_{2}][actual=not match]",
    ),
    (V2_5, Invalid, "type ({1}) of field ({0}) is not equal to the type(DataType_{2}) of default_value"),
];
pub(super) const ADDED_DEFAULT_TYPE: &[Words] = &[(
    V2_6,
    Invalid,
    "failed to check field schema: type ({1}) of field ({0}) is not equal to the type(DataType_{2}) of default_value",
)];
pub(super) const LONG_DEFAULT: &[Words] = &[(
    V2_3,
    PARAMETER,
    "the length ({0}) of string exceeds max length ({1}): invalid parameter[expected=valid length string][actual=string length exceeds max length]",
)];
pub(super) const CLUSTERING_KEYS: &[Words] = &[(
    V2_5,
    Coded(105, ErrorCode::UnexpectedError),
    "there are more than one clustering key, field name = {0}, {1}: illegal collection schema[collection={2}]",
)];
pub(super) const PARTITIONS: &[Words] = &[
    (V2_2, Plain, "partition number ({0}) exceeds max configuration ({1}), collection: {2}"),
    (V2_5, Invalid, "partition number ({0}) exceeds max configuration ({1})"),
];
pub(super) const EMBEDDING: &[Words] = &[
    (V2_5, Plain, "check function params with unknown function type"),
    (
        V2_6,
        Plain,
        "missing credentials config or configure the MILVUS_OPENAI_API_KEY environment variable in the Milvus service",
    ),
];
pub(super) const FIELD_EXISTS: &[Words] =
    &[(V2_6, Invalid, "duplicate field name: {0}"), (V3_0, Invalid, "duplicated field name {0}")];
