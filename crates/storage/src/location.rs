//! The location of a store, and how its objects are named in messages.

use std::fmt;

use model::key::ObjectKey;

/// The location of a store; two stores with equal locations are the same store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// The file system of this machine.
    Disk,
    /// A bucket of an object store.
    Bucket {
        /// The protocol of the store, which also begins the names of its objects, such as `s3`.
        protocol: &'static str,
        /// Scheme, host in lower case, and port unless it is the default of the scheme.
        endpoint: String,
        /// The name of the bucket, as configured.
        bucket: String,
    },
}

impl StoreLocation {
    /// Returns scheme, host and port; `None` for a local disk.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Disk => None,
            Self::Bucket { endpoint, .. } => Some(endpoint),
        }
    }

    /// Returns the name of the bucket; `None` for a local disk.
    pub fn bucket(&self) -> Option<&str> {
        match self {
            Self::Disk => None,
            Self::Bucket { bucket, .. } => Some(bucket),
        }
    }

    /// Returns whether both are buckets of the same object store, so that this store can read both.
    pub fn has_same_endpoint(&self, other: &Self) -> bool {
        self.endpoint().is_some_and(|endpoint| other.endpoint() == Some(endpoint))
    }

    /// Names an object for messages: `s3://bucket/key` or `/path`.
    pub(crate) fn describe(&self, key: &ObjectKey) -> String {
        match self {
            Self::Disk => format!("/{key}"),
            Self::Bucket { protocol, bucket, .. } => format!("{protocol}://{bucket}/{key}"),
        }
    }

    /// Names an object for an error: like [`Self::describe`], with the host of the store.
    pub(crate) fn describe_object(&self, key: &ObjectKey) -> String {
        match self {
            Self::Disk => self.describe(key),
            Self::Bucket { endpoint, .. } => format!("{} at {}", self.describe(key), host(endpoint)),
        }
    }

    /// Names a prefix for an error, with the bucket and the host of the store.
    pub(crate) fn describe_prefix(&self, prefix: &ObjectKey) -> String {
        match self {
            Self::Disk => self.describe(prefix),
            Self::Bucket { endpoint, bucket, .. } if prefix.as_str().is_empty() => {
                format!("bucket {bucket:?} at {}", host(endpoint))
            }
            Self::Bucket { endpoint, bucket, .. } => {
                format!("{prefix} in bucket {bucket:?} at {}", host(endpoint))
            }
        }
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk => f.write_str("local disk"),
            Self::Bucket { protocol, endpoint, bucket } => write!(f, "{protocol} {endpoint} bucket {bucket}"),
        }
    }
}

/// Returns host and port of an endpoint.
fn host(endpoint: &str) -> &str {
    endpoint.split_once("://").map_or(endpoint, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(endpoint: &str, bucket: &str) -> StoreLocation {
        StoreLocation::Bucket { protocol: "s3", endpoint: endpoint.to_owned(), bucket: bucket.to_owned() }
    }

    #[test]
    fn a_location_names_itself_and_its_objects() {
        let (key, none) = (ObjectKey::new("a/b"), ObjectKey::default());
        let here = bucket("http://host:1", "b");
        assert_eq!(here.to_string(), "s3 http://host:1 bucket b");
        assert_eq!(here.describe_object(&key), "s3://b/a/b at host:1");
        assert_eq!(here.describe_prefix(&key), "a/b in bucket \"b\" at host:1");
        assert_eq!(here.describe_prefix(&none), "bucket \"b\" at host:1");
        let disk = StoreLocation::Disk;
        assert_eq!(
            (disk.to_string(), disk.describe_object(&key)),
            ("local disk".to_owned(), "/a/b".to_owned())
        );
    }

    #[test]
    fn only_buckets_have_an_endpoint_in_common() {
        let here = bucket("http://host:1", "a");
        assert!(here.has_same_endpoint(&bucket("http://host:1", "b")));
        assert!(!here.has_same_endpoint(&bucket("http://host:2", "a")));
        assert!(!here.has_same_endpoint(&StoreLocation::Disk));
        assert!(!StoreLocation::Disk.has_same_endpoint(&StoreLocation::Disk));
    }
}
