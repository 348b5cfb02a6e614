//! Backup and restore of users, roles and grants.

use proto::common::Status;
use proto::milvus as wire;

use super::grants::Grant;
use super::reply::Refusal;
use super::state::FakeState;
use super::users::{ADMIN_ROLE, PUBLIC_ROLE, User, role_entity};
use super::words::V2_6;

type Answer<R> = Result<R, Refusal>;

impl FakeState {
    /// Returns all users, roles, grants and groups but those that every server has.
    pub(super) fn backup_rbac(
        &mut self,
        _: &wire::BackupRbacMetaRequest,
    ) -> Answer<wire::BackupRbacMetaResponse> {
        let held = &self.users;
        let users = held.by_name.iter().filter(|(name, _)| **name != held.superuser).map(|(name, user)| {
            wire::UserInfo {
                user: name.clone(),
                password: user.hash.clone(),
                roles: user.roles.iter().map(|role| role_entity(role)).collect(),
            }
        });
        let own = held.roles.iter().filter(|(name, _)| ![ADMIN_ROLE, PUBLIC_ROLE].contains(&name.as_str()));
        let groups = held.groups.iter().map(|(name, privileges)| wire::PrivilegeGroupInfo {
            group_name: name.clone(),
            privileges: privileges.iter().map(|name| wire::PrivilegeEntity { name: name.clone() }).collect(),
        });
        let rbac_meta = wire::RbacMeta {
            users: users.collect(),
            roles: own
                .map(|(name, description)| wire::RoleEntity {
                    name: name.clone(),
                    description: description.clone(),
                })
                .collect(),
            grants: held.grants.iter().map(Grant::to_entity).collect(),
            privilege_groups: groups.collect(),
        };
        Ok(wire::BackupRbacMetaResponse { status: None, rbac_meta: Some(rbac_meta) })
    }

    /// Adds all users, roles, grants and groups, or nothing if one of them exists.
    pub(super) fn restore_rbac(&mut self, request: &wire::RestoreRbacMetaRequest) -> Answer<Status> {
        let meta = request.rbac_meta.clone().unwrap_or_default();
        self.check_restorable(&meta)?;
        let held = &mut self.users;
        held.roles.extend(meta.roles.into_iter().map(|role| (role.name, role.description)));
        for group in meta.privilege_groups {
            let names = group.privileges.into_iter().map(|privilege| privilege.name).collect();
            held.groups.insert(group.group_name, names);
        }
        for grant in meta.grants.iter().map(Grant::from_entity) {
            // A grant to an unknown role is accepted and not stored.
            if held.roles.contains_key(&grant.role) && !held.grants.contains(&grant) {
                held.grants.push(grant);
            }
        }
        held.grants.sort();
        for user in meta.users {
            let roles = user.roles.into_iter().map(|role| role.name).collect();
            held.by_name.insert(user.user, User { hash: user.password, roles });
        }
        Ok(Status::default())
    }

    fn check_restorable(&self, meta: &wire::RbacMeta) -> Answer<()> {
        let held = &self.users;
        let exists = |kind, name: &str| Err(Refusal::worded("rbac.exists", &[kind, name]));
        if let Some(role) = meta.roles.iter().find(|role| held.roles.contains_key(&role.name)) {
            return exists("role", &role.name);
        }
        let groups = &meta.privilege_groups;
        if let Some(group) = groups.iter().find(|group| held.groups.contains_key(&group.group_name)) {
            return exists("privilege group", &group.group_name);
        }
        for grant in meta.grants.iter().map(Grant::from_entity) {
            let is_new_group = groups.iter().any(|group| group.group_name == grant.privilege);
            if !is_new_group && !held.is_privilege(&grant.privilege) {
                return Err(Refusal::worded("rbac.no_privilege", &[&grant.privilege]));
            }
        }
        for user in &meta.users {
            if held.by_name.contains_key(&user.user) {
                return exists("user", &user.user);
            }
            let is_known = |name: &String| {
                held.roles.contains_key(name) || meta.roles.iter().any(|role| role.name == *name)
            };
            if let Some(role) = user.roles.iter().find(|role| !is_known(&role.name))
                && self.version >= V2_6
            {
                return Err(Refusal::worded("rbac.no_role", &[&role.name]));
            }
        }
        Ok(())
    }
}
