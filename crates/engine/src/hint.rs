//! The hints of errors: the suggested next step for the operator.

use model::version::UnsupportedVersion;
use storage::ErrorKind as StoreKind;

use crate::{BackupState, Error};

impl Error {
    /// Returns the suggested next step, or `None` if the error needs no hint or has none.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Selection(_, Some(hint)) => hint.clone(),
            Self::Selection(_, None) => {
                "a filter is a list of db.*, db.collection, collection (of default) or db. alone; names are those of the source".into()
            }
            Self::NameTaken { name, state: BackupState::Running } => {
                format!("another run is making {name}; choose another name, or wait for its end")
            }
            Self::NameTaken { name, .. } => {
                format!("choose another name, or delete it first: milvus-backup delete -n {name}")
            }
            Self::Occupied { .. } => "choose another name, or look at what lies there".into(),
            Self::NoSuchBackup { .. } => "`milvus-backup list` shows which there are".into(),
            Self::NotComplete { name, state: BackupState::Running } => {
                format!("wait for the run that is making {name}; one that died counts as unfinished three minutes after its last sign of life")
            }
            Self::NotComplete { name, .. } => {
                format!("it cannot be restored; delete it with milvus-backup delete -n {name} and take another")
            }
            Self::Running { .. } => {
                "wait for its end; a run that died is free to be deleted three minutes after its last sign of life".into()
            }
            Self::NotABackup { .. } => "nothing was deleted; look at what lies there before removing it by hand".into(),
            Self::DamagedFile { .. } | Self::Damaged { .. } => {
                "restore from another backup, or bring the files back from a copy of this one".into()
            }
            Self::WrongRoot { .. } => {
                "compare minio.bucketName and minio.rootPath (milvus.storage.bucketName, .rootPath) with Milvus's own milvus.yaml; \
                 `milvus-backup check` tries them"
                    .into()
            }
            Self::Rows { counted: 1.., .. } => {
                "the backup, or the server while it imported, lost rows: drop the collection and restore it again; if it stays so, \
                 restore from another backup"
                    .into()
            }
            Self::Rows { .. } => {
                "the server reads from its own bucket and root path: compare minio.bucketName and minio.rootPath with its \
                 milvus.yaml, or run `milvus-backup check`"
                    .into()
            }
            Self::Foreign { .. } => {
                "restores into one target at the same time double its rows: drop the collection and restore it again, alone".into()
            }
            Self::Plan(plan) => return hint_for_plan_error(plan),
            Self::TargetIsAlias(_) => "name the collection itself, or drop the alias first".into(),
            Self::Mapping(_) => "a rename is old:new, db.old:db.new or db1.*:db2.*, separated by commas".into(),
            Self::Vanished(_) => "take the backup again, or without --strict".into(),
            Self::RowsDiffer { .. } => {
                "back the collection up again; if it stays so, look for lost segments in the logs of Milvus's data coordinator".into()
            }
            Self::NotFlushed { .. } => "look at the logs of Milvus's data nodes, then back the collection up again".into(),
            Self::Unsteady { .. } => "Milvus compacts it faster than it can be copied; try again when it is calmer".into(),
            Self::Segments { .. } => "if it stays so, files of an interrupted write lie among them; compact the collection and try again".into(),
            Self::Import { reason, .. } => return hint_for_import_failure(reason),
            Self::Stalled { .. } => {
                "look at the logs of Milvus's data nodes; then restore the collection again with --drop-exist-collection".into()
            }
            Self::Format { .. } | Self::Schema { .. } => "restore into a Milvus of the version it was taken of, or later".into(),
            Self::Storage(error) => return hint_for_store_error(error.kind()),
            Self::Milvus(error) => return hint_for_milvus_error(error.kind()),
            Self::During { doing, .. } if doing.contains("import job") => {
                "once Milvus is back, restore the collection again with --drop-exist-collection".into()
            }
            Self::During { source, .. } => return source.hint(),
            Self::Strategy(_) => "use --strategy serial_flush, or leave it out".into(),
            Self::Version(UnsupportedVersion::TooOld(_)) => "upgrade Milvus to 2.2.9 or later".into(),
            Self::Version(UnsupportedVersion::TooNew(_)) => "use Milvus Backup (Go) for this Milvus until then".into(),
            Self::Copied { .. } => "try again; if it stays so, the store does not keep what is written to it".into(),
            // The messages of the first three contain the rule. The others need no action, or are bugs of this program.
            Self::Name(_) | Self::Place { .. } | Self::StorageVersion(..) | Self::Encode { .. } | Self::Cancelled | Self::NotProven(_) | Self::Task(_) => return None,
        })
    }
}

