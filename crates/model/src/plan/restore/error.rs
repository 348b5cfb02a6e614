//! The error of planning a restore.

use crate::ids::SegmentId;
use crate::manifest::InvalidMetadataPath;
use crate::name::CollectionRef;

/// The reason why a restore cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PlanError {
    /// The request names a collection that the backup does not contain.
    #[error("the backup does not contain collection {0}")]
    NotInBackup(CollectionRef),
    /// Target collections exist, and the request does not say what to do with them.
    #[error("target collections exist already: {}", join_names(.0))]
    TargetsExist(Vec<CollectionRef>),
    /// Target collections exist whose drop was not confirmed, because they did not exist at that time.
    #[error("the drop of these existing target collections was not confirmed: {}", join_names(.0))]
    DropsUnconfirmed(Vec<CollectionRef>),
    /// A target collection that should be used has another schema than the backup.
    #[error("the schema of the target {target} differs from the backup: {}", join_differences(.differences))]
    SchemaDiffers {
        /// The target collection.
        target: CollectionRef,
        /// The differences in words.
        differences: Vec<String>,
    },
    /// Target collections that should be used do not exist.
    #[error("target collections do not exist: {}", join_names(.0))]
    TargetsMissing(Vec<CollectionRef>),
    /// A collection has segments of a storage version that the target cannot import.
    #[error(
        "{0} contains segments of storage version {1}, which this Milvus cannot import (version 2: since 2.6.0)"
    )]
    StorageVersion(CollectionRef, i64),
    /// A segment lacks the files of a field that was added later, and the target does not fill them.
    #[error(
        "segment {1} of {0} has no files of field {2}, which was added later: only Milvus 2.6.0 and later can import it"
    )]
    MissingColumn(CollectionRef, SegmentId, String),
    /// The request names partitions that no selected collection of the backup has.
    #[error("no selected collection of the backup has the partitions {}", .0.join(", "))]
    UnknownPartitions(Vec<String>),
    /// The request demands what imports cannot do.
    #[error("{} is not possible with imports: insert the rows instead (--mode insert)", .0.join(", "))]
    ImportOptions(Vec<&'static str>),
    /// The request demands what inserts cannot do.
    #[error("rows cannot be inserted with {}: import them instead (--mode import)", .0.join(", "))]
    InsertOptions(Vec<&'static str>),
    /// The request demands what a restore from snapshots cannot do.
    #[error(
        "a backup in snapshot format does not support {}: Milvus restores each collection as it was",
        .0.join(", ")
    )]
    SnapshotOptions(Vec<&'static str>),
    /// The backup has no snapshot of a collection.
    #[error("the backup has no snapshot of {0}, so it cannot be restored")]
    NoSnapshot(CollectionRef),
    /// The place of a collection's snapshot is invalid.
    #[error("{0} cannot be restored: {1}")]
    SnapshotPath(CollectionRef, #[source] InvalidMetadataPath),
    /// An external collection whose keys Milvus did not hand out.
    #[error(
        "the keys of the external collection {0} are not in the backup, because Milvus shows them as ***: leave it out \
         of the restore, and create it by hand"
    )]
    ExternalKeys(CollectionRef),
}

/// Joins the first five differences.
fn join_differences(differences: &[String]) -> String {
    let shown: Vec<&str> = differences.iter().take(5).map(String::as_str).collect();
    match differences.len().saturating_sub(shown.len()) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}

fn join_names(names: &[CollectionRef]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
