//! Reads the live rows of a collection in a backup, without a Milvus.

use std::ops::ControlFlow;

use arrow_array::RecordBatch;
use arrow_select::filter::filter_record_batch;
use model::ids::FieldId;
use model::manifest::CollectionBackup;
use model::name::{BackupName, CollectionRef};
use rows::{Filter, FilterError, ReadOptions};

use crate::stored_collection::similar_first;
use crate::{Engine, Error, JobCtx};

/// The number of rows that are read at once if only a few are wanted.
const FEW_ROWS: usize = 256;

/// Which rows of a backup are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowQuery {
    /// The name of the backup.
    pub backup: BackupName,
    /// The name of the collection in the backup.
    pub collection: CollectionRef,
    /// The names of the fields, in the order of the output; `None` for all. A field of an array of structs is named
    /// `array[field]`, the field with undeclared keys `$meta`.
    pub columns: Option<Vec<String>>,
    /// The name of the only partition to read; `None` for all.
    pub partition: Option<String>,
    /// The condition on the rows in Milvus's expression syntax; `None` for all. Its fields need not be among the columns.
    pub filter: Option<String>,
    /// The largest number of rows; `None` for all.
    pub limit: Option<u64>,
}

/// Some consecutive rows of one partition.
#[derive(Debug)]
pub struct StoredRows<'a> {
    /// The name of the partition.
    pub partition: &'a str,
    batch: RecordBatch,
}

impl StoredRows<'_> {
    /// Returns the number of rows, at least one.
    pub fn count(&self) -> usize {
        self.batch.num_rows()
    }

    /// Returns the names of the fields.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.batch.schema_ref().fields().iter().map(|field| field.name().as_str())
    }

    /// Appends a row as a JSON object in one line, in the forms of [`rows::write_json_row`].
    pub fn write_json(&self, row: usize, out: &mut String) {
        rows::write_json_row(&self.batch, row, out);
    }

    /// Returns the values of a row as JSON, in the order of the columns.
    pub fn json_values(&self, row: usize) -> impl Iterator<Item = String> {
        let columns = self.batch.schema_ref().fields().iter().zip(self.batch.columns());
        columns.map(move |(field, column)| {
            let mut text = String::new();
            rows::write_json_value(field, column, row, &mut text);
            text
        })
    }
}

