//! Requests that match no declared route: the one place where the path decides the form of the answer.

use axum::extract::Request;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};

use crate::policy::{Policy, PolicyTable, RefusalForm};
use crate::rest::{ProblemResponse, v2};
use wire::{Failure, FailureKind};

/// The path below which the routes of the Go tool are.
const V1: &str = "/api/v1";

/// The policy of a request that matches no route: authentication comes first here too.
///
/// The method counts as a change unless it is one that reads.
pub(super) fn policy(request: &Request, route: Option<&str>, policies: &PolicyTable) -> Policy {
    let form = form(request, route, policies);
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => Policy::reads(form),
        _ => Policy::changes(form),
    }
}

/// The form of the path, if it has other methods; else of the prefix of the path; else of the content type.
fn form(request: &Request, route: Option<&str>, policies: &PolicyTable) -> RefusalForm {
    let path = request.uri().path();
    if let Some((_, policy)) = route.and_then(|route| policies.of_path(route).first()) {
        return policy.refusals;
    }
    if is_below(path, V1) {
        return RefusalForm::Envelope;
    }
    let content_type = request.headers().get(CONTENT_TYPE);
    if !is_below(path, "/api")
        && content_type.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
    {
        return RefusalForm::GrpcStatus;
    }
    RefusalForm::Problem
}

/// Returns whether a path is `base` or below it.
fn is_below(path: &str, base: &str) -> bool {
    path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The answer: a gRPC status, a problem below `/api/v2`, and what the Go tool answers elsewhere.
pub(super) fn answer(
    request: &Request,
    form: RefusalForm,
    route: Option<&str>,
    policies: &PolicyTable,
) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    if form == RefusalForm::GrpcStatus {
        return crate::grpc::status(Failure::new(FailureKind::Unsupported, "unknown method or service"))
            .into_http();
    }
    if is_below(path, v2::BASE) {
        let declared = route.map_or(&[][..], |route| policies.of_path(route));
        let methods: Vec<&str> =
            declared.iter().filter_map(|(method, _)| Some(method.as_ref()?.as_str())).collect();
        return if methods.is_empty() { no_such_path(path) } else { no_such_method(method, path, &methods) };
    }
    match path.strip_suffix('/') {
        Some(without) if is_below(without, V1) && policies.find(method, without).is_some() => {
            let to = match request.uri().query() {
                Some(query) => format!("{without}?{query}"),
                None => without.to_owned(),
            };
            let status = if method == Method::GET {
                StatusCode::MOVED_PERMANENTLY
            } else {
                StatusCode::TEMPORARY_REDIRECT
            };
            let mut response = Redirect::temporary(&to).into_response();
            *response.status_mut() = status;
            response
        }
        _ => (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/plain")], "404 page not found").into_response(),
    }
}

fn no_such_path(path: &str) -> Response {
    let failure = Failure::new(FailureKind::NotFound, format!("there is nothing at {path}"));
    ProblemResponse::from(failure.hint("/api/v1/docs/ lists all paths")).into_response()
}

fn no_such_method(method: &Method, path: &str, methods: &[&str]) -> Response {
    let failure = Failure::usage(format!("{path} does not support {method}"));
    let failure = failure.hint("the header Allow lists the supported methods; see /api/v1/docs/");
    let mut response = ProblemResponse::with(StatusCode::METHOD_NOT_ALLOWED, failure).into_response();
    if let Ok(allow) = HeaderValue::from_str(&methods.join(",")) {
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}
