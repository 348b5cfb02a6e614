//! Access to object stores and disks: a [`Store`] reads, writes, lists and deletes objects, a [`Mover`] copies them.
//!
//! Of the other crates of this project, only [`model::key::ObjectKey`] is used here. This crate does not know what
//! a backup is, does not print, and does not read the environment. The one exception is [`S3Credentials::Chain`],
//! with which the AWS credential chain reads the environment.
//!
//! Metrics go to the recorder of the crate `metrics` that the program installed: the histogram
//! `milvus_backup_storage_call_seconds` (a request to a bucket, an operation on a disk; label `operation`), and the
//! counters `milvus_backup_storage_retries_total` and `milvus_backup_storage_throttles_total` (answers 429 and 503),
//! both with `operation`, `milvus_backup_storage_copied_objects_total` and `milvus_backup_storage_copied_bytes_total`.

mod backend;
mod classify;
mod config;
mod copy;
mod error;
mod location;
mod measure;
mod mover;
mod object;
mod stop;
mod store;
mod throttle;
mod transport;

pub use backend::StoreTraits;
pub use backend::s3::{NewObjectOptions, S3Addressing, S3Config, S3Credentials};
pub use config::StoreConfig;
pub use copy::{CopyError, CopyItem, CopyResult};
pub use error::{StorageError, StorageErrorKind, StoreRole};
pub use location::StoreLocation;
pub use mover::{CopyMethod, CopyMode, Mover, MoverOptions};
pub use object::{LevelListing, ListedObject, ObjectMetadata};
pub use store::{ObjectWriter, Store};
