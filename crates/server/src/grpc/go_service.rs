//! The service of release 0.4.15.

use api::backup::milvus_backup_service_server::MilvusBackupService;
use api::backup::{
    BackupInfoResponse, CheckRequest, CheckResponse, CreateBackupRequest, DeleteBackupRequest,
    DeleteBackupResponse, GetBackupRequest, GetRestoreStateRequest, ListBackupsRequest, ListBackupsResponse,
    ResponseCode, RestoreBackupRequest, RestoreBackupResponse,
};
use engine::{BackupState, CheckPurpose};
use futures::{StreamExt, stream};
use jobs::{EngineRequest, JobKind};
use model::name::BackupName;
use model::plan::restore::RestoreRequest;
use tonic::{Request, Response, Status};

use super::call_context::{call_context, caller, check_role, non_empty, place, request_id};
use super::status::status;
use super::wait_for_job::wait_for_job;
use super::{CHANGES, READS, info, task};
use crate::policy::Policy;
use crate::rest::v1::requests::{V1CreateRequest, V1RestoreRequest};
use crate::{FoundBackup, RequestContext, ServerState, Service};
use wire::{Failure, FailureKind};

/// The number of manifests that a list reads at the same time.
const CONCURRENT_READS: usize = 4;
/// The message of a successful response.
const SUCCESS: &str = "success";

/// The policies of the calls.
pub(super) const POLICIES: &[(&str, Policy)] = &[
    ("CreateBackup", CHANGES),
    ("GetBackup", READS),
    ("ListBackups", READS),
    ("DeleteBackup", CHANGES),
    ("RestoreBackup", CHANGES),
    ("GetRestore", READS),
    ("Check", READS),
];

/// The calls of release 0.4.15.
pub(super) struct GoServiceCalls {
    pub state: ServerState,
}

impl GoServiceCalls {
    fn service(&self) -> &Service {
        &self.state.service
    }

    fn context<T>(&self, request: &Request<T>, bucket: &str, root: &str) -> Result<RequestContext, Failure> {
        let place = self.state.place(place(bucket, root))?;
        Ok(RequestContext { place, ..call_context(request.metadata(), request.extensions())? })
    }

    async fn create(&self, request: Request<CreateBackupRequest>) -> Result<BackupInfoResponse, Failure> {
        check_role(&request, JobKind::Backup, &request.get_ref().backup_name)?;
        let id = request.get_ref().request_id.clone();
        let context = self.context(&request, "", &request.get_ref().backup_root_path)?;
        let name_generated = request.get_ref().backup_name.is_empty();
        let context = RequestContext { id: non_empty(&id), name_generated, ..context };
        let (caller, outlives_call) = (context.caller.clone(), context.idempotency_key.is_some());
        let wanted = V1CreateRequest::from(request.into_inner());
        log_notes(&wanted.notes());
        let mut job = self.service().submit(context, EngineRequest::Backup(wanted.backup()?)).await?;
        let msg = if wanted.asynchronous {
            "create backup is executing asynchronously"
        } else {
            job = wait_for_job(self.service(), &caller, &job, outlives_call).await?;
            SUCCESS
        };
        let data = task::backup(&job);
        let request_id = non_empty(&id).unwrap_or(job.id);
        Ok(BackupInfoResponse { request_id, code: SUCCEEDED, msg: msg.to_owned(), data: Some(data) })
    }

    async fn get(&self, request: Request<GetBackupRequest>) -> Result<BackupInfoResponse, Failure> {
        let wanted = request.get_ref();
        let context = self.context(&request, &wanted.bucket_name, &wanted.path)?;
        let found = self.service().find_backup(&context, &wanted.backup_id, &wanted.backup_name).await?;
        let data = match found {
            FoundBackup::Stored { detail, .. } => {
                info::stored(&detail, self.milvus_root(), !wanted.without_detail)
            }
            FoundBackup::Job(job) => task::backup(&job),
        };
        let request_id = request_id(&wanted.request_id, request.extensions());
        Ok(BackupInfoResponse { request_id, code: SUCCEEDED, msg: SUCCESS.to_owned(), data: Some(data) })
    }

