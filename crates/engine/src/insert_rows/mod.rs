//! Encodes rows of a backup as the columns of insert requests.

mod check;
mod columns;
mod scalars;
mod vectors;

#[cfg(test)]
mod problem_tests;
#[cfg(test)]
mod tests;

use std::fmt;

use arrow_array::{Array, ArrayRef, RecordBatch};
use model::ids::FieldId;
use model::manifest::{DataType, Schema};
use model::version::Capabilities;
use prost::Message;
use proto::schema::field_data::Field as Values;
use proto::schema::{FieldData, StructArrayField};

use columns::{InsertColumn, match_columns};

/// The largest request that Milvus accepts, in bytes, less some room for the names in it.
const MAX_REQUEST_BYTES: usize = (64 << 20) - (64 << 10);

/// The number of rows from which the size of a batch is estimated.
const SAMPLE_ROWS: usize = 32;

/// Encodes batches of a segment reader as the columns of insert requests for one target collection.
#[derive(Clone, Debug)]
pub(crate) struct RowEncoder {
    /// The fields that are inserted; those of one array of structs follow each other.
    columns: Vec<InsertColumn>,
    fields: Vec<FieldId>,
    key: FieldId,
}

/// Why the data of a field cannot be inserted into a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InsertProblem {
    /// The name of the field in the backup or in the target.
    pub(crate) field: String,
    /// The reason, as a sentence without its subject, such as "it has type Int64 in the backup and
    /// `VarChar` in the target".
    pub(crate) reason: String,
}

/// A value that the target would refuse, or store as another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowProblem {
    /// The primary key of the row as JSON: a number or a quoted text.
    pub(crate) key: String,
    /// The name of the field.
    pub(crate) field: String,
    /// The reason, as a sentence without its subject, such as "is null, but the field is not nullable".
    pub(crate) reason: String,
}

/// The columns of one insert request.
#[derive(Clone, Debug)]
pub(crate) struct EncodedRows {
    pub(crate) fields: Vec<FieldData>,
    /// The number of rows, at least one.
    pub(crate) rows: u32,
    /// The primary keys of the first and the last row as JSON.
    pub(crate) first_key: String,
    pub(crate) last_key: String,
}

impl RowEncoder {
    /// Matches the fields of a backup with those of an existing or planned collection by their names.
    ///
    /// `target` must contain the properties of the collection, for `allow_insert_auto_id`. `columns` are the names of
    /// the fields to insert; an array of structs has one name, and undeclared keys have the name `$meta`. Without
    /// them, all fields of the target are inserted, except for the outputs of functions, and a field of the backup
    /// that the target lacks is a problem. Returns every reason why the data cannot be inserted.
    pub(crate) fn new(
        source: &Schema,
        target: &Schema,
        capabilities: &Capabilities,
        columns: Option<&[String]>,
    ) -> Result<Self, Vec<InsertProblem>> {
        let matched = match_columns(source, target, capabilities, columns)?;
        let Some(key) = source.primary_key().map(|key| FieldId(key.id)) else {
            return Err(vec![InsertProblem::new("", "the backup has no primary key")]);
        };
        let mut fields: Vec<FieldId> = matched.iter().map(|column| column.source).collect();
        if !fields.contains(&key) {
            fields.push(key);
        }
        Ok(Self { columns: matched, fields, key })
    }

    /// Returns the ids of the fields to read from the backup, for [`rows::ReadOptions::columns`]; the primary key is
    /// among them even if it is not inserted.
    pub(crate) fn fields(&self) -> &[FieldId] {
        &self.fields
    }

    /// Returns an encoder of only the columns that [`Self::check`] may find problems in; `None` if there are none.
    pub(crate) fn for_checks(&self) -> Option<Self> {
        let columns = self.columns.iter().filter(|column| check::may_have_problems(column));
        let columns: Vec<InsertColumn> = columns.cloned().collect();
        let mut fields: Vec<FieldId> = columns.iter().map(|column| column.source).collect();
        if !fields.contains(&self.key) {
            fields.push(self.key);
        }
        (!columns.is_empty()).then_some(Self { columns, fields, key: self.key })
    }

    /// Returns the id of the primary key in the backup and its name in the target; `None` if the target makes the keys.
    pub(crate) fn inserted_key(&self) -> Option<(FieldId, &str)> {
        let column = self.columns.iter().find(|column| column.source == self.key)?;
        Some((self.key, &column.name))
    }

    /// Finds the first row with a value that the target would refuse or change, without encoding.
    pub(crate) fn check(&self, batch: &RecordBatch) -> Option<RowProblem> {
        let mut first: Option<(usize, &str, String)> = None;
        for column in &self.columns {
            let found = match find_column(batch, column.source) {
                Some(values) => check::find_problem(column, values),
                None => Some((0, "is missing in the rows that were read".to_owned())),
            };
            if let Some((row, reason)) = found
                && first.as_ref().is_none_or(|(earlier, ..)| row < *earlier)
            {
                first = Some((row, &column.full_name, reason));
            }
        }
        let (row, field, reason) = first?;
        Some(RowProblem { key: self.key_of(batch, row), field: field.to_owned(), reason })
    }

