//! The suggested next step after a failure, as data. The front ends express it in the terms of their users.

use milvus::{MilvusError, MilvusErrorKind};
use model::name::CollectionRef;
use model::plan::restore::{
    ExistingTargetPolicy, PlanError, RestoreOptions, RestoreRequest, RowSubset, SkipParams,
};
use serde::{Deserialize, Deserializer, Serialize};
use storage::{StorageError, StoreRole};

use crate::import_cause::advice_for_import_failure;
use crate::marker::LEASE_SECONDS;
use crate::{Activity, BackupState, Error, SnapshotJob, SnapshotJobKind};

/// The suggested next step after a failure.
///
/// It is stored with reports and jobs and is part of documents, where `action` names the variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Advice {
    /// Name the backup in the request.
    NameBackup,
    /// Choose another name, or delete the backup that has this one.
    ChooseNameOrDelete {
        /// The name of the existing backup.
        backup: String,
    },
    /// Choose another name, replace the unfinished backup that has this one, or delete it.
    ChooseNameOrReplace {
        /// The name of the unfinished backup.
        backup: String,
    },
    /// Choose another name, or wait for the run that writes the backup of this name.
    ChooseNameOrWait {
        /// The name of the backup.
        backup: String,
    },
    /// Choose another name, or inspect the directory, which contains other files.
    ChooseNameOrInspect,
    /// Inspect the directory before it is removed by hand; nothing was deleted.
    InspectDirectory,
    /// List the backups that exist.
    ListBackups,
    /// Wait for the run that uses the backup. If that run died, the backup can be deleted once its lease has expired.
    WaitForRun {
        /// The name of the backup.
        backup: String,
        /// The time without a sign of life after which the lease has expired, in seconds.
        lease_seconds: u64,
    },
    /// Delete the backup, which is unfinished, and create it again.
    DeleteAndCreateAgain {
        /// The name of the backup.
        backup: String,
    },
    /// Inspect the backup, which may be complete; if it is unfinished, delete it and create it again.
    InspectBackup {
        /// The name of the backup.
        backup: String,
    },
    /// Create the backup again; nothing was written.
    CreateAgain,
    /// Delete the backup again: the deletion continues where it stopped.
    DeleteAgain {
        /// The name of the backup.
        backup: String,
        /// Whether the backup may be deleted already, so that it is not found.
        may_be_gone: bool,
    },
    /// Restore from another backup, or copy the missing files back from a copy of this one.
    UseAnotherBackup,
    /// Create the backup again, or without the option `strict`.
    CreateAgainOrNotStrict,
    /// Find out which run or person removed or took over what this run used, then run it again.
    FindOtherRun,
    /// Use the flush strategy `serial_flush`, or the default.
    UseSerialFlush,
    /// Use the binlog format, or the default.
    UseBinlogFormat,
    /// Copy the backup to the object store of the target, and restore it from there.
    CopyBackupToTargetStore,
    /// Drop the snapshot in Milvus if no other run needs it, or choose another name for the backup.
    DropSnapshotOrChooseName,
    /// Wait until what pins the snapshot has ended, then drop the snapshot in Milvus.
    DropSnapshotLater,
    /// Compact the collection, then back it up again.
    CompactCollection,
    /// Try again when the collection changes less.
    WaitForQuietCollection,
    /// Correct the filter, which lists names of the source.
    CorrectFilter,
    /// Filter by the names in the backup instead of the new names.
    FilterBySourceNames {
        /// The names in the backup of the collections that were meant.
        names: Vec<CollectionRef>,
    },
    /// Filter targets by the names that collections get instead of the names in the backup.
    FilterByTargetNames,
    /// Correct the rename rule.
    CorrectRename,
    /// Restore the backup again; nothing was changed.
    RestoreAgain {
        /// The name of the backup.
        backup: String,
    },
    /// Restore the collections that a restore did not complete.
    RestoreRemaining(Box<RemainingRestore>),
    /// Inspect the targets of a restore, which may be incomplete, then restore the backup again.
    InspectTargets {
        /// The name of the backup.
        backup: String,
    },
    /// Inspect the aliases of the restored collections; some may be missing.
    InspectAliases,
    /// Choose what happens to the existing targets: other names, import into them, or replacement.
    ChooseExistingTargets,
    /// Inspect the targets that were created after the restore was submitted, then submit it again.
    ReviewNewTargets,
    /// Let the restore create the missing targets.
    CreateTargets,
    /// Use the name of the collection instead of its alias, or drop the alias.
    UseCollectionName,
    /// Drop the collection and restore it again. If rows are still missing, restore from another backup.
    ReplaceCollectionOrUseAnotherBackup,
    /// Drop the collection and restore it again while nothing else writes to it.
    ReplaceCollectionAlone,
    /// Restore the collection again in place of the incomplete one.
    ReplaceCollection {
        /// Whether Milvus was unreachable and must answer first.
        when_milvus_answers: bool,
    },
    /// Drop the target, whose fields differ from those in the backup, and restore again.
    RecreateTarget,
    /// Restore the collection again in place of the incomplete one; nothing else has to change.
    RestoreCollectionAgain,
    /// Remedy the cause of a failed or refused import.
    MendImport {
        /// The cause in one sentence.
        cause: String,
        /// The next step.
        step: Box<Advice>,
    },
    /// Change a setting of Milvus itself, then restore the collection again.
    SetInMilvus {
        /// The key in `milvus.yaml`.
        key: String,
        /// The value, or which values are right.
        value: String,
    },
    /// Follow all of these steps.
    Several {
        /// The steps, each once.
        steps: Vec<Advice>,
    },
    /// Wait until other imports have ended, then restore the collection again.
    WaitForImports,
    /// Give the key of the encryption zone that replaces the one in the backup.
    CorrectEncryptionKey,
    /// Report the failure as a fault of this program.
    ReportBug,
    /// Create the missing partition in the target, or drop the target.
    CreatePartition,
    /// Look up which files of the backup are missing or damaged.
    InspectBackupFiles,
    /// Restore into a later release of Milvus.
    UseNewerTarget,
    /// Restore into a later release of Milvus, or insert the rows instead of importing them.
    UseNewerTargetOrInserts,
    /// Leave out the fields that cannot be inserted.
    LeaveFieldsOut,
    /// Give the Milvus server itself the right to read the backup.
    AllowMilvusToRead,
    /// Inspect the logs of Milvus's data nodes, then back the collection up again.
    InspectMilvusLogs,
    /// Compare these settings with Milvus's own configuration file `milvus.yaml`.
    CompareWithMilvus {
        /// The settings.
        settings: Vec<Setting>,
    },
    /// Compare these settings with the server that is unreachable or rejects them.
    CompareSettings {
        /// The settings.
        settings: Vec<Setting>,
    },
    /// Set the region of the bucket.
    SetRegion {
        /// The setting.
        setting: Setting,
    },
    /// Compare the name of the bucket, or create the bucket.
    CreateBucket {
        /// The setting with the name.
        setting: Setting,
    },
    /// Check the permissions on the store.
    CheckStorePermissions,
    /// Free space on the store, then run the command again.
    FreeSpace,
    /// Lower the number of concurrent requests to the store.
    ReduceConcurrency,
    /// Grant the user of Milvus the missing privilege.
    GrantPrivilege,
    /// Try again later: Milvus limits the rate of these requests.
    WaitForRateLimit,
    /// Raise the quota of Milvus that is exhausted, or free some of it.
    FreeQuota,
    /// Check whether the collection or database was dropped, or is in another database.
    CheckName,
    /// Synchronise the clock of this machine.
    SynchroniseClock,
    /// Upgrade Milvus to a supported version.
    UpgradeMilvus,
    /// Try again. If the error persists, the store does not keep what is written to it.
    TryAgain,
}

