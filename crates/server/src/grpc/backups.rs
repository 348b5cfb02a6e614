//! The service that creates, restores and deletes backups, and plans that.

use api::v1::backup_service_server::BackupService;
use api::v1::{
    BackupPlan, CreateBackupRequest, DeleteBackupRequest, DeletionPlan, Job, RestoreBackupRequest,
    RestorePlan,
};
use jobs::{EngineRequest, JobKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::{Request, Response, Status};

use super::call_context::{call_context, check_role, non_empty};
use super::job::job;
use super::status::status;
use super::{CHANGES, READS};
use crate::policy::Policy;
use crate::{RequestContext, ServerState, Service};
use wire::{DeletionReport, Failure, FailureKind, NewBackup, NewRestore, parse_delete_request};

/// The policies of the calls.
pub(super) const POLICIES: &[(&str, Policy)] = &[
    ("CreateBackup", CHANGES),
    ("PlanBackup", READS),
    ("RestoreBackup", CHANGES),
    ("PlanRestore", READS),
    ("DeleteBackup", CHANGES),
    ("PlanDeletion", READS),
];

/// The calls that submit jobs for backups and plan them.
pub(super) struct BackupCalls {
    pub state: ServerState,
}

impl BackupCalls {
    fn service(&self) -> &Service {
        &self.state.service
    }

    async fn create(&self, request: Request<CreateBackupRequest>) -> Result<Job, Failure> {
        let message = request.get_ref();
        let context = job_context(&request, JobKind::Backup, &message.name, &message.job_id)?;
        let body: NewBackup = to_document(message)?;
        let context = RequestContext { name_generated: body.chosen_name().is_none(), ..context };
        Ok(job(&self.service().submit(context, EngineRequest::Backup(body.to_engine_request()?)).await?))
    }

    async fn plan_backup(&self, request: Request<CreateBackupRequest>) -> Result<BackupPlan, Failure> {
        let context = call_context(request.metadata(), request.extensions())?;
        let body: NewBackup = to_document(request.get_ref())?;
        let plan = self.service().plan_backup(&context, &body.to_engine_request()?).await?;
        to_message(&wire::BackupPlan::from(&plan))
    }

    async fn restore(&self, request: Request<RestoreBackupRequest>) -> Result<Job, Failure> {
        let message = request.get_ref();
        let context = job_context(&request, JobKind::Restore, &message.backup, &message.job_id)?;
        let body: NewRestore = to_document(message)?;
        let restore = body.to_engine_request(self.state.settings.keep_staged)?;
        Ok(job(&self.service().submit(context, EngineRequest::Restore(restore)).await?))
    }

    async fn plan_restore(&self, request: Request<RestoreBackupRequest>) -> Result<RestorePlan, Failure> {
        let context = call_context(request.metadata(), request.extensions())?;
        let body: NewRestore = to_document(request.get_ref())?;
        let restore = body.to_engine_request(self.state.settings.keep_staged)?;
        to_message(&wire::RestorePlan::new(&self.service().plan_restore(&context, &restore).await?))
    }

    async fn delete(&self, request: Request<DeleteBackupRequest>) -> Result<Job, Failure> {
        let message = request.get_ref();
        let context = job_context(&request, JobKind::Delete, &message.backup, &message.job_id)?;
        let deletion = parse_delete_request(Some(&message.backup), message.force)?;
        Ok(job(&self.service().submit(context, EngineRequest::Delete(deletion)).await?))
    }

    async fn plan_deletion(&self, request: Request<DeleteBackupRequest>) -> Result<DeletionPlan, Failure> {
        let context = call_context(request.metadata(), request.extensions())?;
        let message = request.get_ref();
        let deletion = parse_delete_request(Some(&message.backup), message.force)?;
        let contents = self.service().plan_delete(&context, &deletion).await?;
        to_message(&DeletionReport::new(&contents, true))
    }
}

/// Returns the context of a call that submits a job; checks the role before the rest of the request.
fn job_context<T>(
    request: &Request<T>,
    kind: JobKind,
    subject: &str,
    job_id: &str,
) -> Result<RequestContext, Failure> {
    check_role(request, kind, subject)?;
    let context = call_context(request.metadata(), request.extensions())?;
    Ok(RequestContext { id: non_empty(job_id), ..context })
}

/// Converts a request to its document in `/api/v2`, which has fields of the same names; fails for unknown words.
fn to_document<D: DeserializeOwned>(message: &impl Serialize) -> Result<D, Failure> {
    let document = serde_json::to_value(message).and_then(serde_json::from_value);
    document.map_err(|error| Failure::usage(error.to_string()))
}

/// Converts a document of `/api/v2` to the message that has fields of the same names.
fn to_message<M: DeserializeOwned>(document: &impl Serialize) -> Result<M, Failure> {
    let message = serde_json::to_value(document).and_then(serde_json::from_value);
    message.map_err(|error| Failure::new(FailureKind::Failed, format!("cannot express the plan: {error}")))
}

#[tonic::async_trait]
impl BackupService for BackupCalls {
    async fn create_backup(&self, request: Request<CreateBackupRequest>) -> Result<Response<Job>, Status> {
        self.create(request).await.map(Response::new).map_err(status)
    }

    async fn plan_backup(
        &self,
        request: Request<CreateBackupRequest>,
    ) -> Result<Response<BackupPlan>, Status> {
        self.plan_backup(request).await.map(Response::new).map_err(status)
    }

    async fn restore_backup(&self, request: Request<RestoreBackupRequest>) -> Result<Response<Job>, Status> {
        self.restore(request).await.map(Response::new).map_err(status)
    }

    async fn plan_restore(
        &self,
        request: Request<RestoreBackupRequest>,
    ) -> Result<Response<RestorePlan>, Status> {
        self.plan_restore(request).await.map(Response::new).map_err(status)
    }

    async fn delete_backup(&self, request: Request<DeleteBackupRequest>) -> Result<Response<Job>, Status> {
        self.delete(request).await.map(Response::new).map_err(status)
    }

    async fn plan_deletion(
        &self,
        request: Request<DeleteBackupRequest>,
    ) -> Result<Response<DeletionPlan>, Status> {
        self.plan_deletion(request).await.map(Response::new).map_err(status)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use api::v1;
    use prost::Message as _;
    use prost_types::FileDescriptorSet;
    use serde_json::Value;

    use super::*;

    /// Returns the names of the fields of a message of this package.
    fn fields_of(message: &str) -> BTreeSet<String> {
        let set = FileDescriptorSet::decode(api::DESCRIPTORS).unwrap();
        let files = set.file.iter().filter(|file| file.package() == "milvus_backup.v1");
        let mut messages = files.flat_map(|file| &file.message_type);
        let message = messages.find(|of| of.name() == message).unwrap();
        message.field.iter().map(|field| field.name().to_owned()).collect()
    }

    /// Returns the names of the fields of a document, without one.
    fn keys_of(document: &Value, without: &str) -> BTreeSet<String> {
        document.as_object().unwrap().keys().filter(|key| *key != without).cloned().collect()
    }

    #[test]
    fn requests_have_the_fields_of_their_documents() {
        let documents = [
            ("CreateBackupRequest", serde_json::to_value(NewBackup::default()).unwrap()),
            ("RestoreBackupRequest", serde_json::to_value(NewRestore::default()).unwrap()),
        ];
        for (message, document) in documents {
            let mut fields = fields_of(message);
            assert!(fields.remove("job_id"));
            // A plan is a call of its own.
            assert_eq!(fields, keys_of(&document, "dry_run"), "{message}");
        }
    }

    #[test]
    fn requests_have_the_defaults_of_their_documents() {
        let backup: NewBackup = to_document(&CreateBackupRequest::default()).unwrap();
        assert_eq!(backup, NewBackup::default());
        let message = RestoreBackupRequest { backup: "b".to_owned(), ..RestoreBackupRequest::default() };
        let restore: NewRestore = to_document(&message).unwrap();
        assert_eq!(restore, NewRestore { backup: Some("b".to_owned()), ..NewRestore::default() });
    }

    #[test]
    fn every_field_of_a_request_reaches_its_document() {
        let message = CreateBackupRequest {
            job_id: "j".to_owned(),
            name: "n".to_owned(),
            filter: "shop.*".to_owned(),
            strategy: "skip_flush".to_owned(),
            strict: true,
            pause_gc: true,
            replace_unfinished: true,
            rbac: true,
            format: "binlog".to_owned(),
        };
        let document = serde_json::to_value(to_document::<NewBackup>(&message).unwrap()).unwrap();
        let expected = serde_json::json!({
            "name": "n", "filter": "shop.*", "strategy": "skip_flush", "strict": true, "pause_gc": true,
            "replace_unfinished": true, "rbac": true, "format": "binlog",
            "dry_run": false,
        });
        assert_eq!(document, expected);
        let message = RestoreBackupRequest {
            job_id: "j".to_owned(),
            backup: "n".to_owned(),
            filter: "shop.*".to_owned(),
            rename: [("a".to_owned(), "b".to_owned())].into(),
            suffix: "_copy".to_owned(),
            meta_only: true,
            indexes: Some(false),
            auto_index: true,
            existing: "drop".to_owned(),
            drop_indexes: true,
            load: Some(false),
            aliases: Some(false),
            cleanup_on_failure: true,
            rbac: true,
            truncate_by_ts: true,
            ezk_mapping: [("old".to_owned(), "new".to_owned())].into(),
            mode: "insert".to_owned(),
            partitions: vec!["p".to_owned()],
            limit: Some(9),
            columns: vec!["id".to_owned()],
        };
        let document = serde_json::to_value(to_document::<NewRestore>(&message).unwrap()).unwrap();
        let expected = serde_json::json!({
            "backup": "n", "filter": "shop.*", "rename": {"a": "b"}, "suffix": "_copy", "meta_only": true,
            "indexes": false, "auto_index": true, "existing": "drop", "drop_indexes": true, "load": false,
            "aliases": false, "cleanup_on_failure": true, "rbac": true, "truncate_by_ts": true,
            "ezk_mapping": {"old": "new"}, "dry_run": false, "mode": "insert", "partitions": ["p"], "limit": 9,
            "columns": ["id"],
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn unknown_words_are_errors_of_the_request() {
        let message = RestoreBackupRequest { existing: "burn".to_owned(), ..RestoreBackupRequest::default() };
        let failure = to_document::<NewRestore>(&message).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Usage);
        assert!(failure.message.contains("burn") && failure.message.contains("refuse"), "{failure:?}");
    }

    #[test]
    fn every_field_of_a_plan_reaches_its_message() {
        let document = serde_json::json!({
            "dry_run": true, "name": "n", "milvus": "2.3.5", "address": "localhost:19530",
            "collections_in_backup": 2, "format": "snapshot", "databases_to_create": ["shop"], "staging": "another store",
            "collections": [{
                "source": "shop.orders", "target": "shop.orders_copy", "action": "create", "rows_min": 1,
                "destroyed_snapshots": ["s"], "rows_max": 2, "load": true, "aliases": ["o"], "indexes": ["i"],
                "partitions": [{
                    "name": "_default", "rows_min": 1, "rows_max": 2, "method": "import", "method_reason": "large",
                    "jobs": [{
                        "staged": true, "objects": 3, "bytes": 4, "segments_with_folded_deletes": 5,
                        "rewritten_segments": 6,
                    }],
                }],
            }],
            "jobs": 1, "objects": 3, "bytes": 4, "staged_objects": 7, "warnings": ["w"],
            "rbac": {
                "users": ["u"], "roles": ["r"], "privilege_groups": ["g"], "user_roles": 8, "grants": 9,
                "kept": ["role s"],
            },
        });
        let document: wire::RestorePlan = serde_json::from_value(document).unwrap();
        assert_eq!(keys_of(&serde_json::to_value(&document).unwrap(), "dry_run"), fields_of("RestorePlan"));
        let job = v1::PlannedImportJob {
            staged: true,
            objects: 3,
            bytes: 4,
            segments_with_folded_deletes: 5,
            rewritten_segments: 6,
        };
        let partition = v1::PlannedPartitionRestore {
            name: "_default".to_owned(),
            rows_min: 1,
            rows_max: 2,
            jobs: vec![job],
            method: "import".to_owned(),
            method_reason: Some("large".to_owned()),
        };
        let collection = v1::PlannedCollectionRestore {
            source: "shop.orders".to_owned(),
            target: "shop.orders_copy".to_owned(),
            action: "create".to_owned(),
            destroyed_snapshots: vec!["s".to_owned()],
            rows_min: 1,
            rows_max: 2,
            load: true,
            aliases: vec!["o".to_owned()],
            indexes: vec!["i".to_owned()],
            partitions: vec![partition],
        };
        let rbac = v1::PlannedRbac {
            users: vec!["u".to_owned()],
            roles: vec!["r".to_owned()],
            privilege_groups: vec!["g".to_owned()],
            user_roles: 8,
            grants: 9,
            kept: vec!["role s".to_owned()],
        };
        let expected = RestorePlan {
            rbac: Some(rbac),
            name: "n".to_owned(),
            milvus: "2.3.5".to_owned(),
            address: "localhost:19530".to_owned(),
            collections_in_backup: 2,
            format: "snapshot".to_owned(),
            databases_to_create: vec!["shop".to_owned()],
            staging: Some("another store".to_owned()),
            collections: vec![collection],
            jobs: 1,
            objects: 3,
            bytes: 4,
            staged_objects: 7,
            warnings: vec!["w".to_owned()],
        };
        assert_eq!(to_message::<RestorePlan>(&document).unwrap(), expected);
    }
}
