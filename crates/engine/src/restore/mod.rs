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
use crate::source::Source;
use crate::{
    CollectionFailure, CollectionOutcome, CollectionRestored, Engine, Error, Event, JobCtx, Phase, Place,
    RestoreReport,
};
use import::Importer;
use proof::Proof;
use stage::Staging;

/// What a call of [`Engine::restore`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreOutcome {
    /// A dry run: what would be done.
    Planned {
        /// The plan.
        plan: RestorePlan,
        /// The target's version.
        server: String,
        /// Its host and port.
        address: String,
        /// Collections in the backup.
        available: usize,
    },
    /// What was done.
    Done(RestoreReport),
}

/// Everything a restore works with once the preflight is through.
struct Run<'a> {
    request: &'a RestoreRequest,
    /// Where backups lie, and where the target keeps its files.
    places: [&'a Place; 2],
    catalog: Catalog,
    target: Source,
    manifest: Manifest,
    plan: RestorePlan,
    ctx: &'a JobCtx,
}

impl Engine {
    /// Restores what the request selects. What fails of a single collection stands in the report, not in the error.
    pub async fn restore(&self, request: &RestoreRequest, ctx: &JobCtx) -> Result<RestoreOutcome, Error> {
        let started = Instant::now();
        ctx.emit(Event::Phase(Phase::Preflight));
        let run = ctx.run(preflight::run(self, request, ctx).boxed()).await?;
        if request.dry_run {
            let server = run.milvus().server();
            return Ok(RestoreOutcome::Planned {
                server: server.version.to_string(),
                address: server.address.clone(),
                available: run.manifest.collections.len(),
                plan: run.plan,
            });
        }
        ctx.emit(Event::Phase(Phase::Create));
        ctx.run(run.create_databases()).await?;
        // not cancelled half-way: an owner file that nobody stops would look alive
        ctx.check()?;
        let staging = if run.plan.staging.is_some() { Some(Staging::begin(self, &run).await?) } else { None };
        ctx.emit(Event::Phase(Phase::Import));
        let importer = Importer::new(run.milvus().clone(), &self.config.limits, run.plan.jobs().count());
        let proof = Proof::new();
        let collections = run.restore_all(self, &importer, &proof, staging.as_ref()).boxed().await;
        ctx.emit(Event::Phase(Phase::Finish));
        let mut warnings = run.plan.warnings.clone();
        warnings.extend(run.create_aliases(&collections).await);
        if let Some(staging) = staging {
            ctx.emit(Event::Phase(Phase::Cleanup));
            warnings.extend(staging.end(request.keep_staged).await);
        }
        let report = RestoreReport {
            name: request.name.to_string(),
            collections,
            elapsed: started.elapsed(),
            warnings,
        };
        Ok(RestoreOutcome::Done(report))
    }
}

impl Run<'_> {
    fn milvus(&self) -> &Milvus {
        &self.target.milvus
    }

    /// Restores every collection of the plan; once nothing can come of the rest, it is not begun.
    async fn restore_all(
        &self,
        engine: &Engine,
        importer: &Importer,
        proof: &Proof,
        staging: Option<&Staging>,
    ) -> Vec<CollectionRestored> {
        let restores: Vec<_> = self
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
        let at_once = engine.config.limits.restore_collections.get();
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
