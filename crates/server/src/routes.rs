//! The routes of a listener, behind the guard.

use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;

use super::ServerState;
use super::bind::Protocols;
use super::guard::Guard;
use super::policy::DeclaredRoutes;

/// What all listeners share.
pub(super) struct Routes {
    /// The state of the handlers.
    pub state: ServerState,
    /// The guard.
    pub guard: Arc<Guard>,
    /// The routes of health and metrics.
    pub operations: DeclaredRoutes,
    /// Cancelled when the server begins to stop.
    pub stop: CancellationToken,
}

impl Routes {
    /// Returns the routes of a listener.
    pub(super) fn for_listener(&self, protocols: Protocols) -> Router {
        let mut routes = self.operations.clone();
        if protocols != Protocols::Grpc {
            routes = routes.merge(crate::rest::routes(self.state.clone()));
        }
        if protocols != Protocols::Rest {
            let ServerState { service, settings } = self.state.clone();
            routes = routes.merge(crate::grpc::routes(service, settings, self.stop.clone()));
        }
        self.guard.protect(routes)
    }
}
