//! The routes for backups.

use std::io;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use engine::{BackupState, BackupSummary, DeleteRequest, now_ms};
use jobs::{EngineRequest, JobKind, JobSnapshot, OtherPlace};
use model::name::BackupName;

use super::envelope::{self, BadBody, CodeRule, Envelope, Head, Wrong};
use super::exchange::{self, Exchange, GoJsonBody, GoQuery};
use super::info::{BackupInfo, state};
use super::requests::{DeleteQuery, GetBackupQuery, ListQuery, V1CreateRequest};
use super::stream::{self, Sink};
use crate::{FoundBackup, RequestContext};
use wire::{Failure, FailureKind};

/// Creates a backup and responds when it is finished; with `async`, when it is accepted.
///
/// The id of the request becomes the id of the backup.
#[utoipa::path(
    post,
    path = "/api/v1/create",
    tag = "v1",
    request_body = V1CreateRequest,
    params(("request_id" = Option<String>, Header, description = "Id of the request and of the backup")),
    responses(
        (status = 200, description = "The backup is created, or accepted", body = Envelope<BackupInfo>),
        (status = 400, description = "The request is invalid", body = Wrong),
        (status = "4XX", description = "The request is rejected", body = Envelope<BackupInfo>),
        (status = "5XX", description = "The backup failed", body = Envelope<BackupInfo>),
    ),
)]
pub(super) async fn create(
    exchange: Exchange,
    body: Result<GoJsonBody<V1CreateRequest>, BadBody>,
) -> Response {
    let request = match body {
        Ok(GoJsonBody(request)) => request,
        Err(wrong) => return exchange.explain_bad_body(JobKind::Backup, wrong),
    };
    exchange.log_notes(&request.notes());
    let id = exchange.id.as_str();
    let job = match make(&exchange, &request).await {
        Ok(job) => job,
        Err(failure) => {
            // 0.4.15 has started the backup when it finds that a collection does not exist.
            let begun = match failure.kind {
                FailureKind::NotFound => Some(refused(&exchange, &request, &failure).await),
                _ => None,
            };
            return exchange.failure(id, &failure, CodeRule::Create, begun);
        }
    };
    let info = BackupInfo::of_job(&job);
    match exchange::result_of(&job, true) {
        Ok(()) if request.asynchronous => {
            exchange::success(id, "create backup is executing asynchronously", info)
        }
        Ok(()) => exchange::success(id, "success", info),
        Err(failure) => exchange.failure(id, &failure, CodeRule::Create, Some(info)),
    }
}

async fn make(exchange: &Exchange, request: &V1CreateRequest) -> Result<JobSnapshot, Failure> {
    exchange.check_role(JobKind::Backup, &request.backup_name)?;
    let root = Some(request.backup_root_path.clone());
    let context = exchange.context(OtherPlace { bucket: None, root })?;
    // Callers of the Go tool may repeat an id.
    let name_generated = request.backup_name.is_empty();
    let context = RequestContext { id: Some(exchange.id.clone()), any_id: true, name_generated, ..context };
    let backup = request.backup()?;
    let job = exchange
        .submit(|service| async move { service.submit(context, EngineRequest::Backup(backup)).await })
        .await?;
    if request.asynchronous { Ok(job) } else { exchange.service().wait(&job.id).await }
}

/// Describes a backup that was rejected before it started.
async fn refused(exchange: &Exchange, request: &V1CreateRequest, failure: &Failure) -> BackupInfo {
    let version =
        async { exchange.service().milvus_version(&exchange.context(OtherPlace::default())?).await };
    BackupInfo {
        id: exchange.id.clone(),
        milvus_version: version.await.unwrap_or_default(),
        state_code: state::FAIL,
        error_message: failure.message.clone(),
        start_time: now_ms(),
        name: request.backup_name.clone(),
        ..BackupInfo::default()
    }
}

/// Lists the complete backups below the backup root, with their contents unless `http.simpleResponse` is set.
///
/// Backups that cannot be read are omitted.
#[utoipa::path(
    get,
    path = "/api/v1/list",
    tag = "v1",
    params(ListQuery),
    responses(
        (status = 200, description = "The backups", body = Envelope<Vec<BackupInfo>>),
        (status = "default", description = "The store cannot be read", body = Envelope<Vec<BackupInfo>>),
    ),
)]
pub(super) async fn list(exchange: Exchange, GoQuery(query): GoQuery<ListQuery>) -> Response {
    let found = async {
        let query = query?;
        let context = exchange.context(OtherPlace::default())?;
        let backups = exchange.service().list(&context).await?;
        Ok((
            query,
            context,
            backups.into_iter().filter(|backup| backup.state == BackupState::Complete).collect(),
        ))
    };
    let (query, context, backups): (_, _, Vec<BackupSummary>) = match found.await {
        Ok(found) => found,
        Err(failure) => {
            return exchange.failure(&exchange.id, &failure, CodeRule::Table, None::<Vec<BackupInfo>>);
        }
    };
    if exchange.settings().simple_response && query.collection_name.is_empty() {
        let infos: Vec<_> = backups.iter().map(BackupInfo::of_summary).collect();
        return exchange::success(&exchange.id, "success", infos);
    }
    let (sink, body) = stream::body();
    tokio::spawn(async move {
        if let Err(error) = write_list(&sink, &exchange, &context, &query.collection_name, &backups).await {
            tracing::warn!(request_id = exchange.id, "cannot complete the list of backups: {error}");
            sink.fail(error).await;
        }
    });
    (StatusCode::OK, envelope::json_type(), body).into_response()
}

