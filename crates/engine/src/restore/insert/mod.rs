//! Inserts the rows of one collection into its target.

mod account;
mod check;
mod count;
mod rows;
mod send;

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::MilvusErrorKind;
use model::manifest::CollectionBackup;
use model::plan::restore::{CollectionPlan, PartitionPlan, TargetAction};
use tokio::sync::Semaphore;

pub(super) use account::InsertAccount;
pub(super) use check::InsertCheck;

use super::RestoreRun;
use crate::catalog::SegmentContents;
use crate::insert_rows::{EncodedRows, RowEncoder};
use crate::stored_collection::StoredCollection;
use crate::{Error, Event};
use check::Obstacle;
use rows::{RowBudget, RowStream};
use send::SendResult;

/// The number of partitions that a restore inserts at the same time, each with one request at a time, so that rows with
/// equal keys keep their order.
pub(super) const PARTITIONS_AT_ONCE: usize = 4;

/// The size of a request in bytes: below the limit of 4 MiB that gRPC has by default, although Milvus accepts 64 MiB.
const REQUEST_BYTES: usize = 3 << 20;

/// How often a partition is inserted from the beginning before its restore fails.
const MAX_ATTEMPTS: usize = 3;

/// The inserts into one collection.
pub(super) struct CollectionInsert<'a> {
    pub(super) run: &'a RestoreRun<'a>,
    pub(super) plan: &'a CollectionPlan,
    pub(super) backup: &'a CollectionBackup,
    /// What is inserted so far, which also an interrupted restore reports.
    pub(super) account: &'a InsertAccount,
}

/// What the inserts into the partitions of one collection share.
struct InsertSource<'a> {
    encoder: &'a RowEncoder,
    contents: &'a SegmentContents<'a>,
    budget: &'a RowBudget,
    /// Whether a request without an answer may be repeated as an upsert.
    can_upsert: bool,
}

impl CollectionInsert<'_> {
    /// Inserts the rows of all partitions that the plan inserts, and flushes the collection.
    pub(super) async fn run(&self, permits: &Semaphore) -> Result<(), Error> {
        let (milvus, target) = (self.run.milvus(), &self.plan.target);
        let request = &self.run.prepared.request;
        let schema = milvus.describe_collection(target).await?.into_schema();
        let columns = request.subset.named_columns();
        let encoder = RowEncoder::new(&self.backup.schema, &schema, milvus.capabilities(), columns);
        let encoder = encoder.map_err(|problems| self.not_insertable(&problems))?;
        let catalog = &self.run.prepared.catalog;
        let stored = StoredCollection::open(catalog, &request.name, self.backup).await?;
        let contents = stored.segments()?;
        let makes_keys = schema.auto_id || schema.primary_key().is_none_or(|key| key.auto_id);
        let source = InsertSource {
            encoder: &encoder,
            contents: &contents,
            budget: &RowBudget::new(request.subset.limit),
            can_upsert: milvus.capabilities().upserts && !makes_keys,
        };
        let source = &source;
        // The futures are made beforehand, so that this one is `Send`.
        let inserts: Vec<_> = self
            .plan
            .inserted_partitions()
            .map(|partition| self.insert_partition(partition, source, permits).boxed())
            .collect();
        // With a limit, the first rows are taken.
        let at_once = if request.subset.limit.is_some() { 1 } else { PARTITIONS_AT_ONCE };
        stream::iter(inserts).buffer_unordered(at_once).try_collect::<()>().await?;
        self.flush().await
    }

    async fn insert_partition(
        &self,
        partition: &PartitionPlan,
        source: &InsertSource<'_>,
        permits: &Semaphore,
    ) -> Result<(), Error> {
        // Acquiring does not fail, because the semaphore is never closed.
        let _permit = permits.acquire().await.map_err(|error| Error::Task(error.to_string()))?;
        for attempt in 1..=MAX_ATTEMPTS {
            let Some(lost) = self.try_partition(partition, source).await? else {
                let (done, rows) = self.account.complete(partition.id);
                let imported =
                    self.plan.rows().max - self.plan.inserted_partitions().map(|it| it.rows.max).sum::<u64>();
                tracing::info!("inserted partition {} of {}", partition.name, self.plan.target);
                self.run.ctx.emit(Event::Import {
                    collection: self.plan.display_name.clone(),
                    done: self.plan.jobs.len() + done,
                    jobs: self.plan.steps(),
                    rows: rows + imported,
                });
                return Ok(());
            };
            if attempt == MAX_ATTEMPTS {
                return Err(lost);
            }
            let note = format!("{}; the partition is emptied and inserted again", crate::error::chain(&lost));
            self.run.ctx.emit(Event::Note(note));
            self.empty_partition(partition, source).await?;
        }
        Ok(())
    }

    /// Inserts the rows of a partition from the beginning; returns the error of a request without an answer that cannot be
    /// repeated before the partition is emptied.
    async fn try_partition(
        &self,
        partition: &PartitionPlan,
        source: &InsertSource<'_>,
    ) -> Result<Option<Error>, Error> {
        let mut rows = RowStream::new(source.contents, partition.id, source.encoder.fields(), source.budget);
        while let Some(batch) = rows.next().await? {
            let encoded = source.encoder.encode(&batch, REQUEST_BYTES);
            let encoded = encoded.map_err(|problem| self.not_insertable(&[problem]))?;
            for request in encoded {
                match self.send(partition, request, source).await? {
                    SendResult::Inserted => {}
                    SendResult::Lost(error) => return Ok(Some(error)),
                }
            }
        }
        Ok(None)
    }

    /// Flushes the collection, unless the server has no such call.
    async fn flush(&self) -> Result<(), Error> {
        match self.run.milvus().flush(&self.plan.target).await {
            Err(error) if error.kind() == MilvusErrorKind::Unsupported => {
                let target = &self.plan.target;
                self.run
                    .ctx
                    .emit(Event::Note(format!("{target} is not flushed: this server has no such call")));
                Ok(())
            }
            flushed => Ok(flushed.map(drop)?),
        }
    }

    /// Returns the partition to name in a request; `None` if Milvus distributes the rows itself.
    fn named_partition<'p>(&self, partition: &'p PartitionPlan) -> Option<&'p str> {
        (!self.backup.distributes_rows()).then_some(partition.name.as_str())
    }

    /// Returns whether the target was empty before, so that its partitions may be emptied.
    fn may_empty(&self) -> bool {
        self.plan.action != TargetAction::Use
    }

    /// Describes the rows of a request, for messages.
    fn describe_rows(&self, partition: &PartitionPlan, rows: &EncodedRows) -> String {
        let (target, name, first, last) =
            (&self.plan.target, &partition.name, &rows.first_key, &rows.last_key);
        format!("{target}/{name}: {} rows from key {first} to {last}", rows.rows)
    }

    fn not_insertable<P: ToString>(&self, problems: &[P]) -> Error {
        Obstacle::new(self.plan, problems.iter().map(P::to_string).collect()).into()
    }
}
