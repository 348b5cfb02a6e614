//! Why a restore cannot be planned.

use crate::name::CollectionRef;

/// Why a restore cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A collection was asked for that the backup has not.
    #[error("the backup holds no collection {0}")]
    NotInBackup(CollectionRef),
    /// Targets exist and nothing was said about it.
    #[error("target collections exist already: {}", list(.0))]
    TargetsExist(Vec<CollectionRef>),
    /// Targets exist whose drop was not confirmed, since they did not exist then.
    #[error("target collections exist whose drop was not confirmed: {}", list(.0))]
    DropsUnconfirmed(Vec<CollectionRef>),
    /// Targets that should be used do not exist.
    #[error("target collections do not exist: {}", list(.0))]
    TargetsMissing(Vec<CollectionRef>),
    /// The backup holds what no served Milvus can import.
    #[error(
        "{0} holds segments of deletes (L0), which come with Milvus 2.4; restoring them comes with a later release"
    )]
    L0(CollectionRef),
    /// The backup holds what no served Milvus can import.
    #[error(
        "{0} holds segments of storage version {1}, which come with Milvus 2.6; restoring them comes with a later release"
    )]
    StorageVersion(CollectionRef, i64),
}

fn list(names: &[CollectionRef]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
