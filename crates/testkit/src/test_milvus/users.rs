//! Users with a role of their own, on servers with authorization.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::milvus::{
    CreateCredentialRequest, CreateRoleRequest, GrantEntity, GrantorEntity, ObjectEntity,
    OperatePrivilegeRequest, OperatePrivilegeType, OperateUserRoleRequest, OperateUserRoleType,
    PrivilegeEntity, RoleEntity, UserEntity,
};

use super::{Client, TestMilvus};

impl TestMilvus {
    /// Creates a user and a role of the same name, which the user has.
    ///
    /// # Panics
    /// Panics if the server refuses.
    pub async fn create_user(&self, name: &str, password: &str) {
        let request =
            CreateCredentialRequest { username: name.to_owned(), password: STANDARD.encode(password) };
        self.call(
            "",
            request,
            |mut client: Client, request| async move { client.create_credential(request).await },
            |status| Some(status),
        )
        .await;
        let request =
            CreateRoleRequest { entity: Some(RoleEntity { name: name.to_owned(), ..Default::default() }) };
        self.call(
            "",
            request,
            |mut client: Client, request| async move { client.create_role(request).await },
            |status| Some(status),
        )
        .await;
        let request = OperateUserRoleRequest {
            username: name.to_owned(),
            role_name: name.to_owned(),
            r#type: OperateUserRoleType::AddUserToRole.into(),
        };
        self.call(
            "",
            request,
            |mut client: Client, request| async move { client.operate_user_role(request).await },
            |status| Some(status),
        )
        .await;
    }

    /// Grants a privilege on objects of the database `default`; `*` stands for all of them.
    ///
    /// # Panics
    /// Panics if the server refuses.
    pub async fn grant(&self, role: &str, object_type: &str, object: &str, privilege: &str) {
        let grantor = GrantorEntity {
            user: Some(UserEntity { name: "root".to_owned() }),
            privilege: Some(PrivilegeEntity { name: privilege.to_owned() }),
        };
        let entity = GrantEntity {
            role: Some(RoleEntity { name: role.to_owned(), ..Default::default() }),
            object: Some(ObjectEntity { name: object_type.to_owned() }),
            object_name: object.to_owned(),
            grantor: Some(grantor),
            db_name: "default".to_owned(),
        };
        let request =
            OperatePrivilegeRequest { entity: Some(entity), r#type: OperatePrivilegeType::Grant.into() };
        self.call(
            "",
            request,
            |mut client: Client, request| async move { client.operate_privilege(request).await },
            |status| Some(status),
        )
        .await;
    }
}
