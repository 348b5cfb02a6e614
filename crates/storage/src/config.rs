//! The choice of a store.

use crate::backend::{StoreTraits, disk, s3};

/// Selects the store that [`Store::open`](crate::Store::open) opens.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has a few of them")]
pub enum StoreConfig {
    /// The file system of this machine; a key is an absolute path without its leading slash.
    Disk,
    /// A bucket of an S3-compatible object store.
    S3(s3::S3Config),
}

impl StoreConfig {
    /// Returns the properties of the backend.
    pub fn traits(&self) -> StoreTraits {
        match self {
            Self::Disk => disk::TRAITS,
            Self::S3(_) => s3::TRAITS,
        }
    }

    /// Returns the name of the bucket; `None` for a local disk.
    pub fn bucket(&self) -> Option<&str> {
        match self {
            Self::Disk => None,
            Self::S3(config) => Some(&config.bucket),
        }
    }

    /// Returns the name of the bucket, to be replaced; `None` for a local disk.
    pub fn bucket_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Disk => None,
            Self::S3(config) => Some(&mut config.bucket),
        }
    }
}
