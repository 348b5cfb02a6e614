//! Restores one collection, from its creation to the count of its rows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{FuturesUnordered, StreamExt};
use model::ids::PartitionId;
use model::manifest::CollectionBackup;
use model::plan::restore::{CollectionPlan, RowRange};

use super::Run;
use super::import::Importer;
use super::job::Job;
use super::proof::{Proof, Turn};
use super::stage::Staging;
use crate::{
    CollectionFailure, CollectionOutcome, CollectionPhase, CollectionRestored, Error, Event, PartitionRows,
};

impl Run<'_> {
    pub(super) async fn restore_collection(
        &self,
        plan: &CollectionPlan,
        importer: &Importer,
        proof: &Proof,
        staging: Option<&Staging>,
    ) -> CollectionRestored {
        let created = AtomicBool::new(false);
        let mut partitions = Vec::new();
        let outcome = match self.bring_back(plan, importer, proof, staging, &created, &mut partitions).await {
            Ok(()) => {
                self.phase(plan, CollectionPhase::Done);
                CollectionOutcome::Done
            }
            Err(error) => {
                self.phase(plan, CollectionPhase::Failed(error.chain()));
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

    async fn bring_back(
        &self,
        plan: &CollectionPlan,
        importer: &Importer,
        proof: &Proof,
        staging: Option<&Staging>,
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
        let turn = ctx.run(proof.turn(plan.jobs().next().is_some(), &plan.target.to_string())).await?;
        self.phase(plan, CollectionPhase::Creating);
        // not cancelled half-way: what was created must be known
        created.store(self.create(plan, backup).await?, Ordering::Relaxed);
        ctx.run(self.create_partitions(plan, backup)).await?;
        ctx.run(self.create_indexes(plan)).await?;
        self.phase(plan, CollectionPhase::Importing);
        *partitions = ctx.run(self.import(plan, backup, importer, staging, turn)).await?;
        verify(plan, partitions)?;
        if created.load(Ordering::Relaxed) {
            ctx.run(self.nothing_else(plan, partitions)).await?;
        }
        ctx.run(self.set_properties(plan)).await?;
        if plan.load {
            self.phase(plan, CollectionPhase::Loading);
            ctx.run(self.load(plan, importer.stall())).await?;
        }
        Ok(())
    }

    /// A collection that this restore created holds what it brought, and nothing that another one did at the same time.
    async fn nothing_else(&self, plan: &CollectionPlan, partitions: &[PartitionRows]) -> Result<(), Error> {
        let counted = partitions.iter().map(|p| p.counted).sum();
        let found = self.milvus().flushed_rows(&plan.target).await?;
        if found > counted {
            return Err(Error::Foreign { target: plan.target.to_string(), found, counted });
        }
        Ok(())
    }

    /// Runs every import job of the collection; the importer decides how many at once.
    async fn import(
        &self,
        plan: &CollectionPlan,
        backup: &CollectionBackup,
        importer: &Importer,
        staging: Option<&Staging>,
        turn: Turn<'_>,
    ) -> Result<Vec<PartitionRows>, Error> {
        let mut jobs: VecDeque<Job<'_>> = plan
            .partitions
            .iter()
            .flat_map(|partition| {
                partition.jobs.iter().map(move |import| Job { run: self, plan, backup, partition, import })
            })
            .collect();
        let bytes = jobs.iter().map(|job| job.import.bytes).sum();
        let objects = jobs.iter().map(|job| job.import.objects).sum();
        self.ctx.emit(Event::Planned { collection: plan.called.clone(), objects, bytes });
        let mut tally = Tally { total: jobs.len(), done: 0, rows: BTreeMap::new() };
        if let Turn::First(prover) = turn
            && let Some(first) = jobs.pop_front()
        {
            let sent = importer.import(&first, staging).await;
            let proven = sent.and_then(|rows| first.check(rows));
            // an interrupted proof proves nothing either way, and the run is over
            prover.tell(proven.is_ok());
            tally.add(self, &first, proven?);
        }
        let mut running = FuturesUnordered::new();
        loop {
            let room = importer.most().saturating_sub(running.len());
            for job in jobs.drain(..room.min(jobs.len())) {
                running.push(async move { importer.import(&job, staging).await.map(|rows| (job, rows)) });
            }
            let Some(finished) = running.next().await else { break };
            let (job, rows) = finished?;
            tally.add(self, &job, rows);
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

    pub(super) fn phase(&self, plan: &CollectionPlan, phase: CollectionPhase) {
        self.ctx.emit(Event::Collection { collection: plan.called.clone(), phase });
    }
}

/// What a collection's jobs brought so far.
struct Tally {
    total: usize,
    done: usize,
    rows: BTreeMap<PartitionId, u64>,
}

impl Tally {
    fn add(&mut self, run: &Run<'_>, job: &Job<'_>, rows: u64) {
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

impl Job<'_> {
    /// The rows, if they are as many as the job had to bring.
    fn check(&self, rows: u64) -> Result<u64, Error> {
        if self.import.rows.contains(rows) {
            Ok(rows)
        } else {
            Err(rows_differ(&self.place(), rows, self.import.rows))
        }
    }
}

/// "Completed" proves nothing on 2.2 and 2.3: an unreadable path completes with no rows. So rows are counted.
fn verify(plan: &CollectionPlan, partitions: &[PartitionRows]) -> Result<(), Error> {
    match partitions.iter().find(|p| !p.expected.contains(p.counted)) {
        Some(wrong) => {
            Err(rows_differ(&format!("{}/{}", plan.target, wrong.partition), wrong.counted, wrong.expected))
        }
        None => Ok(()),
    }
}

fn rows_differ(place: &str, counted: u64, expected: RowRange) -> Error {
    let expected = if expected.min == expected.max {
        expected.max.to_string()
    } else {
        format!("{} to {}", expected.min, expected.max)
    };
    Error::Rows { place: place.to_owned(), counted, expected }
}
