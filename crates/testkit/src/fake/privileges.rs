//! The privileges that calls need, and the groups of privileges that servers know.

use super::reply::Version;
use super::words::{V2_2, V2_3, V2_4, V2_5, V2_6, V3_0, row_at};

/// What a privilege is granted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Collection,
    Global,
    User,
}

/// The privilege that a call needs since a release; empty if it needs none.
type Need = (Version, Object, &'static str);

use Object::{Collection, Global, User};

const NOTHING: Need = (V2_2, Global, "");

/// The privileges that calls need; calls that are not listed need none.
const NEEDS: &[(&str, &[Need])] = &[
    ("ListDatabases", &[(V2_2, Global, "ListDatabases"), (V2_5, Global, "")]),
    ("CreateDatabase", &[(V2_2, Global, "CreateDatabase")]),
    ("DropDatabase", &[(V2_2, Global, "DropDatabase")]),
    ("DescribeDatabase", &[(V2_4, Global, "DescribeDatabase")]),
    ("AlterDatabase", &[(V2_4, Global, "AlterDatabase")]),
    ("CreateCollection", &[(V2_2, Global, "CreateCollection")]),
    ("AlterCollection", &[(V2_2, Global, "CreateCollection")]),
    ("AddCollectionField", &[(V2_6, Collection, "AddCollectionField")]),
    ("AlterCollectionSchema", &[(V3_0, Collection, "AlterCollectionSchema")]),
    ("DropCollection", &[(V2_2, Global, "DropCollection")]),
    ("GetCollectionStatistics", &[(V2_2, Collection, "GetStatistics")]),
    ("ShowPartitions", &[NOTHING, (V2_3, Collection, "ShowPartitions")]),
    ("CreatePartition", &[NOTHING, (V2_3, Collection, "CreatePartition")]),
    ("CreateIndex", &[(V2_2, Collection, "CreateIndex")]),
    ("AlterIndex", &[(V2_2, Collection, "CreateIndex")]),
    ("DropIndex", &[(V2_2, Collection, "DropIndex")]),
    (
        "GetLoadState",
        &[(V2_2, Collection, "GetLoadState"), (V2_3, Collection, "Load"), (V2_4, Collection, "GetLoadState")],
    ),
    ("LoadCollection", &[(V2_2, Collection, "Load")]),
    ("LoadPartitions", &[(V2_2, Collection, "Load")]),
    ("ReleaseCollection", &[(V2_2, Collection, "Release")]),
    ("ListAliases", &[NOTHING, (V2_3, Global, "ListAliases"), (V2_5, Global, "")]),
    ("CreateAlias", &[NOTHING, (V2_3, Global, "CreateAlias")]),
    ("DropAlias", &[NOTHING, (V2_3, Global, "DropAlias")]),
    ("Flush", &[(V2_2, Collection, "Flush")]),
    ("FlushAll", &[(V2_2, Global, "FlushAll")]),
    ("GetFlushState", &[NOTHING, (V2_3, Collection, "GetFlushState")]),
    // A grant on collections does not give this privilege until 2.6.
    ("Import", &[(V2_2, Global, "Import"), (V2_6, Collection, "Import")]),
    ("Insert", &[(V2_2, Collection, "Insert")]),
    ("Upsert", &[(V2_3, Collection, "Upsert")]),
    ("Delete", &[(V2_2, Collection, "Delete")]),
    ("Query", &[(V2_2, Collection, "Query")]),
    ("CreateCredential", &[(V2_2, Global, "CreateOwnership")]),
    ("CreateRole", &[(V2_2, Global, "CreateOwnership")]),
    ("OperateUserRole", &[(V2_2, Global, "ManageOwnership")]),
    ("OperatePrivilege", &[(V2_2, Global, "ManageOwnership")]),
    ("OperatePrivilegeV2", &[(V2_2, Global, "ManageOwnership")]),
    ("SelectGrant", &[(V2_2, Global, "SelectOwnership")]),
    ("SelectUser", &[(V2_2, User, "SelectUser")]),
    ("BackupRBAC", &[(V2_4, Global, "BackupRBAC")]),
    ("RestoreRBAC", &[(V2_4, Global, "RestoreRBAC")]),
    ("CreatePrivilegeGroup", &[(V2_4, Global, "CreatePrivilegeGroup")]),
    ("OperatePrivilegeGroup", &[(V2_4, Global, "OperatePrivilegeGroup")]),
    ("CreateSnapshot", &[(V3_0, Collection, "CreateSnapshot")]),
    ("DropSnapshot", &[(V3_0, Collection, "DropSnapshot")]),
    ("ListSnapshots", &[(V3_0, Collection, "ListSnapshots")]),
    ("DescribeSnapshot", &[(V3_0, Collection, "DescribeSnapshot")]),
    ("PinSnapshotData", &[(V3_0, Global, "PinSnapshotData")]),
    ("UnpinSnapshotData", &[(V3_0, Global, "UnpinSnapshotData")]),
    ("ExportSnapshot", &[(V3_0, Global, "ExportSnapshot")]),
    ("GetExportSnapshotState", &[(V3_0, Global, "ExportSnapshot")]),
    ("RestoreSnapshot", &[(V3_0, Collection, "RestoreSnapshot")]),
    ("RestoreExternalSnapshot", &[(V3_0, Global, "RestoreExternalSnapshot")]),
];

/// The calls that belong to no database.
const CLUSTER_CALLS: &str = "FlushAll CreateDatabase DropDatabase ListDatabases BackupRBAC RestoreRBAC \
         SelectUser SelectGrant CreateCredential CreateRole OperateUserRole \
         CreatePrivilegeGroup OperatePrivilegeGroup";

/// The privileges by the object on which they are granted.
const GRANTABLE: [(Object, &str); 3] = [
    (
        Collection,
        "CreateIndex DropIndex IndexDetail Load GetLoadingProgress GetLoadState Release \
         Insert Delete Upsert Search Flush Query GetStatistics Compaction Import \
         LoadBalance CreatePartition DropPartition ShowPartitions HasPartition \
         GetFlushState GroupReadOnly GroupReadWrite GroupAdmin AddCollectionField",
    ),
    (
        Global,
        "All CreateCollection DropCollection DescribeCollection ShowCollections \
         RenameCollection FlushAll CreateOwnership DropOwnership SelectOwnership \
         ManageOwnership CreateResourceGroup DropResourceGroup DescribeResourceGroup \
         ListResourceGroups TransferNode TransferReplica CreateDatabase ListDatabases \
         DropDatabase DescribeDatabase AlterDatabase CreateAlias DropAlias DescribeAlias \
         ListAliases BackupRBAC RestoreRBAC CreatePrivilegeGroup DropPrivilegeGroup \
         ListPrivilegeGroups OperatePrivilegeGroup UpdateResourceGroups",
    ),
    (User, "UpdateUser SelectUser"),
];

/// A level of the groups that every server has, with what reading, writing and administration add.
struct Level {
    name: &'static str,
    rights: [(&'static str, &'static str); 3],
}

const LEVELS: [Level; 3] = [
    Level {
        name: "Cluster",
        rights: [
            ("ReadOnly", "ListDatabases SelectOwnership SelectUser"),
            ("ReadWrite", "FlushAll"),
            (
                "Admin",
                "BackupRBAC RestoreRBAC CreateDatabase DropDatabase CreateOwnership DropOwnership \
         ManageOwnership UpdateUser CreatePrivilegeGroup DropPrivilegeGroup \
         OperatePrivilegeGroup",
            ),
        ],
    },
    Level {
        name: "Database",
        rights: [
            ("ReadOnly", "ShowCollections DescribeDatabase"),
            ("ReadWrite", "AlterDatabase"),
            ("Admin", "CreateCollection DropCollection"),
        ],
    },
    Level {
        name: "Collection",
        rights: [
            (
                "ReadOnly",
                "Query Search IndexDetail GetFlushState GetLoadState GetLoadingProgress \
         HasPartition ShowPartitions DescribeCollection DescribeAlias GetStatistics \
         ListAliases",
            ),
            (
                "ReadWrite",
                "Load Release Insert Delete Upsert Import Flush Compaction LoadBalance \
         CreateIndex DropIndex CreatePartition DropPartition AddCollectionField",
            ),
            ("Admin", "CreateAlias DropAlias"),
        ],
    },
];

/// Returns whether a list of words contains one.
fn has_word(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|own| own == word)
}

