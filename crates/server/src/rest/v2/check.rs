//! The route `/check`.

use axum::Json;
use axum::extract::State;

use super::super::problem::{ProblemOr, ProblemResponses};
use super::extract::{Authenticated, NoQueryParameters};
use crate as server;
use wire::CheckReport;

/// Check Milvus and both storages
///
/// The check removes the files that it writes. `ok` is false if a line failed.
#[utoipa::path(get, path = "/check", tag = "check", operation_id = "check",
    responses((status = 200, description = "The results", body = CheckReport), ProblemResponses))]
pub(super) async fn check(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    _: NoQueryParameters,
) -> ProblemOr<Json<CheckReport>> {
    Ok(Json(CheckReport::from(state.service.check(&context).await?.as_slice())))
}