/// Writes the backups one by one, so that only one is in memory.
async fn write_list(
    sink: &Sink,
    exchange: &Exchange,
    context: &RequestContext,
    collection: &str,
    backups: &[BackupSummary],
) -> io::Result<()> {
    let head = Envelope { head: Head::success(&exchange.id, "success"), data: Some([(); 0]) };
    let head = stream::bytes(&head).map_err(io::Error::other)?;
    let (open, close) = (head.len().saturating_sub(END.len()), END);
    sink.text(head.slice(..open)).await?;
    let (root, mut separator) = (exchange.milvus_root(), "");
    let named = backups.iter().filter_map(|backup| Some((backup, backup.name.parse::<BackupName>().ok()?)));
    for (backup, name) in named {
        let detail = match exchange.service().get(context, &name).await {
            Ok(detail) => detail,
            Err(failure) if concerns_one_backup(failure.kind) => {
                tracing::warn!(request_id = exchange.id, "omitted from the list: {}", failure.message);
                continue;
            }
            Err(failure) => return Err(io::Error::other(failure.message)),
        };
        let holds = |name: &str| detail.manifest.collections.iter().any(|c| c.name.collection == name);
        if !collection.is_empty() && !holds(collection) {
            continue;
        }
        sink.text(separator).await?;
        let simple = exchange.settings().simple_response;
        let info =
            if simple { BackupInfo::of_summary(backup) } else { BackupInfo::stored(detail, &root, false) };
        sink.document(info).await?;
        separator = ",";
    }
    sink.text(close).await
}

/// The end of an empty list.
const END: &str = "]}";

/// Returns whether a failure concerns one backup and not the store.
fn concerns_one_backup(kind: FailureKind) -> bool {
    !matches!(
        kind,
        FailureKind::Unreachable | FailureKind::Timeout | FailureKind::Interrupted | FailureKind::Forbidden
    )
}

/// Gets a backup: the contents of a complete backup, or the progress of a backup job.
#[utoipa::path(
    get,
    path = "/api/v1/get_backup",
    tag = "v1",
    params(GetBackupQuery),
    responses(
        (status = 200, description = "The backup", body = Envelope<BackupInfo>),
        (status = 400, description = "Neither name nor id is given", body = Envelope<BackupInfo>),
        (status = 404, description = "No such backup", body = Envelope<BackupInfo>),
        (status = "default", description = "The backup cannot be read", body = Envelope<BackupInfo>),
    ),
)]
pub(super) async fn get_backup(exchange: Exchange, GoQuery(query): GoQuery<GetBackupQuery>) -> Response {
    let found = async { find(&exchange, &query?).await };
    match found.await {
        Ok(info) => exchange::success(&exchange.id, "success", info),
        Err(failure) => exchange.failure(&exchange.id, &failure, CodeRule::Table, None::<BackupInfo>),
    }
}

async fn find(exchange: &Exchange, query: &GetBackupQuery) -> Result<BackupInfo, Failure> {
    let place = OtherPlace { bucket: None, root: Some(query.path.clone()) };
    let context = exchange.context(place)?;
    match exchange.service().find_backup(&context, &query.backup_id, &query.backup_name).await? {
        FoundBackup::Job(job) => Ok(BackupInfo { meta_size: Some(0), ..BackupInfo::of_job(&job) }),
        FoundBackup::Stored { detail, place } => {
            let name = detail.summary.name.parse().map_err(engine::Error::Name)?;
            let meta_size = exchange.service().meta_size(&RequestContext { place, ..context }, &name).await?;
            let info =
                BackupInfo::stored(*detail, &exchange.milvus_root(), exchange.settings().simple_response);
            Ok(BackupInfo { meta_size: Some(meta_size), ..info })
        }
    }
}

/// Deletes a backup.
#[utoipa::path(
    delete,
    path = "/api/v1/delete",
    tag = "v1",
    params(
        DeleteQuery,
        ("request_id" = Option<String>, Header, description = "Id of the request"),
    ),
    responses(
        (status = 200, description = "The backup is deleted", body = Head),
        (status = 404, description = "No such backup", body = Head),
        (status = "default", description = "The backup cannot be deleted", body = Head),
    ),
)]
pub(super) async fn delete(exchange: Exchange, GoQuery(query): GoQuery<DeleteQuery>) -> Response {
    let deleted = async {
        let query = query?;
        exchange.check_role(JobKind::Delete, &query.backup_name)?;
        if query.backup_name.is_empty() {
            return Err(Failure::usage("empty backup name"));
        }
        let name = query.backup_name.parse().map_err(engine::Error::Name)?;
        let request = DeleteRequest { name, force: false };
        let context = exchange.context(OtherPlace::default())?;
        let job = exchange
            .submit(|service| async move { service.submit(context, EngineRequest::Delete(request)).await })
            .await?;
        exchange::result_of(&exchange.service().wait(&job.id).await?, false)
    };
    match deleted.await {
        Ok(()) => exchange::done(&exchange.id),
        Err(failure) => exchange.failure_without_data(&exchange.id, &failure),
    }
}
