//! The restore: preflight and plan, then creation, staging if needed, import and row count of each collection.

mod collection;
mod create;
mod data_access;
mod delete_effects;
mod destroyed_snapshots;
mod finish;
mod foreign_rows;
mod import;
mod insert;
mod inspect;
mod job;
mod job_history;
mod new_files;
mod plan_warnings;
mod preflight;
mod proof;
mod queue;
mod rbac;
mod snapshot;
mod stage;
mod truncation;

pub(crate) use data_access::determine_data_access;
pub(crate) use preflight::{check_restore_request, describe_silent_rest};

use std::time::Instant;

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use milvus::Milvus;
use model::manifest::{BackupFormat, Manifest, Rbac};
use model::plan::restore::{CollectionPlan, RestorePlan, RestoreRequest};
use tokio::sync::Semaphore;

use crate::catalog::Catalog;
use crate::instance::Instance;
use crate::lease::Lease;
use crate::outage::warn_about_outages;
use crate::warnings::Warnings;
use crate::{
    CollectionFailure, CollectionOutcome, CollectionRestored, Engine, Error, Event, JobCtx, PartitionRows,
    Phase, RestoreReport,
};
use import::Importer;
use proof::Proof;
use stage::StagingDirectory;
use truncation::CollectionEnds;

/// A restore that passed the preflight: the plan, the manifest and open connections.
///
/// [`Engine::restore`] executes it; until then nothing is changed.
#[derive(Debug)]
pub struct PreparedRestore {
    request: RestoreRequest,
    catalog: Catalog,
    target: Instance,
    manifest: Manifest,
    /// The ends of the segments of each collection; empty if the restore is not truncated.
    ends: CollectionEnds,
    /// The users, roles and grants to add; `None` if the request does not demand that.
    rbac: Option<Rbac>,
    plan: RestorePlan,
    started: Instant,
}

impl PreparedRestore {
    /// Returns the plan: the collections to create, import and drop.
    pub fn plan(&self) -> &RestorePlan {
        &self.plan
    }

    /// Returns the address and version of the target Milvus.
    pub fn server(&self) -> &milvus::ServerInfo {
        self.target.milvus.server()
    }

    /// Returns the key of the encryption zone with which the files of a database in the backup are read; empty if they are
    /// not encrypted.
    fn ezk_of(&self, database: &str) -> String {
        let key = self.manifest.databases.iter().find(|db| db.name == database).map(|db| db.ezk.as_str());
        self.request.ezk_mapping.apply(key.unwrap_or_default()).to_owned()
    }

    /// Returns the format of the backup.
    pub fn format(&self) -> &BackupFormat {
        &self.manifest.format
    }

    /// Returns the number of collections in the backup, whether selected or not.
    pub fn collections_in_backup(&self) -> usize {
        self.manifest.collections.len()
    }
}

/// A restore during its execution.
struct RestoreRun<'a> {
    prepared: PreparedRestore,
    engine: &'a Engine,
    /// The warnings recorded so far, beside those of the plan.
    warnings: Warnings<'a>,
    ctx: &'a JobCtx,
}

/// What the imports of a restore share.
struct DataImport<'a> {
    importer: Importer,
    /// The permits for partitions whose rows are inserted.
    insert_permits: Semaphore,
    proof: Proof,
    /// The staging directory; `None` if Milvus reads the backup in place.
    staging: Option<&'a StagingDirectory>,
    /// The mark by which the backup is protected; `None` if it cannot be written to.
    reader: Option<&'a Lease>,
}

impl DataImport<'_> {
    /// Awaits a future until it ends or the mark of this reader is removed, because the backup is deleted.
    async fn while_readable<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match self.reader {
            Some(reader) => reader.run(future).await,
            None => future.await,
        }
    }
}

impl Engine {
    /// Reads the manifest, lists the files of the backup, inspects the target, and computes the plan. Changes nothing.
    pub async fn plan_restore(
        &self,
        request: &RestoreRequest,
        ctx: &JobCtx,
    ) -> Result<PreparedRestore, Error> {
        ctx.emit(Event::Phase(Phase::Preflight));
        ctx.run(preflight::prepare_restore(self, request, ctx).boxed()).await
    }

    /// Executes the plan; a failure of a single collection is part of the report, not an error.
    pub async fn restore(&self, prepared: PreparedRestore, ctx: &JobCtx) -> Result<RestoreReport, Error> {
        // Boxed to keep the future of the caller small.
        RestoreRun { prepared, engine: self, warnings: Warnings::new(ctx, Vec::new()), ctx }
            .execute()
            .boxed()
            .await
    }
}

