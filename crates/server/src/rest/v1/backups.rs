//! The routes about backups.

use std::io;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use engine::{BackupState, BackupSummary, DeleteRequest, now_ms};
use jobs::{Job, JobKind, OtherPlace};
use model::name::BackupName;

use super::envelope::{self, BadBody, Codes, Envelope, Head, Wrong};
use super::exchange::{self, Asking, Exchange, Parameters};
use super::info::{BackupInfo, state};
use super::requests::{CreateRequest, DeleteQuery, GetBackupQuery, ListQuery};
use super::stream::{self, Sink};
use crate::{Asked, Found};
use wire::{Failure, Kind};

/// Makes a backup; answers once it is made, or with `async` at once.
///
/// The id of the request is the backup's id.
#[utoipa::path(
    post,
    path = "/api/v1/create",
    tag = "v1",
    request_body = CreateRequest,
    params(("request_id" = Option<String>, Header, description = "The id of the request, and of the backup")),
    responses(
        (status = 200, description = "The backup is made, or being made", body = Envelope<BackupInfo>),
        (status = 400, description = "The request is wrong", body = Wrong),
        (status = "4XX", description = "The request cannot be carried out", body = Envelope<BackupInfo>),
        (status = "5XX", description = "The backup failed", body = Envelope<BackupInfo>),
    ),
)]
pub(super) async fn create(exchange: Exchange, body: Result<Asking<CreateRequest>, BadBody>) -> Response {
    let request = match body {
        Ok(Asking(request)) => request,
        Err(wrong) => return exchange.unread(JobKind::Backup, wrong),
    };
    exchange.note(&request.notes());
    let id = exchange.id.as_str();
    let job = match make(&exchange, &request).await {
        Ok(job) => job,
        Err(failure) => {
            // 0.4.15 has begun the backup when it finds that a collection is not there
            let begun = match failure.kind {
                Kind::NotFound => Some(refused(&exchange, &request, &failure).await),
                _ => None,
            };
            return exchange.failure(id, &failure, Codes::Create, begun);
        }
    };
    let info = BackupInfo::of_job(&job);
    match exchange::ending(&job, true) {
        Ok(()) if request.asynchronous => {
            exchange::success(id, "create backup is executing asynchronously", info)
        }
        Ok(()) => exchange::success(id, "success", info),
        Err(failure) => exchange.failure(id, &failure, Codes::Create, Some(info)),
    }
}

async fn make(exchange: &Exchange, request: &CreateRequest) -> Result<Job, Failure> {
    exchange.may(JobKind::Backup, &request.backup_name)?;
    let root = Some(request.backup_root_path.clone());
    let asked = exchange.asked(OtherPlace { bucket: None, root })?;
    // callers of the Go tool may send the same id again and again
    let name_generated = request.backup_name.is_empty();
    let asked = Asked { id: Some(exchange.id.clone()), any_id: true, name_generated, ..asked };
    let backup = request.backup()?;
    let job = exchange.submit(|service| async move { service.backup(asked, backup).await }).await?;
    if request.asynchronous { Ok(job) } else { exchange.service().wait(&job.id).await }
}

/// A backup that was refused before it began.
async fn refused(exchange: &Exchange, request: &CreateRequest, failure: &Failure) -> BackupInfo {
    let version = async { exchange.service().milvus_version(&exchange.asked(OtherPlace::default())?).await };
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

/// Lists the complete backups below the backup root, with all they hold unless `http.simpleResponse` is set.
///
/// Unreadable ones are left out.
#[utoipa::path(
    get,
    path = "/api/v1/list",
    tag = "v1",
    params(ListQuery),
    responses(
        (status = 200, description = "The backups", body = Envelope<Vec<BackupInfo>>),
        (status = "default", description = "The storage cannot be read", body = Envelope<Vec<BackupInfo>>),
    ),
)]
pub(super) async fn list(exchange: Exchange, Parameters(query): Parameters<ListQuery>) -> Response {
    let found = async {
        let query = query?;
        let asked = exchange.asked(OtherPlace::default())?;
        let backups = exchange.service().list(&asked).await?;
        Ok((
            query,
            asked,
            backups.into_iter().filter(|backup| backup.state == BackupState::Complete).collect(),
        ))
    };
    let (query, asked, backups): (_, _, Vec<BackupSummary>) = match found.await {
        Ok(found) => found,
        Err(failure) => {
            return exchange.failure(&exchange.id, &failure, Codes::Table, None::<Vec<BackupInfo>>);
        }
    };
    if exchange.settings().simple_response && query.collection_name.is_empty() {
        let infos: Vec<_> = backups.iter().map(BackupInfo::of_summary).collect();
        return exchange::success(&exchange.id, "success", infos);
    }
    let (sink, body) = stream::body();
    tokio::spawn(async move {
        if let Err(error) = write_list(&sink, &exchange, &asked, &query.collection_name, &backups).await {
            tracing::warn!(request_id = exchange.id, "the list of backups breaks off: {error}");
            sink.fail(error).await;
        }
    });
    (StatusCode::OK, envelope::json_type(), body).into_response()
}

