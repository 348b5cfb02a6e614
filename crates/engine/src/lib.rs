//! The use cases of the program as a library: backup, restore, list, get, delete and check.
//!
//! An [`Engine`] is created from a configuration and has one method for each use case. Long calls take a [`JobCtx`],
//! through which they are cancelled and emit [`Event`]s. The crate never prints, reads the environment or chooses an
//! exit code.

mod admit;
mod advice;
mod backup;
mod catalog;
mod check;
mod clock;
mod delete;
mod engine;
mod error;
mod event;
mod external_store;
mod failure_kind;
mod import_cause;
mod insert_rows;
mod instance;
mod job;
mod l0_compaction;
mod lease;
mod marker;
mod outage;
mod process_identity;
mod progress;
mod ready;
mod report;
mod restore;
mod snapshot_job;
mod snapshot_record;
mod stored_collection;
mod stored_contents;
mod stored_rows;
mod warnings;

pub use admit::{Admission, Claim};
pub use advice::{Advice, RemainingCollection, RemainingRestore, Setting, known_advice};
pub use backup::PreparedBackup;
pub use catalog::{BackupDetail, BackupFacts, BackupState, BackupSummary, CollectionFacts, PartitionFacts};
pub use check::{Check, CheckPurpose, CheckState};
pub use clock::now_ms;
pub use delete::{DeleteOutcome, DeleteRequest, PreparedDeletion};
pub use engine::{Engine, EngineConfig, EngineLimits, FileLocation};
pub use error::{Activity, Error, chain};
pub use event::{CollectionPhase, Event, Phase};
pub use external_store::{SeenByMilvus, SnapshotStoreError};
pub use failure_kind::FailureKind;
pub use job::JobCtx;
pub use l0_compaction::{L0CompactionOutcome, L0CompactionRequest, PreparedL0Compaction};
pub use marker::ServerIdentity;
pub use progress::{CollectionProgress, Completion, Progress, ProgressTotals};
pub use report::{
    BackupReport, CollectionFailure, CollectionOutcome, CollectionRestored, FailedCollection, PartitionRows,
    RbacRestored, RestoreReport,
};
pub use restore::PreparedRestore;
pub use rows::{FilterError, RowKey};
pub use snapshot_job::{SnapshotJob, SnapshotJobKind};
pub use stored_contents::{CollectionContents, LiveRows, PartitionContents, StoredSegment};
pub use stored_rows::{RowQuery, StoredRows};
