//! The routes for restores.

use std::sync::Arc;

use axum::response::Response;
use jobs::{EngineRequest, JobKind, JobSnapshot, JobState};
use model::plan::restore::RestoreRequest;

use super::envelope::{BadBody, CodeRule, Envelope, Wrong};
use super::exchange::{self, Exchange, GoJsonBody, GoQuery};
use super::generated_names;
use super::requests::{GetRestoreQuery, RestoreSecondaryRequest, V1RestoreRequest};
use super::task::{BackupContents, RestoreBackupTask};
use crate::RequestContext;
use wire::{Failure, FailureKind};

/// Restores a backup and responds when it is finished; with `async`, when it is accepted.
///
/// As in the Go tool, indexes are created only with `restoreIndex`, and no aliases are created and nothing is loaded.
#[utoipa::path(
    post,
    path = "/api/v1/restore",
    tag = "v1",
    request_body = V1RestoreRequest,
    params(("request_id" = Option<String>, Header, description = "Id of the request")),
    responses(
        (status = 200, description = "The backup is restored, or the restore is accepted", body = Envelope<RestoreBackupTask>),
        (status = 400, description = "The request is invalid", body = Wrong),
        (status = "4XX", description = "The request is rejected", body = Envelope<RestoreBackupTask>),
        (status = "5XX", description = "The restore failed, or only a part is restored", body = Envelope<RestoreBackupTask>),
    ),
)]
pub(super) async fn restore(
    exchange: Exchange,
    body: Result<GoJsonBody<V1RestoreRequest>, BadBody>,
) -> Response {
    let request = match body {
        Ok(GoJsonBody(request)) => request,
        Err(wrong) => return exchange.explain_bad_body(JobKind::Restore, wrong),
    };
    exchange.log_notes(&request.notes());
    let id = request_id(&exchange, &request.request_id);
    let job = match make(&exchange, &request).await {
        Ok(job) => job,
        Err(failure) => {
            return exchange.failure(&id, &failure, CodeRule::Restore, None::<RestoreBackupTask>);
        }
    };
    let task = task(&exchange, &job).await;
    match exchange::result_of(&job, false) {
        Ok(()) if request.asynchronous => {
            exchange::success(&id, "restore backup is executing asynchronously", task)
        }
        Ok(()) => exchange::success(&id, "success", task),
        Err(failure) => exchange.failure(&id, &failure, CodeRule::Restore, Some(task)),
    }
}

async fn make(exchange: &Exchange, request: &V1RestoreRequest) -> Result<JobSnapshot, Failure> {
    exchange.check_role(JobKind::Restore, &request.backup_name)?;
    let id = if request.id.is_empty() { generated_names::restore_id() } else { request.id.clone() };
    let context = RequestContext { id: Some(id), ..exchange.context(request.place())? };
    let restore = RestoreRequest { keep_staged: exchange.settings().keep_staged, ..request.restore()? };
    let job = exchange
        .submit(|service| async move { service.submit(context, EngineRequest::Restore(restore)).await })
        .await?;
    if request.asynchronous { Ok(job) } else { exchange.service().wait(&job.id).await }
}

/// Returns the id of the request: from the header, else from the body.
fn request_id(exchange: &Exchange, body: &str) -> String {
    if exchange.named || body.is_empty() { exchange.id.clone() } else { body.to_owned() }
}

/// Describes a restore with the contents of its backup, unless `http.simpleResponse` is set or the backup cannot be
/// read.
async fn task(exchange: &Exchange, job: &JobSnapshot) -> RestoreBackupTask {
    let contents = if exchange.settings().simple_response { None } else { contents(exchange, job).await };
    RestoreBackupTask::of_job(job, &contents.unwrap_or_default())
}

async fn contents(exchange: &Exchange, job: &JobSnapshot) -> Option<Arc<BackupContents>> {
    if let Some(cache) = exchange.cache.get(&job.id) {
        return Some(cache);
    }
    let name = job.backup.parse().ok()?;
    let context =
        RequestContext { place: job.place.clone(), ..RequestContext::by(exchange.caller().ok()?.clone()) };
    let backup = exchange.service().get(&context, &name).await.ok()?;
    let contents = Arc::new(BackupContents::new(backup.manifest, &exchange.milvus_root()));
    if job.state == JobState::Running {
        exchange.cache.insert(exchange.service(), &job.id, &contents);
    }
    Some(contents)
}

/// Restores a backup to the standby of a cluster pair. Not supported yet.
#[utoipa::path(
    post,
    path = "/api/v1/restore_secondary",
    tag = "v1",
    request_body = RestoreSecondaryRequest,
    responses(
        (status = 400, description = "The request is invalid", body = Wrong),
        (status = 501, description = "Not supported yet", body = Envelope<RestoreBackupTask>),
        (status = "default", description = "The request is rejected", body = Envelope<RestoreBackupTask>),
    ),
)]
pub(super) async fn restore_secondary(
    exchange: Exchange,
    GoJsonBody(request): GoJsonBody<RestoreSecondaryRequest>,
) -> Response {
    let id = request_id(&exchange, &request.request_id);
    let failure = Failure::not_supported_yet("restore_secondary (the standby of a cluster pair)");
    exchange.failure(&id, &failure, CodeRule::Restore, None::<RestoreBackupTask>)
}

/// Gets the progress of a restore.
#[utoipa::path(
    get,
    path = "/api/v1/get_restore",
    tag = "v1",
    params(GetRestoreQuery),
    responses(
        (status = 200, description = "The restore", body = Envelope<RestoreBackupTask>),
        (status = 400, description = "The id is missing", body = Envelope<RestoreBackupTask>),
        (status = 404, description = "No such restore", body = Envelope<RestoreBackupTask>),
        (status = "default", description = "The restore cannot be read", body = Envelope<RestoreBackupTask>),
    ),
)]
pub(super) async fn get_restore(exchange: Exchange, GoQuery(query): GoQuery<GetRestoreQuery>) -> Response {
    let found = query.and_then(|query| find(&exchange, &query.id));
    match found {
        Ok(job) => exchange::success(&exchange.id, "success", task(&exchange, &job).await),
        Err(failure) => exchange.failure(&exchange.id, &failure, CodeRule::Fail, None::<RestoreBackupTask>),
    }
}

fn find(exchange: &Exchange, id: &str) -> Result<JobSnapshot, Failure> {
    if id.is_empty() {
        return Err(Failure::usage("empty restore id"));
    }
    match exchange.service().job(exchange.caller()?, id) {
        Ok(job) if job.kind == JobKind::Restore => Ok(job),
        Err(failure) if failure.kind != FailureKind::NotFound => Err(failure),
        _ => {
            let message = format!("there is no restore with the id {id}");
            Err(Failure::new(FailureKind::NotFound, message))
        }
    }
}
