//! The errors of filters.

use arrow_schema::DataType as ArrowType;

/// A filter that cannot be parsed, or that does not fit a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// The expression is invalid, refers to something that the collection does not have, or uses what is not
    /// supported.
    #[error("character {column} of the filter: {problem}")]
    Expression {
        /// The place in the text: the number of the character, from 1.
        column: usize,
        /// What is wrong, with the way out.
        problem: String,
    },
    /// The batch lacks a field that the filter reads.
    #[error(
        "the filter reads field {0}, which the batch does not have: read the columns that Filter::fields lists"
    )]
    MissingField(String),
    /// A column of the batch has a type that the field's values never have.
    #[error("the column of field {field} has the Arrow type {found}, which the filter cannot read")]
    ColumnType {
        /// The name of the field.
        field: String,
        /// The type in the batch.
        found: ArrowType,
    },
}

/// A result of parsing or evaluating a filter.
pub(super) type Result<T> = std::result::Result<T, FilterError>;
