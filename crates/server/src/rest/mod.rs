//! REST: the Go tool's routes, and ours.

mod docs;
mod openapi;
mod problem;
pub(crate) mod v1;
pub(crate) mod v2;

use axum::Router;
use axum::extract::DefaultBodyLimit;

use crate::State;

pub use openapi::ApiVersion;

/// Every route of REST.
pub(crate) fn router(state: State) -> Router {
    let docs = docs::router(&state.settings.swagger_base_path);
    let routes = v1::router().merge(v2::router());
    // the door has read the body, up to the configured limit
    Router::from(routes).layer(DefaultBodyLimit::disable()).with_state(state).merge(docs)
}
