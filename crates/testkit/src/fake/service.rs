//! The gRPC service, which checks authentication, version and faults before it calls the handler.

use std::sync::{Arc, Mutex};

use proto::common::Status as Outcome;
use proto::milvus as wire;
use proto::milvus::milvus_service_server::MilvusService;
use tonic::{Request, Response, Status};

use super::authorization::{authenticate, check_privilege};
use super::fault::Fault;
use super::reply::{Refusal, Reply, Version};
use super::snapshot_jobs::WITH_EXPORT;
use super::state::{FakeState, lock_state};
use super::target::{DescribesTarget, use_database_of_header};
use super::words::{V2_4, V3_0};

pub(super) struct Service {
    state: Arc<Mutex<FakeState>>,
    /// Whether calls need the credentials of a user.
    demands_login: bool,
}

impl Service {
    pub(super) fn new(state: Arc<Mutex<FakeState>>, demands_login: bool) -> Self {
        Self { state, demands_login }
    }

    /// Serves a call that exists since a release: applies the faults and calls the handler.
    async fn serve_call<Q: DescribesTarget, R: Reply>(
        &self,
        call: &'static str,
        since: Version,
        mut request: Request<Q>,
        handler: impl FnOnce(&mut FakeState, &Q) -> Result<R, Refusal>,
    ) -> Result<Response<R>, Status> {
        let hangs = lock_state(&self.state).faults.take_equal(&Fault::Hangs { call });
        if hangs {
            lock_state(&self.state).calls.push(call.to_owned());
            std::future::pending::<()>().await;
        }
        let mut state = lock_state(&self.state);
        state.calls.push(call.to_owned());
        let caller = self.demands_login.then(|| authenticate(&state, request.metadata()));
        state.caller = caller.transpose()?;
        if state.version < since {
            return Err(Status::unimplemented(format!(
                "unknown method {call} for service milvus.proto.milvus.MilvusService"
            )));
        }
        if call == "AlterIndex" && state.version < V2_4 {
            // 2.3 knows the call and cannot answer it.
            return Err(Status::internal("grpc: error while marshaling: proto: Marshal called with nil"));
        }
        if state
            .faults
            .take_first(|fault| matches!(fault, Fault::Unavailable { call: of, .. } if *of == call))
            .is_some()
        {
            return Err(Status::unavailable("the fake is not available now"));
        }
        if state
            .faults
            .take_first(|fault| matches!(fault, Fault::RateLimited { call: of, .. } if *of == call))
            .is_some()
        {
            let version = state.version;
            return Ok(Response::new(R::from_refusal(Refusal::rate_limited().into_status(call, version))));
        }
        use_database_of_header(&mut request);
        check_privilege(&state, call, &request)?;
        let database = request.get_ref().own_database().unwrap_or_default();
        if let Err(refusal) = state.check_denied(call, database) {
            return Ok(Response::new(R::from_refusal(refusal.into_status(call, state.version))));
        }
        if state.faults.denies(call) {
            return Err(Status::permission_denied(format!("Privilege{call}: permission deny")));
        }
        // GetLoadState reports a missing collection as a load state.
        if call != "GetLoadState" && state.faults.take_not_found(call) {
            let refusal = match call {
                "GetPersistentSegmentInfo" => Refusal::segment(1),
                "GetImportState" => Refusal::import_job(),
                "ShowCollections" => Refusal::database("denied"),
                _ => Refusal::collection("default", "denied"),
            };
            return Ok(Response::new(R::from_refusal(refusal.into_status(call, state.version))));
        }
        apply_fault_before(&mut state, call);
        let outcome = handler(&mut state, request.get_ref());
        let is_lost = |fault: &Fault| matches!(fault, Fault::AnswerLost { call: of } if *of == call);
        if state.faults.take_first(is_lost).is_some() {
            return Err(Status::unavailable("the fake stopped before its answer"));
        }
        Ok(Response::new(
            outcome.unwrap_or_else(|refusal| R::from_refusal(refusal.into_status(call, state.version))),
        ))
    }
}