impl RestoreRun<'_> {
    /// Marks the backup as being read, and executes the plan.
    async fn execute(self) -> Result<RestoreReport, Error> {
        let PreparedRestore { catalog, request, .. } = &self.prepared;
        let _outages = warn_about_outages(self.milvus(), self.ctx);
        // A cancellation must not interrupt a claim: a marker that is never stopped would look live.
        self.ctx.check()?;
        let reader = catalog.claim_for_reading(self.engine, &request.name).await?;
        if reader.is_none() {
            self.ctx.emit(Event::Note(format!(
                "{} cannot be written to, so this restore does not protect it from deletion",
                catalog.store.describe(catalog.layout(&request.name).dir())
            )));
        }
        let result = self.execute_plan(reader.as_ref()).await;
        if let Some(reader) = reader {
            reader.release().await;
        }
        result
    }

    /// Executes the plan and removes the staging directory at the end.
    async fn execute_plan(&self, reader: Option<&Lease>) -> Result<RestoreReport, Error> {
        let Self { prepared, engine, warnings: recorded, ctx } = self;
        let plan = &prepared.plan;
        ctx.emit(Event::Phase(Phase::Create));
        ctx.run(self.create_databases()).await?;
        ctx.check()?;
        let staging =
            if plan.staging.is_some() { Some(StagingDirectory::create(engine, self).await?) } else { None };
        ctx.emit(Event::Phase(Phase::Import));
        self.emit_totals();
        let importer = Importer::new(self.milvus().clone(), &engine.config.limits, plan.jobs().count());
        let insert_permits = Semaphore::new(insert::PARTITIONS_AT_ONCE);
        let proof = Proof::new();
        let data = DataImport { importer, insert_permits, proof, staging: staging.as_ref(), reader };
        let collections = self.restore_collections(&data).boxed().await;
        ctx.emit(Event::Phase(Phase::Finish));
        let mut warnings = plan.warnings.clone();
        warnings.append(&mut recorded.recorded());
        warnings.extend(self.create_aliases(&collections).await);
        warnings.extend(self.set_database_properties().await);
        let rbac = self.restore_rbac().await;
        if let Some(staging) = staging {
            ctx.emit(Event::Phase(Phase::Cleanup));
            warnings.extend(staging.remove_or_keep(prepared.request.keep_staged).await);
        }
        let report = RestoreReport {
            name: prepared.request.name.to_string(),
            collections,
            elapsed: prepared.started.elapsed(),
            warnings,
            meta_only: prepared.request.options.meta_only,
            rbac,
            remaining: None,
        };
        Ok(RestoreReport { remaining: report.find_remaining(&prepared.request), ..report })
    }

    /// Emits the new names and what there is to import, so that the total is known from the start.
    fn emit_totals(&self) {
        for plan in &self.prepared.plan.collections {
            let collection = plan.display_name.clone();
            if plan.target != collection {
                let target = plan.target.clone();
                self.ctx.emit(Event::Target { collection: collection.clone(), target });
            }
            let (objects, bytes) = plan.size();
            self.ctx.emit(Event::Planned { collection: collection.clone(), objects, bytes });
            let jobs = if plan.bundle.is_some() { 1 } else { plan.steps() };
            if jobs > 0 {
                self.ctx.emit(Event::Import { collection, done: 0, jobs, rows: 0 });
            }
        }
    }

    /// Emits a warning and returns it, for the collection that it concerns.
    fn warn(&self, warning: String) -> String {
        self.ctx.warn(warning.as_str());
        warning
    }

    fn milvus(&self) -> &Milvus {
        &self.prepared.target.milvus
    }

    /// Restores the collections of the plan; starts no further ones after a cancellation or a failed proof.
    async fn restore_collections(&self, data: &DataImport<'_>) -> Vec<CollectionRestored> {
        let restores: Vec<_> = self
            .prepared
            .plan
            .collections
            .iter()
            .enumerate()
            .map(|(index, plan)| {
                let restore = async move {
                    if self.ctx.cancel().is_cancelled() || data.proof.has_failed() {
                        (index, result_not_begun(plan))
                    } else {
                        (index, self.restore_collection(plan, data).await)
                    }
                };
                restore.boxed()
            })
            .collect();
        let concurrency = self.engine.config.limits.restore_collections.get();
        let mut done: Vec<(usize, CollectionRestored)> =
            stream::iter(restores).buffer_unordered(concurrency).collect().await;
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, restored)| restored).collect()
    }
}

/// Returns the result of a collection whose restore was not started.
fn result_not_begun(plan: &CollectionPlan) -> CollectionRestored {
    CollectionRestored {
        source: plan.source.clone(),
        target: plan.target.clone(),
        created: false,
        dropped: false,
        outcome: CollectionOutcome::NotBegun,
        lacks: Vec::new(),
        partitions: Vec::new(),
    }
}

impl From<&Error> for CollectionFailure {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: match error.context() {
                Some(doing) => format!("{} ({doing})", crate::error::chain(&error)),
                None => crate::error::chain(&error),
            },
            advice: error.advice(),
            rows: match error {
                Error::Rows { partition, counted, expected, .. } => Some(PartitionRows {
                    partition: partition.clone(),
                    counted: *counted,
                    expected: *expected,
                }),
                _ => None,
            },
        }
    }
}
