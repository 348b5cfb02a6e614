//! `/api/v2`: each handler converts what is asked, calls the service once, and answers with a document of [`wire`].

mod backups;
mod check;
mod events;
mod extract;
mod jobs;
mod page;
mod restores;
mod submit;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::problem::Refused;
use crate::State;
use wire::Problem;
use wire::{Failure, Kind};

/// The path that all of it lies below.
const BASE: &str = "/api/v2";

#[derive(OpenApi)]
#[openapi(
    components(schemas(Problem)),
    tags(
        (name = "backups", description = "Backups below the backup root"),
        (name = "restores", description = "Bringing collections of a backup back"),
        (name = "jobs", description = "What was asked for and how far it is"),
        (name = "check", description = "Whether Milvus and both storages serve"),
    )
)]
struct Description;

/// The routes and their description.
pub(crate) fn router() -> OpenApiRouter<State> {
    let routes = OpenApiRouter::default()
        .routes(routes!(backups::list, backups::create))
        .routes(routes!(backups::get, backups::delete))
        .routes(routes!(backups::plan, backups::plan_as_asked))
        .routes(routes!(restores::create, restores::list))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::get))
        .routes(routes!(events::watch))
        .routes(routes!(check::check));
    let routes = action(routes, routes!(jobs::act));
    OpenApiRouter::with_openapi(Description::openapi()).nest(BASE, routes)
}

/// Whether a path lies here.
pub(crate) fn is_below(path: &str) -> bool {
    path.strip_prefix(BASE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The answer where no route is.
pub(crate) fn no_route(request: &Request) -> Response {
    let message = format!("there is nothing at {}", request.uri().path());
    let failure = Failure::new(Kind::NotFound, message);
    Refused::from(failure.hint("/api/v1/docs/ shows what there is")).into_response()
}

/// The answer where a route is that takes other methods.
pub(crate) fn no_method(request: &Request) -> Response {
    let failure = Failure::usage(format!("{} does not take {}", request.uri().path(), request.method()));
    let failure = failure.hint("the header Allow names what it takes; /api/v1/docs/ shows all there is");
    Refused::with(StatusCode::METHOD_NOT_ALLOWED, failure).into_response()
}

/// Adds an operation whose path ends with `:action`, which a route can only have as a part of its last parameter.
fn action(
    routes: OpenApiRouter<State>,
    (schemas, paths, method): UtoipaMethodRouter<State>,
) -> OpenApiRouter<State> {
    let mut routes = routes;
    let route = |path: &str| path.split(':').next().unwrap_or_default().to_owned();
    let at: Vec<String> = paths.paths.keys().map(|path| route(path)).collect();
    let description = routes.get_openapi_mut();
    description.paths.paths.extend(paths.paths);
    description.components.get_or_insert_default().schemas.extend(schemas);
    at.iter().fold(routes, |routes, path| routes.route(path, method.clone()))
}
