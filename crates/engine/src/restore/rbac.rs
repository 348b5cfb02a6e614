//! Restores users, roles and grants: what the target lacks is added, and what it has is left as it is.

use milvus::MilvusError;
use model::manifest::Rbac;
use model::plan::restore::RbacAdditions;

use super::RestoreRun;
use crate::Event;

impl RestoreRun<'_> {
    /// Adds the users, roles and grants of the backup that the target lacks; returns warnings about what failed.
    ///
    /// Newer servers look up the collections of grants, so this comes after the collections.
    pub(super) async fn restore_rbac(&self) -> Vec<String> {
        let Some(rbac) = &self.prepared.rbac else { return Vec::new() };
        let added = match self.milvus().read_rbac().await {
            Ok(target) => RbacAdditions::new(rbac, &target),
            Err(error) => return vec![format!("users, roles and grants are not restored: {error}")],
        };
        let mut warnings = Vec::new();
        let mut record = |result: Result<(), MilvusError>| match result {
            Ok(()) => 1,
            Err(error) => {
                warnings.push(format!("users, roles and grants are restored in part: {error}"));
                0
            }
        };
        if added.new != Rbac::default() {
            let Rbac { users, roles, privilege_groups: groups, .. } = &added.new;
            let (users, roles, groups) = (users.len(), roles.len(), groups.len());
            if record(self.milvus().add_rbac(&added.new).await) > 0 {
                self.ctx.emit(Event::Note(format!(
                    "added {users} users, {roles} roles and {groups} privilege groups"
                )));
            }
        }
        let mut grants = 0;
        for (user, role) in &added.user_roles {
            grants += record(self.milvus().add_user_to_role(user, role).await);
        }
        for grant in &added.grants {
            grants += record(self.milvus().grant(grant).await);
        }
        if grants > 0 {
            self.ctx.emit(Event::Note(format!("gave {grants} roles and privileges")));
        }
        if !added.kept.is_empty() {
            let kept = added.kept.join(", ");
            self.ctx.emit(Event::Note(format!("left as they are, because they exist in the target: {kept}")));
        }
        warnings
    }
}
