//! The service of release 0.4.15.

use api::backup::milvus_backup_service_server::MilvusBackupService;
use api::backup::{
    BackupInfoResponse, CheckRequest, CheckResponse, CreateBackupRequest, DeleteBackupRequest,
    DeleteBackupResponse, GetBackupRequest, GetRestoreStateRequest, ListBackupsRequest, ListBackupsResponse,
    ResponseCode, RestoreBackupRequest, RestoreBackupResponse,
};
use engine::BackupState;
use futures::{StreamExt, stream};
use jobs::{JobKind, Request as JobRequest};
use model::name::BackupName;
use model::plan::restore::RestoreRequest as Restore;
use tonic::{Request, Response, Status};

use super::asked::{asked, caller, place, request_id};
use super::held::until_over;
use super::status::status;
use super::{info, task};
use crate::rest::v1::requests::{CreateRequest, RestoreRequest};
use crate::{Asked, Found, Service, State};
use wire::{Failure, Kind};

/// How many backups a list reads at once.
const READ_AT_ONCE: usize = 4;
/// What an answer says of itself.
const SUCCESS: &str = "success";

/// Release 0.4.15's calls.
pub(super) struct Backups {
    pub state: State,
}

impl Backups {
    fn service(&self) -> &Service {
        &self.state.service
    }

    fn asked<T>(&self, request: &Request<T>, bucket: &str, root: &str) -> Result<Asked, Failure> {
        let place = self.state.place(place(bucket, root))?;
        Ok(Asked { place, ..asked(request.metadata(), request.extensions())? })
    }

    async fn create(&self, request: Request<CreateBackupRequest>) -> Result<BackupInfoResponse, Failure> {
        may(&request, JobKind::Backup, &request.get_ref().backup_name)?;
        let id = request.get_ref().request_id.clone();
        let asked = self.asked(&request, "", &request.get_ref().backup_root_path)?;
        let asked = Asked { id: given(&id), ..asked };
        let (caller, goes_on) = (asked.caller.clone(), asked.idempotency_key.is_some());
        let wanted = CreateRequest::from(request.into_inner());
        note(&wanted.notes());
        let mut job = self.service().backup(asked, wanted.backup()?).await?;
        let msg = if wanted.asynchronous {
            "create backup is executing asynchronously"
        } else {
            job = until_over(self.service(), &caller, &job, goes_on).await?;
            SUCCESS
        };
        let data = task::backup(&job);
        let request_id = given(&id).unwrap_or(job.id);
        Ok(BackupInfoResponse { request_id, code: SUCCEEDED, msg: msg.to_owned(), data: Some(data) })
    }

    async fn get(&self, request: Request<GetBackupRequest>) -> Result<BackupInfoResponse, Failure> {
        let wanted = request.get_ref();
        let asked = self.asked(&request, &wanted.bucket_name, &wanted.path)?;
        let found = self.service().find(&asked, &wanted.backup_id, &wanted.backup_name).await?;
        let data = match found {
            Found::Stored { detail, .. } => info::stored(&detail, self.milvus_root(), !wanted.without_detail),
            Found::Job(job) => task::backup(&job),
        };
        let request_id = request_id(&wanted.request_id, request.extensions());
        Ok(BackupInfoResponse { request_id, code: SUCCEEDED, msg: SUCCESS.to_owned(), data: Some(data) })
    }