/// Writes backup after backup, so that no two are in memory.
async fn write_list(
    sink: &Sink,
    exchange: &Exchange,
    asked: &Asked,
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
        let detail = match exchange.service().get(asked, &name).await {
            Ok(detail) => detail,
            Err(failure) if is_of_one(failure.kind) => {
                tracing::warn!(request_id = exchange.id, "left out of the list: {}", failure.message);
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

/// What an empty list ends with.
const END: &str = "]}";

/// Whether a failure is about one backup, not about the storage.
fn is_of_one(kind: Kind) -> bool {
    !matches!(kind, Kind::Unreachable | Kind::Timeout | Kind::Interrupted | Kind::Forbidden)
}

/// Shows a backup: complete ones with all they hold, others with how far they are.
#[utoipa::path(
    get,
    path = "/api/v1/get_backup",
    tag = "v1",
    params(GetBackupQuery),
    responses(
        (status = 200, description = "The backup", body = Envelope<BackupInfo>),
        (status = 400, description = "Neither name nor id is given", body = Envelope<BackupInfo>),
        (status = 404, description = "No such backup", body = Envelope<BackupInfo>),
        (status = "default", description = "It cannot be read", body = Envelope<BackupInfo>),
    ),
)]
pub(super) async fn get_backup(
    exchange: Exchange,
    Parameters(query): Parameters<GetBackupQuery>,
) -> Response {
    let found = async { find(&exchange, &query?).await };
    match found.await {
        Ok(info) => exchange::success(&exchange.id, "success", info),
        Err(failure) => exchange.failure(&exchange.id, &failure, Codes::Table, None::<BackupInfo>),
    }
}

async fn find(exchange: &Exchange, query: &GetBackupQuery) -> Result<BackupInfo, Failure> {
    let place = OtherPlace { bucket: None, root: Some(query.path.clone()) };
    let asked = exchange.asked(place)?;
    match exchange.service().find(&asked, &query.backup_id, &query.backup_name).await? {
        Found::Job(job) => Ok(BackupInfo { meta_size: Some(0), ..BackupInfo::of_job(&job) }),
        Found::Stored { detail, place } => {
            let name = detail.summary.name.parse().map_err(engine::Error::Name)?;
            let meta_size = exchange.service().meta_size(&Asked { place, ..asked }, &name).await?;
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
        ("request_id" = Option<String>, Header, description = "The id of the request"),
    ),
    responses(
        (status = 200, description = "It is deleted", body = Head),
        (status = 404, description = "No such backup", body = Head),
        (status = "default", description = "It cannot be deleted", body = Head),
    ),
)]
pub(super) async fn delete(exchange: Exchange, Parameters(query): Parameters<DeleteQuery>) -> Response {
    let deleted = async {
        let query = query?;
        exchange.may(JobKind::Delete, &query.backup_name)?;
        if query.backup_name.is_empty() {
            return Err(Failure::usage("empty backup name"));
        }
        let name = query.backup_name.parse().map_err(engine::Error::Name)?;
        let request = DeleteRequest { name };
        let asked = exchange.asked(OtherPlace::default())?;
        let job = exchange.submit(|service| async move { service.delete(asked, request).await }).await?;
        exchange::ending(&exchange.service().wait(&job.id).await?, false)
    };
    match deleted.await {
        Ok(()) => exchange::done(&exchange.id),
        Err(failure) => exchange.failure_alone(&exchange.id, &failure),
    }
}
