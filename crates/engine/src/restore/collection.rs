//! Restores one collection, from its creation to the check of its rows.

use std::collections::{BTreeMap, HashMap};

use futures::FutureExt;
use futures::stream::{FuturesUnordered, StreamExt};
use model::ids::{PartitionId, PartitionScope};
use model::manifest::CollectionBackup;
use model::plan::restore::{CollectionPlan, ImportJob, PartitionPlan, RowRange};

use tokio::sync::OnceCell;

use super::insert::{CollectionInsert, InsertAccount};
use super::job::ImportTask;
use super::proof::Turn;
use super::queue::JobQueue;
use super::{DataImport, RestoreRun};
use crate::{
    CollectionFailure, CollectionOutcome, CollectionPhase, CollectionRestored, Error, Event, PartitionRows,
};

/// What an attempt to restore a collection has done so far, which also a failed attempt reports.
#[derive(Default)]
pub(super) struct Attempt {
    /// Whether the collection of the same name was dropped.
    pub(super) dropped: bool,
    /// The aliases of the dropped collection, as long as the target lacks them.
    pub(super) aliases: Vec<String>,
    /// Whether the target exists because of this restore.
    pub(super) created: bool,
    pub(super) partitions: Vec<PartitionRows>,
    /// The largest number of rows that the target may have because of inserts.
    inserted: u64,
    pub(super) lacks: Vec<String>,
}