    /// Complete ones that can be read, as release 0.4.15 lists them.
    async fn list(&self, request: Request<ListBackupsRequest>) -> Result<ListBackupsResponse, Failure> {
        let asked = self.asked(&request, "", "")?;
        let wanted = &request.get_ref().collection_name;
        let backups = self.service().list(&asked).await?.into_iter();
        let complete = backups.filter(|backup| backup.state == BackupState::Complete);
        let names: Vec<BackupName> = complete.filter_map(|backup| backup.name.parse().ok()).collect();
        let reads: Vec<_> = names.iter().map(|name| self.service().get(&asked, name)).collect();
        let mut reads = stream::iter(reads).buffered(READ_AT_ONCE);
        let mut data = Vec::new();
        while let Some(read) = reads.next().await {
            let detail = match read {
                Ok(detail) => detail,
                Err(failure) if is_of_one(failure.kind) => {
                    tracing::warn!("left out of the list: {}", failure.message);
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
        may(&request, JobKind::Delete, &request.get_ref().backup_name)?;
        let asked = self.asked(&request, "", "")?;
        let (caller, goes_on) = (asked.caller.clone(), asked.idempotency_key.is_some());
        let deletion = wire::parse_delete_request(Some(&request.get_ref().backup_name))?;
        let job = self.service().delete(asked, deletion).await?;
        until_over(self.service(), &caller, &job, goes_on).await?;
        let request_id = request_id(&request.get_ref().request_id, request.extensions());
        Ok(DeleteBackupResponse { request_id, code: SUCCEEDED, msg: SUCCESS.to_owned() })
    }

    async fn restore(
        &self,
        request: Request<RestoreBackupRequest>,
    ) -> Result<RestoreBackupResponse, Failure> {
        let wanted = request.get_ref();
        may(&request, JobKind::Restore, &wanted.backup_name)?;
        let asked = self.asked(&request, &wanted.bucket_name, &wanted.path)?;
        let asked = Asked { id: given(&wanted.id), ..asked };
        let (caller, goes_on) = (asked.caller.clone(), asked.idempotency_key.is_some());
        let request_id = request_id(&wanted.request_id, request.extensions());
        let wanted = RestoreRequest::from(request.into_inner());
        note(&wanted.notes());
        let restore = Restore { keep_staged: self.state.settings.keep_staged, ..wanted.restore()? };
        let mut job = self.service().restore(asked, restore).await?;
        let msg = if wanted.asynchronous {
            "restore backup is executing asynchronously"
        } else {
            job = until_over(self.service(), &caller, &job, goes_on).await?;
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
            return Err(Failure::usage("no id of a restore is given"));
        }
        let job = self.service().job(&caller(request.extensions())?, id)?;
        if !matches!(job.request, JobRequest::Restore(_)) {
            let message = format!("there is no restore with the id {id}");
            return Err(Failure::new(Kind::NotFound, message));
        }
        let request_id = request_id(&request.get_ref().request_id, request.extensions());
        let data = Some(task::restore(&job));
        Ok(RestoreBackupResponse { request_id, code: SUCCEEDED, msg: SUCCESS.to_owned(), data })
    }

    async fn look(&self, request: &Request<CheckRequest>) -> Result<CheckResponse, Failure> {
        let checks =
            wire::CheckReport::from(self.service().check(&self.asked(request, "", "")?).await?.as_slice());
        let code = if checks.ok { ResponseCode::Success } else { ResponseCode::Fail };
        Ok(CheckResponse { code: code.into(), msg: checks.to_string() })
    }

    fn milvus_root(&self) -> &str {
        &self.service().config().source.root_text
    }
}

/// The code of every answer that is no status.
const SUCCEEDED: i32 = ResponseCode::Success as i32;

/// Refuses who may not ask for a change before anything else of it is looked at.
fn may<T>(request: &Request<T>, kind: JobKind, subject: &str) -> Result<(), Failure> {
    Service::may(&caller(request.extensions())?, kind, subject)
}

/// Text, if there is some.
fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Says what is asked for in vain.
fn note(notes: &[&'static str]) {
    for note in notes {
        tracing::info!("{note}");
    }
}

/// Whether a failure is about one backup, not about the storage.
fn is_of_one(kind: Kind) -> bool {
    matches!(kind, Kind::NotFound | Kind::Damaged | Kind::Busy | Kind::Unsupported)
}

#[tonic::async_trait]
impl MilvusBackupService for Backups {
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
        self.look(&request).await.map(Response::new).map_err(status)
    }
}
