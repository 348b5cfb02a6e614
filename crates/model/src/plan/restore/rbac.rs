//! The users, roles and grants that a target lacks.

use std::collections::BTreeSet;

use crate::manifest::{Grant, Rbac};

/// What a restore adds to the users, roles and grants of a target; what exists is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RbacAdditions {
    /// The users, roles and privilege groups that the target lacks; the roles of users and the grants are empty.
    pub new: Rbac,
    /// The roles that users lack, as pairs of a user and a role.
    pub user_roles: Vec<(String, String)>,
    /// The privileges that roles lack.
    pub grants: Vec<Grant>,
    /// The users, roles and privilege groups that the target has already.
    pub kept: Vec<String>,
}

impl RbacAdditions {
    /// Compares those of a backup with those of a target.
    pub fn new(backup: &Rbac, target: &Rbac) -> Self {
        let mut kept = Vec::new();
        let mut is_new = |what: &str, name: &str, present: bool| {
            if present {
                kept.push(format!("{what} {name}"));
            }
            !present
        };
        let mut new = backup.clone();
        new.grants.clear();
        new.users.retain(|user| is_new("user", &user.name, target.users.iter().any(|u| u.name == user.name)));
        new.users.iter_mut().for_each(|user| user.roles.clear());
        new.roles.retain(|role| is_new("role", role, target.roles.contains(role)));
        new.privilege_groups.retain(|group| {
            let present = target.privilege_groups.iter().any(|other| other.name == group.name);
            is_new("privilege group", &group.name, present)
        });
        let pairs = |rbac: &Rbac| -> BTreeSet<(String, String)> {
            let users = rbac.users.iter();
            users.flat_map(|user| user.roles.iter().map(|role| (user.name.clone(), role.clone()))).collect()
        };
        // Who granted a privilege does not matter.
        let key = |grant: &Grant| Grant { grantor: String::new(), ..grant.clone() };
        let has = |grant: &Grant| target.grants.iter().any(|other| key(other) == key(grant));
        Self {
            new,
            user_roles: pairs(backup).difference(&pairs(target)).cloned().collect(),
            grants: backup.grants.iter().filter(|grant| !has(grant)).cloned().collect(),
            kept,
        }
    }
}

impl RbacAdditions {
    /// Returns whether users, roles or privilege groups are added, and not only grants.
    pub fn adds_names(&self) -> bool {
        let Rbac { users, roles, privilege_groups, .. } = &self.new;
        !(users.is_empty() && roles.is_empty() && privilege_groups.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{PrivilegeGroup, User};

    fn user(name: &str, roles: &[&str]) -> User {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        User { name: name.to_owned(), password_hash: "hash".to_owned(), roles }
    }

    fn grant(role: &str, grantor: &str) -> Grant {
        let (role, grantor) = (role.to_owned(), grantor.to_owned());
        Grant { role, grantor, privilege: "Query".to_owned(), ..Grant::default() }
    }

    #[test]
    fn only_what_the_target_lacks_is_added() {
        let group = |name: &str| PrivilegeGroup { name: name.to_owned(), ..Default::default() };
        let backup = Rbac {
            users: vec![user("ann", &["reader"]), user("bob", &["reader", "writer"])],
            roles: vec!["reader".to_owned(), "writer".to_owned()],
            grants: vec![grant("reader", "root"), grant("writer", "root")],
            privilege_groups: vec![group("g1"), group("g2")],
        };
        let target = Rbac {
            users: vec![user("bob", &["reader"])],
            roles: vec!["reader".to_owned()],
            grants: vec![grant("reader", "other")],
            privilege_groups: vec![group("g1")],
        };
        let added = RbacAdditions::new(&backup, &target);
        assert_eq!(added.new.users, [user("ann", &[])]);
        assert_eq!(
            (added.new.roles, added.new.privilege_groups),
            (vec!["writer".to_owned()], vec![group("g2")])
        );
        let pair = |user: &str, role: &str| (user.to_owned(), role.to_owned());
        assert_eq!(added.user_roles, [pair("ann", "reader"), pair("bob", "writer")]);
        assert_eq!(added.grants, [grant("writer", "root")]);
        assert_eq!(added.kept, ["user bob", "role reader", "privilege group g1"]);
    }
}
