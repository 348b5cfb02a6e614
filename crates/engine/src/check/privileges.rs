//! Checks whether the user has the privileges of backups and restores on a Milvus with authorization.

use futures::future::join_all;
use milvus::{Milvus, OwnPrivileges, Trial};
use model::name::{CollectionRef, DEFAULT_DATABASE};
use model::privilege::{
    ALL_OBJECTS, BACKUP_PRIVILEGES, Coverage, Grant, ObjectType, Privilege, RESTORE_PRIVILEGES, Requirement,
    demanded_by, determine_coverage,
};

use super::{Check, CheckPurpose, CheckState};
use crate::Advice;

/// The number of collections that a line names before it only counts them.
const MAX_NAMED: usize = 3;

/// The databases and collections on which privileges are needed, and what is known about the grants of the user.
struct Privileges<'a> {
    milvus: &'a Milvus,
    databases: Vec<String>,
    collections: Vec<CollectionRef>,
    /// The grants of the user; `None` if it may not read them.
    grants: Option<Vec<Grant>>,
}

/// Whether the user has one required privilege.
enum Finding {
    Present,
    Missing,
    /// The privilege is missing on these objects, but not on all.
    MissingOnSome(Vec<CollectionRef>),
    /// The privilege is not granted on all collections; whether it is granted on single ones cannot be read.
    NotOnAll,
    Unknown,
}

/// Returns a warning if Milvus may leave databases and collections out of its lists, because the user is no administrator.
pub(crate) async fn describe_shortened_lists(milvus: &Milvus) -> Option<String> {
    let warning = describe_lists_of_others(milvus)?;
    let is_admin = matches!(milvus.own_privileges(&[]).await, Ok(OwnPrivileges::Everything));
    (!is_admin && milvus.demands_login().await).then_some(warning)
}

/// Returns the warning for a user who is no administrator; `None` if this release lists everything.
fn describe_lists_of_others(milvus: &Milvus) -> Option<String> {
    let user = milvus.user().filter(|_| milvus.capabilities().shortens_lists)?;
    Some(format!(
        "Milvus lists only the databases and collections on which user {user} has a privilege: others are not backed up"
    ))
}

/// Checks the privileges that the purpose needs, with one line for backups and one for restores; no line if the server
/// demands no login.
pub(super) async fn check_privileges(milvus: &Milvus, purpose: CheckPurpose, lines: &mut Vec<Check>) {
    if !milvus.demands_login().await {
        return;
    }
    let databases = milvus.list_databases().await.unwrap_or_else(|_| vec![DEFAULT_DATABASE.to_owned()]);
    let grants = match milvus.own_privileges(&databases).await {
        Ok(OwnPrivileges::Everything) => {
            let text = format!("user {} may do everything", milvus.user().unwrap_or_default());
            lines.push(Check::new(CheckState::Ok, "privileges", text));
            return;
        }
        Ok(OwnPrivileges::Granted(grants)) => Some(grants),
        Err(_) => None,
    };
    if let Some(warning) = describe_lists_of_others(milvus) {
        lines.push(Check::new(CheckState::Warn, "lists", warning));
    }
    let mut collections = Vec::new();
    for database in &databases {
        let names = milvus.list_collections(database).await.unwrap_or_default();
        collections.extend(names.iter().map(|(name, _)| CollectionRef::new(database, name)));
    }
    let privileges = Privileges { milvus, databases, collections, grants };
    let demanded = |requirements| demanded_by(&milvus.server().version, requirements);
    if purpose != CheckPurpose::Restore {
        let objects = &privileges.collections;
        lines.push(privileges.check("backup privileges", &demanded(BACKUP_PRIVILEGES), objects).await);
    }
    if purpose != CheckPurpose::Backup {
        let mut line = privileges.check("restore privileges", &demanded(RESTORE_PRIVILEGES), &[]).await;
        if purpose == CheckPurpose::Everything && line.state == CheckState::Fail {
            line.state = CheckState::Warn;
        }
        lines.push(line);
    }
}