/// A setting of the configuration, as an advice names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// The address of Milvus.
    MilvusAddress,
    /// The port of Milvus.
    MilvusPort,
    /// The TLS mode of the connection to Milvus.
    MilvusTlsMode,
    /// The user of Milvus.
    MilvusUser,
    /// The password of that user.
    MilvusPassword,
    /// The bucket of Milvus.
    MilvusBucket,
    /// The root path of Milvus in its bucket or on its disk.
    MilvusRootPath,
    /// The address of the object store.
    StorageAddress,
    /// The port of the object store.
    StoragePort,
    /// Whether the object store is accessed with TLS.
    StorageTls,
    /// The access key of the object store.
    StorageAccessKey,
    /// The secret key of the object store.
    StorageSecretKey,
    /// The session token of the object store.
    StorageToken,
    /// The region of Milvus's bucket.
    StorageRegion,
    /// The address of the object store of the backups.
    BackupAddress,
    /// The port of the object store of the backups.
    BackupPort,
    /// Whether the object store of the backups is accessed with TLS.
    BackupTls,
    /// The region of the bucket of the backups.
    BackupRegion,
    /// The bucket of the backups.
    BackupBucket,
    /// The access key of the object store of the backups.
    BackupAccessKey,
    /// The secret key of the object store of the backups.
    BackupSecretKey,
    /// The session token of the object store of the backups.
    BackupToken,
}

