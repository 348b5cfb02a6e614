//! Restores one collection, from its creation to the check of its rows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{FuturesUnordered, StreamExt};
use model::ids::PartitionId;
use model::manifest::CollectionBackup;
use model::plan::restore::{CollectionPlan, RowRange};

use super::RestoreRun;
use super::import::Importer;
use super::job::ImportJob;
use super::proof::{Proof, Turn};
use super::stage::StagingDirectory;
use crate::{
    CollectionFailure, CollectionOutcome, CollectionPhase, CollectionRestored, Error, Event, PartitionRows,
};

impl RestoreRun<'_> {
    /// Restores one collection and returns its result; drops an incomplete collection if the request demands that.
    pub(super) async fn restore_collection(
        &self,
        plan: &CollectionPlan,
        importer: &Importer,
        proof: &Proof,
        staging: Option<&StagingDirectory>,
    ) -> CollectionRestored {
        let created = AtomicBool::new(false);
        let mut partitions = Vec::new();
        let result =
            self.restore_into_target(plan, importer, proof, staging, &created, &mut partitions).await;
        let outcome = match result {
            Ok(()) => {
                self.emit_phase(plan, CollectionPhase::Done);
                CollectionOutcome::Done
            }
            Err(error) => {
                self.emit_phase(plan, CollectionPhase::Failed(error.chain()));
                CollectionOutcome::Failed(CollectionFailure::from(&error))
            }
        };
        let mut created = created.into_inner();
        if outcome != CollectionOutcome::Done && created && self.prepared.request.cleanup_on_failure {
            created = match self.milvus().drop_collection(&plan.target).await {
                Ok(()) => false,
                Err(error) => {
                    self.ctx.warn(format!("cannot drop the incomplete {}: {error}", plan.target));
                    true
                }
            };
        }
        CollectionRestored {
            source: plan.source.clone(),
            target: plan.target.clone(),
            created,
            outcome,
            partitions,
        }
    }

    /// Creates the target, imports and checks the data, sets the remaining properties and loads the collection.
    ///
    /// Sets `created` and `partitions` before the steps that follow, so they are valid also after a failure.
    async fn restore_into_target(
        &self,
        plan: &CollectionPlan,
        importer: &Importer,
        proof: &Proof,
        staging: Option<&StagingDirectory>,
        created: &AtomicBool,
        partitions: &mut Vec<PartitionRows>,
    ) -> Result<(), Error> {
        let backup = self
            .prepared
            .manifest
            .collections
            .get(plan.index)
            .ok_or_else(|| Error::Task("plan and manifest".into()))?;
        let ctx = self.ctx;
        let turn =
            ctx.run(proof.wait_for_turn(plan.jobs().next().is_some(), &plan.target.to_string())).await?;
        self.emit_phase(plan, CollectionPhase::Creating);
        // A cancellation must not interrupt the creation: the report must say whether the collection exists.
        created.store(self.create_collection(plan, backup).await?, Ordering::Relaxed);
        ctx.run(self.create_partitions(plan, backup)).await?;
        ctx.run(self.create_indexes(plan)).await?;
        self.emit_phase(plan, CollectionPhase::Importing);
        *partitions = ctx.run(self.import_collection(plan, backup, importer, staging, turn)).await?;
        check_row_counts(plan, partitions)?;
        if created.load(Ordering::Relaxed) {
            ctx.run(self.check_no_foreign_rows(plan, partitions)).await?;
        }
        ctx.run(self.set_remaining_properties(plan)).await?;
        if plan.load {
            self.emit_phase(plan, CollectionPhase::Loading);
            ctx.run(self.load_collection(plan, importer.stall_limit())).await?;
        }
        Ok(())
    }

    /// Fails if the target contains more rows than this restore imported, for example those of a concurrent restore.
    async fn check_no_foreign_rows(
        &self,
        plan: &CollectionPlan,
        partitions: &[PartitionRows],
    ) -> Result<(), Error> {
        let counted = partitions.iter().map(|p| p.counted).sum();
        let found = self.milvus().flushed_rows(&plan.target).await?;
        if found > counted {
            return Err(Error::Foreign { target: plan.target.to_string(), found, counted });
        }
        Ok(())
    }

    /// Runs all import jobs of a collection and returns the row counts of its partitions.
    ///
    /// The importer limits the concurrent jobs. If it is the turn of this collection to give the proof, its first job
    /// runs alone.
    async fn import_collection(
        &self,
        plan: &CollectionPlan,
        backup: &CollectionBackup,
        importer: &Importer,
        staging: Option<&StagingDirectory>,
        turn: Turn<'_>,
    ) -> Result<Vec<PartitionRows>, Error> {
        let mut jobs: VecDeque<ImportJob<'_>> = plan
            .partitions
            .iter()
            .flat_map(|partition| {
                let jobs = partition.jobs.iter();
                jobs.map(move |import| ImportJob { run: self, plan, backup, partition, import })
            })
            .collect();
        let bytes = jobs.iter().map(|job| job.import.bytes).sum();
        let objects = jobs.iter().map(|job| job.import.objects).sum();
        self.ctx.emit(Event::Planned { collection: plan.called.clone(), objects, bytes });
        let mut tally = ImportTally { total: jobs.len(), done: 0, rows: BTreeMap::new() };
        if let Turn::First(prover) = turn
            && let Some(first) = jobs.pop_front()
        {
            let imported = importer.import_job(&first, staging).await;
            let proven = imported.and_then(|rows| first.check_rows(rows));
            // An interruption counts as a failed proof, because it ends the restore anyway.
            prover.report_result(proven.is_ok());
            tally.add_job(self, &first, proven?);
        }
        let mut running = FuturesUnordered::new();
        loop {
            let free_slots = importer.max_jobs().saturating_sub(running.len());
            for job in jobs.drain(..free_slots.min(jobs.len())) {
                running.push(async move { importer.import_job(&job, staging).await.map(|rows| (job, rows)) });
            }
            let Some(finished) = running.next().await else { break };
            let (job, rows) = finished?;
            tally.add_job(self, &job, rows);
        }
        let counted = tally.rows;
        Ok(plan
            .partitions
            .iter()
            .filter(|p| !p.jobs.is_empty())
            .map(|p| PartitionRows {
                partition: p.name.clone(),
                counted: counted.get(&p.id).copied().unwrap_or_default(),
                expected: p.rows,
            })
            .collect())
    }

    /// Emits the event that a collection has entered a phase.
    pub(super) fn emit_phase(&self, plan: &CollectionPlan, phase: CollectionPhase) {
        self.ctx.emit(Event::Collection { collection: plan.called.clone(), phase });
    }
}