/// Applies a fault that happens just before this call.
fn apply_fault_before(state: &mut FakeState, call: &str) {
    let due = |fault: &Fault| match fault {
        Fault::CollectionVanishes { before, .. }
        | Fault::DatabaseVanishes { before, .. }
        | Fault::PartitionVanishes { before, .. }
        | Fault::Written { before, .. } => *before == call,
        _ => false,
    };
    match state.faults.take_first(due) {
        Some(Fault::CollectionVanishes { collection, .. }) => {
            if let Ok(database) = state.database("default") {
                database.collections.remove(&collection);
            }
        }
        Some(Fault::DatabaseVanishes { database, .. }) => {
            state.databases.remove(&database);
        }
        Some(Fault::PartitionVanishes { collection, partition, .. }) => {
            if let Ok(held) = state.collection("default", &collection) {
                held.drop_partition(&partition);
            }
        }
        Some(Fault::Written { collection, rows, .. }) => {
            // A collection that was dropped meanwhile needs no rows.
            let _ = state.add_made_up_rows("default", &collection, rows);
        }
        _ => {}
    }
}

/// The release of calls that every supported version has.
const ALWAYS: Version = (2, 2, 0);

macro_rules! calls {
    ($($method:ident $name:literal $since:expr, $request:ident => $reply:ty;)*) => {
        #[tonic::async_trait]
        impl MilvusService for Service {$(
            async fn $method(&self, request: Request<wire::$request>) -> Result<Response<$reply>, Status> {
                self.serve_call($name, $since, request, FakeState::$method).await
            }
        )*}
    };
}

