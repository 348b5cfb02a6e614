//! The privileges that backups and restores need on a Milvus with authorization, and the grants that give them.

use std::fmt;

use crate::name::CollectionRef;
use crate::version::{Release, ServerVersion};

/// The kind of object for which a privilege is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectType {
    /// The whole server, or a whole database.
    Global,
    /// One collection, or all collections of a database.
    Collection,
}

/// A privilege, as Milvus names it in grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privilege {
    /// The kind of object for which it is granted.
    pub object_type: ObjectType,
    /// The name, such as `Flush`.
    pub name: String,
}

/// A privilege that a backup or a restore needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The kind of object for which the privilege is granted.
    pub object_type: ObjectType,
    /// The name of the privilege.
    pub name: &'static str,
    /// The first release that has the privilege; older ones demand none for the call.
    since: Release,
    /// What fails without it; `None` if the whole backup or restore fails.
    pub only_for: Option<&'static str>,
}

/// A privilege that the role of a user has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The kind of the object, such as `Collection`.
    pub object_type: String,
    /// The name of the object; `*` for all.
    pub object_name: String,
    /// The database; `*` for all.
    pub database: String,
    /// The name of the privilege; `*` for all of this kind of object, `All` for every privilege in the database.
    pub privilege: String,
}

/// On how many of some objects a user has a privilege.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All of them.
    Full,
    /// Some of them; these are missing.
    Partial(Vec<CollectionRef>),
    /// None of them.
    None,
}

/// The text in a grant that means all objects, all databases or all privileges.
pub const ALL_OBJECTS: &str = "*";

/// The privileges of backups, in the order of their calls.
pub const BACKUP_PRIVILEGES: &[Requirement] = &[
    global("ListDatabases"),
    global("ShowCollections"),
    global("DescribeCollection"),
    since_2_3(collection("ShowPartitions")),
    collection("IndexDetail"),
    collection("GetLoadState"),
    since_2_3(global("ListAliases")),
    collection("Flush"),
    since_2_3(collection("GetFlushState")),
    Requirement { only_for: Some("comparing rows with the server's count"), ..collection("GetStatistics") },
];

/// The privileges of restores, in the order of their calls.
pub const RESTORE_PRIVILEGES: &[Requirement] = &[
    global("ListDatabases"),
    Requirement { only_for: Some("new databases"), ..global("CreateDatabase") },
    global("DescribeCollection"),
    Requirement { only_for: Some("replacing and cleaning up collections"), ..global("DropCollection") },
    global("CreateCollection"),
    since_2_3(collection("CreatePartition")),
    collection("IndexDetail"),
    collection("CreateIndex"),
    Requirement { only_for: Some("rebuilding indexes"), ..collection("DropIndex") },
    collection("Import"),
    collection("GetStatistics"),
    Requirement { only_for: Some("loading"), ..collection("Load") },
    Requirement { only_for: Some("waiting for loads"), ..collection("GetLoadState") },
    Requirement { only_for: Some("aliases"), ..since_2_3(global("CreateAlias")) },
];

/// Limits a privilege to the releases that have it: one between 2.3.2, which demands none, and 2.3.5 introduced it.
const fn since_2_3(requirement: Requirement) -> Requirement {
    Requirement { since: (2, 3, 3), ..requirement }
}

const fn global(name: &'static str) -> Requirement {
    Requirement { object_type: ObjectType::Global, name, since: (2, 2, 9), only_for: None }
}

const fn collection(name: &'static str) -> Requirement {
    Requirement { object_type: ObjectType::Collection, ..global(name) }
}

/// Returns those of some privileges that a release demands, by the names that it gives them.
pub fn demanded_by(version: &ServerVersion, requirements: &[Requirement]) -> Vec<Requirement> {
    let asks_for_load = version.at_least((2, 3, 1)) && !version.at_least((2, 4, 0));
    let demanded = requirements.iter().filter(|requirement| version.at_least(requirement.since));
    demanded
        .map(|requirement| match requirement.name {
            "GetLoadState" if asks_for_load => Requirement { name: "Load", ..*requirement },
            _ => *requirement,
        })
        .collect()
}

impl Requirement {
    /// Returns the privilege without its purpose.
    pub fn privilege(&self) -> Privilege {
        Privilege { object_type: self.object_type, name: self.name.to_owned() }
    }

    /// Returns whether the privilege concerns no single database; Milvus looks for it in the database `default`.
    pub fn concerns_server(&self) -> bool {
        matches!(self.name, "ListDatabases" | "CreateDatabase")
    }
}

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Global => "Global",
            Self::Collection => "Collection",
        })
    }
}

/// Writes the name with the kind of object, both of which a grant demands, such as `Flush (Collection)`.
impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.object_type)
    }
}