/// The completed import jobs of a collection and their rows.
struct ImportTally {
    total: usize,
    done: usize,
    rows: BTreeMap<PartitionId, u64>,
}

impl ImportTally {
    /// Adds a completed job and emits the event.
    fn add_job(&mut self, run: &RestoreRun<'_>, job: &ImportJob<'_>, rows: u64) {
        self.done += 1;
        *self.rows.entry(job.partition.id).or_default() += rows;
        run.ctx.emit(Event::Import {
            collection: job.plan.called.clone(),
            done: self.done,
            jobs: self.total,
            rows: self.rows.values().sum(),
        });
    }
}

impl ImportJob<'_> {
    /// Returns the number of imported rows; fails if it is outside the row range of the job.
    fn check_rows(&self, rows: u64) -> Result<u64, Error> {
        if self.import.rows.contains(rows) {
            Ok(rows)
        } else {
            Err(row_count_error(self.plan, &self.partition.name, rows, self.import.rows))
        }
    }
}

/// Fails if the row count of a partition is outside its range.
///
/// This is necessary because on Milvus 2.2 and 2.3 an import of an unreadable path completes without rows.
fn check_row_counts(plan: &CollectionPlan, partitions: &[PartitionRows]) -> Result<(), Error> {
    match partitions.iter().find(|p| !p.expected.contains(p.counted)) {
        Some(wrong) => Err(row_count_error(plan, &wrong.partition, wrong.counted, wrong.expected)),
        None => Ok(()),
    }
}

fn row_count_error(plan: &CollectionPlan, partition: &str, counted: u64, expected: RowRange) -> Error {
    Error::Rows { target: plan.target.clone(), partition: partition.to_owned(), counted, expected }
}
