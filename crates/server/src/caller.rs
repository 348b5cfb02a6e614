//! Who asks, and what they may.

use std::str::FromStr;

use wire::{Failure, Kind};

/// What a caller may do; each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Look at backups and jobs.
    Read,
    /// Make backups.
    Backup,
    /// Restore them.
    Restore,
    /// Delete them.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Backup, Self::Restore, Self::Admin];

    /// The role in a word, as the configuration writes it.
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

/// A word that is no role.
#[derive(Debug, thiserror::Error)]
#[error("expected a role: read, backup, restore or admin")]
pub struct UnknownRole;

/// Who asks, as the door knows them; in the extensions of every request that passed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The name of the token, user or certificate.
    pub name: String,
    /// What they may.
    pub role: Role,
}

impl Caller {
    /// Who asks where nobody has to say who they are.
    pub(crate) fn anyone() -> Self {
        Self { name: "anonymous".to_owned(), role: Role::Admin }
    }

    /// Refuses what needs more than the caller's role.
    pub(crate) fn may(&self, needed: Role) -> Result<(), Failure> {
        if self.role >= needed {
            return Ok(());
        }
        Err(Failure::new(
            Kind::Forbidden,
            format!("{} has the role {}, this needs {}", self.name, self.role.as_str(), needed.as_str()),
        )
        .hint("ask with a token of that role; the server's configuration gives roles"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_what_lesser_roles_may() {
        let caller = Caller { name: "ci".to_owned(), role: "Backup".parse().unwrap() };
        assert!(caller.may(Role::Read).is_ok() && caller.may(Role::Backup).is_ok());
        let refused = caller.may(Role::Admin).unwrap_err();
        assert_eq!(refused.kind, Kind::Forbidden);
        assert_eq!(refused.message, "ci has the role backup, this needs admin");
    }
}