impl Grant {
    /// Returns whether the grant gives a privilege on a collection, or on all collections of a database.
    fn covers(&self, privilege: &Privilege, object: &CollectionRef) -> bool {
        if self.database != ALL_OBJECTS && self.database != object.database {
            return false;
        }
        if self.privilege == "All" {
            return true;
        }
        let covers_object = match privilege.object_type {
            ObjectType::Global => true,
            ObjectType::Collection => {
                self.object_name == ALL_OBJECTS || self.object_name == object.collection
            }
        };
        let covers_privilege = self.privilege == ALL_OBJECTS || self.privilege == privilege.name;
        self.object_type == privilege.object_type.to_string() && covers_object && covers_privilege
    }

    /// Returns whether the grant gives a privilege on any object at all.
    fn concerns(&self, privilege: &Privilege) -> bool {
        self.object_type == privilege.object_type.to_string() && self.privilege == privilege.name
    }
}

/// Determines on how many of the objects the grants give a privilege.
pub fn determine_coverage(grants: &[Grant], privilege: &Privilege, objects: &[CollectionRef]) -> Coverage {
    let is_missing = |object: &&CollectionRef| !grants.iter().any(|grant| grant.covers(privilege, object));
    let missing: Vec<CollectionRef> = objects.iter().filter(is_missing).cloned().collect();
    if missing.is_empty() {
        Coverage::Full
    } else if missing.len() < objects.len() || grants.iter().any(|grant| grant.concerns(privilege)) {
        Coverage::Partial(missing)
    } else {
        Coverage::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(object_type: &str, object_name: &str, database: &str, privilege: &str) -> Grant {
        let [object_type, object_name, database, privilege] =
            [object_type, object_name, database, privilege].map(str::to_owned);
        Grant { object_type, object_name, database, privilege }
    }

    fn coverage(grants: &[Grant], requirement: Requirement) -> Coverage {
        let objects = [CollectionRef::new("default", "apple"), CollectionRef::new("shop", "pear")];
        determine_coverage(grants, &requirement.privilege(), &objects)
    }

    #[test]
    fn a_grant_covers_its_database_object_and_privilege() {
        let flush = collection("Flush");
        assert_eq!(coverage(&[], flush), Coverage::None);
        assert_eq!(coverage(&[grant("Collection", "*", "*", "Flush")], flush), Coverage::Full);
        assert_eq!(coverage(&[grant("Collection", "*", "*", "*")], flush), Coverage::Full);
        assert_eq!(coverage(&[grant("Collection", "*", "*", "Load")], flush), Coverage::None);
        assert_eq!(coverage(&[grant("Global", "*", "*", "*")], flush), Coverage::None);
        assert_eq!(coverage(&[grant("Global", "*", "*", "All")], flush), Coverage::Full);
        let [apple, pear] = [CollectionRef::new("default", "apple"), CollectionRef::new("shop", "pear")];
        let partial = |missing: &CollectionRef| Coverage::Partial(vec![missing.clone()]);
        assert_eq!(coverage(&[grant("Collection", "*", "shop", "Flush")], flush), partial(&apple));
        assert_eq!(coverage(&[grant("Collection", "apple", "*", "Flush")], flush), partial(&pear));
        let [one, other] = [("apple", "default"), ("pear", "shop")];
        let both = [one, other].map(|(name, database)| grant("Collection", name, database, "Flush"));
        assert_eq!(coverage(&both, flush), Coverage::Full);
        // A grant on a collection that does not exist yet shows that the privilege is limited, not that it is missing.
        let future = [grant("Collection", "plum", "shop", "Flush")];
        assert_eq!(coverage(&future, flush), Coverage::Partial(vec![apple, pear]));
    }

    #[test]
    fn each_release_demands_the_privileges_that_it_has() {
        let names = |version: &str| {
            let demanded = demanded_by(&ServerVersion::parse(version), BACKUP_PRIVILEGES);
            demanded.iter().map(|requirement| requirement.name).collect::<Vec<_>>()
        };
        let (old, new) = (names("2.2.16"), names("2.3.5"));
        assert!(!old.contains(&"ListAliases") && new.contains(&"ListAliases"));
        assert!(old.contains(&"GetLoadState") && !new.contains(&"GetLoadState") && new.contains(&"Load"));
    }

    #[test]
    fn a_global_privilege_needs_no_collection() {
        let create = global("CreateCollection");
        assert_eq!(coverage(&[grant("Global", "*", "*", "CreateCollection")], create), Coverage::Full);
        assert_eq!(coverage(&[grant("Global", "*", "*", "*")], create), Coverage::Full);
        assert_eq!(coverage(&[grant("Collection", "*", "*", "*")], create), Coverage::None);
    }
}
