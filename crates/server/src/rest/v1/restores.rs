//! The routes about restores.

use std::sync::Arc;

use axum::response::Response;
use jobs::{Job, JobKind, JobState, Request};
use model::plan::restore::RestoreRequest as Restore;

use super::envelope::{BadBody, Codes, Envelope, Wrong};
use super::exchange::{self, Asking, Exchange, Parameters};
use super::names;
use super::requests::{GetRestoreQuery, RestoreRequest, RestoreSecondaryRequest};
use super::task::{Contents, RestoreBackupTask};
use crate::Asked;
use wire::{Failure, Kind};

/// Restores a backup; answers once it is restored, or with `async` at once.
///
/// Indexes only where asked for, no aliases, nothing is loaded, as the Go tool does it.
#[utoipa::path(
    post,
    path = "/api/v1/restore",
    tag = "v1",
    request_body = RestoreRequest,
    params(("request_id" = Option<String>, Header, description = "The id of the request")),
    responses(
        (status = 200, description = "It is restored, or being restored", body = Envelope<RestoreBackupTask>),
        (status = 400, description = "The request is wrong", body = Wrong),
        (status = "4XX", description = "The request cannot be carried out", body = Envelope<RestoreBackupTask>),
        (status = "5XX", description = "Not all is restored", body = Envelope<RestoreBackupTask>),
    ),
)]
pub(super) async fn restore(exchange: Exchange, body: Result<Asking<RestoreRequest>, BadBody>) -> Response {
    let request = match body {
        Ok(Asking(request)) => request,
        Err(wrong) => return exchange.unread(JobKind::Restore, wrong),
    };
    exchange.note(&request.notes());
    let id = request_id(&exchange, &request.request_id);
    let job = match make(&exchange, &request).await {
        Ok(job) => job,
        Err(failure) => {
            return exchange.failure(&id, &failure, Codes::Restore, None::<RestoreBackupTask>);
        }
    };
    let task = task(&exchange, &job).await;
    match exchange::ending(&job, false) {
        Ok(()) if request.asynchronous => {
            exchange::success(&id, "restore backup is executing asynchronously", task)
        }
        Ok(()) => exchange::success(&id, "success", task),
        Err(failure) => exchange.failure(&id, &failure, Codes::Restore, Some(task)),
    }
}

async fn make(exchange: &Exchange, request: &RestoreRequest) -> Result<Job, Failure> {
    exchange.may(JobKind::Restore, &request.backup_name)?;
    let id = if request.id.is_empty() { names::restore() } else { request.id.clone() };
    let asked = Asked { id: Some(id), ..exchange.asked(request.place())? };
    let restore = Restore { keep_staged: exchange.settings().keep_staged, ..request.restore()? };
    let job = exchange.submit(|service| async move { service.restore(asked, restore).await }).await?;
    if request.asynchronous { Ok(job) } else { exchange.service().wait(&job.id).await }
}

/// The header goes before the body.
fn request_id(exchange: &Exchange, body: &str) -> String {
    if exchange.named || body.is_empty() { exchange.id.clone() } else { body.to_owned() }
}

/// A restore with what its backup holds, unless `http.simpleResponse` is set or the backup cannot be read any more.
async fn task(exchange: &Exchange, job: &Job) -> RestoreBackupTask {
    let contents = if exchange.settings().simple_response { None } else { contents(exchange, job).await };
    RestoreBackupTask::of_job(job, &contents.unwrap_or_default())
}

async fn contents(exchange: &Exchange, job: &Job) -> Option<Arc<Contents>> {
    if let Some(kept) = exchange.kept.of(&job.id) {
        return Some(kept);
    }
    let name = job.request.backup().parse().ok()?;
    let asked = Asked { place: job.place.clone(), ..Asked::by(exchange.caller().ok()?.clone()) };
    let backup = exchange.service().get(&asked, &name).await.ok()?;
    let contents = Arc::new(Contents::new(backup.manifest, &exchange.milvus_root()));
    if job.state == JobState::Running {
        exchange.kept.keep(exchange.service(), &job.id, &contents);
    }
    Some(contents)
}

/// Restores a backup to the standby of a cluster pair; not built yet.
#[utoipa::path(
    post,
    path = "/api/v1/restore_secondary",
    tag = "v1",
    request_body = RestoreSecondaryRequest,
    responses(
        (status = 400, description = "The request is wrong", body = Wrong),
        (status = 501, description = "Not built yet", body = Envelope<RestoreBackupTask>),
        (status = "default", description = "The door does not let it in", body = Envelope<RestoreBackupTask>),
    ),
)]
pub(super) async fn restore_secondary(
    exchange: Exchange,
    Asking(request): Asking<RestoreSecondaryRequest>,
) -> Response {
    let id = request_id(&exchange, &request.request_id);
    let failure = Failure::not_supported_yet("restore_secondary (the standby of a cluster pair)");
    exchange.failure(&id, &failure, Codes::Restore, None::<RestoreBackupTask>)
}

/// Shows how far a restore is.
#[utoipa::path(
    get,
    path = "/api/v1/get_restore",
    tag = "v1",
    params(GetRestoreQuery),
    responses(
        (status = 200, description = "The restore", body = Envelope<RestoreBackupTask>),
        (status = 400, description = "No id is given", body = Envelope<RestoreBackupTask>),
        (status = 404, description = "No such restore", body = Envelope<RestoreBackupTask>),
        (status = "default", description = "It cannot be read", body = Envelope<RestoreBackupTask>),
    ),
)]
pub(super) async fn get_restore(
    exchange: Exchange,
    Parameters(query): Parameters<GetRestoreQuery>,
) -> Response {
    let found = query.and_then(|query| find(&exchange, &query.id));
    match found {
        Ok(job) => exchange::success(&exchange.id, "success", task(&exchange, &job).await),
        Err(failure) => exchange.failure(&exchange.id, &failure, Codes::Fail, None::<RestoreBackupTask>),
    }
}

fn find(exchange: &Exchange, id: &str) -> Result<Job, Failure> {
    if id.is_empty() {
        return Err(Failure::usage("empty restore id"));
    }
    match exchange.service().job(exchange.caller()?, id) {
        Ok(job) if matches!(job.request, Request::Restore(_)) => Ok(job),
        Err(failure) if failure.kind != Kind::NotFound => Err(failure),
        _ => {
            let message = format!("there is no restore with the id {id}");
            Err(Failure::new(Kind::NotFound, message))
        }
    }
}
