//! Access to object stores and disks: a [`Store`] reads, writes, lists and deletes objects, a [`Mover`] copies them.
//!
//! Of the other crates of this project, only [`model::key::ObjectKey`] is used here. This crate does not know what
//! a backup is, does not print, and does not read the environment. The one exception is [`Credentials::Chain`],
//! with which the AWS credential chain reads the environment.
//!
//! Metrics go to the recorder of the crate `metrics` that the program installed: the histogram
//! `milvus_backup_storage_call_seconds` (a request to a bucket, an operation on a disk; label `operation`), and the
//! counters `milvus_backup_storage_retries_total` and `milvus_backup_storage_throttles_total` (answers 429 and 503),
//! both with `operation`, `milvus_backup_storage_copied_objects_total` and `milvus_backup_storage_copied_bytes_total`.

mod classify;
mod config;
mod credentials;
mod error;
mod local;
mod location;
mod measure;
mod mover;
mod object;
mod s3_client;
mod server_copy;
mod store;
mod throttle;
mod transport;

pub use config::{Addressing, Credentials, S3Config, StoreConfig};
pub use error::{ErrorKind, Result, StorageError};
pub use location::{Location, StoreKind};
pub use mover::{Copied, CopyError, CopyItem, CopyMode, CopyWay, Mover, MoverOptions};
pub use object::{Entry, Listing, ObjectMeta};
pub use store::{ObjectWriter, Store};