    /// Lists the complete backups that can be read, as release 0.4.15 does.
    async fn list(&self, request: Request<ListBackupsRequest>) -> Result<ListBackupsResponse, Failure> {
        let context = self.context(&request, "", "")?;
        let wanted = &request.get_ref().collection_name;
        let backups = self.service().list(&context).await?.into_iter();
        let complete = backups.filter(|backup| backup.state == BackupState::Complete);
        let names: Vec<BackupName> = complete.filter_map(|backup| backup.name.parse().ok()).collect();
        let reads: Vec<_> = names.iter().map(|name| self.service().get(&context, name)).collect();
        let mut reads = stream::iter(reads).buffered(CONCURRENT_READS);
        let mut data = Vec::new();
        while let Some(read) = reads.next().await {
            let detail = match read {
                Ok(detail) => detail,
                Err(failure) if concerns_one_backup(failure.kind) => {
                    tracing::warn!("omitted from the list: {}", failure.message);
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let holds = |name: &str| detail.manifest.collections.iter().any(|c| c.name.collection == name);
            if wanted.is_empty() || holds(wanted) {
                data.push(info::stored(&detail, self.milvus_root(), true));
            }
        }
        let request_id = request_id(&request.get_ref().request_id, request.extensions());
        Ok(ListBackupsResponse { request_id, code: SUCCEEDED, msg: SUCCESS.to_owned(), data })
    }

    async fn delete(&self, request: Request<DeleteBackupRequest>) -> Result<DeleteBackupResponse, Failure> {
        check_role(&request, JobKind::Delete, &request.get_ref().backup_name)?;
        let context = self.context(&request, "", "")?;
        let (caller, outlives_call) = (context.caller.clone(), context.idempotency_key.is_some());
        let deletion = wire::parse_delete_request(Some(&request.get_ref().backup_name), false)?;
        let job = self.service().submit(context, EngineRequest::Delete(deletion)).await?;
        wait_for_job(self.service(), &caller, &job, outlives_call).await?;
        let request_id = request_id(&request.get_ref().request_id, request.extensions());
        Ok(DeleteBackupResponse { request_id, code: SUCCEEDED, msg: SUCCESS.to_owned() })
    }

    async fn restore(
        &self,
        request: Request<RestoreBackupRequest>,
    ) -> Result<RestoreBackupResponse, Failure> {
        let wanted = request.get_ref();
        check_role(&request, JobKind::Restore, &wanted.backup_name)?;
        let context = self.context(&request, &wanted.bucket_name, &wanted.path)?;
        let context = RequestContext { id: non_empty(&wanted.id), ..context };
        let (caller, outlives_call) = (context.caller.clone(), context.idempotency_key.is_some());
        let request_id = request_id(&wanted.request_id, request.extensions());
        let wanted = V1RestoreRequest::from(request.into_inner());
        log_notes(&wanted.notes());
        let restore = RestoreRequest { keep_staged: self.state.settings.keep_staged, ..wanted.restore()? };
        let mut job = self.service().submit(context, EngineRequest::Restore(restore)).await?;
        let msg = if wanted.asynchronous {
            "restore backup is executing asynchronously"
        } else {
            job = wait_for_job(self.service(), &caller, &job, outlives_call).await?;
            SUCCESS
        };
        let data = Some(task::restore(&job));
        Ok(RestoreBackupResponse { request_id, code: SUCCEEDED, msg: msg.to_owned(), data })
    }

    fn restore_state(
        &self,
        request: &Request<GetRestoreStateRequest>,
    ) -> Result<RestoreBackupResponse, Failure> {
        let id = &request.get_ref().id;
        if id.is_empty() {
            return Err(Failure::usage("the restore id is missing"));
        }
        let job = self.service().job(&caller(request.extensions())?, id)?;
        if job.kind != JobKind::Restore {
            let message = format!("there is no restore with the id {id}");
            return Err(Failure::new(FailureKind::NotFound, message));
        }
        let request_id = request_id(&request.get_ref().request_id, request.extensions());
        let data = Some(task::restore(&job));
        Ok(RestoreBackupResponse { request_id, code: SUCCEEDED, msg: SUCCESS.to_owned(), data })
    }

    async fn run_check(&self, request: &Request<CheckRequest>) -> Result<CheckResponse, Failure> {
        let checks = wire::CheckReport::from(
            self.service().check(&self.context(request, "", "")?, CheckPurpose::Everything).await?.as_slice(),
        );
        let code = if checks.ok { ResponseCode::Success } else { ResponseCode::Fail };
        Ok(CheckResponse { code: code.into(), msg: checks.to_string() })
    }

    fn milvus_root(&self) -> &str {
        &self.service().config().source.root_text
    }
}

/// The code of every response that is not a status.
const SUCCEEDED: i32 = ResponseCode::Success as i32;

/// Logs the options of a request that have no effect.
fn log_notes(notes: &[&'static str]) {
    for note in notes {
        tracing::info!("{note}");
    }
}

/// Returns whether a failure concerns one backup and not the store.
fn concerns_one_backup(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::NotFound | FailureKind::Damaged | FailureKind::Busy | FailureKind::Unsupported
    )
}

#[tonic::async_trait]
impl MilvusBackupService for GoServiceCalls {
    async fn create_backup(
        &self,
        request: Request<CreateBackupRequest>,
    ) -> Result<Response<BackupInfoResponse>, Status> {
        self.create(request).await.map(Response::new).map_err(status)
    }

    async fn get_backup(
        &self,
        request: Request<GetBackupRequest>,
    ) -> Result<Response<BackupInfoResponse>, Status> {
        self.get(request).await.map(Response::new).map_err(status)
    }

    async fn list_backups(
        &self,
        request: Request<ListBackupsRequest>,
    ) -> Result<Response<ListBackupsResponse>, Status> {
        self.list(request).await.map(Response::new).map_err(status)
    }

    async fn delete_backup(
        &self,
        request: Request<DeleteBackupRequest>,
    ) -> Result<Response<DeleteBackupResponse>, Status> {
        self.delete(request).await.map(Response::new).map_err(status)
    }

    async fn restore_backup(
        &self,
        request: Request<RestoreBackupRequest>,
    ) -> Result<Response<RestoreBackupResponse>, Status> {
        self.restore(request).await.map(Response::new).map_err(status)
    }

    async fn get_restore(
        &self,
        request: Request<GetRestoreStateRequest>,
    ) -> Result<Response<RestoreBackupResponse>, Status> {
        self.restore_state(&request).map(Response::new).map_err(status)
    }

    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        self.run_check(&request).await.map(Response::new).map_err(status)
    }
}
