//! `/backups`.

use axum::Json;
use axum::extract::State;
use futures::{StreamExt, TryStreamExt, stream};
use jobs::JobKind;
use model::name::CollectionRef;
use model::selection::matches;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::problem::{Answer, Refusal, Refused};
use super::extract::{Body, By, Named, NoParameters, Parameters};
use super::page::{Limit, words};
use super::submit::{IdempotencyKey, Submitted, understood};
use crate::{self as server, Asked, Service};
use wire::{
    BackupDetail, BackupPage, BackupPlan, BackupState, BackupSummary, DeletionReport, Existing, Job,
    NewBackup, NewRestore, RestorePlan, decode_page_token, encode_page_token, parse_delete_request,
    parse_existing_name,
};
use wire::{Failure, Kind};

/// How many backups are read at once to see which collections they hold: a few, so that others get their turn between.
const READ_AT_ONCE: usize = 2;

/// Which backups.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BackupsAsked {
    /// Only names like this; `*` stands for any text, `?` for one character
    name: Option<String>,
    /// Only these states, by commas
    #[param(value_type = Option<Vec<BackupState>>, style = Form, explode = false)]
    state: Option<String>,
    /// Only complete backups that hold this collection: `database.collection`, or `collection` of `default`
    collection: Option<String>,
    /// At most so many
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000, default = 100)]
    limit: Limit,
    /// The `next_page_token` of the page before
    page_token: Option<String>,
}

/// The backups, by name
#[utoipa::path(get, path = "/backups", tag = "backups", operation_id = "list_backups", params(BackupsAsked),
    responses((status = 200, description = "A page of them", body = BackupPage), Refusal))]
pub(super) async fn list(
    State(state): State<server::State>,
    By(asked): By,
    Parameters(asks): Parameters<BackupsAsked>,
) -> Answer<Json<BackupPage>> {
    let Limit(limit) = asks.limit;
    let states: Vec<BackupState> = words("state", asks.state.as_deref())?;
    let after = asks.page_token.as_deref().map(decode_page_token).transpose()?;
    let found = state.service.list(&asked).await?;
    let mut backups: Vec<BackupSummary> = found.iter().map(BackupSummary::from).collect();
    backups.retain(|backup| {
        after.as_ref().is_none_or(|after| backup.name > *after)
            && (states.is_empty() || states.contains(&backup.state))
            && asks.name.as_deref().is_none_or(|pattern| matches(pattern, &backup.name))
    });
    if let Some(collection) = asks.collection.as_deref() {
        backups = holding(&state.service, &asked, backups, collection, limit + 1).await?;
    }
    let more = backups.len() > limit;
    backups.truncate(limit);
    let last = backups.last().filter(|_| more);
    let next_page_token = last.map(|backup| encode_page_token(&backup.name));
    Ok(Json(BackupPage { backups, next_page_token }))
}

/// The first of some backups that hold a collection.
async fn holding(
    service: &Service,
    asked: &Asked,
    mut backups: Vec<BackupSummary>,
    collection: &str,
    most: usize,
) -> Result<Vec<BackupSummary>, Failure> {
    let (database, collection) = collection.split_once('.').unwrap_or(("", collection));
    let wanted = &CollectionRef::new(database, collection);
    backups.retain(|backup| backup.state == BackupState::Complete);
    let read = stream::iter(backups).map(|backup| async move {
        let holds = match service.get(asked, &parse_existing_name(Some(&backup.name))?).await {
            Ok(detail) => detail.manifest.collections.iter().any(|c| c.name == *wanted),
            // Deleted meanwhile, made anew, or not to be read: it has none that could be restored.
            Err(failure) if matches!(failure.kind, Kind::NotFound | Kind::Damaged | Kind::Busy) => false,
            Err(failure) => return Err(failure),
        };
        Ok(holds.then_some(backup))
    });
    let found = read.buffered(READ_AT_ONCE).try_filter_map(async |backup| Ok(backup));
    found.take(most).try_collect().await
}

/// Make a backup
///
/// With `dry_run` nothing is changed, and the answer is what would be done.
#[utoipa::path(post, path = "/backups", tag = "backups", operation_id = "create_backup", request_body = NewBackup,
    params(IdempotencyKey),
    responses(
        (status = 200, description = "What would be done", body = BackupPlan),
        (status = 202, description = "The job that does it", body = Job,
            headers(("Location" = String, description = "The job"))),
        Refusal,
    ))]
