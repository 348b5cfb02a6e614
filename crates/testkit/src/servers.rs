//! The real servers that `scripts/servers` started, found through its environment variables.
//!
//! A test that needs a server begins with `let Some(server) = servers::milvus() else { return };`. Without servers, the
//! test prints that it did not run; under `CI=true` it fails instead, so that no test is skipped unnoticed.

#[cfg(feature = "milvus")]
use crate::test_milvus::TestMilvus;
use reqsign_aws_v4::{RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer};
use serde::Deserialize;
use std::path::{Path, PathBuf};

const HOW_TO: &str = "scripts/test starts the servers and runs all tests";

/// A running Milvus server, in which every test may create and change objects with unique names.
#[derive(Debug, Clone, Deserialize)]
pub struct MilvusServer {
    /// The release of the server, e.g. `2.3.5`.
    pub version: String,
    /// The address on which the server listens.
    pub address: String,
    /// The port of the gRPC API.
    pub port: u16,
    /// The store of the server's data.
    pub storage: ServerStorage,
}

#[cfg(feature = "milvus")]
impl MilvusServer {
    /// Returns the connection settings, without authentication and TLS.
    pub fn config(&self) -> milvus::ConnectConfig {
        milvus::ConnectConfig {
            address: self.address.clone(),
            port: self.port,
            tls: milvus::Tls::Disabled,
            auth: milvus::Auth::None,
            management_endpoint: None,
            limits: milvus::CallLimits::default(),
        }
    }

    /// Connects to the server without authentication and TLS.
    ///
    /// # Panics
    /// Panics if the server does not reply.
    pub async fn connect(&self) -> TestMilvus {
        TestMilvus::connect(&self.config()).await.expect("the server answers")
    }
}

/// The store of a Milvus server's data.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ServerStorage {
    /// A directory on a local disk.
    Local {
        /// The absolute root path of the data.
        root: PathBuf,
    },
    /// A bucket in the S3 store of the tests.
    S3 {
        /// The URL of the store: `http://host:port`.
        endpoint: String,
        /// The name of the bucket.
        bucket: String,
        /// The root path of the data in the bucket.
        root: String,
    },
}

/// The S3 store of the tests, a Ceph object gateway.
#[derive(Debug, Clone)]
pub struct S3Server {
    /// The URL of the store: `http://host:port`.
    pub endpoint: String,
}

impl S3Server {
    /// The access key id of the user that Milvus uses.
    pub const ACCESS_KEY_ID: &str = "minioadmin";
    /// The secret access key of that user.
    pub const SECRET_ACCESS_KEY: &str = "minioadmin";
    /// The access key id of a user of another tenant, whose buckets have names of their own.
    pub const OTHER_ACCESS_KEY_ID: &str = "otheradmin";
    /// The secret access key of that user.
    pub const OTHER_SECRET_ACCESS_KEY: &str = "otheradmin";

    /// Creates a bucket if it does not exist.
    ///
    /// # Panics
    /// Panics if the store refuses.
    pub async fn create_bucket(&self, name: &str) {
        self.create_bucket_with(name, Self::ACCESS_KEY_ID, Self::SECRET_ACCESS_KEY).await;
    }

    /// Creates a bucket of the other tenant if it does not exist.
    ///
    /// # Panics
    /// Panics if the store refuses.
    pub async fn create_bucket_of_other_tenant(&self, name: &str) {
        self.create_bucket_with(name, Self::OTHER_ACCESS_KEY_ID, Self::OTHER_SECRET_ACCESS_KEY).await;
    }

    async fn create_bucket_with(&self, name: &str, access_key_id: &str, secret_access_key: &str) {
        // This fails only if a provider is installed already, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
        let keys = StaticCredentialProvider::new(access_key_id, secret_access_key);
        let signer = Signer::new(Context::new(), keys, RequestSigner::new("s3", "us-east-1"));
        let request = http::Request::put(format!("{}/{name}", self.endpoint)).body(()).expect("a request");
        let (mut parts, ()) = request.into_parts();
        signer.sign(&mut parts, None).await.expect("a signature");
        // The client adds this header itself.
        parts.headers.remove(http::header::HOST);
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, "")).expect("a request");
        let answer = client.execute(request).await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("the whole answer");
        let exists = text.contains("BucketAlreadyExists") || text.contains("BucketAlreadyOwnedByYou");
        assert!(status.is_success() || exists, "cannot create bucket {name}: {status} {text}");
    }
}

/// Returns the server with Milvus 2.3.5 on a local disk.
pub fn milvus() -> Option<MilvusServer> {
    server_from_env("MB_TEST_MILVUS", "Milvus 2.3.5")
}

/// Returns a second server with Milvus 2.3.5 on a local disk, the target of restores.
pub fn milvus_target() -> Option<MilvusServer> {
    server_from_env("MB_TEST_MILVUS_TARGET", "a second Milvus 2.3.5")
}

/// Returns the server with Milvus 2.3.5 whose data is in the S3 store of [`s3`].
pub fn milvus_s3() -> Option<MilvusServer> {
    server_from_env("MB_TEST_MILVUS_S3", "Milvus 2.3.5 on S3")
}

/// Returns the server with Milvus 2.2.16 on a local disk.
pub fn milvus_2216() -> Option<MilvusServer> {
    server_from_env("MB_TEST_MILVUS_2216", "Milvus 2.2.16")
}

/// Returns the S3 store of the tests.
pub fn s3() -> Option<S3Server> {
    read_variable("MB_TEST_S3_ENDPOINT", "Ceph RGW").map(|endpoint| S3Server { endpoint })
}

/// Returns the server whose `server.json` an environment variable names; `what` describes the server.
fn server_from_env(name: &str, what: &str) -> Option<MilvusServer> {
    read_variable(name, what).map(|file| read_server_file(Path::new(&file)))
}

/// Reads the `server.json` that `scripts/milvus_server.py` wrote.
fn read_server_file(file: &Path) -> MilvusServer {
    let text = std::fs::read(file)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}; {HOW_TO}", file.display()));
    parse_server(&text)
}

/// Parses the line of JSON that describes a server.
pub(crate) fn parse_server(text: &[u8]) -> MilvusServer {
    serde_json::from_slice(text)
        .unwrap_or_else(|error| panic!("not a server: {error}: {}", String::from_utf8_lossy(text)))
}

/// Returns an environment variable of `scripts/servers`; without it, reports that the test does not run.
#[expect(clippy::disallowed_methods, reason = "only here do tests read the variables of the servers")]
#[expect(clippy::print_stderr, reason = "a skipped test must be reported")]
fn read_variable(name: &str, what: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!ci, "{what} is not running ({name} is not set); {HOW_TO}");
        eprintln!("not run: {what} is not running ({name} is not set); {HOW_TO}");
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_of_a_server_on_local_disk_is_parsed() {
        let server = parse_server(
            br#"{"version": "2.3.5", "address": "127.0.0.1", "port": 21000, "pid": 1, "ports": {"proxy": 21000},
                "storage": {"kind": "local", "root": "/data"}}"#,
        );
        assert_eq!(server.port, 21000);
        assert!(matches!(server.storage, ServerStorage::Local { root } if root == Path::new("/data")));
    }
}