impl Engine {
    /// Reads rows, partition by partition and the oldest segment first, and passes them to `on_rows` until it breaks.
    ///
    /// Rows that a delete hides are left out; those whose time to live has ended are not, because Milvus may still show
    /// them. Returns the number of rows that were passed. Only the files of the wanted columns are read, and those of
    /// the filter, the keys and the timestamps where deletes exist. Fails if the backup, the collection, a field or the
    /// partition does not exist, if the filter is invalid, if a file cannot be read, or if the job is cancelled.
    pub async fn read_rows(
        &self,
        query: &RowQuery,
        ctx: &JobCtx,
        mut on_rows: impl FnMut(&StoredRows<'_>) -> ControlFlow<()> + Send,
    ) -> Result<u64, Error> {
        ctx.run(self.read_stored_rows(query, &mut on_rows)).await
    }

    async fn read_stored_rows(
        &self,
        query: &RowQuery,
        on_rows: &mut (impl FnMut(&StoredRows<'_>) -> ControlFlow<()> + Send),
    ) -> Result<u64, Error> {
        let backup = self.open_stored_backup(&query.backup).await?;
        let collection = backup.find_collection(&query.collection)?;
        let columns = query.columns.as_ref().map(|names| find_columns(collection, names)).transpose()?;
        let filter = query.filter.as_ref().map(|text| parse_filter(collection, text)).transpose()?;
        let filter = filter.map(|filter| RowFilter { filter, columns: columns.as_ref().map(Vec::len) });
        let columns = columns.map(|columns| with_fields(columns, filter.as_ref()));
        let partition = query.partition.as_ref().map(|name| check_partition(collection, name)).transpose()?;
        let options = ReadOptions {
            columns,
            binary_text: true,
            batch_rows: match query.limit {
                Some(limit) if limit <= FEW_ROWS as u64 && filter.is_none() => FEW_ROWS,
                _ => ReadOptions::default().batch_rows,
            },
            ..ReadOptions::default()
        };
        let opened = backup.open_collection(collection).await?;
        let contents = opened.segments()?;
        let (mut passed, limit) = (0, query.limit.unwrap_or(u64::MAX));
        for (place, segment) in contents.row_segments() {
            if partition.is_some_and(|only| only != place.name) {
                continue;
            }
            let mut reader = contents.read_rows(place.id, segment, &options).await?;
            while passed < limit
                && let Some(batch) = reader.next().await?
            {
                let batch = match &filter {
                    Some(filter) => filter.apply(&batch, collection)?,
                    None => batch,
                };
                if batch.num_rows() == 0 {
                    continue;
                }
                let wanted = usize::try_from(limit - passed).unwrap_or(usize::MAX).min(batch.num_rows());
                passed += wanted as u64;
                let rows = StoredRows { partition: &place.name, batch: batch.slice(0, wanted) };
                if on_rows(&rows).is_break() {
                    return Ok(passed);
                }
            }
            if passed >= limit {
                break;
            }
        }
        Ok(passed)
    }
}

/// A filter of rows, and the number of columns that remain after it.
struct RowFilter {
    filter: Filter,
    columns: Option<usize>,
}

impl RowFilter {
    /// Returns the rows that match, without the columns that only the filter reads.
    fn apply(&self, batch: &RecordBatch, collection: &CollectionBackup) -> Result<RecordBatch, Error> {
        let matching = self.filter.matching(batch).map_err(|error| refused(collection, error))?;
        let wanted: Vec<usize> = (0..self.columns.unwrap_or_else(|| batch.num_columns())).collect();
        let filtered = batch.project(&wanted).and_then(|batch| filter_record_batch(&batch, &matching));
        filtered.map_err(|error| Error::Task(error.to_string()))
    }
}

/// Adds the fields that a filter reads to the columns.
fn with_fields(mut columns: Vec<FieldId>, filter: Option<&RowFilter>) -> Vec<FieldId> {
    for field in filter.map_or(&[][..], |filter| filter.filter.fields()) {
        if !columns.contains(field) {
            columns.push(*field);
        }
    }
    columns
}

fn parse_filter(collection: &CollectionBackup, text: &str) -> Result<Filter, Error> {
    Filter::parse(text, &collection.schema).map_err(|error| refused(collection, error))
}

fn refused(collection: &CollectionBackup, error: FilterError) -> Error {
    Error::Filter { collection: collection.name.to_string(), error }
}

/// Finds the ids of fields by their names; fails if one does not exist.
fn find_columns(collection: &CollectionBackup, names: &[String]) -> Result<Vec<FieldId>, Error> {
    let columns = || collection.schema.stored_columns();
    let find = |name: &String| {
        let found = columns().find(|(_, known)| known == name).map(|(id, _)| id);
        found.ok_or_else(|| unknown(collection, "field", name, columns().map(|(_, name)| name)))
    };
    names.iter().map(find).collect()
}

fn check_partition<'a>(collection: &CollectionBackup, name: &'a str) -> Result<&'a str, Error> {
    let known = || collection.partitions.iter().map(|partition| partition.name.as_str());
    if known().any(|known| known == name) {
        return Ok(name);
    }
    Err(unknown(collection, "partition", name, known()))
}

/// Makes an error of a part that a collection does not have, with those that it has.
fn unknown<'a>(
    collection: &CollectionBackup,
    part: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str>,
) -> Error {
    Error::NoSuchPart {
        collection: collection.name.to_string(),
        part,
        name: name.to_owned(),
        known: similar_first(name, known.map(str::to_owned).collect()),
    }
}
