//! The address of a bucket and the credentials for it.

use std::path::PathBuf;

use secrecy::SecretString;

/// One bucket of an S3-compatible object store.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// `http://host:port` or `https://host:port`, without a path; the port may be left out.
    pub endpoint: String,
    /// The region that signatures name. If it is empty, it is read from the host of the endpoint, and else
    /// `us-east-1`; if the store names another one, that is used.
    pub region: String,
    /// The name of the bucket; must not be empty.
    pub bucket: String,
    /// Where the bucket's name appears in a URL.
    pub addressing: S3Addressing,
    /// The key pair that signs requests, or where to find one.
    pub credentials: S3Credentials,
    /// A PEM file of certificates to trust in addition to those of the system.
    pub ca_cert: Option<PathBuf>,
    /// What is requested for every object that is written.
    pub new_objects: NewObjectOptions,
}

/// Options of the objects that are written to a bucket; an empty text leaves the choice to the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewObjectOptions {
    /// The canned ACL, such as `bucket-owner-full-control` for a bucket of another account.
    pub acl: String,
    /// The storage class, such as `STANDARD_IA`.
    pub storage_class: String,
}

/// Where the bucket's name appears in the URL of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum S3Addressing {
    /// `VirtualHost` for the host names of the large clouds, `Path` for all others.
    #[default]
    Auto,
    /// In the path: `http://host/bucket/key`.
    Path,
    /// In the host name: `http://bucket.host/key`; a bucket whose name contains a dot and an endpoint with an
    /// IP address still use `Path`.
    VirtualHost,
}

/// The key pair that signs requests, or where to find one.
#[derive(Clone, Debug)]
pub enum S3Credentials {
    /// A configured key pair; temporary pairs also have a session token.
    Static {
        /// The public part of the pair, which identifies it.
        access_key_id: String,
        /// The secret part of the pair, with which requests are signed.
        secret_access_key: SecretString,
        /// The session token of a temporary pair; `None` for a permanent pair.
        session_token: Option<SecretString>,
    },
    /// The AWS credential chain: environment, profile, SSO, web identity, container and instance metadata.
    Chain {
        /// The URL of the instance metadata service; `None` for its standard address.
        iam_endpoint: Option<String>,
    },
}
