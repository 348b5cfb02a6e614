//! Conditions on rows, in the syntax of Milvus's filter expressions.

mod bind;
mod cell;
mod columns;
mod error;
mod expression;
mod functions;
mod json_path;
mod lexer;
mod like;
mod parser;

use arrow_array::{BooleanArray, RecordBatch};
use model::ids::FieldId;
use model::manifest::Schema;

use columns::BatchColumns;
pub use error::FilterError;
use error::Result;
use expression::Condition;

/// A condition on the rows of a collection, in Milvus's expression syntax, such as `price > 5 and tag in ["a", "b"]`.
///
/// A condition on a value that is null, absent or of another type is unknown, and so is its negation. Rows for which
/// the filter is unknown do not match.
#[derive(Clone, Debug)]
pub struct Filter {
    condition: Condition,
    fields: Vec<FieldId>,
    names: Vec<String>,
}

impl Filter {
    /// Parses an expression of at most 1 MiB for the rows of a schema.
    ///
    /// Fails if the syntax is invalid, a field does not exist or has another type, a function is not supported, or
    /// the expression is nested too deeply. The error names the place in the text.
    pub fn parse(text: &str, schema: &Schema) -> Result<Self> {
        let (condition, used) = parser::parse(text, schema)?;
        let (fields, names) = used.into_iter().unzip();
        Ok(Self { condition, fields, names })
    }

    /// Returns the fields that the filter reads, each once; empty if it is made of constants.
    pub fn fields(&self) -> &[FieldId] {
        &self.fields
    }

    /// Returns for each row of a [`SegmentReader`](crate::SegmentReader)'s batch whether it matches; the result has no
    /// nulls.
    ///
    /// Fails if the batch does not have the columns of [`fields`](Self::fields), in any order, with Arrow's types for
    /// them.
    pub fn matching(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let columns = BatchColumns::find(batch, &self.fields, &self.names)?;
        let matches = (0..batch.num_rows()).map(|row| self.condition.holds(&columns, row) == Some(true));
        Ok(matches.map(Some).collect())
    }
}

#[cfg(test)]
mod tests;
