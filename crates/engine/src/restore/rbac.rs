//! Restores users, roles and grants: what the target lacks is added, and what it has is left as it is.

use model::plan::restore::RbacAdditions;

use super::RestoreRun;
use crate::RbacRestored;

impl RestoreRun<'_> {
    /// Adds the users, roles and grants of the backup that the target lacks; `None` if the request does not demand that.
    ///
    /// Newer servers look up the collections of grants, so this comes after the collections.
    pub(super) async fn restore_rbac(&self) -> Option<RbacRestored> {
        let rbac = self.prepared.rbac.as_ref()?;
        let mut restored = RbacRestored::default();
        let added = match self.milvus().read_rbac().await {
            Ok(target) => RbacAdditions::new(rbac, &target),
            Err(error) => {
                restored.lacks.push(self.warn(format!("users, roles and grants are not restored: {error}")));
                return Some(restored);
            }
        };
        restored.kept.clone_from(&added.kept);
        let new = &added.new;
        if added.adds_names() {
            if let Err(error) = self.milvus().add_rbac(new).await {
                // What is granted to them would fail one by one.
                restored.lacks.push(self.warn(format!("users, roles and grants are not restored: {error}")));
                return Some(restored);
            }
            restored.users = new.users.len();
            restored.roles = new.roles.len();
            restored.privilege_groups = new.privilege_groups.len();
        }
        for (user, role) in &added.user_roles {
            match self.milvus().add_user_to_role(user, role).await {
                Ok(()) => restored.user_roles += 1,
                Err(error) => {
                    restored.lacks.push(self.warn(format!("user {user} lacks role {role}: {error}")));
                }
            }
        }
        for grant in &added.grants {
            match self.milvus().grant(grant).await {
                Ok(()) => restored.grants += 1,
                Err(error) => {
                    let (role, privilege) = (&grant.role, &grant.privilege);
                    let lack = format!("role {role} lacks privilege {privilege}: {error}");
                    restored.lacks.push(self.warn(lack));
                }
            }
        }
        Some(restored)
    }
}
