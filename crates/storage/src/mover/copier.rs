//! The choice of the method by which the objects of one pair of stores are copied.

use tokio_util::sync::CancellationToken;

use crate::backend::Backend;
use crate::backend::s3::S3Copier;
use crate::copy::CopyItem;
use crate::error::{Cause, StorageError, StorageErrorKind};
use crate::store::Store;

/// Restricts the methods by which a mover may copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CopyMode {
    /// The cheapest method that works: by the store or the kernel if possible, streamed otherwise.
    #[default]
    Auto,
    /// Only by the store or the kernel; copies that would have to be streamed fail.
    Direct,
    /// Always streamed through this process.
    Streaming,
}

/// The method by which a mover copies an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyMethod {
    /// The store copies the object itself, between two buckets of one endpoint.
    ServerSide,
    /// The kernel copies from file to file.
    Kernel,
    /// This process reads the object from one store and writes it to the other.
    Streamed,
}

/// Copies the objects of one pair of stores by one method.
pub(crate) enum Copier {
    ServerSide(ServerSideCopier),
    Kernel,
    Streamed,
}

/// Requests copies from the store, by the protocol of its backend.
pub(crate) enum ServerSideCopier {
    S3(S3Copier),
}

impl Copier {
    /// Chooses the cheapest method that may work between two stores.
    ///
    /// A server-side copy is a request to the store of the target, which reads the source itself. So both buckets must
    /// have the same endpoint, whatever their names are, and the credentials of the target, which sign the request,
    /// must be allowed to read the source. No configuration tells whether they are: other credentials than those of
    /// the source may have the permission, and even the same may lack it, because it can come from a policy of the
    /// bucket. So a server-side copy is tried, and [`is_refusal`] decides whether the objects are streamed instead.
    pub(crate) fn between(from: &Store, to: &Store) -> Self {
        match (from.backend(), to.backend()) {
            (Backend::Disk, Backend::Disk) => Self::Kernel,
            (Backend::S3(source), Backend::S3(target))
                if from.location().has_same_endpoint(to.location()) =>
            {
                Self::ServerSide(ServerSideCopier::S3(S3Copier::new(source, target)))
            }
            (Backend::Disk | Backend::S3(_), Backend::Disk | Backend::S3(_)) => Self::Streamed,
        }
    }

    /// Returns the method of this copier.
    pub(crate) fn method(&self) -> CopyMethod {
        match self {
            Self::ServerSide(_) => CopyMethod::ServerSide,
            Self::Kernel => CopyMethod::Kernel,
            Self::Streamed => CopyMethod::Streamed,
        }
    }
}

impl ServerSideCopier {
    /// Copies an object, in parts if it has more bytes than `multipart_threshold` or the limit of the protocol.
    ///
    /// With `etag`, the store copies only an object with this entity tag. Returns the entity tag of the copy.
    pub(crate) async fn copy(
        &self,
        item: &CopyItem,
        etag: Option<&str>,
        multipart_threshold: u64,
        stop: &CancellationToken,
    ) -> Result<String, Cause> {
        match self {
            Self::S3(copier) => copier.copy(item, etag, multipart_threshold, stop).await,
        }
    }
}

/// Returns whether a store refused a server-side copy in a way that does not exclude streaming.
///
/// The credentials of the target may not be allowed to read the source, or may reach another bucket of the same name
/// (that of another tenant), or the store may not support the request. Invalid credentials are no refusal.
pub(crate) fn is_refusal(error: &StorageError) -> bool {
    use StorageErrorKind as K;
    matches!(error.kind(), K::PermissionDenied | K::Unsupported | K::BucketMissing | K::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{S3Addressing, S3Config, S3Credentials, StoreConfig};

    fn bucket(endpoint: &str, bucket: &str, access_key_id: &str) -> Store {
        let config = S3Config {
            endpoint: endpoint.to_owned(),
            region: String::new(),
            bucket: bucket.to_owned(),
            addressing: S3Addressing::Auto,
            credentials: S3Credentials::Static {
                access_key_id: access_key_id.to_owned(),
                secret_access_key: "secret".into(),
                session_token: None,
            },
            ca_cert: None,
            new_objects: crate::NewObjectOptions::default(),
        };
        Store::open(&StoreConfig::S3(config)).unwrap()
    }

    fn method(from: &Store, to: &Store) -> CopyMethod {
        Copier::between(from, to).method()
    }

    #[test]
    fn the_kernel_copies_on_the_disk_and_nowhere_else() {
        let disk = Store::open(&StoreConfig::Disk).unwrap();
        let bucket = bucket("http://127.0.0.1:1", "b", "key");
        assert_eq!(method(&disk, &disk), CopyMethod::Kernel);
        assert_eq!(method(&disk, &bucket), CopyMethod::Streamed);
        assert_eq!(method(&bucket, &disk), CopyMethod::Streamed);
    }

    #[test]
    fn a_store_copies_between_its_buckets_if_their_endpoint_is_the_same() {
        let here = bucket("http://127.0.0.1:1", "a", "key");
        assert_eq!(method(&here, &here), CopyMethod::ServerSide);
        assert_eq!(method(&here, &bucket("HTTP://127.0.0.1:1/", "b", "key")), CopyMethod::ServerSide);
        for elsewhere in ["http://127.0.0.1:2", "https://127.0.0.1:1", "http://127.0.0.2:1"] {
            assert_eq!(method(&here, &bucket(elsewhere, "a", "key")), CopyMethod::Streamed, "{elsewhere}");
        }
    }

    #[test]
    fn other_credentials_do_not_exclude_server_side_copies() {
        let (from, to) =
            (bucket("http://127.0.0.1:1", "a", "one"), bucket("http://127.0.0.1:1", "b", "other"));
        assert_eq!(method(&from, &to), CopyMethod::ServerSide);
    }

    #[test]
    fn missing_rights_and_support_and_a_source_that_is_not_visible_are_refusals() {
        use StorageErrorKind as K;
        let refused = |kind| is_refusal(&Cause::new(kind, "no").during("copy", "a to b"));
        for kind in [K::PermissionDenied, K::Unsupported, K::NotFound, K::BucketMissing] {
            assert!(refused(kind), "{kind:?}");
        }
        for kind in [K::Credentials, K::Unreachable, K::RateLimited, K::Timeout, K::Unexpected] {
            assert!(!refused(kind), "{kind:?}");
        }
    }
}
