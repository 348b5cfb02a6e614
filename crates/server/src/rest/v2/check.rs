//! `/check`.

use axum::Json;
use axum::extract::State;

use super::super::problem::{Answer, Refusal};
use super::extract::{By, NoParameters};
use crate as server;
use wire::CheckReport;

/// Try Milvus and both storages
///
/// What it writes it removes. `ok` is false if a line failed.
#[utoipa::path(get, path = "/check", tag = "check", operation_id = "check",
    responses((status = 200, description = "What was found", body = CheckReport), Refusal))]
pub(super) async fn check(
    State(state): State<server::State>,
    By(asked): By,
    _: NoParameters,
) -> Answer<Json<CheckReport>> {
    Ok(Json(CheckReport::from(state.service.check(&asked).await?.as_slice())))
}
