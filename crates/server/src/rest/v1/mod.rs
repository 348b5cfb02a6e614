//! `/api/v1`: the routes of the Go tool's releases 0.4.15, 0.5.16 and 0.6 in development, for their clients.
//!
//! Bodies are those of 0.4.15 with the keys of later releases; `docs/compatibility.md` lists the choices where the
//! releases contradict each other.

mod backups;
mod create;
mod envelope;
mod exchange;
mod generated_names;
mod go_json;
pub(crate) mod info;
mod plain;
#[cfg(test)]
mod properties;
pub(crate) mod requests;
mod restore;
mod restore_cache;
mod restores;
mod schema;
mod selection;
mod stream;
pub(crate) mod task;

use axum::Extension;
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use super::described::DescribedRoutes;
use crate::policy::{Policy, RefusalForm};

/// The policy of a route that only reads.
const READS: Policy = Policy::reads(RefusalForm::Envelope);
/// The policy of a route that changes something.
const CHANGES: Policy = Policy::changes(RefusalForm::Envelope);

/// The routes with their descriptions.
pub(super) fn routes() -> DescribedRoutes {
    let mut described = DescribedRoutes::new("", OpenApi::default())
        .add(READS.public(), routes!(plain::hello))
        .add(READS, routes!(plain::check))
        .add(CHANGES, routes!(backups::create))
        .add(READS, routes!(backups::list))
        .add(READS, routes!(backups::get_backup))
        .add(CHANGES, routes!(backups::delete))
        .add(CHANGES, routes!(restores::restore))
        .add(CHANGES, routes!(restores::restore_secondary))
        .add(READS, routes!(restores::get_restore));
    described.routes = described.routes.any("/", Policy::reads(RefusalForm::Problem).public(), plain::hello);
    described.routes.router =
        described.routes.router.layer(Extension(restore_cache::RestoreCache::default()));
    described
}
