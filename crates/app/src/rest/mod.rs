//! REST: the Go tool's routes, and ours.

pub(crate) mod v1;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The answer to a path that leads nowhere, or to a method that a path does not take; that of the Go tool.
pub(crate) async fn not_found() -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))];
    (StatusCode::NOT_FOUND, kind, "404 page not found").into_response()
}
