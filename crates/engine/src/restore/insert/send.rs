//! Sends insert requests, and recovers from those that got no answer.

use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use milvus::{MilvusError, RowKeys};
use model::plan::restore::PartitionPlan;

use super::rows::RowBudget;
use super::{CollectionInsert, InsertSource, RowStream};
use crate::insert_rows::EncodedRows;
use crate::restore::import::{is_outage, wait_out};
use crate::{Activity, Error};

/// The number of keys of one delete request.
const KEYS_AT_ONCE: usize = 4096;

/// The result of one insert request.
pub(super) enum SendResult {
    /// The target has the rows.
    Inserted,
    /// The target may have some of the rows, and the partition must be emptied before they are sent again.
    Lost(Error),
}

impl CollectionInsert<'_> {
    /// Inserts the rows of one request; waits for a server that is away, and repeats a request without an answer as an
    /// upsert where that cannot duplicate rows.
    pub(super) async fn send(
        &self,
        partition: &PartitionPlan,
        rows: EncodedRows,
        source: &InsertSource<'_>,
    ) -> Result<SendResult, Error> {
        let (milvus, target, name) = (self.run.milvus(), &self.plan.target, self.named_partition(partition));
        let count = u64::from(rows.rows);
        let started = Instant::now();
        self.account.begin(partition.id, count);
        let unanswered = loop {
            match milvus.insert_rows(target, name, rows.fields.clone(), rows.rows).await {
                Ok(inserted) => {
                    self.account.confirm(partition.id, inserted.rows);
                    return Ok(SendResult::Inserted);
                }
                Err(error) if error.was_never_executed() => {
                    wait_out(started, error).map_err(|error| self.in_partition(partition, error))?;
                }
                Err(error) if is_outage(&error) => break error,
                Err(error) => return Err(self.in_partition(partition, error)),
            }
        };
        if source.can_upsert {
            let upsert = || milvus.upsert_rows(target, name, rows.fields.clone(), rows.rows);
            let inserted = outlast(upsert).await.map_err(|error| self.in_partition(partition, error))?;
            self.account.confirm(partition.id, inserted.rows);
            return Ok(SendResult::Inserted);
        }
        let rows = self.describe_rows(partition, &rows);
        let error = Error::InsertUnanswered { rows, source: unanswered };
        if self.may_empty() && source.encoder.inserted_key().is_some() {
            Ok(SendResult::Lost(error))
        } else {
            Err(error)
        }
    }

    /// Adds the partition, and the rows that were inserted before, to an error of Milvus.
    fn in_partition(&self, partition: &PartitionPlan, error: MilvusError) -> Error {
        let place = format!("partition {} of {}", partition.name, self.plan.target);
        let inserted = self.account.of(partition.id).confirmed;
        Error::from(error).with_context(Activity::Insert { place, inserted })
    }

    /// Deletes the rows of a partition that this restore may have inserted, by their keys.
    pub(super) async fn empty_partition(
        &self,
        partition: &PartitionPlan,
        source: &InsertSource<'_>,
    ) -> Result<(), Error> {
        let Some((key, key_name)) = source.encoder.inserted_key() else { return Ok(()) };
        let sent = self.account.discard(partition.id);
        let budget = RowBudget::new(Some(sent));
        let mut rows = RowStream::new(source.contents, partition.id, &[key], &budget);
        let (target, name) = (&self.plan.target, self.named_partition(partition));
        while let Some(batch) = rows.next().await? {
            for keys in keys_of(&batch) {
                outlast(|| self.run.milvus().delete_rows(target, name, key_name, &keys)).await?;
            }
        }
        source.budget.give_back(sent);
        Ok(())
    }
}

/// Repeats a call that may be repeated until Milvus has been away for too long.
async fn outlast<T, F>(call: impl Fn() -> F) -> Result<T, MilvusError>
where
    F: Future<Output = Result<T, MilvusError>>,
{
    let started = Instant::now();
    loop {
        match call().await {
            Err(error) => wait_out(started, error)?,
            done => return done,
        }
    }
}

/// Returns the keys in the only column of a batch.
fn keys_of(batch: &RecordBatch) -> Vec<RowKeys> {
    let Some(column) = batch.columns().first() else { return Vec::new() };
    let chunks = (0..column.len()).step_by(KEYS_AT_ONCE);
    let chunks = chunks.map(|start| column.slice(start, KEYS_AT_ONCE.min(column.len() - start)));
    let keys = chunks.map(|keys| {
        if let Some(numbers) = keys.as_primitive_opt::<Int64Type>() {
            return RowKeys::Int64(numbers.iter().flatten().collect());
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        RowKeys::VarChar(keys.as_binary_opt::<i32>().into_iter().flatten().flatten().map(text).collect())
    });
    keys.collect()
}
