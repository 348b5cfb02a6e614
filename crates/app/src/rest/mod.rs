//! REST: the Go tool's routes, and ours.

mod docs;
mod openapi;
mod problem;
pub(crate) mod v1;
mod v2;

use axum::Router;

use crate::server::State;

pub(crate) use openapi::Version;

/// Every route of REST.
pub(crate) fn router(state: State) -> Router {
    let docs = docs::router(&state.settings.swagger_base_path);
    let routes = v1::router().merge(v2::router());
    Router::from(routes).with_state(state).merge(docs)
}
