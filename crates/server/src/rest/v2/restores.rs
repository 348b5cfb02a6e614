//! `/restores`.

use axum::Json;
use axum::extract::State;

use super::super::problem::{Answer, Refusal, Refused};
use super::extract::{Body, By, NoParameters, Parameters};
use super::jobs::{JobsOfKind, page_of};
use super::submit::{IdempotencyKey, Submitted, understood};
use crate::{self as server, Service};
use wire::{Job, JobKind, JobPage, NewRestore, RestorePlan};

/// Restore a backup, or part of it
///
/// With `dry_run` nothing is changed, and the answer is what would be done.
#[utoipa::path(post, path = "/restores", tag = "restores", operation_id = "create_restore", request_body = NewRestore,
    params(IdempotencyKey),
    responses(
        (status = 200, description = "What would be done", body = RestorePlan),
        (status = 202, description = "The job that does it", body = Job,
            headers(("Location" = String, description = "The job"))),
        Refusal,
    ))]
pub(super) async fn create(
    State(state): State<server::State>,
    By(asked): By,
    _: NoParameters,
    body: Result<Body<NewRestore>, Refused>,
) -> Answer<Submitted<RestorePlan>> {
    let may = |subject: &str| Service::may(&asked.caller, jobs::JobKind::Restore, subject);
    let Body(body) = understood(body, || may(""))?;
    let request = body.to_engine_request(state.settings.keep_staged);
    if body.dry_run {
        let prepared = state.service.plan_restore(&asked, &request?).await?;
        return Ok(Submitted::Planned(RestorePlan::new(&prepared)));
    }
    let request = understood(request, || may(body.backup.as_deref().unwrap_or_default()))?;
    Ok(state.service.restore(asked, request).await?.into())
}

/// The jobs that restore, newest first
#[utoipa::path(get, path = "/restores", tag = "restores", operation_id = "list_restores", params(JobsOfKind),
    responses((status = 200, description = "A page of them", body = JobPage), Refusal))]
pub(super) async fn list(
    State(state): State<server::State>,
    By(asked): By,
    Parameters(asks): Parameters<JobsOfKind>,
) -> Answer<Json<JobPage>> {
    Ok(Json(page_of(&state.service, &asked.caller, &[JobKind::Restore], &asks)?))
}
