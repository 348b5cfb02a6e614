//! The location of a store, and how its objects are named in messages.

use std::fmt;

use model::key::ObjectKey;

use crate::config::{S3Addressing, S3Config};
use crate::error::{Cause, Result, StorageErrorKind};

/// The protocol through which a store is accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// The file system of this machine.
    Disk,
    /// A bucket of an S3-compatible object store.
    S3,
}

/// The location of a store; two stores with equal locations are the same store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreLocation {
    /// The file system of this machine.
    Disk,
    /// A bucket of an S3-compatible object store.
    S3 {
        /// Scheme, host in lower case, and port unless it is the default of the scheme.
        endpoint: String,
        /// The name of the bucket, as configured.
        bucket: String,
    },
}

/// Host name suffixes of the clouds that expect the bucket in the host name.
const VIRTUAL_HOSTS: [&str; 6] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".aliyuncs.com",
    ".myqcloud.com",
    ".myhuaweicloud.com",
    "storage.googleapis.com",
];

impl StoreLocation {
    /// Parses and normalises the endpoint of a bucket; fails if it is not a plain HTTP or HTTPS URL.
    pub(crate) fn from_config(config: &S3Config) -> Result<Self> {
        let fail = |reason: &str| {
            Cause::new(StorageErrorKind::Config, reason)
                .during("use", format!("storage endpoint {:?}", config.endpoint))
        };
        if config.bucket.is_empty() {
            return Err(fail("no bucket is configured"));
        }
        let url = reqwest::Url::parse(&config.endpoint)
            .map_err(|error| fail(&format!("{error}; it must look like http://host:port")))?;
        let host = url.host_str().unwrap_or_default();
        if !matches!(url.scheme(), "http" | "https") || host.is_empty() {
            return Err(fail("it must look like http://host:port or https://host:port"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || !url.username().is_empty() {
            return Err(fail("it must hold no path, query or user"));
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self::S3 { endpoint: format!("{}://{host}{port}", url.scheme()), bucket: config.bucket.clone() })
    }

    /// Returns the protocol of the store.
    pub fn kind(&self) -> StoreKind {
        match self {
            Self::Disk => StoreKind::Disk,
            Self::S3 { .. } => StoreKind::S3,
        }
    }

    /// Returns scheme, host and port; `None` for a local disk.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Disk => None,
            Self::S3 { endpoint, .. } => Some(endpoint),
        }
    }

    /// Returns the name of the bucket; `None` for a local disk.
    pub fn bucket(&self) -> Option<&str> {
        match self {
            Self::Disk => None,
            Self::S3 { bucket, .. } => Some(bucket),
        }
    }

    /// Names an object for messages: `s3://bucket/key` or `/path`.
    pub fn describe(&self, key: &ObjectKey) -> String {
        match self {
            Self::Disk => format!("/{key}"),
            Self::S3 { bucket, .. } => format!("s3://{bucket}/{key}"),
        }
    }

    /// Names an object for an error: like [`Self::describe`], with the host of the store.
    pub(crate) fn describe_object(&self, key: &ObjectKey) -> String {
        match self {
            Self::Disk => self.describe(key),
            Self::S3 { .. } => format!("{} at {}", self.describe(key), self.host()),
        }
    }

    /// Names a prefix for an error, with the bucket and the host of the store.
    pub(crate) fn describe_prefix(&self, prefix: &ObjectKey) -> String {
        match self {
            Self::Disk => self.describe(prefix),
            Self::S3 { bucket, .. } if prefix.as_str().is_empty() => {
                format!("bucket {bucket:?} at {}", self.host())
            }
            Self::S3 { bucket, .. } => format!("{prefix} in bucket {bucket:?} at {}", self.host()),
        }
    }

    /// Returns whether requests carry the bucket in the host name.
    pub(crate) fn uses_virtual_host(&self, addressing: S3Addressing) -> bool {
        let fits = !self.bucket().is_some_and(|bucket| bucket.contains('.'));
        match addressing {
            S3Addressing::Path => false,
            S3Addressing::VirtualHost => fits,
            S3Addressing::Auto => fits && VIRTUAL_HOSTS.iter().any(|host| self.host_name().ends_with(host)),
        }
    }

    /// Returns host and port.
    fn host(&self) -> &str {
        self.endpoint().and_then(|endpoint| endpoint.split_once("://")).map_or("", |(_, host)| host)
    }

    /// Returns the host without the port.
    fn host_name(&self) -> &str {
        let host = self.host();
        host.split_once(':').map_or(host, |(name, _)| name)
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk => f.write_str("local disk"),
            Self::S3 { endpoint, bucket } => write!(f, "s3 {endpoint} bucket {bucket}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::S3Credentials;

    fn location(endpoint: &str, bucket: &str) -> Result<StoreLocation> {
        StoreLocation::from_config(&S3Config {
            endpoint: endpoint.to_owned(),
            region: String::new(),
            bucket: bucket.to_owned(),
            addressing: S3Addressing::Auto,
            credentials: S3Credentials::Chain { iam_endpoint: None },
            ca_cert: None,
        })
    }

    #[test]
    fn equivalent_endpoints_are_equal() {
        let one = location("http://Host:80/", "b").unwrap();
        assert_eq!(one, location("http://host", "b").unwrap());
        assert_eq!(one.to_string(), "s3 http://host bucket b");
        assert_eq!(location("https://[::1]:9000", "b").unwrap().endpoint(), Some("https://[::1]:9000"));
    }

    #[test]
    fn an_invalid_endpoint_is_rejected_with_its_text() {
        for endpoint in
            ["", "host:9000", "localhost", "ftp://host", "http://host/path", "http://user@host", "http://"]
        {
            let error = location(endpoint, "b").unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::Config);
            assert!(
                error.to_string().starts_with(&format!("cannot use storage endpoint {endpoint:?}: ")),
                "{error}"
            );
        }
        let error = location("http://host", "").unwrap_err();
        assert!(error.to_string().ends_with("no bucket is configured"));
    }

    #[test]
    fn the_bucket_is_in_the_host_name_for_the_large_clouds_only() {
        let auto =
            |endpoint, bucket| location(endpoint, bucket).unwrap().uses_virtual_host(S3Addressing::Auto);
        assert!(auto("https://s3.eu-west-1.amazonaws.com", "b"));
        assert!(auto("https://oss-cn-hangzhou.aliyuncs.com:443", "b"));
        assert!(!auto("https://s3.eu-west-1.amazonaws.com", "a.b"));
        assert!(!auto("http://minio:9000", "b"));
        let here = location("http://minio:9000", "b").unwrap();
        assert!(
            here.uses_virtual_host(S3Addressing::VirtualHost) && !here.uses_virtual_host(S3Addressing::Path)
        );
    }
}