impl RestoreRun<'_> {
    /// Restores one collection and returns its result; drops an incomplete collection if the request demands that.
    pub(super) async fn restore_collection(
        &self,
        plan: &CollectionPlan,
        data: &DataImport<'_>,
    ) -> CollectionRestored {
        let mut attempt = Attempt::default();
        let mut result = self.restore_into_target(plan, data, &mut attempt).await;
        if let Err(lost @ Error::JobLost { .. }) = &result
            && attempt.created
            && self.drop_own_target(plan, &data.importer, attempt.inserted).await
        {
            self.warnings.record(format!("{lost}; {} is created anew and imported again", plan.target));
            let dropped = attempt.dropped;
            attempt = Attempt { aliases: attempt.aliases, ..Attempt::default() };
            result = self.restore_into_target(plan, data, &mut attempt).await;
            attempt.dropped |= dropped;
        }
        let outcome = match result {
            Ok(()) => {
                self.emit_phase(plan, CollectionPhase::Done);
                CollectionOutcome::Done
            }
            Err(error) => {
                self.emit_phase(plan, CollectionPhase::Failed(crate::error::chain(&error)));
                CollectionOutcome::Failed(CollectionFailure::from(&error))
            }
        };
        if outcome != CollectionOutcome::Done
            && attempt.created
            && self.prepared.request.options.cleanup_on_failure
        {
            attempt.created = !self.drop_own_target(plan, &data.importer, attempt.inserted).await;
        }
        if attempt.created && self.put_back_aliases(&plan.target, &attempt.aliases).await.is_none() {
            attempt.aliases.clear();
        }
        if !attempt.aliases.is_empty() {
            let (target, aliases) = (&plan.target, attempt.aliases.join(", "));
            let lost = format!("{target} lacks the aliases of the collection that was dropped: {aliases}");
            attempt.lacks.push(self.warn(lost));
        }
        CollectionRestored {
            source: plan.source.clone(),
            target: plan.target.clone(),
            created: attempt.created,
            dropped: attempt.dropped,
            outcome,
            lacks: attempt.lacks,
            partitions: attempt.partitions,
        }
    }

    /// Creates the target, imports and checks the data, sets the remaining properties and loads the collection.
    ///
    /// Records each step in `attempt` before the steps that follow, so it is valid also after a failure.
    async fn restore_into_target(
        &self,
        plan: &CollectionPlan,
        data: &DataImport<'_>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let backup = self
            .prepared
            .manifest
            .collections
            .get(plan.index)
            .ok_or_else(|| Error::Task("plan and manifest".into()))?;
        if let Some(bundle) = &plan.bundle {
            return self.restore_bundle(plan, bundle, data, attempt).boxed().await;
        }
        let ctx = self.ctx;
        let turn = ctx.run(data.proof.wait_for_turn(!plan.jobs.is_empty(), &plan.target.to_string())).await?;
        self.emit_phase(plan, CollectionPhase::Creating);
        // A cancellation must not interrupt the creation: the report must say whether the collection exists.
        let dropped = self.drop_collection(plan).await?;
        attempt.dropped = dropped.is_some();
        attempt.aliases.extend(dropped.unwrap_or_default());
        attempt.created = self.create_collection(plan, backup, &mut attempt.lacks).await?;
        if attempt.created && plan.schema.is_none() {
            ctx.run(self.add_and_drop_fields(plan, backup)).await?;
        }
        ctx.run(self.create_partitions(plan, backup)).await?;
        ctx.run(self.create_indexes(plan, &mut attempt.lacks)).await?;
        self.emit_phase(plan, CollectionPhase::Importing);
        attempt.partitions =
            ctx.run(data.while_readable(self.import_collection(plan, backup, data, turn).boxed())).await?;
        check_row_counts(plan, &attempt.partitions)?;
        let insert = CollectionInsert { run: self, plan, backup, account: &InsertAccount::default() };
        let inserts = plan.inserted_partitions().next().is_some();
        if inserts {
            let inserting = data.while_readable(insert.run(&data.insert_permits).boxed());
            let inserted = ctx.run(inserting).await;
            attempt.inserted = insert.account.most_rows();
            attempt.partitions.extend(insert.account.partition_rows(plan));
            inserted.map_err(|error| insert.account.describe_failure(plan, error))?;
        }
        if !plan.jobs.is_empty() {
            ctx.run(data.importer.check_sent_again(&plan.target)).await?;
        }
        if attempt.created && (!inserts || !plan.jobs.is_empty()) {
            ctx.run(self.compare_rows(plan, &data.importer, &attempt.partitions)).await?;
        }
        attempt.lacks.extend(self.put_back_aliases(&plan.target, &attempt.aliases).await);
        attempt.aliases.clear();
        attempt.lacks.extend(ctx.run(self.set_remaining_properties(plan).map(Ok::<_, Error>)).await?);
        let mut is_loaded = false;
        if plan.load {
            self.emit_phase(plan, CollectionPhase::Loading);
            let limit = data.importer.stall_limit();
            let lacks = ctx.run(self.load_collection(plan, limit).map(Ok::<_, Error>)).await?;
            is_loaded = lacks.is_none() && plan.load_only.is_empty();
            attempt.lacks.extend(lacks);
        }
        if inserts {
            let counted = ctx.run(insert.count(is_loaded).boxed()).await?;
            attempt.partitions.retain(|rows| !plan.inserted_partitions().any(|it| it.name == rows.partition));
            attempt.partitions.extend(counted);
            check_row_counts(plan, &attempt.partitions)?;
        }
        Ok(())
    }

    /// Runs all import jobs of a collection and returns the row counts of its partitions.
    ///
    /// A job is sent when the jobs before it are completed, and the importer limits the concurrent jobs. If it is the
    /// turn of this collection to give the proof, its first job runs alone.
    async fn import_collection(
        &self,
        plan: &CollectionPlan,
        backup: &CollectionBackup,
        data: &DataImport<'_>,
        turn: Turn<'_>,
    ) -> Result<Vec<PartitionRows>, Error> {
        let (importer, staging) = (&data.importer, data.staging);
        let partitions: HashMap<PartitionId, &PartitionPlan> =
            plan.partitions.iter().map(|partition| (partition.id, partition)).collect();
        let l0 = OnceCell::new();
        let task_of = |job| {
            let partition = find_partition(&partitions, job);
            ImportTask { run: self, plan, backup, job, partition, l0: &l0 }
        };
        if !plan.jobs.is_empty() {
            importer.record_earlier_jobs(&plan.target).await;
        }
        let mut queue = JobQueue::new(&plan.jobs);
        let mut tally = ImportTally { total: plan.steps(), done: 0, rows: BTreeMap::new() };
        if let Turn::First(prover) = turn
            && let Some(first) = queue.take_ready().map(task_of)
        {
            let imported = importer.import_job(&first, staging).await;
            let proven = imported.and_then(|rows| first.check_rows(rows));
            // An interruption counts as a failed proof, because it ends the restore anyway.
            prover.report_result(proven.is_ok());
            tally.add_job(&first, proven?);
            queue.complete(&first.job.key);
        }
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < importer.max_jobs()
                && let Some(task) = queue.take_ready().map(task_of)
            {
                running
                    .push(async move { importer.import_job(&task, staging).await.map(|rows| (task, rows)) });
            }
            let Some(finished) = running.next().await else { break };
            let (task, rows) = finished?;
            tally.add_job(&task, rows);
            queue.complete(&task.job.key);
        }
        if let Some(job) = queue.first_waiting() {
            return Err(Error::Task(format!("import job {} waits for a job that waits for it", job.key)));
        }
        Ok(tally.into_partition_rows(plan))
    }

    /// Emits the event that a collection has entered a phase.
    pub(super) fn emit_phase(&self, plan: &CollectionPlan, phase: CollectionPhase) {
        self.ctx.emit(Event::Collection { collection: plan.display_name.clone(), phase });
    }
}

