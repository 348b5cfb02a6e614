//! The plan of a restore.

use model::ids::PartitionScope;
use model::plan::restore::{CollectionPlan, DeleteTreatment, ImportFiles, PartitionPlan, RbacAdditions};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{BackupFormat, RestoreMethod, TargetAction};

/// The plan of a restore, which changed nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RestorePlan {
    /// Always true.
    pub dry_run: bool,
    /// The name of the backup.
    pub name: String,
    /// The version of the target Milvus.
    pub milvus: String,
    /// The host and port of the target Milvus.
    pub address: String,
    /// The format of the backup. Milvus itself restores a snapshot, without import jobs.
    #[serde(default = "BackupFormat::binlog")]
    pub format: BackupFormat,
    /// The number of collections in the backup, whether selected or not.
    pub collections_in_backup: usize,
    /// The databases that the target lacks and the restore would create.
    pub databases_to_create: Vec<String>,
    /// The reason why files would be copied to the store of the target first; null if Milvus imports them in place.
    pub staging: Option<String>,
    /// The plans of the selected collections.
    pub collections: Vec<PlannedCollectionRestore>,
    /// The number of import jobs.
    pub jobs: usize,
    /// The number of files to import, to read and insert, or of snapshots to restore.
    pub objects: u64,
    /// The total size of these files in bytes.
    pub bytes: u64,
    /// The number of files that are copied or written to the store of the target first.
    #[serde(default)]
    pub staged_objects: u64,
    /// The users, roles and grants that would be added; null if the request does not demand that.
    #[serde(default)]
    pub rbac: Option<PlannedRbac>,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

/// The users, roles and grants that a restore adds; those that exist are left as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedRbac {
    /// The names of the users to add.
    pub users: Vec<String>,
    /// The names of the roles to add.
    pub roles: Vec<String>,
    /// The names of the privilege groups to add.
    pub privilege_groups: Vec<String>,
    /// The number of roles to give to users.
    pub user_roles: usize,
    /// The number of privileges to give to roles.
    pub grants: usize,
    /// The users, roles and privilege groups that the target has already.
    pub kept: Vec<String>,
}

/// The plan of one collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedCollectionRestore {
    /// The name of the collection in the backup: `database.collection`.
    pub source: String,
    /// The name of the collection in the target: `database.collection`.
    pub target: String,
    /// Whether the target collection is created, replaced or used.
    pub action: TargetAction,
    /// The names of the snapshots that are destroyed when the existing target is dropped (Milvus 3.0 and later).
    #[serde(default)]
    pub destroyed_snapshots: Vec<String>,
    /// The smallest number of imported rows that matches the backup: its rows minus its delete entries.
    pub rows_min: u64,
    /// The largest number of imported rows that matches the backup: its rows.
    pub rows_max: u64,
    /// Whether the collection is loaded at the end.
    pub load: bool,
    /// The aliases to create.
    pub aliases: Vec<String>,
    /// The names of the indexes to create.
    pub indexes: Vec<String>,
    /// The plans of the partitions.
    pub partitions: Vec<PlannedPartitionRestore>,
}

/// The plan of one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedPartitionRestore {
    /// The name of the partition.
    pub name: String,
    /// The smallest number of imported rows that matches the backup: its rows minus its delete entries.
    pub rows_min: u64,
    /// The largest number of imported rows that matches the backup: its rows.
    pub rows_max: u64,
    /// How its rows get into the target.
    #[serde(default = "RestoreMethod::import")]
    pub method: RestoreMethod,
    /// Why they get there in this way; absent if there is no choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub method_reason: Option<String>,
    /// The import jobs of the partition; empty if it has no data to import.
    pub jobs: Vec<PlannedImportJob>,
}

/// The plan of one import job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedImportJob {
    /// Whether files are copied or written to the store of the target first; delta logs alone, if it reads the rows in the
    /// backup.
    pub staged: bool,
    /// The number of segments for which a new delta log is written, because the target does not import all delete entries
    /// of the backup that apply to them.
    #[serde(default)]
    pub segments_with_folded_deletes: usize,
    /// The number of segments that are rewritten without the deleted rows, because the target would also delete rows
    /// that were inserted later with the same keys.
    #[serde(default)]
    pub rewritten_segments: usize,
    /// The number of files.
    pub objects: u64,
    /// The total size of the files in bytes.
    pub bytes: u64,
}

impl RestorePlan {
    /// Creates the document of a restore that was prepared and not executed.
    pub fn new(prepared: &engine::PreparedRestore) -> Self {
        let (plan, server) = (prepared.plan(), prepared.server());
        let sizes = plan.collections.iter().map(CollectionPlan::size);
        let (objects, bytes) = sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
        Self {
            dry_run: true,
            name: plan.name.to_string(),
            milvus: server.version.to_string(),
            address: server.address.clone(),
            format: BackupFormat::of_manifest(prepared.format()),
            collections_in_backup: prepared.collections_in_backup(),
            databases_to_create: plan.databases.clone(),
            staging: plan.staging.clone(),
            collections: plan.collections.iter().map(PlannedCollectionRestore::from).collect(),
            jobs: plan.jobs().count(),
            objects,
            bytes,
            staged_objects: plan.jobs().map(|job| job.staged_objects).sum(),
            rbac: plan.rbac.as_ref().map(PlannedRbac::from),
            warnings: plan.warnings.clone(),
        }
    }
}

impl From<&RbacAdditions> for PlannedRbac {
    fn from(additions: &RbacAdditions) -> Self {
        let new = &additions.new;
        Self {
            users: new.users.iter().map(|user| user.name.clone()).collect(),
            roles: new.roles.clone(),
            privilege_groups: new.privilege_groups.iter().map(|group| group.name.clone()).collect(),
            user_roles: additions.user_roles.len(),
            grants: additions.grants.len(),
            kept: additions.kept.clone(),
        }
    }
}

impl From<&CollectionPlan> for PlannedCollectionRestore {
    fn from(plan: &CollectionPlan) -> Self {
        Self {
            source: plan.source.to_string(),
            target: plan.target.to_string(),
            action: plan.action.into(),
            destroyed_snapshots: plan.destroyed_snapshots.clone(),
            rows_min: plan.rows().min,
            rows_max: plan.rows().max,
            load: plan.load,
            aliases: plan.aliases.clone(),
            indexes: plan.indexes.iter().map(|index| index.name.clone()).collect(),
            partitions: plan
                .partitions
                .iter()
                .map(|partition| PlannedPartitionRestore::new(plan, partition))
                .collect(),
        }
    }
}

impl PlannedPartitionRestore {
    fn new(collection: &CollectionPlan, plan: &PartitionPlan) -> Self {
        let jobs = collection.jobs_of(PartitionScope::One(plan.id)).map(|job| PlannedImportJob {
            staged: job.files != ImportFiles::InPlace,
            segments_with_folded_deletes: job.count(DeleteTreatment::Folded),
            rewritten_segments: job.count(DeleteTreatment::Applied),
            objects: job.objects,
            bytes: job.bytes,
        });
        Self {
            name: plan.name.clone(),
            rows_min: plan.rows.min,
            rows_max: plan.rows.max,
            method: plan.method.method.into(),
            method_reason: Some(plan.method.reason.clone()).filter(|reason| !reason.is_empty()),
            jobs: jobs.collect(),
        }
    }
}
