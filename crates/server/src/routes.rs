//! The routes of a listener, behind the guard.

use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;

use super::State;
use super::bind::Serves;
use super::guard::Guard;
use super::policy::DeclaredRoutes;

/// What all listeners share.
pub(super) struct Routes {
    /// The state of the handlers.
    pub state: State,
    /// The guard.
    pub guard: Arc<Guard>,
    /// The routes of health and metrics.
    pub operations: DeclaredRoutes,
    /// Cancelled when the server begins to stop.
    pub stop: CancellationToken,
}

impl Routes {
    /// Returns the routes of a listener.
    pub(super) fn of(&self, serves: Serves) -> Router {
        let mut routes = self.operations.clone();
        if serves != Serves::Grpc {
            routes = routes.merge(crate::rest::routes(self.state.clone()));
        }
        if serves != Serves::Rest {
            let State { service, settings } = self.state.clone();
            routes = routes.merge(crate::grpc::routes(service, settings, self.stop.clone()));
        }
        self.guard.protect(routes)
    }
}
