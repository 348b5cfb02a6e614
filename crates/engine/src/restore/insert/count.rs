//! Counts the rows of a target after inserts.

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::MilvusErrorKind;
use model::plan::restore::RowRange;

use super::CollectionInsert;
use crate::restore::inspect::CONCURRENT_CALLS;
use crate::{Error, Event, PartitionRows};

/// The name of all partitions together in a report, for collections whose rows Milvus distributes itself.
const ALL_PARTITIONS: &str = "all partitions";

impl CollectionInsert<'_> {
    /// Counts the rows of a new target: by a query if it is loaded, or else in the segments that were flushed.
    ///
    /// Returns the confirmed rows where the server offers neither, and for a target that had rows before.
    pub(in crate::restore) async fn count(&self, is_loaded: bool) -> Result<Vec<PartitionRows>, Error> {
        let confirmed = self.account.partition_rows(self.plan);
        // Imported rows of a partition cannot be told from inserted ones.
        if !self.may_empty() || (self.backup.distributes_rows() && !self.plan.jobs.is_empty()) {
            return Ok(confirmed);
        }
        let milvus = self.run.milvus();
        let counted = if is_loaded && milvus.capabilities().counts_live_rows {
            self.count_by_query().await
        } else {
            self.count_in_segments().await
        };
        match counted {
            Err(Error::Milvus(error)) if error.kind() == MilvusErrorKind::Unsupported => {
                self.run.ctx.emit(Event::Note(format!(
                    "the rows of {} are those that the server confirmed: it cannot count them",
                    self.plan.target
                )));
                Ok(confirmed)
            }
            counted => counted,
        }
    }

    async fn count_by_query(&self) -> Result<Vec<PartitionRows>, Error> {
        let (milvus, target) = (self.run.milvus(), &self.plan.target);
        if self.backup.distributes_rows() {
            let counted = milvus.count_rows(target, None).await?;
            return Ok(vec![self.of_all_partitions(counted, 0)]);
        }
        // The futures are made beforehand, so that this one is `Send`.
        let counts: Vec<_> = self
            .plan
            .inserted_partitions()
            .map(|partition| async move {
                let counted = milvus.count_rows(target, Some(&partition.name)).await?;
                let expected = self.account.expected(self.plan, partition.id, partition.rows);
                Ok(PartitionRows { partition: partition.name.clone(), counted, expected })
            })
            .collect();
        stream::iter(counts).buffered(CONCURRENT_CALLS).try_collect().await
    }

    /// Counts the rows in the flushed segments; rows that were deleted again count too.
    async fn count_in_segments(&self) -> Result<Vec<PartitionRows>, Error> {
        let by_name = self.run.flushed_rows_by_partition(&self.plan.target).await?;
        if self.backup.distributes_rows() {
            let discarded = self.plan.inserted_partitions().map(|it| self.account.of(it.id).discarded).sum();
            return Ok(vec![self.of_all_partitions(by_name.values().sum(), discarded)]);
        }
        let counts = self.plan.inserted_partitions().map(|partition| {
            let expected = self.account.expected(self.plan, partition.id, partition.rows);
            let discarded = self.account.of(partition.id).discarded;
            PartitionRows {
                partition: partition.name.clone(),
                counted: by_name.get(&partition.name).copied().unwrap_or_default(),
                expected: RowRange { max: expected.max + discarded, ..expected },
            }
        });
        Ok(counts.collect())
    }

    fn of_all_partitions(&self, counted: u64, discarded: u64) -> PartitionRows {
        let expected = self.plan.inserted_partitions().fold(RowRange::default(), |sum, partition| {
            let own = self.account.expected(self.plan, partition.id, partition.rows);
            RowRange { min: sum.min + own.min, max: sum.max + own.max }
        });
        let expected = RowRange { max: expected.max + discarded, ..expected };
        PartitionRows { partition: ALL_PARTITIONS.to_owned(), counted, expected }
    }
}
