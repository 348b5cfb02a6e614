//! The routes `/restores`.

use axum::Json;
use axum::extract::State;
use jobs::EngineRequest;

use super::super::problem::{ProblemOr, ProblemResponse, ProblemResponses};
use super::extract::{Authenticated, JsonBody, NoQueryParameters, QueryParameters};
use super::jobs::{RestoreListQuery, page_of};
use super::submit::{IdempotencyKey, Submitted, hide_errors_without_role};
use crate::{self as server, Service};
use wire::{Job, JobKind, JobPage, NewRestore, RestorePlan};

/// Restore a backup or a part of it
///
/// With `dry_run` nothing is changed, and the response is the plan.
#[utoipa::path(post, path = "/restores", tag = "restores", operation_id = "create_restore", request_body = NewRestore,
    params(IdempotencyKey),
    responses(
        (status = 200, description = "The plan", body = RestorePlan),
        (status = 202, description = "The job", body = Job,
            headers(("Location" = String, description = "URL of the job"))),
        ProblemResponses,
    ))]
pub(super) async fn create(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    _: NoQueryParameters,
    body: Result<JsonBody<NewRestore>, ProblemResponse>,
) -> ProblemOr<Submitted<RestorePlan>> {
    let check_role = |subject: &str| Service::check_role(&context.caller, jobs::JobKind::Restore, subject);
    let JsonBody(body) = hide_errors_without_role(body, || check_role(""))?;
    let request = body.to_engine_request(state.settings.keep_staged);
    if body.dry_run {
        let prepared = state.service.plan_restore(&context, &request?).await?;
        return Ok(Submitted::Planned(RestorePlan::new(&prepared)));
    }
    let request =
        hide_errors_without_role(request, || check_role(body.backup.as_deref().unwrap_or_default()))?;
    Ok(state.service.submit(context, EngineRequest::Restore(request)).await?.into())
}

/// List restore jobs, newest first
#[utoipa::path(get, path = "/restores", tag = "restores", operation_id = "list_restores", params(RestoreListQuery),
    responses((status = 200, description = "A page of jobs", body = JobPage), ProblemResponses))]
pub(super) async fn list(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    QueryParameters(query): QueryParameters<RestoreListQuery>,
) -> ProblemOr<Json<JobPage>> {
    Ok(Json(page_of(&state.service, &context.caller, &[JobKind::Restore], &query)?))
}
