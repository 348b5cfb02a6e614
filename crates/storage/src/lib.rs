//! Bytes on object stores and disks: one [`Store`] to read, write, list and delete, one [`Mover`] to copy.
//!
//! Of our own crates only the model's [`model::key::ObjectKey`] is known here. Nothing in this crate knows
//! what a backup is, prints, or reads the environment; the one exception is [`Credentials::Chain`], which asks
//! the AWS credential chain to do so.

mod classify;
mod config;
mod credentials;
mod error;
mod local;
mod location;
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
