//! The routes `/backups`.

use axum::Json;
use axum::extract::State;
use futures::{StreamExt, TryStreamExt, stream};
use jobs::{EngineRequest, JobKind};
use model::selection::matches;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::problem::{ProblemOr, ProblemResponse, ProblemResponses};
use super::extract::{Authenticated, JsonBody, NoQueryParameters, PathName, QueryParameters};
use super::page::{Limit, parse_list};
use super::submit::{IdempotencyKey, Submitted, hide_errors_without_role};
use crate::{self as server, RequestContext, Service};
use wire::{
    BackupDetail, BackupPage, BackupPlan, BackupState, BackupSummary, DeletionReport, Existing, Job,
    NewBackup, NewRestore, RestorePlan, decode_page_token, encode_page_token, parse_collection,
    parse_delete_request, parse_existing_name,
};
use wire::{Failure, FailureKind};

/// The number of manifests that the filter by collection reads at the same time; small, so that other requests are
/// served too.
const CONCURRENT_READS: usize = 2;

/// The parameters of the list of backups.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BackupListQuery {
    /// Only names that match this pattern; `*` matches any text, `?` one character
    name: Option<String>,
    /// Only these states, separated by commas
    #[param(value_type = Option<Vec<BackupState>>, style = Form, explode = false)]
    state: Option<String>,
    /// Only complete backups that contain this collection: `database.collection`, or `collection` in the database
    /// `default`
    collection: Option<String>,
    /// Largest number of items
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
    /// The `next_page_token` of the previous page
    page_token: Option<String>,
}

/// List backups by name
#[utoipa::path(get, path = "/backups", tag = "backups", operation_id = "list_backups", params(BackupListQuery),
    responses((status = 200, description = "A page of backups", body = BackupPage), ProblemResponses))]
pub(super) async fn list(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    QueryParameters(query): QueryParameters<BackupListQuery>,
) -> ProblemOr<Json<BackupPage>> {
    let Limit(limit) = query.limit;
    let states: Vec<BackupState> = parse_list("state", query.state.as_deref())?;
    let after = query.page_token.as_deref().map(decode_page_token).transpose()?;
    let found = state.service.list(&context).await?;
    let mut backups: Vec<BackupSummary> = found.iter().map(BackupSummary::from).collect();
    backups.retain(|backup| {
        after.as_ref().is_none_or(|after| backup.name > *after)
            && (states.is_empty() || states.contains(&backup.state))
            && query.name.as_deref().is_none_or(|pattern| matches(pattern, &backup.name))
    });
    if let Some(collection) = query.collection.as_deref() {
        backups = keep_with_collection(&state.service, &context, backups, collection, limit + 1).await?;
    }
    let more = backups.len() > limit;
    backups.truncate(limit);
    let last = backups.last().filter(|_| more);
    let next_page_token = last.map(|backup| encode_page_token(&backup.name));
    Ok(Json(BackupPage { backups, next_page_token }))
}

/// Returns the first `limit` backups that contain a collection.
async fn keep_with_collection(
    service: &Service,
    context: &RequestContext,
    mut backups: Vec<BackupSummary>,
    collection: &str,
    limit: usize,
) -> Result<Vec<BackupSummary>, Failure> {
    let wanted = &parse_collection(collection);
    backups.retain(|backup| backup.state == BackupState::Complete);
    let read = stream::iter(backups).map(|backup| async move {
        let holds = match service.get(context, &parse_existing_name(Some(&backup.name))?).await {
            Ok(detail) => detail.manifest.collections.iter().any(|c| c.name == *wanted),
            // It was deleted or replaced meanwhile, or cannot be read: there is nothing to restore.
            Err(failure)
                if matches!(
                    failure.kind,
                    FailureKind::NotFound | FailureKind::Damaged | FailureKind::Busy
                ) =>
            {
                false
            }
            Err(failure) => return Err(failure),
        };
        Ok(holds.then_some(backup))
    });
    let found = read.buffered(CONCURRENT_READS).try_filter_map(async |backup| Ok(backup));
    found.take(limit).try_collect().await
}

/// Create a backup
///
/// With `dry_run` nothing is changed, and the response is the plan.
#[utoipa::path(post, path = "/backups", tag = "backups", operation_id = "create_backup", request_body = NewBackup,
    params(IdempotencyKey),
    responses(
        (status = 200, description = "The plan", body = BackupPlan),
        (status = 202, description = "The job", body = Job,
            headers(("Location" = String, description = "URL of the job"))),
        ProblemResponses,
    ))]
pub(super) async fn create(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    _: NoQueryParameters,
    body: Result<JsonBody<NewBackup>, ProblemResponse>,
) -> ProblemOr<Submitted<BackupPlan>> {
    let check_role = |subject: &str| Service::check_role(&context.caller, JobKind::Backup, subject);
    let JsonBody(body) = hide_errors_without_role(body, || check_role(""))?;
    if body.dry_run {
        let plan = state.service.plan_backup(&context, &body.to_engine_request()?).await?;
        return Ok(Submitted::Planned(BackupPlan::from(&plan)));
    }
    let request = hide_errors_without_role(body.to_engine_request(), || {
        check_role(body.name.as_deref().unwrap_or_default())
    })?;
    let context = RequestContext { name_generated: body.chosen_name().is_none(), ..context };
    Ok(state.service.submit(context, EngineRequest::Backup(request)).await?.into())
}

