//! Restore: preflight and plan, then each collection is created, its data staged where needed, imported and counted.

mod collection;
mod create;
mod finish;
mod import;
mod job;
mod look;
mod preflight;
mod proof;
mod stage;

pub(crate) use preflight::{open, reach};

use std::time::Instant;

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use milvus::Milvus;
use model::manifest::Manifest;
use model::plan::restore::{CollectionPlan, RestorePlan, RestoreRequest};

use crate::catalog::Catalog;
use crate::instance::Instance;
use crate::{
    CollectionFailure, CollectionOutcome, CollectionRestored, Engine, Error, Event, JobCtx, Phase,
    RestoreReport,
};
use import::Importer;
use proof::Proof;
use stage::Staging;

/// A restore that passed the preflight: the plan, the manifest and open connections.
///
/// [`Engine::restore`] executes it; until then nothing is changed.
#[derive(Debug)]
pub struct PreparedRestore {
    request: RestoreRequest,
    catalog: Catalog,
    target: Instance,
    manifest: Manifest,
    plan: RestorePlan,
    started: Instant,
}

impl PreparedRestore {
    /// What will be created, imported and dropped.
    pub fn plan(&self) -> &RestorePlan {
        &self.plan
    }

    /// The Milvus that is restored into.
    pub fn server(&self) -> &milvus::ServerInfo {
        self.target.milvus.server()
    }

    /// The number of collections in the backup, selected or not.
    pub fn collections_in_backup(&self) -> usize {
        self.manifest.collections.len()
    }
}

/// A restore while it is executed.
struct Run<'a> {
    prepared: PreparedRestore,
    engine: &'a Engine,
    ctx: &'a JobCtx,
}

impl Engine {
    /// Reads the backup, compares it with the target, and plans what has to be done. Changes nothing.
    pub async fn plan_restore(
        &self,
        request: &RestoreRequest,
        ctx: &JobCtx,
    ) -> Result<PreparedRestore, Error> {
        ctx.emit(Event::Phase(Phase::Preflight));
        ctx.run(preflight::run(self, request, ctx).boxed()).await
    }

    /// Restores what was planned. A failure of a single collection is part of the report, not an error.
    pub async fn restore(&self, prepared: PreparedRestore, ctx: &JobCtx) -> Result<RestoreReport, Error> {
        // boxed, so that the state of a whole restore is not a part of the caller's future
        Run { prepared, engine: self, ctx }.execute().boxed().await
    }
}

impl Run<'_> {
    async fn execute(self) -> Result<RestoreReport, Error> {
        let Self { prepared, engine, ctx } = &self;
        let plan = &prepared.plan;
        ctx.emit(Event::Phase(Phase::Create));
        ctx.run(self.create_databases()).await?;
        // not cancelled half-way: an owner file that nobody stops would look alive
        ctx.check()?;
        let staging = if plan.staging.is_some() { Some(Staging::begin(engine, &self).await?) } else { None };
        ctx.emit(Event::Phase(Phase::Import));
        let importer = Importer::new(self.milvus().clone(), &engine.config.limits, plan.jobs().count());
        let proof = Proof::new();
        let collections = self.restore_all(&importer, &proof, staging.as_ref()).boxed().await;
        ctx.emit(Event::Phase(Phase::Finish));
        let mut warnings = plan.warnings.clone();
        warnings.extend(self.create_aliases(&collections).await);
        if let Some(staging) = staging {
            ctx.emit(Event::Phase(Phase::Cleanup));
            warnings.extend(staging.end(prepared.request.keep_staged).await);
        }
        Ok(RestoreReport {
            name: prepared.request.name.to_string(),
            collections,
            elapsed: prepared.started.elapsed(),
            warnings,
        })
    }

    fn milvus(&self) -> &Milvus {
        &self.prepared.target.milvus
    }

    /// Restores every collection of the plan; once nothing can come of the rest, it is not begun.
    async fn restore_all(
        &self,
        importer: &Importer,
        proof: &Proof,
        staging: Option<&Staging>,
    ) -> Vec<CollectionRestored> {
        let restores: Vec<_> = self
            .prepared
            .plan
            .collections
            .iter()
            .enumerate()
            .map(|(at, plan)| {
                let begin = async move {
                    if self.ctx.cancel().is_cancelled() || proof.failed() {
                        (at, not_begun(plan))
                    } else {
                        (at, self.restore_collection(plan, importer, proof, staging).await)
                    }
                };
                begin.boxed()
            })
            .collect();
        let at_once = self.engine.config.limits.restore_collections.get();
        let mut done: Vec<(usize, CollectionRestored)> =
            stream::iter(restores).buffer_unordered(at_once).collect().await;
        done.sort_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, restored)| restored).collect()
    }
}

fn not_begun(plan: &CollectionPlan) -> CollectionRestored {
    CollectionRestored {
        source: plan.source.clone(),
        target: plan.target.clone(),
        created: false,
        outcome: CollectionOutcome::NotBegun,
        partitions: Vec::new(),
    }
}

impl From<&Error> for CollectionFailure {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: match error.context() {
                Some(doing) => format!("{} ({doing})", error.chain()),
                None => error.chain(),
            },
            hint: error.hint(),
            rows_differ: matches!(error, Error::Rows { .. }),
        }
    }
}
