//! What requests concern: their database, collection, user or role.

use proto::milvus as wire;
use tonic::Request;

/// What a request concerns.
pub(super) trait DescribesTarget {
    /// Returns the field for the name of the database, where the header `dbname` serves if it is empty.
    fn database(&mut self) -> Option<&mut String> {
        None
    }

    /// Returns the name of the database that the request itself concerns.
    fn own_database(&self) -> Option<&str> {
        None
    }

    /// Returns the name of the collection.
    fn collection(&self) -> Option<&str> {
        None
    }

    /// Returns the name of the user or role that the request asks about.
    fn subject(&self) -> Option<&str> {
        None
    }
}

macro_rules! targets {
    ($database:ident $collection:ident: $($name:ident),* $(,)?) => {$(
        impl DescribesTarget for wire::$name {
            fn database(&mut self) -> Option<&mut String> {
                Some(&mut self.$database)
            }

            fn own_database(&self) -> Option<&str> {
                Some(&self.$database)
            }

            fn collection(&self) -> Option<&str> {
                Some(&self.$collection)
            }
        }
    )*};
    ($database:ident: $($name:ident),* $(,)?) => {$(
        impl DescribesTarget for wire::$name {
            fn database(&mut self) -> Option<&mut String> {
                Some(&mut self.$database)
            }

            fn own_database(&self) -> Option<&str> {
                Some(&self.$database)
            }
        }
    )*};
    ($($name:ident),* $(,)?) => {$(
        impl DescribesTarget for wire::$name {}
    )*};
}

targets!(
    db_name collection_name: HasCollectionRequest, DescribeCollectionRequest, CreateCollectionRequest,
    AlterCollectionRequest, AddCollectionFieldRequest, AlterCollectionSchemaRequest, DropCollectionRequest,
    GetCollectionStatisticsRequest, ShowPartitionsRequest, CreatePartitionRequest, DescribeIndexRequest,
    CreateIndexRequest, AlterIndexRequest, DropIndexRequest, GetLoadStateRequest, LoadCollectionRequest,
    LoadPartitionsRequest, ReleaseCollectionRequest, ListAliasesRequest, CreateAliasRequest,
    GetFlushStateRequest, GetPersistentSegmentInfoRequest, ImportRequest, ListImportTasksRequest,
    InsertRequest, UpsertRequest, DeleteRequest, QueryRequest,
    CreateSnapshotRequest, DropSnapshotRequest, ListSnapshotsRequest, DescribeSnapshotRequest,
    PinSnapshotDataRequest, ExportSnapshotRequest, RestoreSnapshotRequest,
);
targets!(db_name: ShowCollectionsRequest, DropAliasRequest, RestoreExternalSnapshotRequest);
targets!(
    ConnectRequest,
    GetVersionRequest,
    ListDatabasesRequest,
    CreateDatabaseRequest,
    DropDatabaseRequest,
    GetImportStateRequest,
    CreateCredentialRequest,
    CreateRoleRequest,
    OperateUserRoleRequest,
    OperatePrivilegeRequest,
    OperatePrivilegeV2Request,
    CreatePrivilegeGroupRequest,
    OperatePrivilegeGroupRequest,
    BackupRbacMetaRequest,
    RestoreRbacMetaRequest,
    FlushAllRequest,
    GetFlushAllStateRequest,
    UnpinSnapshotDataRequest,
    GetExportSnapshotStateRequest,
    GetRestoreSnapshotStateRequest,
);

impl DescribesTarget for wire::FlushRequest {
    fn database(&mut self) -> Option<&mut String> {
        Some(&mut self.db_name)
    }

    fn own_database(&self) -> Option<&str> {
        Some(&self.db_name)
    }

    fn collection(&self) -> Option<&str> {
        self.collection_names.first().map(String::as_str)
    }
}

impl DescribesTarget for wire::DescribeDatabaseRequest {
    fn own_database(&self) -> Option<&str> {
        Some(&self.db_name)
    }
}

impl DescribesTarget for wire::AlterDatabaseRequest {
    fn own_database(&self) -> Option<&str> {
        Some(&self.db_name)
    }
}

impl DescribesTarget for wire::SelectUserRequest {
    fn subject(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.name.as_str())
    }
}

impl DescribesTarget for wire::SelectGrantRequest {
    fn subject(&self) -> Option<&str> {
        self.entity.as_ref()?.role.as_ref().map(|role| role.name.as_str())
    }
}

/// Puts the database of the header into a request that names none.
pub(super) fn use_database_of_header<Q: DescribesTarget>(request: &mut Request<Q>) {
    let named = database_of_header(request);
    if let (Some(database), Some(named)) = (request.get_mut().database(), named)
        && database.is_empty()
    {
        *database = named;
    }
}

/// Returns the database that the header `dbname` names.
pub(super) fn database_of_header<Q>(request: &Request<Q>) -> Option<String> {
    request.metadata().get("dbname").and_then(|name| name.to_str().ok()).map(str::to_owned)
}