/// The collections that a restore did not complete, and the options to restore them with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemainingRestore {
    /// The name of the backup.
    pub backup: String,
    /// The remaining collections.
    pub collections: Vec<RemainingCollection>,
    /// The options of the restore. `existing` is `drop` where incomplete targets may exist.
    pub options: RestoreOptions,
    /// The part of each collection that is restored.
    #[serde(default, skip_serializing_if = "RowSubset::is_everything")]
    pub subset: RowSubset,
    /// Whether the options say everything in which the restore differed from the defaults.
    pub options_are_complete: bool,
    /// Whether rows may have been imported into targets that existed before, so that they must be emptied first.
    pub rows_may_repeat: bool,
}

/// A collection that a restore did not complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemainingCollection {
    /// The name in the backup.
    pub source: CollectionRef,
    /// The name in the target.
    pub target: CollectionRef,
}

impl RemainingRestore {
    /// Creates the advice for these remaining pairs of source and target.
    ///
    /// `may_exist` says whether the restore may have created some of the targets.
    pub fn new<'a>(
        request: &RestoreRequest,
        remaining: impl IntoIterator<Item = (&'a CollectionRef, &'a CollectionRef)>,
        may_exist: bool,
    ) -> Self {
        let mut options = request.options;
        if may_exist && options.existing == ExistingTargetPolicy::Refuse {
            options.existing = ExistingTargetPolicy::Drop;
        }
        let pair = |(source, target): (&CollectionRef, &CollectionRef)| RemainingCollection {
            source: source.clone(),
            target: target.clone(),
        };
        Self {
            backup: request.name.to_string(),
            collections: remaining.into_iter().map(pair).collect(),
            options,
            subset: request.subset.clone(),
            options_are_complete: request.overrides.is_empty()
                && request.max_shards.is_none()
                && request.ezk_mapping.is_empty()
                && request.skip == SkipParams::default(),
            rows_may_repeat: options.existing == ExistingTargetPolicy::Use && !options.meta_only,
        }
    }
}

/// Deserializes an optional advice; an unknown one, from a later version, becomes `None`.
///
/// Fails if the input is not well-formed.
pub fn known_advice<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Advice>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Lenient {
        Known(Advice),
        Unknown(serde::de::IgnoredAny),
    }
    Ok(match Option::<Lenient>::deserialize(deserializer)? {
        Some(Lenient::Known(advice)) => Some(advice),
        Some(Lenient::Unknown(_)) | None => None,
    })
}