    /// Encodes the rows of a batch, in order, as requests whose columns have at most `max_bytes`.
    ///
    /// A row that is larger alone gets a request of its own, up to the limit of Milvus. Fails with the first problem
    /// that [`Self::check`] finds.
    pub(crate) fn encode(
        &self,
        batch: &RecordBatch,
        max_bytes: usize,
    ) -> Result<Vec<EncodedRows>, RowProblem> {
        if let Some(problem) = self.check(batch) {
            return Err(problem);
        }
        let max_bytes = max_bytes.clamp(1, MAX_REQUEST_BYTES);
        let mut encoded = Vec::new();
        // Parts of the batch that are still to be encoded, the next one last.
        let mut waiting = split(batch, self.estimate_bytes(batch) / max_bytes + 1);
        while let Some(part) = waiting.pop() {
            let fields = self.encode_columns(&part);
            let bytes: usize = fields.iter().map(FieldData::encoded_len).sum();
            let rows = part.num_rows();
            if bytes > max_bytes && rows > 1 {
                waiting.extend(split(&part, bytes / max_bytes + 1));
                continue;
            }
            if bytes > MAX_REQUEST_BYTES {
                let reason = format!("has {bytes} bytes, more than a request may have");
                return Err(RowProblem { key: self.key_of(&part, 0), field: "all".to_owned(), reason });
            }
            encoded.push(EncodedRows {
                fields,
                rows: u32::try_from(rows).unwrap_or(u32::MAX),
                first_key: self.key_of(&part, 0),
                last_key: self.key_of(&part, rows.saturating_sub(1)),
            });
        }
        Ok(encoded)
    }

    /// Estimates the size of a batch from its first rows, with some reserve for larger ones.
    fn estimate_bytes(&self, batch: &RecordBatch) -> usize {
        let sample = batch.slice(0, batch.num_rows().min(SAMPLE_ROWS));
        let bytes: usize = self.encode_columns(&sample).iter().map(FieldData::encoded_len).sum();
        let of_all = bytes.saturating_mul(batch.num_rows()) / sample.num_rows().max(1);
        of_all.saturating_add(of_all / 8)
    }

    fn encode_columns(&self, batch: &RecordBatch) -> Vec<FieldData> {
        let mut fields: Vec<FieldData> = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let Some(values) = find_column(batch, column.source) else { continue };
            let data = encode_column(column, values);
            let Some(array) = &column.parent else {
                fields.push(data);
                continue;
            };
            match fields.last_mut() {
                Some(FieldData { field_name, field: Some(Values::StructArrays(parts)), .. })
                    if field_name == array =>
                {
                    parts.fields.push(data);
                }
                _ => fields.push(FieldData {
                    r#type: DataType::ARRAY_OF_STRUCT.0,
                    field_name: array.clone(),
                    field: Some(Values::StructArrays(StructArrayField { fields: vec![data] })),
                    ..FieldData::default()
                }),
            }
        }
        fields
    }

    /// Returns the primary key of a row as JSON.
    fn key_of(&self, batch: &RecordBatch, row: usize) -> String {
        let mut text = String::new();
        if let Some((index, column)) = position(batch, self.key).map(|at| (at, batch.column(at))) {
            rows::write_json_value(batch.schema_ref().field(index), column, row, &mut text);
        }
        text
    }
}

/// Splits a batch in parts of about as many rows, the first part last; no part is empty.
fn split(batch: &RecordBatch, parts: usize) -> Vec<RecordBatch> {
    let rows = batch.num_rows();
    let size = rows.div_ceil(parts.max(1)).max(1);
    let starts: Vec<usize> = (0..rows).step_by(size).collect();
    starts.into_iter().rev().map(|start| batch.slice(start, size.min(rows - start))).collect()
}

fn position(batch: &RecordBatch, field: FieldId) -> Option<usize> {
    let id = field.to_string();
    batch.schema_ref().fields().iter().position(|it| it.metadata().get("milvus.field_id") == Some(&id))
}

/// Finds the column of a field of the backup.
fn find_column(batch: &RecordBatch, field: FieldId) -> Option<&ArrayRef> {
    position(batch, field).map(|at| batch.column(at))
}

/// Encodes a column whose values were checked.
fn encode_column(column: &InsertColumn, values: &ArrayRef) -> FieldData {
    let field = if column.data_type.is_vector() {
        Values::Vectors(vectors::encode(column, values))
    } else {
        Values::Scalars(scalars::encode(column, values))
    };
    let has_valid_data = column.is_nullable || column.has_default;
    FieldData {
        r#type: column.data_type.0,
        field_name: column.name.clone(),
        is_dynamic: column.is_dynamic,
        valid_data: (0..values.len()).filter(|_| has_valid_data).map(|row| values.is_valid(row)).collect(),
        field: Some(field),
        ..FieldData::default()
    }
}

impl InsertProblem {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
}

impl fmt::Display for InsertProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field {}: {}", self.field, self.reason)
    }
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}, field {}: {}", self.key, self.field, self.reason)
    }
}