impl Privileges<'_> {
    /// Checks the privileges that a backup or a restore needs, in one line.
    async fn check(
        &self,
        subject: &'static str,
        requirements: &[Requirement],
        collections: &[CollectionRef],
    ) -> Check {
        let examined = join_all(requirements.iter().map(|required| self.examine(required, collections)));
        let (mut lacks, mut unknown) = (Vec::new(), Vec::new());
        let mut state = CheckState::Ok;
        for (requirement, (privilege, finding)) in requirements.iter().zip(examined.await) {
            let place = match finding {
                Finding::Present => continue,
                Finding::Unknown => {
                    unknown.push(privilege.to_string());
                    continue;
                }
                Finding::Missing => String::new(),
                Finding::MissingOnSome(objects) => format!(" on {}", list_names(&objects)),
                Finding::NotOnAll => " on all collections".to_owned(),
            };
            let is_fatal = place.is_empty() && requirement.only_for.is_none();
            if is_fatal || state == CheckState::Ok {
                state = if is_fatal { CheckState::Fail } else { CheckState::Warn };
            }
            let purpose = requirement.only_for.map(|purpose| format!(" for {purpose}")).unwrap_or_default();
            lacks.push(format!("{privilege}{place}{purpose}"));
        }
        let user = self.milvus.user().map_or_else(|| "the token".to_owned(), |user| format!("user {user}"));
        let mut detail = match (lacks.is_empty(), unknown.is_empty()) {
            (true, true) => format!("{user} has all"),
            (true, false) => format!("{user} lacks none that can be tried"),
            (false, _) => format!("{user} lacks {}", lacks.join(", ")),
        };
        if !unknown.is_empty() {
            detail = format!("{detail}; unknown: {}", unknown.join(", "));
        }
        let advice = (state != CheckState::Ok).then_some(Advice::GrantPrivilege);
        Check { advice, ..Check::new(state, subject, detail) }
    }

    /// Looks for a privilege in the grants, and asks the server about what they do not show.
    ///
    /// Releases demand different privileges for a call, so the answer may name another one.
    async fn examine(&self, required: &Requirement, collections: &[CollectionRef]) -> (Privilege, Finding) {
        let privilege = required.privilege();
        let Some(grants) = &self.grants else { return self.try_in_all_databases(required).await };
        let objects = self.objects_of(required, collections);
        let find = |privilege: &Privilege| match determine_coverage(grants, privilege, &objects) {
            Coverage::Full => Finding::Present,
            Coverage::Partial(missing) => Finding::MissingOnSome(missing),
            Coverage::None => Finding::Missing,
        };
        match find(&privilege) {
            Finding::Missing => match self.try_out(required, DEFAULT_DATABASE).await {
                Trial::Allowed => (privilege, Finding::Present),
                Trial::Denied(name) => {
                    let demanded = Privilege { name, ..privilege };
                    let finding = find(&demanded);
                    (demanded, finding)
                }
                Trial::Unknown => (privilege, Finding::Missing),
            },
            found => (privilege, found),
        }
    }

    /// Tries a privilege in every database, because the grants cannot be read.
    async fn try_in_all_databases(&self, required: &Requirement) -> (Privilege, Finding) {
        let mut privilege = required.privilege();
        let objects = self.objects_of(required, &[]);
        let trials = join_all(objects.iter().map(|object| self.try_out(required, &object.database))).await;
        let mut denied = Vec::new();
        for (object, trial) in objects.iter().zip(&trials) {
            if let Trial::Denied(name) = trial {
                name.clone_into(&mut privilege.name);
                denied.push(object.clone());
            }
        }
        let finding = match denied.len() {
            0 if trials.contains(&Trial::Unknown) => Finding::Unknown,
            0 => Finding::Present,
            all if all == objects.len() && privilege.object_type == ObjectType::Global => Finding::Missing,
            all if all == objects.len() => Finding::NotOnAll,
            _ => Finding::MissingOnSome(denied),
        };
        (privilege, finding)
    }

    /// Returns the objects on which a privilege is needed; `*` stands for all collections of a database.
    fn objects_of(&self, required: &Requirement, collections: &[CollectionRef]) -> Vec<CollectionRef> {
        if required.concerns_server() {
            return vec![CollectionRef::new(DEFAULT_DATABASE, ALL_OBJECTS)];
        }
        if required.object_type == ObjectType::Collection && !collections.is_empty() {
            return collections.to_vec();
        }
        self.databases.iter().map(|database| CollectionRef::new(database, ALL_OBJECTS)).collect()
    }

    /// Calls the server about a collection that certainly does not exist.
    async fn try_out(&self, required: &Requirement, database: &str) -> Trial {
        let name = format!("mb_check_{}", uuid::Uuid::new_v4().simple());
        self.milvus.try_privilege(required.name, &CollectionRef::new(database, &name)).await
    }
}

/// Lists some names, such as `default.apple, default.pear and 3 more`.
fn list_names(objects: &[CollectionRef]) -> String {
    let named: Vec<String> = objects.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let named = named.join(", ");
    match objects.len().saturating_sub(MAX_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
