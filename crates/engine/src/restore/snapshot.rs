//! Restores one collection from a snapshot: Milvus creates it from the files in the backup.

use std::collections::HashMap;
use std::time::Duration;

use milvus::ExternalStore;
use model::ids::{PartitionId, PartitionScope};
use model::manifest::SnapshotBundle;
use model::name::CollectionRef;
use model::plan::restore::{CollectionPlan, PartitionPlan, PlanError, RowRange};
use tokio::time::Instant;

use super::collection::{Attempt, check_row_counts};
use super::{DataImport, RestoreRun};
use crate::snapshot_job::{SnapshotJob, SnapshotJobKind};
use crate::{CollectionPhase, Error, Event, PartitionRows};

/// The pause between two counts of rows.
const COUNT_PAUSE: Duration = Duration::from_millis(100);

/// The time in which the segments of a restored collection are listed with all their rows.
const COUNT_PATIENCE: Duration = Duration::from_secs(10);

impl RestoreRun<'_> {
    /// Creates the target from its bundle, counts the rows, and loads the collection.
    ///
    /// Records each step in `attempt` before the steps that follow, so it is valid also after a failure.
    pub(super) async fn restore_bundle(
        &self,
        plan: &CollectionPlan,
        bundle: &SnapshotBundle,
        data: &DataImport<'_>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let ctx = self.ctx;
        ctx.check()?;
        let from = self.locate_bundle(bundle)?;
        self.emit_phase(plan, CollectionPhase::Creating);
        // A cancellation must not interrupt the creation: the report must say whether the collection exists.
        let dropped = self.drop_collection(plan).await?;
        attempt.dropped = dropped.is_some();
        attempt.aliases.extend(dropped.unwrap_or_default());
        if self.milvus().has_collection(&plan.target).await? {
            return Err(PlanError::TargetsExist(vec![plan.target.clone()]).into());
        }
        let id = self.milvus().restore_snapshot(&plan.target, &from).await?;
        // A job that fails may leave a part of its collection.
        attempt.created = true;
        self.emit_phase(plan, CollectionPhase::Importing);
        let job = SnapshotJob { kind: SnapshotJobKind::Restore, id, collection: plan.target.clone() };
        let limit = data.importer.stall_limit();
        let status = || self.milvus().snapshot_restore_status(id, &from);
        let followed = ctx.run(data.while_readable(job.follow(limit, status, |_| ()))).await;
        match followed {
            Err(Error::Cancelled) => {
                self.warnings.record(format!("{job} goes on in Milvus, which cannot cancel it"));
                return Err(Error::Cancelled);
            }
            Err(error @ Error::SnapshotJobFailed { .. }) => {
                attempt.created = self.milvus().has_collection(&plan.target).await.unwrap_or(true);
                return Err(error);
            }
            followed => drop(followed?),
        }
        attempt.partitions = ctx.run(self.count_restored_rows(plan)).await?;
        let rows = attempt.partitions.iter().map(|partition| partition.counted).sum();
        ctx.emit(Event::Import { collection: plan.display_name.clone(), done: 1, jobs: 1, rows });
        check_row_counts(plan, &attempt.partitions)?;
        attempt.lacks.extend(self.put_back_aliases(&plan.target, &attempt.aliases).await);
        attempt.aliases.clear();
        if plan.load {
            self.emit_phase(plan, CollectionPhase::Loading);
            let loaded = async { Ok::<_, Error>(self.load_collection(plan, limit).await) };
            attempt.lacks.extend(ctx.run(loaded).await?);
        }
        Ok(())
    }

    /// Returns where Milvus reads a bundle.
    fn locate_bundle(&self, bundle: &SnapshotBundle) -> Result<ExternalStore, Error> {
        let layout = self.prepared.catalog.layout(&self.prepared.request.name);
        let key = layout.dir().join(&bundle.metadata_path);
        let config = &self.engine.config;
        config.backup.external_store(&key, &config.source).map_err(Error::SnapshotSource)
    }

    /// Counts the rows of the partitions, for some seconds until they are those of the plan.
    ///
    /// This is necessary because Milvus reports a restore as completed although files were missing.
    async fn count_restored_rows(&self, plan: &CollectionPlan) -> Result<Vec<PartitionRows>, Error> {
        let started = Instant::now();
        loop {
            let counted = self.count_rows(plan).await?;
            let is_right = counted.iter().all(|p| p.expected.contains(p.counted));
            if is_right || started.elapsed() > COUNT_PATIENCE {
                return Ok(counted);
            }
            tokio::time::sleep(COUNT_PAUSE).await;
        }
    }

    async fn count_rows(&self, plan: &CollectionPlan) -> Result<Vec<PartitionRows>, Error> {
        let flushed = self.flushed_rows_by_partition(&plan.target).await?;
        let count = |partition: &PartitionPlan| {
            let counted = flushed.get(&partition.name).copied().unwrap_or_default();
            // The backup does not record the rows of every snapshot.
            let is_recorded = partition.rows.max > 0;
            let expected = if is_recorded { partition.rows } else { RowRange { min: counted, max: counted } };
            PartitionRows { partition: partition.name.clone(), counted, expected }
        };
        Ok(plan.partitions.iter().map(count).collect())
    }

    /// Returns the number of rows in the flushed segments of each partition, deleted rows included.
    pub(super) async fn flushed_rows_by_partition(
        &self,
        target: &CollectionRef,
    ) -> Result<HashMap<String, u64>, Error> {
        let names = self.milvus().list_partitions(target).await?;
        let segments = self.milvus().segments(target).await?;
        let rows_of = |id: PartitionId| -> u64 {
            let own = segments.iter().filter(|s| s.partition == PartitionScope::One(id));
            own.filter(|segment| segment.has_flushed_rows()).map(|segment| segment.rows).sum()
        };
        Ok(names.into_iter().map(|(name, id)| (name, rows_of(id))).collect())
    }
}
