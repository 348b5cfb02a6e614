//! The routes without an envelope.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jobs::OtherPlace;

use super::envelope::{self, BadBody, Refused, Wrong};
use super::exchange::Exchange;
use wire::CheckReport;
use wire::{Failure, Kind};

/// Greets, so that a client can tell that the server is there.
#[utoipa::path(
    get,
    path = "/api/v1/hello",
    tag = "v1",
    responses(
        (status = 200, description = "A greeting", body = String, content_type = "text/plain; charset=utf-8"),
        (status = "default", description = "The door does not let it in", body = Refused),
    ),
)]
pub(super) async fn hello() -> &'static str {
    "Hello, This is backup service"
}

/// Tries Milvus and both storages: connection, rights, root path, the way between them.
///
/// What it writes it removes.
#[utoipa::path(
    get,
    path = "/api/v1/check",
    tag = "v1",
    responses(
        (status = 200, description = "All is as it should be; lines of text as a JSON string", body = String, content_type = "application/json"),
        (status = 503, description = "Something is not, the text says what", body = String, content_type = "application/json"),
        (status = "default", description = "It cannot be tried, or the door does not let it in", body = Wrong),
    ),
)]
pub(super) async fn check(exchange: Exchange) -> Response {
    let lines = async { exchange.service().check(&exchange.asked(OtherPlace::default())?).await }.await;
    match lines {
        Ok(lines) => {
            let checks = CheckReport::from(lines.as_slice());
            let text = checks.to_string();
            if !checks.ok {
                return envelope::answer(exchange.status(Kind::Unreachable), &text);
            }
            envelope::answer(StatusCode::OK, &format!("{CHECKED}\n{text}"))
        }
        Err(failure) => refused(&exchange, &failure),
    }
}

/// What 0.4.15 begins with when all is well; scripts look for it.
const CHECKED: &str = "Succeed to connect to milvus and storage.";

fn refused(exchange: &Exchange, failure: &Failure) -> Response {
    let error = envelope::message(failure);
    envelope::answer(exchange.status(failure.kind), &BadBody { error, detail: String::new() }).into_response()
}
