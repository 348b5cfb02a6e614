//! Where a store lies, and how its objects are named to people.

use std::fmt;

use model::key::ObjectKey;

use crate::config::{Addressing, S3Config};
use crate::error::{Cause, ErrorKind, Result};

/// The kind of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// The file system of this machine.
    Local,
    /// A bucket behind the S3 protocol.
    S3,
}

/// Where a store lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// The file system of this machine.
    Local,
    /// A bucket behind the S3 protocol.
    S3 {
        /// Scheme, host in lower case, and port unless it is the scheme's own.
        endpoint: String,
        /// The bucket.
        bucket: String,
    },
}

/// Hosts of the clouds that want the bucket in the host name.
const VIRTUAL_HOSTS: [&str; 6] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".aliyuncs.com",
    ".myqcloud.com",
    ".myhuaweicloud.com",
    "storage.googleapis.com",
];

impl Location {
    /// Reads and normalises the endpoint of a bucket.
    pub(crate) fn of_bucket(config: &S3Config) -> Result<Self> {
        let fail = |reason: &str| {
            Cause::new(ErrorKind::Config, reason)
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

    /// The kind of the store.
    pub fn kind(&self) -> StoreKind {
        match self {
            Self::Local => StoreKind::Local,
            Self::S3 { .. } => StoreKind::S3,
        }
    }

    /// Scheme, host and port; none on a local disk.
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Local => None,
            Self::S3 { endpoint, .. } => Some(endpoint),
        }
    }

    /// The bucket; none on a local disk.
    pub fn bucket(&self) -> Option<&str> {
        match self {
            Self::Local => None,
            Self::S3 { bucket, .. } => Some(bucket),
        }
    }

    /// An object as people write it: `s3://bucket/key` or `/path`.
    pub fn describe(&self, key: &ObjectKey) -> String {
        match self {
            Self::Local => format!("/{key}"),
            Self::S3 { bucket, .. } => format!("s3://{bucket}/{key}"),
        }
    }

    /// An object as an error names it: with the host that was asked.
    pub(crate) fn object(&self, key: &ObjectKey) -> String {
        match self {
            Self::Local => self.describe(key),
            Self::S3 { .. } => format!("{} at {}", self.describe(key), self.host()),
        }
    }

    /// A prefix as an error names it: with the bucket and the host that was asked.
    pub(crate) fn prefix(&self, prefix: &ObjectKey) -> String {
        match self {
            Self::Local => self.describe(prefix),
            Self::S3 { bucket, .. } if prefix.as_str().is_empty() => {
                format!("bucket {bucket:?} at {}", self.host())
            }
            Self::S3 { bucket, .. } => format!("{prefix} in bucket {bucket:?} at {}", self.host()),
        }
    }

    /// Whether the bucket goes into the host name.
    pub(crate) fn virtual_host(&self, addressing: Addressing) -> bool {
        let fits = !self.bucket().is_some_and(|bucket| bucket.contains('.'));
        match addressing {
            Addressing::Path => false,
            Addressing::VirtualHost => fits,
            Addressing::Auto => fits && VIRTUAL_HOSTS.iter().any(|host| self.host_name().ends_with(host)),
        }
    }

    fn host(&self) -> &str {
        self.endpoint().and_then(|endpoint| endpoint.split_once("://")).map_or("", |(_, host)| host)
    }

    fn host_name(&self) -> &str {
        let host = self.host();
        host.split_once(':').map_or(host, |(name, _)| name)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local disk"),
            Self::S3 { endpoint, bucket } => write!(f, "s3 {endpoint} bucket {bucket}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Credentials;

    fn location(endpoint: &str, bucket: &str) -> Result<Location> {
        Location::of_bucket(&S3Config {
            endpoint: endpoint.to_owned(),
            region: String::new(),
            bucket: bucket.to_owned(),
            addressing: Addressing::Auto,
            credentials: Credentials::Chain { iam_endpoint: None },
            ca_cert: None,
        })
    }

    #[test]
    fn endpoints_are_written_one_way() {
        let one = location("http://Host:80/", "b").unwrap();
        assert_eq!(one, location("http://host", "b").unwrap());
        assert_eq!(one.to_string(), "s3 http://host bucket b");
        assert_eq!(location("https://[::1]:9000", "b").unwrap().endpoint(), Some("https://[::1]:9000"));
    }

    #[test]
    fn an_endpoint_that_cannot_be_one_is_told() {
        for endpoint in
            ["", "host:9000", "localhost", "ftp://host", "http://host/path", "http://user@host", "http://"]
        {
            let error = location(endpoint, "b").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(
                error.to_string().starts_with(&format!("cannot use storage endpoint {endpoint:?}: ")),
                "{error}"
            );
        }
        let error = location("http://host", "").unwrap_err();
        assert!(error.to_string().ends_with("no bucket is configured"));
    }

    #[test]
    fn the_large_clouds_get_the_bucket_in_the_host() {
        let auto = |endpoint, bucket| location(endpoint, bucket).unwrap().virtual_host(Addressing::Auto);
        assert!(auto("https://s3.eu-west-1.amazonaws.com", "b"));
        assert!(auto("https://oss-cn-hangzhou.aliyuncs.com:443", "b"));
        assert!(!auto("https://s3.eu-west-1.amazonaws.com", "a.b"));
        assert!(!auto("http://minio:9000", "b"));
        let here = location("http://minio:9000", "b").unwrap();
        assert!(here.virtual_host(Addressing::VirtualHost) && !here.virtual_host(Addressing::Path));
    }
}
