//! The users, roles and grants in a manifest.

/// The content of Milvus's reply to `BackupRBAC`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rbac {
    /// The users with their roles.
    pub users: Vec<User>,
    /// The names of the roles, without `admin` and `public`.
    pub roles: Vec<String>,
    /// The privileges that are granted to roles.
    pub grants: Vec<Grant>,
    /// The named sets of privileges.
    pub privilege_groups: Vec<PrivilegeGroup>,
}

/// A user with a password hash and roles.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The name of the user.
    pub name: String,
    /// The stored hash; a secret, though not the password itself.
    pub password_hash: String,
    /// The names of the user's roles.
    pub roles: Vec<String>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// A privilege that is granted to a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The name of the role.
    pub role: String,
    /// The type of the object, such as `Collection`.
    pub object: String,
    /// The name of the object, or `*` for all.
    pub object_name: String,
    /// The name of the user who granted the privilege.
    pub grantor: String,
    /// The name of the privilege, such as `Query`.
    pub privilege: String,
    /// The database that contains the object.
    pub db_name: String,
}

/// A named set of privileges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrivilegeGroup {
    /// The name of the group.
    pub name: String,
    /// The names of the privileges in the group.
    pub privileges: Vec<String>,
}
