//! `/api/v1`: the routes of the Go tool's releases 0.4.15, 0.5.16 and 0.6 in development, for their clients.
//!
//! Bodies are those of 0.4.15 with the keys of later releases beside them; `docs/compatibility.md` lists what is
//! chosen where they contradict each other.

mod backups;
mod create;
mod envelope;
mod exchange;
mod go_json;
pub(crate) mod info;
mod kept;
mod names;
mod plain;
#[cfg(test)]
mod properties;
pub(crate) mod requests;
mod restore;
mod restores;
mod schema;
mod selection;
mod stream;
pub(crate) mod task;

use std::sync::LazyLock;

use axum::Extension;
use axum::http::Method;
use axum::routing::any;
use utoipa::openapi::Paths;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;

/// The routes with their descriptions.
pub(crate) fn router() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(plain::hello))
        .routes(routes!(plain::check))
        .routes(routes!(backups::create))
        .routes(routes!(backups::list))
        .routes(routes!(backups::get_backup))
        .routes(routes!(backups::delete))
        .routes(routes!(restores::restore))
        .routes(routes!(restores::restore_secondary))
        .routes(routes!(restores::get_restore))
        .route("/", any(plain::hello))
        .layer(Extension(kept::Kept::default()))
}

/// Whether there is a route for a method and a path.
pub(crate) fn takes(method: &Method, path: &str) -> bool {
    static PATHS: LazyLock<Paths> = LazyLock::new(|| router().into_openapi().paths);
    PATHS.paths.get(path).is_some_and(|item| match *method {
        Method::GET => item.get.is_some(),
        Method::POST => item.post.is_some(),
        Method::DELETE => item.delete.is_some(),
        _ => false,
    })
}