impl Object {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Collection => "Collection",
            Self::Global => "Global",
            Self::User => "User",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Collection, Global, User].into_iter().find(|object| object.as_str() == name)
    }

    /// Returns whether a privilege is granted on this object.
    pub(super) fn has_privilege(self, privilege: &str) -> bool {
        GRANTABLE.iter().any(|(object, names)| *object == self && has_word(names, privilege))
    }
}

/// Returns the privilege that a call needs in a release, and the object on which it is granted.
pub(super) fn needed_privilege(call: &str, version: Version) -> Option<(Object, &'static str)> {
    let (_, needs) = NEEDS.iter().find(|(name, _)| *name == call)?;
    let (_, object, privilege) = row_at(needs, version, |need| need.0)?;
    (!privilege.is_empty()).then_some((*object, *privilege))
}

/// Returns whether a call belongs to no database.
pub(super) fn is_cluster_call(call: &str) -> bool {
    has_word(CLUSTER_CALLS, call)
}

/// Returns the object of a privilege; privileges of two objects have the first.
pub(super) fn object_of(privilege: &str) -> Option<Object> {
    [Collection, Global, User].into_iter().find(|object| object.has_privilege(privilege))
}

/// Returns the level of a group that every server has, such as `Cluster` for `ClusterReadOnly`.
pub(super) fn level_of_group(group: &str) -> Option<&'static str> {
    let is_level = |level: &&Level| {
        let rest = group.strip_prefix(level.name).unwrap_or_default();
        level.rights.iter().any(|(name, _)| *name == rest)
    };
    LEVELS.iter().find(is_level).map(|level| level.name)
}

/// Returns whether a group that every server has contains a privilege: a right includes the lesser ones.
pub(super) fn group_contains(group: &str, privilege: &str) -> bool {
    LEVELS.iter().any(|level| {
        let rest = group.strip_prefix(level.name).unwrap_or_default();
        let right = level.rights.iter().position(|(name, _)| *name == rest);
        right.is_some_and(|right| {
            level.rights.iter().take(right + 1).any(|(_, names)| has_word(names, privilege))
        })
    })
}
