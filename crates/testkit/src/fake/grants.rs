//! Roles, and the privileges that they are granted.

use proto::common::Status;
use proto::milvus as wire;

use super::databases::DEFAULT_DATABASE;
use super::privileges::{Object, group_contains, level_of_group, object_of};
use super::reply::{Refusal, Version};
use super::state::FakeState;
use super::users::{PUBLIC_ROLE, Users, role_entity};
use super::words::{V2_3, V2_5, V2_6};

type Answer<R> = Result<R, Refusal>;

pub(super) const ALL: &str = "*";

/// A privilege, or a group of them, that a role has on an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Grant {
    pub(super) role: String,
    pub(super) object: String,
    pub(super) object_name: String,
    pub(super) privilege: String,
    pub(super) database: String,
    pub(super) grantor: String,
}

impl Grant {
    pub(super) fn from_entity(entity: &wire::GrantEntity) -> Self {
        let grantor = entity.grantor.clone().unwrap_or_default();
        let database = if entity.db_name.is_empty() { DEFAULT_DATABASE } else { &entity.db_name };
        Self {
            role: entity.role.clone().unwrap_or_default().name,
            object: entity.object.clone().unwrap_or_default().name,
            object_name: entity.object_name.clone(),
            privilege: grantor.privilege.unwrap_or_default().name,
            database: database.to_owned(),
            grantor: grantor.user.unwrap_or_default().name,
        }
    }

    pub(super) fn to_entity(&self) -> wire::GrantEntity {
        wire::GrantEntity {
            role: Some(role_entity(&self.role)),
            object: Some(wire::ObjectEntity { name: self.object.clone() }),
            object_name: self.object_name.clone(),
            grantor: Some(wire::GrantorEntity {
                user: Some(wire::UserEntity { name: self.grantor.clone() }),
                privilege: Some(wire::PrivilegeEntity { name: self.privilege.clone() }),
            }),
            db_name: self.database.clone(),
        }
    }

    /// Returns whether the grant holds in a database.
    pub(super) fn is_in(&self, database: &str) -> bool {
        self.database == ALL || self.database == database
    }
}

impl Users {
    /// Returns the grants of all roles of a user.
    pub(super) fn grants_of(&self, user: &str) -> impl Iterator<Item = &Grant> {
        let roles = self.by_name.get(user).map(|held| &held.roles);
        self.grants.iter().filter(move |grant| {
            grant.role == PUBLIC_ROLE || roles.is_some_and(|roles| roles.contains(&grant.role))
        })
    }

    /// Returns whether a user has a privilege on an object of a database.
    pub(super) fn has_privilege(
        &self,
        user: &str,
        (object, privilege): (Object, &str),
        database: &str,
        object_name: Option<&str>,
    ) -> bool {
        self.is_administrator(user)
            || self.grants_of(user).any(|grant| {
                let own_groups = self.groups.get(&grant.privilege);
                let in_group = group_contains(&grant.privilege, privilege)
                    || own_groups.is_some_and(|names| names.contains(privilege));
                let named = grant.object == object.as_str() && grant.privilege == privilege;
                let everything = grant.object == Object::Global.as_str() && grant.privilege == "All";
                let covers = grant.object_name == ALL || Some(grant.object_name.as_str()) == object_name;
                grant.is_in(database) && covers && (named || in_group || everything)
            })
    }

    /// Returns whether a name is a privilege or a group of them.
    pub(super) fn is_privilege(&self, name: &str) -> bool {
        object_of(name).is_some() || level_of_group(name).is_some() || self.groups.contains_key(name)
    }

    /// Adds a grant or removes it; either may have happened before.
    fn change_grant(&mut self, grant: Grant, operation: i32) {
        self.grants.retain(|held| *held != grant);
        if operation == i32::from(wire::OperatePrivilegeType::Grant) {
            self.grants.push(grant);
            self.grants.sort();
        }
    }
}

impl FakeState {
    pub(super) fn create_role(&mut self, request: &wire::CreateRoleRequest) -> Answer<Status> {
        let wire::RoleEntity { name, description } = request.entity.clone().unwrap_or_default();
        check_role_name(&name)?;
        if self.users.roles.contains_key(&name) {
            return Err(Refusal::worded("role.role_exists", &[&name]));
        }
        let description = if self.version < V2_6 { String::new() } else { description };
        self.users.roles.insert(name, description);
        Ok(Status::default())
    }

