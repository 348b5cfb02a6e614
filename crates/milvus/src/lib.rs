//! A Milvus client for backup and restore.
//!
//! [`Milvus::connect`] opens a connection. Every call on it has a time limit and is retried if that is safe and can
//! help. A call that fails returns a [`MilvusError`] with the action, its object and the reason. Protobuf messages
//! are not part of the public interface, except for the columns of inserted rows, which would otherwise be copied once
//! more. Dropping the future of a call also cancels it on the server.
//!
//! Metrics go to the recorder of the crate `metrics` that the program installed: the histogram
//! `milvus_backup_milvus_call_seconds` (one attempt, successful or not) and the counter
//! `milvus_backup_milvus_retries_total`, both with the label `call`, such as `describe_collection`.

mod alias;
mod auth;
mod call;
mod collection;
mod config;
mod connect;
mod database;
mod describe;
mod encryption;
mod error;
mod flush;
mod gc;
mod import;
mod index;
mod insert;
mod load;
mod management;
mod partition;
mod privileges;
mod query;
mod rbac;
mod reason;
mod rest;
mod schema;
mod segment_files;
mod segments;
mod snapshot;
mod status;
mod tls;

pub use collection::CreateCollection;
pub use config::{Auth, CallLimits, ConnectConfig, Tls};
pub use connect::{Milvus, ServerInfo};
pub use describe::CollectionInfo;
pub use error::{MilvusError, MilvusErrorKind};
pub use flush::{Flushed, FlushedCluster, checkpoint_time};
pub use gc::GcPauseTicket;
pub use import::{ImportJobId, ImportPrefixes, ImportRequest, ImportState, ImportStatus, ListedImport};
pub use index::{IndexInfo, IndexState};
pub use insert::InsertedRows;
pub use privileges::{OwnPrivileges, Trial};
pub use query::RowKeys;
pub use segment_files::DescribedSegment;
pub use snapshot::{
    ExportStatus, ExternalStore, SnapshotJobId, SnapshotJobState, SnapshotPinId, SnapshotRef,
};
