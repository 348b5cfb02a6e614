//! The routes without an envelope.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jobs::OtherPlace;

use super::envelope::{self, BadBody, WithoutData, Wrong};
use super::exchange::Exchange;
use wire::CheckReport;
use wire::{Failure, FailureKind};

/// Greets the client, which shows that the server is running.
#[utoipa::path(
    get,
    path = "/api/v1/hello",
    tag = "v1",
    responses(
        (status = 200, description = "A greeting", body = String, content_type = "text/plain; charset=utf-8"),
        (status = "default", description = "The request is rejected", body = WithoutData),
    ),
)]
pub(super) async fn hello() -> &'static str {
    "Hello, This is backup service"
}

/// Checks Milvus and both storages: connection, permissions, root paths, copying.
///
/// The check removes the files that it writes.
#[utoipa::path(
    get,
    path = "/api/v1/check",
    tag = "v1",
    responses(
        (status = 200, description = "Everything works; lines of text as a JSON string", body = String, content_type = "application/json"),
        (status = 503, description = "A check failed; the text says which", body = String, content_type = "application/json"),
        (status = "default", description = "The check cannot be run, or the request is rejected", body = Wrong),
    ),
)]
pub(super) async fn check(exchange: Exchange) -> Response {
    let lines = async {
        exchange
            .service()
            .check(&exchange.context(OtherPlace::default())?, engine::CheckPurpose::Everything)
            .await
    }
    .await;
    match lines {
        Ok(lines) => {
            let checks = CheckReport::from(lines.as_slice());
            let text = checks.to_string();
            if !checks.ok {
                return envelope::answer(exchange.status(FailureKind::Unreachable), &text);
            }
            envelope::answer(StatusCode::OK, &format!("{CHECKED}\n{text}"))
        }
        Err(failure) => refused(&exchange, &failure),
    }
}

/// The first line of a successful check in 0.4.15; scripts look for it.
const CHECKED: &str = "Succeed to connect to milvus and storage.";

fn refused(exchange: &Exchange, failure: &Failure) -> Response {
    let error = envelope::message(failure);
    envelope::answer(exchange.status(failure.kind), &BadBody { error, detail: String::new() }).into_response()
}