pub(super) async fn create(
    State(state): State<server::State>,
    By(asked): By,
    _: NoParameters,
    body: Result<Body<NewBackup>, Refused>,
) -> Answer<Submitted<BackupPlan>> {
    let may = |subject: &str| Service::may(&asked.caller, JobKind::Backup, subject);
    let Body(body) = understood(body, || may(""))?;
    if body.dry_run {
        let plan = state.service.plan_backup(&asked, &body.to_engine_request()?).await?;
        return Ok(Submitted::Planned(BackupPlan::from(&plan)));
    }
    let request = understood(body.to_engine_request(), || may(body.name.as_deref().unwrap_or_default()))?;
    Ok(state.service.backup(asked, request).await?.into())
}

/// How much of a backup.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DetailAsked {
    /// Whether to show partitions and segments too
    #[serde(default)]
    detail: bool,
}

/// One backup
#[utoipa::path(get, path = "/backups/{name}", tag = "backups", operation_id = "get_backup",
    params(("name" = String, Path, description = "The backup"), DetailAsked),
    responses((status = 200, description = "The backup", body = BackupDetail), Refusal))]
pub(super) async fn get(
    State(state): State<server::State>,
    By(asked): By,
    Named(name): Named,
    Parameters(asks): Parameters<DetailAsked>,
) -> Answer<Json<BackupDetail>> {
    let backup = state.service.get(&asked, &parse_existing_name(Some(&name))?).await?;
    Ok(Json(BackupDetail::new(&backup, asks.detail)))
}

/// Whether to do it.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DryRun {
    /// Whether to only tell what would be done
    #[serde(default)]
    dry_run: bool,
}

/// Delete a backup
///
/// With `dry_run` nothing is changed, and the answer is what would be deleted.
#[utoipa::path(delete, path = "/backups/{name}", tag = "backups", operation_id = "delete_backup",
    params(
        ("name" = String, Path, description = "The backup"),
        IdempotencyKey,
        DryRun,
    ),
    responses(
        (status = 200, description = "What would be deleted", body = DeletionReport),
        (status = 202, description = "The job that does it", body = Job,
            headers(("Location" = String, description = "The job"))),
        Refusal,
    ))]
pub(super) async fn delete(
    State(state): State<server::State>,
    By(asked): By,
    Named(name): Named,
    Parameters(asks): Parameters<DryRun>,
) -> Answer<Submitted<DeletionReport>> {
    let request = parse_delete_request(Some(&name));
    if asks.dry_run {
        let outcome = state.service.plan_delete(&asked, &request?).await?;
        return Ok(Submitted::Planned(DeletionReport::new(&outcome, true)));
    }
    let request = understood(request, || Service::may(&asked.caller, JobKind::Delete, &name))?;
    Ok(state.service.delete(asked, request).await?.into())
}

/// Which restore.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PlanAsked {
    /// Which of its collections: `db.*`, `db.coll`, `coll` (of `default`), `db.` alone; globs; by commas
    filter: Option<String>,
    /// Appended to the name of every collection
    suffix: Option<String>,
    /// What to do with target collections that exist
    #[param(default = "refuse", nullable = false)]
    existing: Option<Existing>,
}

/// What a restore of a backup would do
#[utoipa::path(get, path = "/backups/{name}/plan", tag = "backups", operation_id = "plan_restore",
    params(("name" = String, Path, description = "The backup"), PlanAsked),
    responses((status = 200, description = "What would be done", body = RestorePlan), Refusal))]
pub(super) async fn plan(
    state: State<server::State>,
    by: By,
    name: Named,
    Parameters(PlanAsked { filter, suffix, existing }): Parameters<PlanAsked>,
) -> Answer<Json<RestorePlan>> {
    let usual = NewRestore::default();
    let existing = existing.unwrap_or(usual.existing);
    let body = NewRestore { filter, suffix, existing, ..usual };
    plan_as_asked(state, by, name, NoParameters, Body(body)).await
}

/// What a restore of a backup would do that is asked for with all its options
#[utoipa::path(post, path = "/backups/{name}/plan", tag = "backups", operation_id = "plan_restore_as_asked",
    params(("name" = String, Path, description = "The backup")),
    request_body(content = NewRestore, example = json!({"filter": "shop.orders", "suffix": "_copy"})),
    responses((status = 200, description = "What would be done", body = RestorePlan), Refusal))]
pub(super) async fn plan_as_asked(
    State(state): State<server::State>,
    By(asked): By,
    Named(name): Named,
    _: NoParameters,
    Body(body): Body<NewRestore>,
) -> Answer<Json<RestorePlan>> {
    if body.backup.as_ref().is_some_and(|other| *other != name) {
        return Err(Failure::usage("the body names another backup than the path").into());
    }
    let request = NewRestore { backup: Some(name), ..body }.to_engine_request(state.settings.keep_staged)?;
    Ok(Json(RestorePlan::new(&state.service.plan_restore(&asked, &request).await?)))
}
