//! A Milvus client for backup and restore.
//!
//! [`Milvus::connect`] opens a connection; every call on it has a deadline, is repeated where that is safe and
//! worth it, and ends in a [`MilvusError`] that says what could not be done, to what, and why. Messages of the
//! wire stay inside this crate. Dropping the future of a call cancels it on the server as well.
//!
//! Metrics go to whatever recorder of the crate `metrics` the program installed: the histogram
//! `milvus_backup_milvus_call_seconds` (a try, however it ended) and the counter `milvus_backup_milvus_retries_total`,
//! both with the label `call`, such as `describe_collection`.

mod alias;
mod auth;
mod call;
mod collection;
mod column;
mod config;
mod connect;
mod database;
mod describe;
mod error;
mod flush;
mod gc;
mod import;
mod index;
mod load;
mod partition;
mod reason;
mod rows;
mod schema;
mod segments;
mod status;
mod tls;

pub use collection::CreateCollection;
pub use column::{Column, Values};
pub use config::{Auth, ConnectConfig, Limits, Tls};
pub use connect::{Milvus, ServerInfo};
pub use describe::CollectionInfo;
pub use error::{ErrorKind, MilvusError};
pub use flush::Flushed;
pub use import::{ImportJobId, ImportRequest, ImportState, ImportStatus};
pub use index::{IndexInfo, IndexState};
pub use segments::{SegmentInfo, SegmentLevel, SegmentState};