impl Error {
    /// Returns the suggested next step, or `None` if the message contains it or there is none.
    pub fn advice(&self) -> Option<Advice> {
        Some(match self {
            Self::Selection(_, advice) => advice.as_deref().cloned().unwrap_or(Advice::CorrectFilter),
            Self::NameTaken { name, state: BackupState::Running } => {
                Advice::ChooseNameOrWait { backup: name.clone() }
            }
            Self::NameTaken { name, state: BackupState::Unfinished } => {
                Advice::ChooseNameOrReplace { backup: name.clone() }
            }
            Self::NameTaken { name, .. } => Advice::ChooseNameOrDelete { backup: name.clone() },
            Self::Occupied { .. } => Advice::ChooseNameOrInspect,
            Self::NoSuchBackup { .. } | Self::NoLatest { .. } | Self::DeletesLatest(_) => Advice::ListBackups,
            Self::NotComplete { name, state: BackupState::Running } | Self::Running { name, .. } => {
                Advice::WaitForRun { backup: name.clone(), lease_seconds: LEASE_SECONDS }
            }
            Self::NotComplete { name, .. } => Advice::DeleteAndCreateAgain { backup: name.clone() },
            Self::NotABackup { .. } => Advice::InspectDirectory,
            Self::DamagedFile { .. } | Self::Damaged { .. } => Advice::UseAnotherBackup,
            Self::Contents(error) => match error.storage_error() {
                Some(error) => return advice_for_store_error(error),
                None => Advice::UseAnotherBackup,
            },
            Self::Rows { counted: 1.., .. } => Advice::ReplaceCollectionOrUseAnotherBackup,
            // The server reads from its own bucket and root path, and found nothing there.
            Self::WrongRoot { .. } | Self::Rows { .. } => {
                Advice::CompareWithMilvus { settings: vec![Setting::MilvusBucket, Setting::MilvusRootPath] }
            }
            Self::Foreign { .. } => Advice::ReplaceCollectionAlone,
            Self::Plan(plan) => return advice_for_plan_error(plan),
            Self::Impossible(problems) => return advice_for_problems(problems),
            Self::TargetIsAlias(_) => Advice::UseCollectionName,
            Self::Mapping(_) => Advice::CorrectRename,
            Self::Vanished(_) => Advice::CreateAgainOrNotStrict,
            Self::RowsDiffer { .. } | Self::NotFlushed { .. } => Advice::InspectMilvusLogs,
            Self::Unsteady { .. } => Advice::WaitForQuietCollection,
            Self::Segments { .. } => Advice::CompactCollection,
            Self::Import { reason, .. } => return advice_for_import_failure(reason),
            Self::ImportRefused(error) => return advice_for_refused_import(error),
            Self::Stalled { .. } | Self::JobLost { .. } | Self::ImportedTwice { .. } => {
                Advice::ReplaceCollection { when_milvus_answers: false }
            }
            Self::Schema { can_insert: true, .. } => Advice::UseNewerTargetOrInserts,
            Self::NotInsertable { .. } => Advice::LeaveFieldsOut,
            Self::InsertStopped { source, .. } => return source.advice(),
            Self::Format { .. } | Self::Schema { .. } | Self::NoSnapshotRestore(_) => Advice::UseNewerTarget,
            Self::Storage(error) => return advice_for_store_error(error),
            Self::Milvus(error) => return advice_for_milvus_error(error.kind()),
            Self::During { activity, source } => match (activity, source.not_found_reason()) {
                (Activity::Import { .. }, forgotten) => forgotten
                    .and_then(advice_for_import_failure)
                    .unwrap_or(Advice::ReplaceCollection { when_milvus_answers: true }),
                (Activity::Insert { .. }, _) => Advice::ReplaceCollection { when_milvus_answers: true },
                (Activity::Snapshot(job), Some(_)) => advice_after_snapshot_job(job),
                _ => return source.advice(),
            },
            Self::Strategy(_) => Advice::UseSerialFlush,
            Self::RequestedFormat(_) | Self::SnapshotStore(_) => Advice::UseBinlogFormat,
            Self::SnapshotSource(_) => Advice::CopyBackupToTargetStore,
            Self::SnapshotExists { .. } => Advice::DropSnapshotOrChooseName,
            Self::SnapshotJobFailed { job, reason } => advice_for_snapshot_failure(job, reason),
            Self::SnapshotJobStalled { job, .. } => advice_after_snapshot_job(job),
            Self::Version(_) => Advice::UpgradeMilvus,
            Self::Copied { .. } => Advice::TryAgain,
            Self::LeaseLost { .. } => Advice::FindOtherRun,
            // What follows after the first depends on the target, so that the advice of the whole restore tells it.
            // The messages of the next four contain the rule or the reason. The others need no action, or are bugs of
            // this program.
            Self::InsertUnanswered { .. }
            | Self::Name(_)
            | Self::Unreadable { .. }
            | Self::Place { .. }
            | Self::StorageVersion(..)
            | Self::NoRbac(_)
            | Self::NoRbacInBackup(_)
            | Self::NoCheckpoint { .. }
            | Self::NoBinlogs(_)
            | Self::NoKey { .. }
            | Self::Filter { .. }
            | Self::NoSuchCollection { .. }
            | Self::NoSuchPart { .. }
            | Self::Encode { .. }
            | Self::Cancelled
            | Self::NotProven(_)
            | Self::Task(_) => return None,
        })
    }
}

impl Error {
    /// Returns the reason of Milvus for not finding an object, such as a job that it does not know any more.
    fn not_found_reason(&self) -> Option<&str> {
        match self {
            Self::Milvus(error) if error.kind() == MilvusErrorKind::NotFound => Some(error.reason()),
            _ => None,
        }
    }
}

