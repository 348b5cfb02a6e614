//! All routes, behind the door.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use tokio_util::sync::CancellationToken;

use super::State;
use super::bind::Serves;
use super::door::{self, Door};
use crate::rest::{v1, v2};
use wire::{Failure, Kind};

/// What each listener shares.
pub(super) struct Routes {
    /// What handlers are given.
    pub state: State,
    /// The door.
    pub door: Arc<Door>,
    /// Health and metrics.
    pub operations: Router,
    /// Pulled when the server begins to end.
    pub stop: CancellationToken,
}

impl Routes {
    /// The routes of a listener.
    pub(super) fn of(&self, serves: Serves) -> Router {
        let mut router = self.operations.clone();
        if serves != Serves::Grpc {
            router = router.merge(crate::rest::router(self.state.clone()));
        }
        if serves != Serves::Rest {
            let State { service, settings } = self.state.clone();
            router = router.merge(
                crate::grpc::routes(service, settings, self.stop.clone()).prepare().into_axum_router(),
            );
        }
        // Around everything, the fallback too; routes are matched before, so that the door knows their templates.
        router
            .fallback(nothing_here)
            .method_not_allowed_fallback(no_such_method)
            .layer(from_fn_with_state(Arc::clone(&self.door), door::pass))
    }
}

/// A method that a route does not take. The Go tool knows no such answer.
async fn no_such_method(request: Request) -> Response {
    if v2::is_below(request.uri().path()) { v2::no_method(&request) } else { nothing_here(request).await }
}

/// What no route takes: as the Go tool answers it, and for gRPC as that does.
async fn nothing_here(request: Request) -> Response {
    if door::is_grpc(&request) {
        let failure = Failure::new(Kind::Unsupported, "no such call here");
        return crate::grpc::status(failure).into_http();
    }
    let path = request.uri().path();
    if v2::is_below(path) {
        return v2::no_route(&request);
    }
    match path.strip_suffix('/') {
        Some(without) if v1::takes(request.method(), without) => {
            let to = match request.uri().query() {
                Some(query) => format!("{without}?{query}"),
                None => without.to_owned(),
            };
            let status = match *request.method() {
                Method::GET => StatusCode::MOVED_PERMANENTLY,
                _ => StatusCode::TEMPORARY_REDIRECT,
            };
            let mut response = Redirect::temporary(&to).into_response();
            *response.status_mut() = status;
            response
        }
        _ => (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/plain")], "404 page not found").into_response(),
    }
}