calls! {
    connect "Connect" (2, 2, 9), ConnectRequest => wire::ConnectResponse;
    get_version "GetVersion" ALWAYS, GetVersionRequest => wire::GetVersionResponse;
    list_databases "ListDatabases" (2, 2, 9), ListDatabasesRequest => wire::ListDatabasesResponse;
    create_database "CreateDatabase" (2, 2, 9), CreateDatabaseRequest => Outcome;
    drop_database "DropDatabase" (2, 2, 9), DropDatabaseRequest => Outcome;
    describe_database "DescribeDatabase" (2, 4, 3), DescribeDatabaseRequest => wire::DescribeDatabaseResponse;
    alter_database "AlterDatabase" (2, 4, 1), AlterDatabaseRequest => Outcome;
    show_collections "ShowCollections" ALWAYS, ShowCollectionsRequest => wire::ShowCollectionsResponse;
    has_collection "HasCollection" ALWAYS, HasCollectionRequest => wire::BoolResponse;
    describe_collection "DescribeCollection" ALWAYS, DescribeCollectionRequest => wire::DescribeCollectionResponse;
    create_collection "CreateCollection" ALWAYS, CreateCollectionRequest => Outcome;
    alter_collection "AlterCollection" ALWAYS, AlterCollectionRequest => Outcome;
    add_collection_field "AddCollectionField" (2, 6, 0), AddCollectionFieldRequest => Outcome;
    alter_collection_schema "AlterCollectionSchema" (3, 0, 0), AlterCollectionSchemaRequest => wire::AlterCollectionSchemaResponse;
    drop_collection "DropCollection" ALWAYS, DropCollectionRequest => Outcome;
    get_collection_statistics "GetCollectionStatistics" ALWAYS, GetCollectionStatisticsRequest => wire::GetCollectionStatisticsResponse;
    show_partitions "ShowPartitions" ALWAYS, ShowPartitionsRequest => wire::ShowPartitionsResponse;
    create_partition "CreatePartition" ALWAYS, CreatePartitionRequest => Outcome;
    describe_index "DescribeIndex" ALWAYS, DescribeIndexRequest => wire::DescribeIndexResponse;
    create_index "CreateIndex" ALWAYS, CreateIndexRequest => Outcome;
    alter_index "AlterIndex" (2, 3, 4), AlterIndexRequest => Outcome;
    drop_index "DropIndex" ALWAYS, DropIndexRequest => Outcome;
    get_load_state "GetLoadState" ALWAYS, GetLoadStateRequest => wire::GetLoadStateResponse;
    load_collection "LoadCollection" ALWAYS, LoadCollectionRequest => Outcome;
    load_partitions "LoadPartitions" ALWAYS, LoadPartitionsRequest => Outcome;
    release_collection "ReleaseCollection" ALWAYS, ReleaseCollectionRequest => Outcome;
    list_aliases "ListAliases" (2, 3, 0), ListAliasesRequest => wire::ListAliasesResponse;
    create_alias "CreateAlias" ALWAYS, CreateAliasRequest => Outcome;
    drop_alias "DropAlias" ALWAYS, DropAliasRequest => Outcome;
    flush "Flush" ALWAYS, FlushRequest => wire::FlushResponse;
    flush_all "FlushAll" (2, 2, 5), FlushAllRequest => wire::FlushAllResponse;
    get_flush_all_state "GetFlushAllState" (2, 2, 5), GetFlushAllStateRequest => wire::GetFlushAllStateResponse;
    get_flush_state "GetFlushState" ALWAYS, GetFlushStateRequest => wire::GetFlushStateResponse;
    get_persistent_segment_info "GetPersistentSegmentInfo" ALWAYS, GetPersistentSegmentInfoRequest => wire::GetPersistentSegmentInfoResponse;
    import "Import" ALWAYS, ImportRequest => wire::ImportResponse;
    get_import_state "GetImportState" ALWAYS, GetImportStateRequest => wire::GetImportStateResponse;
    list_import_tasks "ListImportTasks" ALWAYS, ListImportTasksRequest => wire::ListImportTasksResponse;
    insert "Insert" ALWAYS, InsertRequest => wire::MutationResult;
    upsert "Upsert" (2, 3, 0), UpsertRequest => wire::MutationResult;
    delete "Delete" ALWAYS, DeleteRequest => wire::MutationResult;
    query "Query" ALWAYS, QueryRequest => wire::QueryResults;
    create_credential "CreateCredential" ALWAYS, CreateCredentialRequest => Outcome;
    create_role "CreateRole" ALWAYS, CreateRoleRequest => Outcome;
    operate_user_role "OperateUserRole" ALWAYS, OperateUserRoleRequest => Outcome;
    operate_privilege "OperatePrivilege" ALWAYS, OperatePrivilegeRequest => Outcome;
    operate_privilege_v2 "OperatePrivilegeV2" (2, 5, 0), OperatePrivilegeV2Request => Outcome;
    create_privilege_group "CreatePrivilegeGroup" (2, 4, 18), CreatePrivilegeGroupRequest => Outcome;
    operate_privilege_group "OperatePrivilegeGroup" (2, 4, 18), OperatePrivilegeGroupRequest => Outcome;
    backup_rbac "BackupRBAC" (2, 4, 10), BackupRbacMetaRequest => wire::BackupRbacMetaResponse;
    restore_rbac "RestoreRBAC" (2, 4, 10), RestoreRbacMetaRequest => Outcome;
    select_user "SelectUser" ALWAYS, SelectUserRequest => wire::SelectUserResponse;
    select_grant "SelectGrant" ALWAYS, SelectGrantRequest => wire::SelectGrantResponse;
    create_snapshot "CreateSnapshot" V3_0, CreateSnapshotRequest => Outcome;
    drop_snapshot "DropSnapshot" V3_0, DropSnapshotRequest => Outcome;
    list_snapshots "ListSnapshots" V3_0, ListSnapshotsRequest => wire::ListSnapshotsResponse;
    describe_snapshot "DescribeSnapshot" V3_0, DescribeSnapshotRequest => wire::DescribeSnapshotResponse;
    pin_snapshot_data "PinSnapshotData" V3_0, PinSnapshotDataRequest => wire::PinSnapshotDataResponse;
    unpin_snapshot_data "UnpinSnapshotData" V3_0, UnpinSnapshotDataRequest => Outcome;
    export_snapshot "ExportSnapshot" V3_0, ExportSnapshotRequest => wire::ExportSnapshotResponse;
    get_export_snapshot_state "GetExportSnapshotState" WITH_EXPORT, GetExportSnapshotStateRequest => wire::GetExportSnapshotStateResponse;
    restore_snapshot "RestoreSnapshot" V3_0, RestoreSnapshotRequest => wire::RestoreSnapshotResponse;
    restore_external_snapshot "RestoreExternalSnapshot" V3_0, RestoreExternalSnapshotRequest => wire::RestoreExternalSnapshotResponse;
    get_restore_snapshot_state "GetRestoreSnapshotState" V3_0, GetRestoreSnapshotStateRequest => wire::GetRestoreSnapshotStateResponse;
}
