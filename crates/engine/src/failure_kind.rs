//! Maps every error to the kind of failure that front ends distinguish.

use milvus::MilvusError;
use model::plan::restore::PlanError;
use storage::{StorageError, StorageErrorKind};

use crate::{BackupState, Error};

/// The kind of a failure, which the front ends map to an exit code, an HTTP status and a gRPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A failure of no other kind.
    Failed,
    /// The request or the configuration is wrong.
    Usage,
    /// A backup or collection does not exist.
    NotFound,
    /// A backup or collection exists already.
    AlreadyExists,
    /// Another run is using the backup.
    Busy,
    /// Milvus or a store is unreachable, or rejects the credentials.
    Unreachable,
    /// Some of the work succeeded and some failed.
    Partial,
    /// The backup is damaged or not complete.
    Damaged,
    /// The job was interrupted.
    Interrupted,
}

impl Error {
    /// Returns the kind of the failure.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Name(_)
            | Self::DeletesLatest(_)
            | Self::Place { .. }
            | Self::Mapping(_)
            | Self::Strategy(_)
            | Self::RequestedFormat(_)
            | Self::SnapshotStore(_)
            | Self::SnapshotSource(_)
            | Self::NoBinlogs(_)
            | Self::NoKey { .. }
            | Self::Filter { .. }
            | Self::NoRbac(_)
            | Self::NoRbacInBackup(_)
            | Self::NoCheckpoint { .. }
            | Self::Plan(
                PlanError::SnapshotOptions(_) | PlanError::InsertOptions(_) | PlanError::ImportOptions(_),
            )
            | Self::WrongRoot { .. } => FailureKind::Usage,
            Self::Selection(..)
            | Self::NoSuchBackup { .. }
            | Self::NoSuchCollection { .. }
            | Self::NoSuchPart { .. }
            | Self::NoLatest { .. }
            | Self::NotABackup { .. }
            | Self::Plan(
                PlanError::NotInBackup(_) | PlanError::TargetsMissing(_) | PlanError::UnknownPartitions(_),
            ) => FailureKind::NotFound,
            Self::NameTaken { .. }
            | Self::Occupied { .. }
            | Self::TargetIsAlias(_)
            | Self::SnapshotExists { .. }
            | Self::Plan(
                PlanError::TargetsExist(_) | PlanError::DropsUnconfirmed(_) | PlanError::SchemaDiffers { .. },
            ) => FailureKind::AlreadyExists,
            Self::NotComplete { state: BackupState::Running, .. }
            | Self::Running { .. }
            | Self::LeaseLost { .. } => FailureKind::Busy,
            Self::NotComplete { .. }
            | Self::DamagedFile { .. }
            | Self::Damaged { .. }
            | Self::Plan(PlanError::NoSnapshot(_) | PlanError::SnapshotPath(..))
            | Self::Unreadable { .. } => FailureKind::Damaged,
            Self::Rows { .. } | Self::Foreign { .. } | Self::JobLost { .. } | Self::ImportedTwice { .. } => {
                FailureKind::Partial
            }
            Self::Cancelled => FailureKind::Interrupted,
            Self::Storage(error) => kind_of_storage_error(error),
            Self::Contents(error) => match error.storage_error() {
                Some(error) if error.kind() != StorageErrorKind::NotFound => kind_of_storage_error(error),
                // A file that the manifest records is damaged, or does not exist.
                _ => FailureKind::Damaged,
            },
            Self::Milvus(error) | Self::ImportRefused(error) => kind_of_milvus_error(error),
            Self::During { source, .. } | Self::InsertStopped { source, .. } => source.kind(),
            Self::InsertUnanswered { source, .. } => kind_of_milvus_error(source),
            Self::Impossible(problems) => problems.first().map_or(FailureKind::Failed, Self::kind),
            Self::Version(_)
            | Self::Format { .. }
            | Self::Plan(_)
            | Self::Schema { .. }
            | Self::Segments { .. }
            | Self::StorageVersion(..)
            | Self::Vanished(_)
            | Self::Unsteady { .. }
            | Self::RowsDiffer { .. }
            | Self::NotFlushed { .. }
            | Self::Import { .. }
            | Self::Stalled { .. }
            | Self::NotInsertable { .. }
            | Self::NoSnapshotRestore(_)
            | Self::SnapshotJobFailed { .. }
            | Self::SnapshotJobStalled { .. }
            | Self::NotProven(_)
            | Self::Copied { .. }
            | Self::Encode { .. }
            | Self::Task(_) => FailureKind::Failed,
        }
    }
}

fn kind_of_storage_error(error: &StorageError) -> FailureKind {
    use storage::StorageErrorKind as E;
    match error.kind() {
        E::Credentials
        | E::ClockSkew
        | E::PermissionDenied
        | E::Unreachable
        | E::BucketMissing
        | E::Timeout => FailureKind::Unreachable,
        E::Config | E::Region => FailureKind::Usage,
        E::Cancelled => FailureKind::Interrupted,
        _ => FailureKind::Failed,
    }
}

fn kind_of_milvus_error(error: &MilvusError) -> FailureKind {
    use milvus::MilvusErrorKind as E;
    match error.kind() {
        E::Unreachable | E::Unauthenticated | E::PermissionDenied => FailureKind::Unreachable,
        E::Cancelled => FailureKind::Interrupted,
        E::CollectionNotFound | E::DatabaseNotFound => FailureKind::NotFound,
        _ => FailureKind::Failed,
    }
}
