//! Routes of REST with their policies and their `OpenAPI` description.

use http::Method;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::{OpenApi, Paths};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::ServerState;
use crate::policy::{DeclaredRoutes, Policy};

/// The routes of one version of the interface.
pub(super) struct DescribedRoutes {
    /// The routes with their policies.
    pub routes: DeclaredRoutes<ServerState>,
    /// The description of the routes.
    pub description: OpenApi,
    base: &'static str,
}

impl DescribedRoutes {
    /// Creates an empty set of routes below the path `base`.
    pub(super) fn new(base: &'static str, description: OpenApi) -> Self {
        Self { routes: DeclaredRoutes::new(), description, base }
    }

    /// Adds an operation, as `utoipa_axum::routes!` returns it.
    pub(super) fn add(
        mut self,
        policy: Policy,
        (schemas, operations, handler): UtoipaMethodRouter<ServerState>,
    ) -> Self {
        let mut described = Paths::new();
        for (path, operation) in operations.paths {
            let path = format!("{}{path}", self.base);
            // An action, as in `/jobs/{id}:cancel`, is for the router a part of the last parameter.
            let template = path.split(':').next().unwrap_or_default();
            for method in methods(&operation) {
                self.routes.policies.declare(Some(method), template, policy);
            }
            self.routes.router = self.routes.router.route(template, handler.clone());
            described.paths.insert(path, operation);
        }
        self.description.paths.merge(described);
        self.description.components.get_or_insert_default().schemas.extend(schemas);
        self
    }
}

/// Returns the methods of an operation; a route with another method has no policy and is refused.
fn methods(operation: &PathItem) -> impl Iterator<Item = Method> {
    let described =
        [(Method::GET, &operation.get), (Method::POST, &operation.post), (Method::DELETE, &operation.delete)];
    described.into_iter().filter_map(|(method, operation)| operation.is_some().then_some(method))
}
