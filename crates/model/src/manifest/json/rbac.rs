//! The keys of users, roles and grants, where every name is an object with the key `name`.

use super::codec::object;
use crate::manifest::{Grant, PrivilegeGroup, Rbac, User};

/// The value of the key `rbac_meta`.
#[derive(Default, PartialEq)]
pub(super) struct RbacWire {
    users: Vec<UserWire>,
    roles: Vec<Named>,
    grants: Vec<GrantWire>,
    privilege_groups: Vec<GroupWire>,
}

object!(RbacWire {
    "users" => users,
    "roles" => roles,
    "grants" => grants,
    "privilege_groups" => privilege_groups,
});

#[derive(Default, PartialEq)]
struct Named {
    name: String,
}

object!(Named { "name" => name });

#[derive(Default, PartialEq)]
struct UserWire {
    user: String,
    password: String,
    roles: Vec<Named>,
}

object!(UserWire {
    "user" => user,
    "password" => password,
    "roles" => roles,
});

#[derive(Default, PartialEq)]
struct GrantWire {
    role: Named,
    object: Named,
    object_name: String,
    grantor: GrantorWire,
    db_name: String,
}

object!(GrantWire {
    "role" => role,
    "object" => object,
    "object_name" => object_name,
    "grantor" => grantor,
    "db_name" => db_name,
});

#[derive(Default, PartialEq)]
struct GrantorWire {
    user: Named,
    privilege: Named,
}

object!(GrantorWire {
    "user" => user,
    "privilege" => privilege,
});

#[derive(Default, PartialEq)]
struct GroupWire {
    group_name: String,
    privileges: Vec<Named>,
}

object!(GroupWire {
    "group_name" => group_name,
    "privileges" => privileges,
});

fn to_names(named: Vec<Named>) -> Vec<String> {
    named.into_iter().map(|named| named.name).collect()
}

fn to_named(name: &str) -> Named {
    Named { name: name.to_owned() }
}

fn to_all_named(names: &[String]) -> Vec<Named> {
    names.iter().map(|name| to_named(name)).collect()
}

impl From<RbacWire> for Rbac {
    fn from(wire: RbacWire) -> Self {
        let user = |u: UserWire| User { name: u.user, password_hash: u.password, roles: to_names(u.roles) };
        let grant = |g: GrantWire| Grant {
            role: g.role.name,
            object: g.object.name,
            object_name: g.object_name,
            grantor: g.grantor.user.name,
            privilege: g.grantor.privilege.name,
            db_name: g.db_name,
        };
        let group = |g: GroupWire| PrivilegeGroup { name: g.group_name, privileges: to_names(g.privileges) };
        Self {
            users: wire.users.into_iter().map(user).collect(),
            roles: to_names(wire.roles),
            grants: wire.grants.into_iter().map(grant).collect(),
            privilege_groups: wire.privilege_groups.into_iter().map(group).collect(),
        }
    }
}

impl From<&Rbac> for RbacWire {
    fn from(rbac: &Rbac) -> Self {
        let user = |u: &User| UserWire {
            user: u.name.clone(),
            password: u.password_hash.clone(),
            roles: to_all_named(&u.roles),
        };
        let grant = |g: &Grant| GrantWire {
            role: to_named(&g.role),
            object: to_named(&g.object),
            object_name: g.object_name.clone(),
            grantor: GrantorWire { user: to_named(&g.grantor), privilege: to_named(&g.privilege) },
            db_name: g.db_name.clone(),
        };
        let group = |g: &PrivilegeGroup| GroupWire {
            group_name: g.name.clone(),
            privileges: to_all_named(&g.privileges),
        };
        Self {
            users: rbac.users.iter().map(user).collect(),
            roles: to_all_named(&rbac.roles),
            grants: rbac.grants.iter().map(grant).collect(),
            privilege_groups: rbac.privilege_groups.iter().map(group).collect(),
        }
    }
}
