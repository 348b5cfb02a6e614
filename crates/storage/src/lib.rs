//! Bytes on object stores and disks: one [`Store`] to read, write, list and delete, one [`Mover`] to copy.
//!
//! Of our own crates only the model's [`model::key::ObjectKey`] is known here. Nothing in this crate knows
//! what a backup is, prints, or reads the environment; the one exception is [`Credentials::Chain`], which asks
//! the AWS credential chain to do so.
//!
//! Metrics go to whatever recorder of the crate `metrics` the program installed: the histogram
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
