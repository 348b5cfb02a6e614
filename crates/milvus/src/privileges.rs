//! The privileges of the user: read from grants, or tried with calls that change nothing.

use std::time::Duration;

use model::manifest::Index;
use model::name::{CollectionRef, DEFAULT_DATABASE};
use model::privilege::{ALL_OBJECTS, Grant};
use proto::milvus::{
    GetFlushStateRequest, GrantEntity, ImportRequest, ListDatabasesRequest, RoleEntity, SelectGrantRequest,
    SelectUserRequest, UserEntity,
};
use tokio::time::timeout;

use crate::call::{Call, Rpc, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};

/// The user who may do everything, whatever roles it has.
const SUPERUSER: &str = "root";
/// The role that may do everything.
const ADMIN_ROLE: &str = "admin";
/// The role that every user has.
const PUBLIC_ROLE: &str = "public";

/// The time after which the outcome of a trial counts as unknown.
const TRIAL_LIMIT: Duration = Duration::from_secs(5);

/// The privileges of the user of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnPrivileges {
    /// The user is an administrator.
    Everything,
    /// The user has what these grants give.
    Granted(Vec<Grant>),
}

/// The outcome of a call that needs a privilege and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// The user has the privilege on all collections of the database, or the server demands none.
    Allowed,
    /// The user lacks the privilege of this name, which differs between releases.
    Denied(String),
    /// No call shows it without effect, or the server did not answer.
    Unknown,
}

impl Milvus {
    /// Returns the name with which the client logs in; `None` without credentials, or with a token that names no user.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Returns whether the server refuses calls without credentials.
    pub async fn demands_login(&self) -> bool {
        let anonymous = Rpc { authorization: None, ..self.rpc.clone() };
        let call = Call::new("list the databases of", &self.server().address, "").retried_by_caller();
        let answer = anonymous.call(call, ListDatabasesRequest {}, rpc!(list_databases)).await;
        answer.is_err_and(|error| error.kind() != MilvusErrorKind::Unsupported)
    }

    /// Reads what the roles of the user grant in the databases.
    ///
    /// A user may read its own roles; from 2.3 on also their grants, before only with the privilege `SelectOwnership`.
    pub async fn own_privileges(&self, databases: &[String]) -> Result<OwnPrivileges, MilvusError> {
        let name = self.user().unwrap_or_default();
        if name == SUPERUSER {
            return Ok(OwnPrivileges::Everything);
        }
        let call = Call::new("read the roles of user", &name, "");
        let user = Some(UserEntity { name: name.to_owned() });
        let request = SelectUserRequest { user, include_role_info: true };
        let reply = self.rpc.call(call, request, rpc!(select_user)).await?;
        let mut roles: Vec<String> =
            reply.results.into_iter().flat_map(|user| user.roles).map(|role| role.name).collect();
        if roles.iter().any(|role| role == ADMIN_ROLE) {
            return Ok(OwnPrivileges::Everything);
        }
        roles.push(PUBLIC_ROLE.to_owned());
        let mut grants = Vec::new();
        for role in &roles {
            for database in databases.iter().map(String::as_str).chain([ALL_OBJECTS]) {
                let call = Call::new("read the grants of role", role, "");
                let entity = GrantEntity {
                    role: Some(RoleEntity { name: role.clone(), ..Default::default() }),
                    db_name: database.to_owned(),
                    ..GrantEntity::default()
                };
                let request = SelectGrantRequest { entity: Some(entity) };
                let reply = self.rpc.call(call, request, rpc!(select_grant)).await?;
                grants.extend(reply.entities.into_iter().map(grant_from_wire));
            }
        }
        Ok(OwnPrivileges::Granted(grants))
    }

    /// Tries whether the user has a privilege, with a call that has no effect, because the collection does not exist.
    pub async fn try_privilege(&self, privilege: &str, absent: &CollectionRef) -> Trial {
        let attempt = async {
            match privilege {
                "ListDatabases" => self.list_databases().await.map(drop),
                "ShowCollections" => self.list_collections(&absent.database).await.map(drop),
                "DescribeCollection" => self.describe_collection(absent).await.map(drop),
                "DropCollection" => self.drop_collection(absent).await,
                "ShowPartitions" => self.list_partitions(absent).await.map(drop),
                "CreatePartition" => self.create_partition(absent, "absent").await,
                "IndexDetail" => self.list_indexes(absent).await.map(drop),
                "CreateIndex" => self.create_index(absent, &absent_index()).await,
                "DropIndex" => self.drop_index(absent, &absent_index()).await,
                "GetLoadState" => self.load_state(absent, None).await.map(drop),
                "Load" => self.load(absent).await,
                "ListAliases" => self.aliases(absent).await.map(drop),
                "CreateAlias" => self.create_alias(absent, &absent.collection).await,
                "Flush" => self.flush(absent).await.map(drop),
                "GetFlushState" => self.try_flush_state(absent).await,
                "GetStatistics" => self.flushed_rows(absent).await.map(drop),
                "Import" => self.try_import(absent).await,
                _ => return Trial::Unknown,
            }
            .map_or_else(|error| trial_from_error(&error), |()| Trial::Allowed)
        };
        timeout(TRIAL_LIMIT, attempt).await.unwrap_or(Trial::Unknown)
    }

    async fn try_flush_state(&self, absent: &CollectionRef) -> Result<(), MilvusError> {
        let call = Call::new("ask for the flush state of collection", absent, &absent.database);
        let request = GetFlushStateRequest {
            db_name: absent.database.clone(),
            collection_name: absent.collection.clone(),
            ..GetFlushStateRequest::default()
        };
        self.rpc.call(call, request, rpc!(get_flush_state)).await.map(drop)
    }

    async fn try_import(&self, absent: &CollectionRef) -> Result<(), MilvusError> {
        let call = Call::unrepeatable("import into", absent, &absent.database).retried_by_caller();
        let request = ImportRequest {
            db_name: absent.database.clone(),
            collection_name: absent.collection.clone(),
            ..ImportRequest::default()
        };
        self.rpc.call(call, request, rpc!(import)).await.map(drop)
    }
}

/// Reads the outcome of a trial from an error: of all errors, only a denial shows that the privilege is missing.
fn trial_from_error(error: &MilvusError) -> Trial {
    match error.kind() {
        MilvusErrorKind::PermissionDenied => {
            let name = error.reason().split(':').next().unwrap_or_default().trim();
            Trial::Denied(name.strip_prefix("Privilege").unwrap_or(name).to_owned())
        }
        MilvusErrorKind::Unreachable | MilvusErrorKind::Timeout | MilvusErrorKind::Cancelled => {
            Trial::Unknown
        }
        _ => Trial::Allowed,
    }
}

fn absent_index() -> Index {
    Index { field_name: "absent".to_owned(), index_type: "FLAT".to_owned(), ..Index::default() }
}

fn grant_from_wire(entity: GrantEntity) -> Grant {
    let grantor = entity.grantor.unwrap_or_default();
    let database = if entity.db_name.is_empty() { DEFAULT_DATABASE.to_owned() } else { entity.db_name };
    Grant {
        object_type: entity.object.unwrap_or_default().name,
        object_name: entity.object_name,
        database,
        privilege: grantor.privilege.unwrap_or_default().name,
    }
}
