//! The routes `/jobs`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::problem::{ProblemOr, ProblemResponses};
use super::extract::{Authenticated, NoQueryParameters, PathName, QueryParameters};
use super::page::{Limit, parse_list};
use crate::{self as server, Caller, Service};
use wire::{Failure, FailureKind};
use wire::{Job, JobKind, JobPage, JobState};

/// The parameters of the list of restores.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RestoreListQuery {
    /// Only these states, separated by commas
    #[param(value_type = Option<Vec<JobState>>, style = Form, explode = false)]
    state: Option<String>,
    /// Only jobs for the backup of this name
    backup: Option<String>,
    /// Largest number of items
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
    /// The `next_page_token` of the previous page
    page_token: Option<String>,
}

/// The parameters of the list of jobs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct JobListQuery {
    /// Only these kinds, separated by commas
    #[param(value_type = Option<Vec<JobKind>>, style = Form, explode = false)]
    kind: Option<String>,
    /// Only these states, separated by commas
    #[param(value_type = Option<Vec<JobState>>, style = Form, explode = false)]
    state: Option<String>,
    /// Only jobs for the backup of this name
    backup: Option<String>,
    /// Largest number of items
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
    /// The `next_page_token` of the previous page
    page_token: Option<String>,
}

/// List jobs, newest first
///
/// The progress and the restored targets of single collections are omitted for finished jobs; `/jobs/{id}` has them.
#[utoipa::path(get, path = "/jobs", tag = "jobs", operation_id = "list_jobs", params(JobListQuery),
    responses((status = 200, description = "A page of jobs", body = JobPage), ProblemResponses))]
pub(super) async fn list(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    QueryParameters(query): QueryParameters<JobListQuery>,
) -> ProblemOr<Json<JobPage>> {
    let JobListQuery { kind, state: states, backup, limit, page_token } = query;
    let query = RestoreListQuery { state: states, backup, limit, page_token };
    Ok(Json(page_of(&state.service, &context.caller, &parse_list("kind", kind.as_deref())?, &query)?))
}

/// Returns a page of the jobs of these kinds; all kinds if the list is empty.
pub(super) fn page_of(
    service: &Service,
    caller: &Caller,
    kinds: &[JobKind],
    query: &RestoreListQuery,
) -> Result<JobPage, Failure> {
    let states: Vec<JobState> = parse_list("state", query.state.as_deref())?;
    let filter = jobs::JobFilter {
        kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
        states: states.into_iter().map(Into::into).collect(),
        backup: query.backup.clone(),
    };
    // Some clients send an empty token for the first page.
    let token = query.page_token.as_deref().filter(|token| !token.is_empty());
    let page = service.jobs(caller, &filter, token, query.limit.0)?;
    Ok(JobPage::from(&page))
}

/// Get a job
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", operation_id = "get_job", params(("id" = String, Path, description = "Id of the job")),
    responses((status = 200, description = "The current state of the job", body = Job), ProblemResponses))]
pub(super) async fn get(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    PathName(id): PathName,
    _: NoQueryParameters,
) -> ProblemOr<Json<Job>> {
    Ok(Json(Job::from(&state.service.job(&context.caller, &id)?)))
}

/// Cancel a job
///
/// A queued job is cancelled immediately. A running job stops at the next safe point; until then `cancelling` is true.
#[utoipa::path(post, path = "/jobs/{id}:cancel", tag = "jobs", operation_id = "cancel_job", params(("id" = String, Path, description = "Id of the job")),
    responses((status = 200, description = "The current state of the job", body = Job), ProblemResponses))]
pub(super) async fn cancel(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    PathName(target): PathName,
    _: NoQueryParameters,
) -> ProblemOr<Json<Job>> {
    let Some(id) = target.strip_suffix(":cancel") else {
        let failure = Failure::new(FailureKind::NotFound, "unknown action on a job");
        return Err(failure.hint("cancel a job with POST /api/v2/jobs/ID:cancel").into());
    };
    Ok(Json(Job::from(&state.service.cancel(&context.caller, id)?)))
}
