//! Restores one collection, from its creation to the count of its rows.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{self, StreamExt};
use model::manifest::CollectionBackup;
use model::plan::restore::{CollectionPlan, JobPlan, PartitionPlan};

use super::Run;
use super::import::{Importer, Job};
use super::stage::Staging;
use crate::{
    CollectionFailure, CollectionOutcome, CollectionPhase, CollectionRestored, Error, Event, PartitionRows,
};

impl Run<'_> {
    pub(super) async fn restore_collection(
        &self,
        plan: &CollectionPlan,
        importer: &Importer,
        staging: Option<&Staging>,
    ) -> CollectionRestored {
        let created = AtomicBool::new(false);
        let mut partitions = Vec::new();
        let outcome = match self.bring_back(plan, importer, staging, &created, &mut partitions).await {
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
        if outcome != CollectionOutcome::Done && created && self.request.cleanup_on_failure {
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
        staging: Option<&Staging>,
        created: &AtomicBool,
        partitions: &mut Vec<PartitionRows>,
    ) -> Result<(), Error> {
        let backup = self
            .manifest
            .collections
            .get(plan.index)
            .ok_or_else(|| Error::Task("plan and manifest".into()))?;
        let ctx = self.ctx;
        self.phase(plan, CollectionPhase::Creating);
        // not cancelled half-way: what was created must be known
        created.store(self.create(plan, backup).await?, Ordering::Relaxed);
        ctx.run(self.create_partitions(plan, backup)).await?;
        ctx.run(self.create_indexes(plan)).await?;
        self.phase(plan, CollectionPhase::Importing);
        *partitions = ctx.run(self.import(plan, backup, importer, staging)).await?;
        verify(plan, partitions)?;
        ctx.run(self.set_properties(plan)).await?;
        if plan.load {
            self.phase(plan, CollectionPhase::Loading);
            ctx.run(self.load(plan, importer.stall())).await?;
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
    ) -> Result<Vec<PartitionRows>, Error> {
        let jobs: Vec<(&PartitionPlan, usize, &JobPlan)> = plan
            .partitions
            .iter()
            .flat_map(|p| p.jobs.iter().enumerate().map(move |(at, job)| (p, at, job)))
            .collect();
        let total = jobs.len();
        let bytes = jobs.iter().map(|(_, _, job)| job.bytes).sum();
        let objects = jobs.iter().map(|(_, _, job)| job.objects).sum();
        self.ctx.emit(Event::Planned { collection: plan.source.clone(), objects, bytes });
        let (mut done, mut rows) = (0, 0);
        let mut counted = std::collections::BTreeMap::new();
        let mut running = stream::iter(jobs)
            .map(|(partition, at, job)| async move {
                let job = Job { run: self, plan, backup, partition, at, job };
                importer.import(&job, staging).await.map(|rows| (partition.id, rows))
            })
            .buffer_unordered(importer.most());
        while let Some(finished) = running.next().await {
            let (partition, counts) = finished?;
            done += 1;
            rows += counts;
            *counted.entry(partition).or_insert(0) += counts;
            self.ctx.emit(Event::Import {
                collection: plan.source.clone(),
                done,
                jobs: total,
                rows,
                percent: 100,
            });
        }
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
        self.ctx.emit(Event::Collection { collection: plan.source.clone(), phase });
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

pub(super) fn rows_differ(place: &str, counted: u64, expected: model::plan::restore::RowRange) -> Error {
    let expected = if expected.min == expected.max {
        expected.max.to_string()
    } else {
        format!("{} to {}", expected.min, expected.max)
    };
    Error::Rows { place: place.to_owned(), counted, expected }
}