fn hint_for_plan_error(error: &model::plan::restore::PlanError) -> Option<String> {
    use model::plan::restore::PlanError as E;
    Some(match error {
        E::TargetsExist(_) => {
            "restore beside them with --suffix or --rename, into them with --skip-create-collection, or in their place with --drop-exist-collection".into()
        }
        E::DropsUnconfirmed(_) => {
            "they were created after the restore was submitted; look at them, then submit it again".into()
        }
        E::TargetsMissing(_) => "leave out --skip-create-collection to have them created".into(),
        E::NotInBackup(_) | E::L0(_) | E::StorageVersion(..) => return None,
    })
}

/// Returns the hint for a failed import job, if the reason that Milvus reports is a known one.
fn hint_for_import_failure(reason: &str) -> Option<String> {
    let known = [
        (
            "no binlog file",
            "the target's fields have other ids than the backup's; drop the target and restore again",
        ),
        (
            "could not read binlog file",
            "the target's schema differs from the backup's; drop the target and restore again",
        ),
        ("dimension", "the target's schema differs from the backup's; drop the target and restore again"),
        (
            "binlog file count",
            "files are missing or left over among the backup's; `milvus-backup get -n NAME --detail` names them",
        ),
        ("AccessDenied", "the Milvus server itself may not read there; give its credentials the right"),
        ("NoSuchBucket", "the Milvus server reads another bucket; compare its milvus.yaml"),
        ("partition not", "the target lacks a partition of the backup; create it or drop the target"),
        ("quota", "free disk quota in Milvus, then restore again"),
    ];
    known.iter().find(|(text, _)| reason.contains(text)).map(|(_, hint)| (*hint).to_owned())
}

fn hint_for_store_error(kind: StoreKind) -> Option<String> {
    Some(match kind {
        StoreKind::PermissionDenied => {
            "compare the rights there, of the access key on an object store, of this user on a disk; `milvus-backup config show` tells where each value comes from"
        }
        StoreKind::Unreachable => "compare address, port and useSSL; `milvus-backup check` tries them",
        StoreKind::BucketMissing => "compare the bucket's name, or create it",
        StoreKind::NoSpace => "free space there, then delete the unfinished backup and take it again",
        StoreKind::RateLimited => "the store asks for fewer requests; lower transfer.concurrency (backup.parallelism.copydata)",
        StoreKind::Timeout => "the store answers too slowly; try again, or lower transfer.concurrency (backup.parallelism.copydata)",
        _ => return None,
    }
    .to_owned())
}

fn hint_for_milvus_error(kind: milvus::MilvusErrorKind) -> Option<String> {
    use milvus::MilvusErrorKind as E;
    Some(match kind {
        E::Unreachable => "compare milvus.address, milvus.port and the TLS mode; `milvus-backup check` tries them",
        E::Unauthenticated => "compare milvus.user and milvus.password; `milvus-backup config show` tells where each value comes from",
        E::PermissionDenied => "this user lacks a privilege; use root, or grant it",
        E::RateLimited => "Milvus limits these requests (quotaAndLimits in milvus.yaml); try again later",
        E::Quota => "a quota of Milvus is used up (quotaAndLimits in milvus.yaml)",
        E::CollectionNotFound | E::DatabaseNotFound => "it was dropped meanwhile, or lies in another database",
        _ => return None,
    }
    .to_owned())
}
