//! Milvus servers that one test starts for itself: with authentication, with TLS, or to kill them during the test.

use crate::process;
use crate::servers::{self, MilvusServer};
use crate::tls::Certificates;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The options of a server; by default Milvus 2.3.5 on local disk without authentication and TLS.
#[derive(Debug, Clone, Default)]
pub struct Options {
    arguments: Vec<String>,
}

impl Options {
    /// Selects another release, e.g. `2.2.16`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.arguments.extend(["--version".into(), version.into()]);
        self
    }

    /// Sets one key of `milvus.yaml`.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.arguments.extend(["--set".into(), format!("{key}={value}")]);
        self
    }

    /// Stores the data on S3 at `http://host:port/bucket/root`.
    #[must_use]
    pub fn on_s3(mut self, url: &str) -> Self {
        self.arguments.extend(["--s3".into(), url.into()]);
        self
    }

    /// Requires authentication; the first user is `root` with the password `Milvus`.
    #[must_use]
    pub fn login(self) -> Self {
        self.set("common.security.authorizationEnabled", true)
    }

    /// Enables TLS, with which the server presents its certificate.
    #[must_use]
    pub fn tls(self, certificates: &Certificates) -> Self {
        self.set("common.security.tlsMode", 1)
            .set("tls.serverPemPath", certificates.server_cert().display())
            .set("tls.serverKeyPath", certificates.server_key().display())
            .set("tls.caPemPath", certificates.ca().display())
    }

    /// Enables mutual TLS, with which the server and the client present a certificate.
    #[must_use]
    pub fn mutual_tls(self, certificates: &Certificates) -> Self {
        self.tls(certificates).set("common.security.tlsMode", 2)
    }
}

/// A running server, which is stopped with its data removed when this is dropped or the test program ends.
#[derive(Debug)]
pub struct Guard {
    server: MilvusServer,
    supervisor: Child,
    _data: TempDir,
}

impl Guard {
    /// Returns the address and the storage of the server.
    pub fn server(&self) -> &MilvusServer {
        &self.server
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        process::signal(self.supervisor.id(), "TERM");
        let _ = self.supervisor.wait();
    }
}

/// Starts a server and waits until it is healthy; returns `None` if the tests run without real servers.
///
/// # Panics
/// Panics if the server does not start.
pub fn start(options: &Options) -> Option<Guard> {
    servers::milvus()?;
    let data = tempfile::tempdir().expect("a temporary directory");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/milvus_server.py");
    let mut supervisor = Command::new("python3")
        .arg(script)
        .arg("run")
        .arg(data.path())
        .args(&options.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs scripts/milvus_server.py");
    let mut line = Vec::new();
    let stdout = supervisor.stdout.take().expect("stdout is piped");
    BufReader::new(stdout).read_until(b'\n', &mut line).expect("the script's first line");
    Some(Guard { server: servers::parse_server(&line), supervisor, _data: data })
}
