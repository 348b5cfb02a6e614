//! Callers and their roles.

use std::str::FromStr;

use wire::{Failure, FailureKind};

/// The role of a caller. Each role includes the permissions of the roles before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Read backups and jobs.
    Read,
    /// Create backups.
    Backup,
    /// Restore backups.
    Restore,
    /// Delete backups.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Backup, Self::Restore, Self::Admin];

    /// Returns the name of the role in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(text)).ok_or(UnknownRole)
    }
}

/// The text is not the name of a role.
#[derive(Debug, thiserror::Error)]
#[error("expected a role: read, backup, restore or admin")]
pub struct UnknownRole;

/// An authenticated caller; an extension of requests that the guard has authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The name of the token, user or certificate.
    pub name: String,
    /// The role.
    pub role: Role,
}

impl Caller {
    /// Returns the caller of a server without authentication.
    pub(crate) fn anyone() -> Self {
        Self { name: "anonymous".to_owned(), role: Role::Admin }
    }

    /// Fails if the caller lacks a role.
    pub(crate) fn require(&self, needed: Role) -> Result<(), Failure> {
        if self.role >= needed {
            return Ok(());
        }
        Err(Failure::new(
            FailureKind::Forbidden,
            format!(
                "permission denied: {} has role {}, this needs {}",
                self.name,
                self.role.as_str(),
                needed.as_str()
            ),
        )
        .hint("use credentials with that role, or change the role in the configuration of the server"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_includes_lesser_roles() {
        let caller = Caller { name: "ci".to_owned(), role: "Backup".parse().unwrap() };
        assert!(caller.require(Role::Read).is_ok() && caller.require(Role::Backup).is_ok());
        let refused = caller.require(Role::Admin).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Forbidden);
        assert_eq!(refused.message, "permission denied: ci has role backup, this needs admin");
    }
}
