//! Where a store is and how to get in.

use std::path::PathBuf;

use secrecy::SecretString;

/// Which store to open.
#[derive(Clone, Debug)]
pub enum StoreConfig {
    /// The file system of this machine; a key is an absolute path without its leading slash.
    Local,
    /// A bucket behind the S3 protocol.
    S3(S3Config),
}

/// One bucket behind the S3 protocol.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// `http://host:port` or `https://host:port`, without a path; the port may be left out.
    pub endpoint: String,
    /// The region that signatures name; empty means `us-east-1`, which every store but AWS accepts.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// How the bucket is written into an address.
    pub addressing: Addressing,
    /// Who asks.
    pub credentials: Credentials,
    /// A PEM file of certificates to trust besides those of the system.
    pub ca_cert: Option<PathBuf>,
}

/// How the bucket is written into an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressing {
    /// As the host name suggests: in the host for the large clouds, in the path for everyone else.
    #[default]
    Auto,
    /// `http://host/bucket/key`.
    Path,
    /// `http://bucket.host/key`; a bucket with a dot in its name is put into the path all the same,
    /// since no certificate covers such a host.
    VirtualHost,
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A key pair, with the session token that temporary pairs have.
    Static {
        /// The public half.
        access_key_id: String,
        /// The secret half.
        secret_access_key: SecretString,
        /// The token of a temporary pair.
        session_token: Option<SecretString>,
    },
    /// The AWS chain: environment, profile, SSO, web identity, container and instance metadata.
    Chain {
        /// Where the instance metadata service answers, if not at its usual address.
        iam_endpoint: Option<String>,
    },
}