/// Returns the steps against several problems, each once.
fn advice_for_problems(problems: &[Error]) -> Option<Advice> {
    let mut steps: Vec<Advice> = Vec::new();
    for step in problems.iter().filter_map(Error::advice) {
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    match steps.len() {
        0 | 1 => steps.pop(),
        _ => Some(Advice::Several { steps }),
    }
}

fn advice_for_plan_error(error: &PlanError) -> Option<Advice> {
    Some(match error {
        PlanError::TargetsExist(_) => Advice::ChooseExistingTargets,
        PlanError::DropsUnconfirmed(_) => Advice::ReviewNewTargets,
        PlanError::TargetsMissing(_) => Advice::CreateTargets,
        PlanError::SchemaDiffers { .. } => Advice::RecreateTarget,
        PlanError::StorageVersion(..) | PlanError::MissingColumn(..) => Advice::UseNewerTargetOrInserts,
        PlanError::NoSnapshot(_) | PlanError::SnapshotPath(..) => Advice::UseAnotherBackup,
        PlanError::NotInBackup(_)
        | PlanError::ExternalKeys(_)
        | PlanError::SnapshotOptions(_)
        | PlanError::InsertOptions(_)
        | PlanError::UnknownPartitions(_)
        | PlanError::ImportOptions(_) => return None,
    })
}

/// Returns the advice for a refused import: by its cause, if that is known, otherwise by the kind of the error.
fn advice_for_refused_import(error: &MilvusError) -> Option<Advice> {
    let of_kind = || advice_for_milvus_error(error.kind());
    match error.kind() {
        MilvusErrorKind::Unreachable | MilvusErrorKind::Unauthenticated => of_kind(),
        _ => advice_for_import_failure(error.reason()).or_else(of_kind),
    }
}

/// Returns the advice for a failed export or restore of a snapshot; a restore fails for the causes of imports.
fn advice_for_snapshot_failure(job: &SnapshotJob, reason: &str) -> Advice {
    let cause = match job.kind {
        SnapshotJobKind::Export => None,
        SnapshotJobKind::Restore => advice_for_import_failure(reason),
    };
    cause.unwrap_or_else(|| advice_after_snapshot_job(job))
}

/// Returns the advice after a job that did not complete: a restore may have left a part of its collection.
fn advice_after_snapshot_job(job: &SnapshotJob) -> Advice {
    match job.kind {
        SnapshotJobKind::Export => Advice::InspectMilvusLogs,
        SnapshotJobKind::Restore => Advice::ReplaceCollection { when_milvus_answers: false },
    }
}

fn advice_for_store_error(error: &StorageError) -> Option<Advice> {
    use storage::StorageErrorKind as E;
    let is_backup = error.role() == StoreRole::Backup;
    Some(match error.kind() {
        E::Credentials => Advice::CompareSettings {
            settings: if is_backup {
                vec![Setting::BackupAccessKey, Setting::BackupSecretKey, Setting::BackupToken]
            } else {
                vec![Setting::StorageAccessKey, Setting::StorageSecretKey, Setting::StorageToken]
            },
        },
        E::ClockSkew => Advice::SynchroniseClock,
        E::PermissionDenied => Advice::CheckStorePermissions,
        E::Unreachable if is_backup => Advice::CompareSettings {
            settings: vec![Setting::BackupAddress, Setting::BackupPort, Setting::BackupTls],
        },
        E::Unreachable => Advice::CompareSettings {
            settings: vec![Setting::StorageAddress, Setting::StoragePort, Setting::StorageTls],
        },
        E::Region => Advice::SetRegion {
            setting: if is_backup { Setting::BackupRegion } else { Setting::StorageRegion },
        },
        E::BucketMissing => Advice::CreateBucket {
            setting: if is_backup { Setting::BackupBucket } else { Setting::MilvusBucket },
        },
        E::NoSpace => Advice::FreeSpace,
        E::RateLimited | E::Timeout => Advice::ReduceConcurrency,
        _ => return None,
    })
}

fn advice_for_milvus_error(kind: MilvusErrorKind) -> Option<Advice> {
    use MilvusErrorKind as E;
    Some(match kind {
        E::Unreachable => Advice::CompareSettings {
            settings: vec![Setting::MilvusAddress, Setting::MilvusPort, Setting::MilvusTlsMode],
        },
        E::Unauthenticated => {
            Advice::CompareSettings { settings: vec![Setting::MilvusUser, Setting::MilvusPassword] }
        }
        E::PermissionDenied => Advice::GrantPrivilege,
        E::RateLimited => Advice::WaitForRateLimit,
        E::Quota => Advice::FreeQuota,
        E::SnapshotNotFound => Advice::CreateAgain,
        E::SnapshotPinned => Advice::DropSnapshotLater,
        E::CollectionNotFound | E::DatabaseNotFound => Advice::CheckName,
        _ => return None,
    })
}
