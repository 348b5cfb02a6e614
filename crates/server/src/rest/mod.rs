//! REST: the routes of the Go tool (`/api/v1`) and of this program (`/api/v2`).

mod described;
mod docs;
mod openapi;
mod problem;
pub(crate) mod v1;
pub(crate) mod v2;

use axum::extract::DefaultBodyLimit;

use crate::ServerState;
use crate::policy::DeclaredRoutes;

pub use openapi::ApiVersion;
pub(crate) use problem::ProblemResponse;

/// Returns all routes of REST.
pub(crate) fn routes(state: ServerState) -> DeclaredRoutes {
    let docs = docs::routes(&state.settings.swagger_base_path);
    let mut routes = v1::routes().routes.merge(v2::routes().routes);
    // The guard has read the body, up to the configured limit.
    routes.router = routes.router.layer(DefaultBodyLimit::disable());
    routes.with_state(state).merge(docs)
}