/// The parameters of a backup.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BackupDetailQuery {
    /// Whether to include partitions and segments
    #[serde(default)]
    detail: bool,
}

/// Get a backup
#[utoipa::path(get, path = "/backups/{name}", tag = "backups", operation_id = "get_backup",
    params(("name" = String, Path, description = "Name of the backup"), BackupDetailQuery),
    responses((status = 200, description = "The backup", body = BackupDetail), ProblemResponses))]
pub(super) async fn get(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    PathName(name): PathName,
    QueryParameters(query): QueryParameters<BackupDetailQuery>,
) -> ProblemOr<Json<BackupDetail>> {
    let backup = state.service.get(&context, &parse_existing_name(Some(&name))?).await?;
    Ok(Json(BackupDetail::new(&backup, query.detail)))
}

/// The parameters of a deletion.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeletionQuery {
    /// Whether to return what would be deleted, without deleting it
    #[serde(default)]
    dry_run: bool,
    /// Whether to delete the backup even if another run is writing or reading it
    #[serde(default)]
    force: bool,
}

/// Delete a backup
///
/// With `dry_run` nothing is deleted, and the response is what would be deleted.
#[utoipa::path(delete, path = "/backups/{name}", tag = "backups", operation_id = "delete_backup",
    params(
        ("name" = String, Path, description = "Name of the backup"),
        IdempotencyKey,
        DeletionQuery,
    ),
    responses(
        (status = 200, description = "What would be deleted", body = DeletionReport),
        (status = 202, description = "The job", body = Job,
            headers(("Location" = String, description = "URL of the job"))),
        ProblemResponses,
    ))]
pub(super) async fn delete(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    PathName(name): PathName,
    QueryParameters(query): QueryParameters<DeletionQuery>,
) -> ProblemOr<Submitted<DeletionReport>> {
    let request = parse_delete_request(Some(&name), query.force);
    if query.dry_run {
        let outcome = state.service.plan_delete(&context, &request?).await?;
        return Ok(Submitted::Planned(DeletionReport::new(&outcome, true)));
    }
    let request =
        hide_errors_without_role(request, || Service::check_role(&context.caller, JobKind::Delete, &name))?;
    Ok(state.service.submit(context, EngineRequest::Delete(request)).await?.into())
}

/// The parameters of the plan of a restore.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RestorePlanQuery {
    /// Selected collections, separated by commas: `db.*`, `db.coll`, `coll` (in `default`), `db.` (the database alone);
    /// glob patterns
    filter: Option<String>,
    /// Suffix for the name of every collection
    suffix: Option<String>,
    /// Handling of existing target collections
    #[param(default = "refuse", nullable = false)]
    existing: Option<Existing>,
}

/// Get the plan of a restore
#[utoipa::path(get, path = "/backups/{name}/plan", tag = "backups", operation_id = "plan_restore",
    params(("name" = String, Path, description = "Name of the backup"), RestorePlanQuery),
    responses((status = 200, description = "The plan", body = RestorePlan), ProblemResponses))]
pub(super) async fn plan(
    state: State<server::ServerState>,
    caller: Authenticated,
    name: PathName,
    QueryParameters(RestorePlanQuery { filter, suffix, existing }): QueryParameters<RestorePlanQuery>,
) -> ProblemOr<Json<RestorePlan>> {
    let defaults = NewRestore::default();
    let existing = existing.unwrap_or(defaults.existing);
    let body = NewRestore { filter, suffix, existing, ..defaults };
    plan_with_options(state, caller, name, NoQueryParameters, JsonBody(body)).await
}

/// Get the plan of a restore with all options
#[utoipa::path(post, path = "/backups/{name}/plan", tag = "backups", operation_id = "plan_restore_as_asked",
    params(("name" = String, Path, description = "Name of the backup")),
    request_body(content = NewRestore, example = json!({"filter": "shop.orders", "suffix": "_copy"})),
    responses((status = 200, description = "The plan", body = RestorePlan), ProblemResponses))]
pub(super) async fn plan_with_options(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    PathName(name): PathName,
    _: NoQueryParameters,
    JsonBody(body): JsonBody<NewRestore>,
) -> ProblemOr<Json<RestorePlan>> {
    if body.backup.as_ref().is_some_and(|other| *other != name) {
        return Err(Failure::usage("the body and the path name different backups").into());
    }
    let request = NewRestore { backup: Some(name), ..body }.to_engine_request(state.settings.keep_staged)?;
    Ok(Json(RestorePlan::new(&state.service.plan_restore(&context, &request).await?)))
}