    pub(super) fn operate_user_role(&mut self, request: &wire::OperateUserRoleRequest) -> Answer<Status> {
        let wire::OperateUserRoleRequest { username, role_name, .. } = request;
        if !self.users.roles.contains_key(role_name) {
            return Err(Refusal::worded("role.no_role", &[]));
        }
        let Some(user) = self.users.by_name.get_mut(username) else {
            return Err(Refusal::worded("role.no_user", &[username]));
        };
        match request.r#type() {
            wire::OperateUserRoleType::AddUserToRole => user.roles.insert(role_name.clone()),
            wire::OperateUserRoleType::RemoveUserFromRole => user.roles.remove(role_name),
        };
        Ok(Status::default())
    }

    pub(super) fn operate_privilege(&mut self, request: &wire::OperatePrivilegeRequest) -> Answer<Status> {
        let grant = Grant::from_entity(&request.entity.clone().unwrap_or_default());
        let Some(object) = Object::from_name(&grant.object) else {
            return Err(Refusal::worded("role.no_object", &[&grant.object]));
        };
        if !self.users.roles.contains_key(&grant.role) {
            return Err(Refusal::worded("role.no_granted_role", &[&grant.role]));
        }
        if !object.has_privilege(&grant.privilege) && !self.users.groups.contains_key(&grant.privilege) {
            return Err(Refusal::worded("role.no_privilege", &[&grant.privilege, &grant.object]));
        }
        self.users.change_grant(grant, request.r#type);
        Ok(Status::default())
    }

    pub(super) fn operate_privilege_v2(
        &mut self,
        request: &wire::OperatePrivilegeV2Request,
    ) -> Answer<Status> {
        let entity = wire::GrantEntity {
            role: request.role.clone(),
            object: None,
            object_name: request.collection_name.clone(),
            grantor: request.grantor.clone(),
            db_name: request.db_name.clone(),
        };
        let mut grant = Grant::from_entity(&entity);
        if !self.users.roles.contains_key(&grant.role) {
            return Err(Refusal::worded("role.no_granted_role", &[&grant.role]));
        }
        if !self.users.is_privilege(&grant.privilege) {
            return Err(Refusal::worded("role.no_privilege_at_all", &[&grant.privilege]));
        }
        let is_everywhere = grant.database == ALL && grant.object_name == ALL;
        if level_of_group(&grant.privilege) == Some("Cluster") && !is_everywhere {
            return Err(Refusal::worded("role.cluster_level", &[&grant.privilege]));
        }
        // Servers store groups as privileges on everything.
        let object = object_of(&grant.privilege).unwrap_or(Object::Global);
        object.as_str().clone_into(&mut grant.object);
        self.users.change_grant(grant, request.r#type);
        Ok(Status::default())
    }

    pub(super) fn select_grant(
        &mut self,
        request: &wire::SelectGrantRequest,
    ) -> Answer<wire::SelectGrantResponse> {
        let entity = request.entity.clone().unwrap_or_default();
        let wanted = Grant::from_entity(&entity);
        if !self.users.roles.contains_key(&wanted.role) {
            return Err(Refusal::worded("role.no_selected_role", &[&wanted.role]));
        }
        let version = self.version;
        let found = self
            .users
            .grants
            .iter()
            .filter(|grant| grant.role == wanted.role && is_selected(grant, &wanted.database, version));
        let entities = found.map(Grant::to_entity).collect();
        Ok(wire::SelectGrantResponse { entities, ..Default::default() })
    }
}

/// Returns whether a list for a database contains a grant.
fn is_selected(grant: &Grant, database: &str, version: Version) -> bool {
    match database {
        ALL if version >= V2_5 => true,
        _ if version < V2_3 => grant.database == database,
        _ => grant.is_in(database),
    }
}

fn check_role_name(name: &str) -> Answer<()> {
    let Some(first) = name.chars().next() else { return Err(Refusal::worded("role.no_role_name", &[])) };
    if !first.is_ascii_alphabetic() && first != '_' {
        return Err(Refusal::worded("role.first_character", &[name, &u32::from(first).to_string()]));
    }
    let is_wrong = |(_, other): &(usize, char)| !other.is_ascii_alphanumeric() && !matches!(other, '_' | '$');
    match name.char_indices().find(is_wrong) {
        // The position of the real text names the byte; a space there shows as nothing.
        Some((at, other)) => {
            let shown = other.to_string();
            Err(Refusal::worded("role.characters", &[name, shown.trim(), &at.to_string()]))
        }
        None => Ok(()),
    }
}
