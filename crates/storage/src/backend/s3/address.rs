//! The endpoint of a bucket, and the place of its name in the URL of a request.

use std::net::Ipv4Addr;

use super::config::{S3Addressing, S3Config};
use crate::error::{Cause, Result, StorageErrorKind};

/// Host name suffixes of the clouds that expect the bucket in the host name.
const VIRTUAL_HOSTS: [&str; 6] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".aliyuncs.com",
    ".myqcloud.com",
    ".myhuaweicloud.com",
    "storage.googleapis.com",
];

/// The address of a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct S3Address {
    /// Scheme, host in lower case, and port unless it is the default of the scheme.
    pub(super) endpoint: String,
    /// The host in lower case, without the port.
    pub(super) host: String,
    /// The name of the bucket.
    pub(super) bucket: String,
    /// Whether requests carry the bucket in the host name, not in the path.
    pub(super) virtual_host: bool,
}

impl S3Address {
    /// Parses and normalises the address; fails if the endpoint is not a plain HTTP or HTTPS URL.
    pub(super) fn parse(config: &S3Config) -> Result<Self> {
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
            return Err(fail("it must not contain a path, a query or a user"));
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self {
            endpoint: format!("{}://{host}{port}", url.scheme()),
            host: host.to_owned(),
            bucket: config.bucket.clone(),
            virtual_host: uses_virtual_host(config.addressing, host, &config.bucket),
        })
    }

    /// Returns the URL of the bucket, without a trailing slash.
    pub(super) fn bucket_url(&self) -> String {
        let Self { endpoint, bucket, virtual_host, .. } = self;
        match endpoint.split_once("://") {
            Some((scheme, host)) if *virtual_host => format!("{scheme}://{bucket}.{host}"),
            _ => format!("{endpoint}/{bucket}"),
        }
    }
}

fn uses_virtual_host(addressing: S3Addressing, host: &str, bucket: &str) -> bool {
    // No certificate covers a bucket with a dot, and no name can precede an IP address.
    let is_address = host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok();
    let fits = !bucket.contains('.') && !is_address;
    match addressing {
        S3Addressing::Path => false,
        S3Addressing::VirtualHost => fits,
        S3Addressing::Auto => fits && VIRTUAL_HOSTS.iter().any(|suffix| host.ends_with(suffix)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::S3Credentials;
    use super::*;

    fn parse(endpoint: &str, bucket: &str, addressing: S3Addressing) -> Result<S3Address> {
        S3Address::parse(&S3Config {
            endpoint: endpoint.to_owned(),
            region: String::new(),
            bucket: bucket.to_owned(),
            addressing,
            credentials: S3Credentials::Chain { iam_endpoint: None },
            ca_cert: None,
            new_objects: crate::NewObjectOptions::default(),
        })
    }

    fn address(endpoint: &str, bucket: &str) -> Result<S3Address> {
        parse(endpoint, bucket, S3Addressing::Auto)
    }

    #[test]
    fn equivalent_endpoints_are_equal() {
        assert_eq!(address("http://Host:80/", "b").unwrap(), address("http://host", "b").unwrap());
        assert_eq!(address("https://[::1]:9000", "b").unwrap().endpoint, "https://[::1]:9000");
    }

    #[test]
    fn an_invalid_endpoint_is_rejected_with_its_text() {
        for endpoint in
            ["", "host:9000", "localhost", "ftp://host", "http://host/path", "http://user@host", "http://"]
        {
            let error = address(endpoint, "b").unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::Config);
            assert!(
                error.to_string().starts_with(&format!("cannot use storage endpoint {endpoint:?}: ")),
                "{error}"
            );
        }
        let error = address("http://host", "").unwrap_err();
        assert!(error.to_string().ends_with("no bucket is configured"));
    }

    #[test]
    fn the_bucket_is_in_the_host_name_for_the_large_clouds_only() {
        let url = |endpoint, bucket, addressing| parse(endpoint, bucket, addressing).unwrap().bucket_url();
        let auto = |endpoint, bucket| url(endpoint, bucket, S3Addressing::Auto);
        assert_eq!(auto("https://s3.eu-west-1.amazonaws.com", "b"), "https://b.s3.eu-west-1.amazonaws.com");
        assert_eq!(auto("https://oss-eu.aliyuncs.com:444", "b"), "https://b.oss-eu.aliyuncs.com:444");
        assert_eq!(auto("https://s3.amazonaws.com", "a.b"), "https://s3.amazonaws.com/a.b");
        assert_eq!(auto("http://minio:9000", "b"), "http://minio:9000/b");
        assert_eq!(url("http://minio:9000", "b", S3Addressing::VirtualHost), "http://b.minio:9000");
        for address in ["http://127.0.0.1:9000", "https://[::1]:9000"] {
            assert_eq!(url(address, "b", S3Addressing::VirtualHost), format!("{address}/b"));
        }
        assert_eq!(url("https://s3.amazonaws.com", "b", S3Addressing::Path), "https://s3.amazonaws.com/b");
    }
}
