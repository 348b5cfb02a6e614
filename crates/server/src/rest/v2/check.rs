//! The route `/check`.

use axum::Json;
use axum::extract::State;
use engine::CheckPurpose;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::problem::{ProblemOr, ProblemResponses};
use super::extract::{Authenticated, QueryParameters};
use crate as server;
use wire::CheckReport;

/// The parameters of a check.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CheckQuery {
    /// What is checked; without it, what backups and restores need
    #[serde(rename = "for")]
    #[param(nullable = false)]
    purpose: Option<Purpose>,
}

/// The work that a check prepares for.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    /// Backups only.
    Backup,
    /// Restores only.
    Restore,
}

/// Check Milvus and both storages
///
/// The check removes the files that it writes. `ok` is false if a line failed.
#[utoipa::path(get, path = "/check", tag = "check", operation_id = "check",
    params(CheckQuery),
    responses((status = 200, description = "The results", body = CheckReport), ProblemResponses))]
pub(super) async fn check(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    QueryParameters(query): QueryParameters<CheckQuery>,
) -> ProblemOr<Json<CheckReport>> {
    let purpose = match query.purpose {
        None => CheckPurpose::Everything,
        Some(Purpose::Backup) => CheckPurpose::Backup,
        Some(Purpose::Restore) => CheckPurpose::Restore,
    };
    Ok(Json(CheckReport::from(state.service.check(&context, purpose).await?.as_slice())))
}
