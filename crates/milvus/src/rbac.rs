//! Calls on users, roles and grants: read all of them, and add some (2.4.10 and later).

use model::manifest::{Grant, PrivilegeGroup, Rbac, User};
use proto::milvus as wire;
use wire::{
    BackupRbacMetaRequest, GrantEntity, GrantorEntity, ObjectEntity, OperatePrivilegeRequest,
    OperateUserRoleRequest, OperateUserRoleType, PrivilegeEntity, PrivilegeGroupInfo, RbacMeta,
    RestoreRbacMetaRequest, RoleEntity, UserEntity, UserInfo,
};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::MilvusError;

impl Milvus {
    /// Reads all users with the hashes of their passwords, roles, grants and privilege groups.
    ///
    /// The user `root` and the roles `admin` and `public`, which every server has, are not among them.
    pub async fn read_rbac(&self) -> Result<Rbac, MilvusError> {
        let call = Call::new("read the users, roles and grants of", &self.server().address, "");
        let reply = self.rpc.call(call, BackupRbacMetaRequest {}, rpc!(backup_rbac)).await?;
        Ok(from_wire(reply.rbac_meta.unwrap_or_default()))
    }

    /// Adds users with the hashes of their passwords, roles and privilege groups; fails whole if one of them exists.
    ///
    /// Roles of users and grants are not added: other calls do that, which succeed also for what exists.
    pub async fn add_rbac(&self, rbac: &Rbac) -> Result<(), MilvusError> {
        let call = Call::unrepeatable("add users and roles to", &self.server().address, "");
        let user = |user: &User| UserInfo {
            user: user.name.clone(),
            password: user.password_hash.clone(),
            roles: Vec::new(),
        };
        let group = |group: &PrivilegeGroup| PrivilegeGroupInfo {
            group_name: group.name.clone(),
            privileges: group.privileges.iter().map(|name| privilege(name)).collect(),
        };
        let meta = RbacMeta {
            users: rbac.users.iter().map(user).collect(),
            roles: rbac.roles.iter().map(|name| role(name)).collect(),
            grants: Vec::new(),
            privilege_groups: rbac.privilege_groups.iter().map(group).collect(),
        };
        let request = RestoreRbacMetaRequest { rbac_meta: Some(meta) };
        self.rpc.call(call, request, rpc!(restore_rbac)).await.map(drop)
    }

    /// Gives a user a role.
    pub async fn add_user_to_role(&self, user: &str, role: &str) -> Result<(), MilvusError> {
        let subject = format!("{role} to user {user}");
        let call = Call::new("give role", &subject, "");
        let request = OperateUserRoleRequest {
            username: user.to_owned(),
            role_name: role.to_owned(),
            r#type: OperateUserRoleType::AddUserToRole.into(),
        };
        self.rpc.call(call, request, rpc!(operate_user_role)).await.map(drop)
    }

    /// Grants a privilege to a role.
    pub async fn grant(&self, grant: &Grant) -> Result<(), MilvusError> {
        let subject = format!("{} on {} to role {}", grant.privilege, grant.object_name, grant.role);
        let call = Call::new("grant", &subject, &grant.db_name);
        let entity = GrantEntity {
            role: Some(role(&grant.role)),
            object: Some(ObjectEntity { name: grant.object.clone() }),
            object_name: grant.object_name.clone(),
            grantor: Some(GrantorEntity {
                user: Some(UserEntity { name: grant.grantor.clone() }),
                privilege: Some(privilege(&grant.privilege)),
            }),
            db_name: grant.db_name.clone(),
        };
        let request = OperatePrivilegeRequest {
            entity: Some(entity),
            r#type: wire::OperatePrivilegeType::Grant.into(),
        };
        self.rpc.call(call, request, rpc!(operate_privilege)).await.map(drop)
    }
}

fn role(name: &str) -> RoleEntity {
    RoleEntity { name: name.to_owned(), ..RoleEntity::default() }
}

fn privilege(name: &str) -> PrivilegeEntity {
    PrivilegeEntity { name: name.to_owned() }
}

fn from_wire(meta: RbacMeta) -> Rbac {
    let names = |roles: Vec<RoleEntity>| roles.into_iter().map(|role| role.name).collect();
    let user =
        |user: UserInfo| User { name: user.user, password_hash: user.password, roles: names(user.roles) };
    let group = |group: PrivilegeGroupInfo| PrivilegeGroup {
        name: group.group_name,
        privileges: group.privileges.into_iter().map(|privilege| privilege.name).collect(),
    };
    Rbac {
        users: meta.users.into_iter().map(user).collect(),
        roles: names(meta.roles),
        grants: meta.grants.into_iter().map(grant_from_wire).collect(),
        privilege_groups: meta.privilege_groups.into_iter().map(group).collect(),
    }
}

fn grant_from_wire(grant: GrantEntity) -> Grant {
    let grantor = grant.grantor.unwrap_or_default();
    Grant {
        role: grant.role.unwrap_or_default().name,
        object: grant.object.unwrap_or_default().name,
        object_name: grant.object_name,
        grantor: grantor.user.unwrap_or_default().name,
        privilege: grantor.privilege.unwrap_or_default().name,
        db_name: grant.db_name,
    }
}
