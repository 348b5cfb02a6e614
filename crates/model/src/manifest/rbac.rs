//! Users, roles and grants of a backup.

/// Everything `BackupRBAC` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rbac {
    /// Users with their roles.
    pub users: Vec<User>,
    /// Role names, without `admin` and `public`.
    pub roles: Vec<String>,
    /// Grants.
    pub grants: Vec<Grant>,
    /// Privilege groups.
    pub privilege_groups: Vec<PrivilegeGroup>,
}

/// A user.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The user's name.
    pub name: String,
    /// The stored hash; a secret, though not the password itself.
    pub password_hash: String,
    /// The user's roles.
    pub roles: Vec<String>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("roles", &self.roles).finish_non_exhaustive()
    }
}

/// A privilege given to a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The role.
    pub role: String,
    /// Such as `Collection`.
    pub object: String,
    /// The object's name, or `*`.
    pub object_name: String,
    /// Who gave it.
    pub grantor: String,
    /// Such as `Query`.
    pub privilege: String,
    /// The database.
    pub db_name: String,
}

/// A named set of privileges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrivilegeGroup {
    /// The group's name.
    pub name: String,
    /// Its privileges.
    pub privileges: Vec<String>,
}
