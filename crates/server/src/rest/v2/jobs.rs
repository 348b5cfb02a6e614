//! `/jobs`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::problem::{Answer, Refusal};
use super::extract::{By, Named, NoParameters, Parameters};
use super::page::{Limit, words};
use crate::{self as server, Caller, Service};
use wire::{Failure, Kind};
use wire::{Job, JobKind, JobPage, JobState};

/// Which jobs of a kind.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct JobsOfKind {
    /// Only these states, by commas
    #[param(value_type = Option<Vec<JobState>>, style = Form, explode = false)]
    state: Option<String>,
    /// Only jobs about the backup of this name
    backup: Option<String>,
    /// At most so many
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
    /// The `next_page_token` of the page before
    page_token: Option<String>,
}

/// Which jobs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct JobsAsked {
    /// Only these kinds, by commas
    #[param(value_type = Option<Vec<JobKind>>, style = Form, explode = false)]
    kind: Option<String>,
    /// Only these states, by commas
    #[param(value_type = Option<Vec<JobState>>, style = Form, explode = false)]
    state: Option<String>,
    /// Only jobs about the backup of this name
    backup: Option<String>,
    /// At most so many
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
    /// The `next_page_token` of the page before
    page_token: Option<String>,
}

/// The jobs, newest first
///
/// Of those that are over, what concerns single collections is left out: their progress, the targets and the result of
/// a restore. `/jobs/{id}` has all of it.
#[utoipa::path(get, path = "/jobs", tag = "jobs", operation_id = "list_jobs", params(JobsAsked),
    responses((status = 200, description = "A page of them", body = JobPage), Refusal))]
pub(super) async fn list(
    State(state): State<server::State>,
    By(asked): By,
    Parameters(asks): Parameters<JobsAsked>,
) -> Answer<Json<JobPage>> {
    let JobsAsked { kind, state: states, backup, limit, page_token } = asks;
    let asks = JobsOfKind { state: states, backup, limit, page_token };
    Ok(Json(page_of(&state.service, &asked.caller, &words("kind", kind.as_deref())?, &asks)?))
}

/// A page of the jobs of some kinds, or of all.
pub(super) fn page_of(
    service: &Service,
    caller: &Caller,
    kinds: &[JobKind],
    asks: &JobsOfKind,
) -> Result<JobPage, Failure> {
    let states: Vec<JobState> = words("state", asks.state.as_deref())?;
    let filter = jobs::JobFilter {
        kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
        states: states.into_iter().map(Into::into).collect(),
        backup: asks.backup.clone(),
    };
    // Many a client begins with an empty token.
    let token = asks.page_token.as_deref().filter(|token| !token.is_empty());
    let page = service.jobs(caller, &filter, token, asks.limit.0)?;
    Ok(JobPage::from(&page))
}

/// One job
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", operation_id = "get_job", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job as it is now", body = Job), Refusal))]
pub(super) async fn get(
    State(state): State<server::State>,
    By(asked): By,
    Named(id): Named,
    _: NoParameters,
) -> Answer<Json<Job>> {
    Ok(Json(Job::from(&state.service.job(&asked.caller, &id)?)))
}

/// Stop a job
///
/// A queued job is cancelled at once; one that runs stops at the next safe point, until then `cancelling` is true.
#[utoipa::path(post, path = "/jobs/{id}:cancel", tag = "jobs", operation_id = "cancel_job", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job as it is now", body = Job), Refusal))]
pub(super) async fn act(
    State(state): State<server::State>,
    By(asked): By,
    Named(target): Named,
    _: NoParameters,
) -> Answer<Json<Job>> {
    let Some(id) = target.strip_suffix(":cancel") else {
        let failure = Failure::new(Kind::NotFound, "there is no such action on a job");
        return Err(failure.hint("a job is cancelled by POST /api/v2/jobs/ID:cancel").into());
    };
    Ok(Json(Job::from(&state.service.cancel(&asked.caller, id)?)))
}