/// Returns the partition into which a job imports; `None` for all partitions.
fn find_partition<'a>(
    partitions: &HashMap<PartitionId, &'a PartitionPlan>,
    job: &ImportJob,
) -> Option<&'a PartitionPlan> {
    match job.scope {
        PartitionScope::One(id) => partitions.get(&id).copied(),
        PartitionScope::All => None,
    }
}

/// The completed import jobs of a collection and the rows that they imported.
struct ImportTally {
    total: usize,
    done: usize,
    /// The rows by the scope of the jobs.
    rows: BTreeMap<PartitionScope, u64>,
}

impl ImportTally {
    /// Adds a completed job and emits the event.
    fn add_job(&mut self, task: &ImportTask<'_>, rows: u64) {
        self.done += 1;
        *self.rows.entry(task.job.scope).or_default() += rows;
        task.run.ctx.emit(Event::Import {
            collection: task.plan.display_name.clone(),
            done: self.done,
            jobs: self.total,
            rows: self.rows.values().sum(),
        });
    }

    /// Returns the row counts of the partitions into which rows were imported.
    fn into_partition_rows(self, plan: &CollectionPlan) -> Vec<PartitionRows> {
        let rows_of = |p: &PartitionPlan| {
            let counted = *self.rows.get(&PartitionScope::One(p.id))?;
            Some(PartitionRows { partition: p.name.clone(), counted, expected: p.rows })
        };
        plan.partitions.iter().filter_map(rows_of).collect()
    }
}

impl ImportTask<'_> {
    /// Returns the number of imported rows; fails if it is outside the row range of the job.
    fn check_rows(&self, rows: u64) -> Result<u64, Error> {
        if self.job.rows.contains(rows) {
            Ok(rows)
        } else {
            let partition = self.partition.map_or("all partitions", |partition| &partition.name);
            Err(row_count_error(self.plan, partition, rows, self.job.rows))
        }
    }
}

/// Fails if the row count of a partition is outside its range.
///
/// This is necessary because on Milvus 2.2 and 2.3 an import of an unreadable path completes without rows.
pub(super) fn check_row_counts(plan: &CollectionPlan, partitions: &[PartitionRows]) -> Result<(), Error> {
    match partitions.iter().find(|p| !p.expected.contains(p.counted)) {
        Some(wrong) => Err(row_count_error(plan, &wrong.partition, wrong.counted, wrong.expected)),
        None => Ok(()),
    }
}

fn row_count_error(plan: &CollectionPlan, partition: &str, counted: u64, expected: RowRange) -> Error {
    Error::Rows { target: plan.target.clone(), partition: partition.to_owned(), counted, expected }
}
