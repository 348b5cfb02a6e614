//! The policy of each route: what the server enforces before the handler runs.

use std::collections::HashMap;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use http::Method;

use super::caller::Role;

/// What [the guard](crate::guard) enforces for a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Who may call the route.
    pub callers: AllowedCallers,
    /// The form in which the route refuses a request.
    pub refusals: RefusalForm,
    /// Whether the route changes something.
    pub effect: Effect,
    /// How the body of a request reaches the handler.
    pub body: BodyMode,
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AllowedCallers {
    /// Everybody, without authentication.
    Anyone,
    /// Authenticated callers with at least this role.
    ///
    /// The role that a job of a kind needs depends on the request (a dry run needs less), so [`crate::Service`] checks
    /// it.
    Role(Role),
}

/// The form of a refused request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusalForm {
    /// The envelope of the Go tool.
    Envelope,
    /// A problem document (RFC 9457).
    Problem,
    /// A gRPC status.
    GrpcStatus,
}

/// What a route does to backups, Milvus and jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: the handler has to answer within `server.request_timeout`.
    Reads,
    /// It changes something: the handler may take as long as a job, and a refused request gets an audit line.
    Changes,
}

/// How the body of a request reaches the handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyMode {
    /// Whole: at most `server.max_body` bytes, within `server.body_timeout`.
    Buffered,
    /// As it arrives, as calls with more than one message need: at most `server.body_timeout` between two parts.
    Streamed,
}

impl Policy {
    /// The policy of a route that only reads; every role may call it.
    pub(crate) const fn reads(refusals: RefusalForm) -> Self {
        Self {
            callers: AllowedCallers::Role(Role::Read),
            refusals,
            effect: Effect::Reads,
            body: BodyMode::Buffered,
        }
    }

    /// The policy of a route that changes something; [`crate::Service`] checks the role.
    pub(crate) const fn changes(refusals: RefusalForm) -> Self {
        Self { effect: Effect::Changes, ..Self::reads(refusals) }
    }

    /// The same policy without authentication.
    pub(crate) const fn public(self) -> Self {
        Self { callers: AllowedCallers::Anyone, ..self }
    }

    /// The same policy for bodies that are streamed.
    pub(crate) const fn streamed(self) -> Self {
        Self { body: BodyMode::Streamed, ..self }
    }
}

/// The policies of routes by method and path template; those of gRPC calls by their full path.
///
/// A request whose route is not in the table never reaches a handler.
#[derive(Clone, Default)]
pub(crate) struct PolicyTable(HashMap<String, Vec<(Option<Method>, Policy)>>);

impl PolicyTable {
    /// Declares the policy of a route; without a method, for every method.
    pub(crate) fn declare(&mut self, method: Option<Method>, path: &str, policy: Policy) {
        self.0.entry(path.to_owned()).or_default().push((method, policy));
    }

    /// Declares the policies of the calls of a gRPC service.
    pub(crate) fn declare_calls(&mut self, service: &str, calls: &[(&str, Policy)]) {
        for (call, policy) in calls {
            self.declare(Some(Method::POST), &format!("/{service}/{call}"), *policy);
        }
    }

    /// Returns the policy of a route.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Option<Policy> {
        // A route that takes GET takes HEAD too.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let mut declared = self.of_path(path).iter();
        let found =
            declared.find(|(declared, _)| declared.as_ref().is_none_or(|declared| declared == method));
        found.map(|(_, policy)| *policy)
    }

    /// Returns the methods and policies that are declared for a path.
    pub(crate) fn of_path(&self, path: &str) -> &[(Option<Method>, Policy)] {
        self.0.get(path).map_or(&[], Vec::as_slice)
    }

    fn merge(&mut self, other: Self) {
        for (path, declared) in other.0 {
            self.0.entry(path).or_default().extend(declared);
        }
    }
}

/// Routes, each with its policy.
#[derive(Clone)]
pub(crate) struct DeclaredRoutes<S = ()> {
    /// The routes.
    pub router: Router<S>,
    /// Their policies.
    pub policies: PolicyTable,
}

impl<S: Clone + Send + Sync + 'static> DeclaredRoutes<S> {
    /// Creates an empty set of routes.
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), policies: PolicyTable::default() }
    }

    /// Adds a route that takes GET.
    pub(crate) fn get<H, T>(self, path: &str, policy: Policy, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Some(Method::GET), path, policy, routing::get(handler))
    }

    /// Adds a route that takes every method.
    pub(crate) fn any<H, T>(self, path: &str, policy: Policy, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(None, path, policy, routing::any(handler))
    }

    fn add(mut self, method: Option<Method>, path: &str, policy: Policy, handler: MethodRouter<S>) -> Self {
        self.policies.declare(method, path, policy);
        Self { router: self.router.route(path, handler), ..self }
    }

    /// Adds other routes.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.policies.merge(other.policies);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// Gives the handlers their state.
    pub(crate) fn with_state(self, state: S) -> DeclaredRoutes {
        DeclaredRoutes { router: self.router.with_state(state), policies: self.policies }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_found_by_method_and_path() {
        const READS: Policy = Policy::reads(RefusalForm::Problem);
        const CHANGES: Policy = Policy::changes(RefusalForm::Problem);
        let mut table = PolicyTable::default();
        table.declare(Some(Method::GET), "/x/{id}", READS);
        table.declare(Some(Method::DELETE), "/x/{id}", CHANGES);
        table.declare(None, "/", READS.public());
        table.declare_calls("a.Service", &[("Get", Policy::reads(RefusalForm::GrpcStatus))]);
        assert_eq!(table.find(&Method::GET, "/x/{id}"), Some(READS));
        assert_eq!(table.find(&Method::HEAD, "/x/{id}"), Some(READS));
        assert_eq!(table.find(&Method::DELETE, "/x/{id}"), Some(CHANGES));
        assert_eq!(table.find(&Method::PUT, "/"), Some(READS.public()));
        assert!(table.find(&Method::POST, "/a.Service/Get").is_some());
        for (method, path) in
            [(Method::POST, "/x/{id}"), (Method::GET, "/x"), (Method::GET, "/a.Service/Get")]
        {
            assert_eq!(table.find(&method, path), None, "{method} {path}");
        }
        assert_eq!(table.of_path("/x/{id}").len(), 2);
    }
}
