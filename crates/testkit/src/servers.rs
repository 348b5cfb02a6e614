//! The real servers that `scripts/servers` started, as its environment variables tell them.
//!
//! A test that needs one begins with `let Some(server) = servers::milvus() else { return };`. Without servers it says
//! what was not run; under `CI=true` it fails instead, so that nothing is skipped unseen there.

use serde::Deserialize;
use std::path::{Path, PathBuf};

const HOW_TO: &str = "scripts/test starts the servers and runs all tests";

/// A running Milvus server; everything it stores may be changed by a test, under names of its own.
#[derive(Debug, Clone, Deserialize)]
pub struct MilvusServer {
    /// The release, e.g. `2.3.5`.
    pub version: String,
    /// Where it listens.
    pub address: String,
    /// The gRPC port.
    pub port: u16,
    /// Where it keeps its data.
    pub storage: ServerStorage,
}

#[cfg(feature = "milvus")]
impl MilvusServer {
    /// How to reach it without login and TLS.
    pub fn config(&self) -> milvus::ConnectConfig {
        milvus::ConnectConfig {
            address: self.address.clone(),
            port: self.port,
            tls: milvus::Tls::Disabled,
            auth: milvus::Auth::None,
            management_endpoint: None,
            limits: milvus::Limits::default(),
        }
    }

    /// Connects without login and TLS.
    ///
    /// # Panics
    /// Where the server does not answer.
    pub async fn connect(&self) -> milvus::Milvus {
        milvus::Milvus::connect(&self.config()).await.expect("the server answers")
    }
}

/// Where a Milvus server keeps its data.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ServerStorage {
    /// On local disk.
    Local {
        /// The absolute root path.
        root: PathBuf,
    },
    /// On the S3 store of the tests.
    S3 {
        /// `http://host:port`.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// The root path in the bucket.
        root: String,
    },
}

/// The S3 store of the tests, a Ceph object gateway.
#[derive(Debug, Clone)]
pub struct S3Server {
    /// `http://host:port`.
    pub endpoint: String,
}

impl S3Server {
    /// The access key id of its only user.
    pub const ACCESS_KEY_ID: &str = "minioadmin";
    /// The secret access key of its only user.
    pub const SECRET_ACCESS_KEY: &str = "minioadmin";
}

/// Milvus 2.3.5 on local disk.
pub fn milvus() -> Option<MilvusServer> {
    server("MB_TEST_MILVUS", "Milvus 2.3.5")
}

/// A second Milvus 2.3.5 on local disk.
pub fn milvus_target() -> Option<MilvusServer> {
    server("MB_TEST_MILVUS_TARGET", "a second Milvus 2.3.5")
}

/// Milvus 2.3.5 whose storage is the S3 store of [`s3`].
pub fn milvus_s3() -> Option<MilvusServer> {
    server("MB_TEST_MILVUS_S3", "Milvus 2.3.5 on S3")
}

/// Milvus 2.2.16 on local disk.
pub fn milvus_2216() -> Option<MilvusServer> {
    server("MB_TEST_MILVUS_2216", "Milvus 2.2.16")
}

/// The S3 store.
pub fn s3() -> Option<S3Server> {
    variable("MB_TEST_S3_ENDPOINT", "Ceph RGW").map(|endpoint| S3Server { endpoint })
}

fn server(name: &str, what: &str) -> Option<MilvusServer> {
    variable(name, what).map(|file| read(Path::new(&file)))
}

/// Reads the `server.json` that `scripts/milvus_server.py` wrote.
fn read(file: &Path) -> MilvusServer {
    let text = std::fs::read(file)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}; {HOW_TO}", file.display()));
    parse(&text)
}

/// Parses the line of JSON that describes a server.
pub(crate) fn parse(text: &[u8]) -> MilvusServer {
    serde_json::from_slice(text)
        .unwrap_or_else(|error| panic!("not a server: {error}: {}", String::from_utf8_lossy(text)))
}

#[expect(clippy::disallowed_methods, reason = "the one place where tests learn about the servers")]
#[expect(clippy::print_stderr, reason = "a test that is not run must say so")]
fn variable(name: &str, what: &str) -> Option<String> {
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
    fn a_server_on_local_disk() {
        let server = parse(
            br#"{"version": "2.3.5", "address": "127.0.0.1", "port": 21000, "pid": 1, "ports": {"proxy": 21000},
                "storage": {"kind": "local", "root": "/data"}}"#,
        );
        assert_eq!(server.port, 21000);
        assert!(matches!(server.storage, ServerStorage::Local { root } if root == Path::new("/data")));
    }
}
