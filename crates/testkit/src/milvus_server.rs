//! Milvus servers of a test's own: with login, with TLS, or to be killed in the middle.

use crate::process;
use crate::servers::{self, MilvusServer};
use crate::tls::Certificates;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What a server shall be like; by default Milvus 2.3.5 on local disk without login and TLS.
#[derive(Debug, Clone, Default)]
pub struct Options {
    arguments: Vec<String>,
}

impl Options {
    /// Of another release, e.g. `2.2.16`.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.arguments.extend(["--version".into(), version.into()]);
        self
    }

    /// With one key of `milvus.yaml` set.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.arguments.extend(["--set".into(), format!("{key}={value}")]);
        self
    }

    /// With its data on S3: `http://host:port/bucket/root`.
    #[must_use]
    pub fn on_s3(mut self, url: &str) -> Self {
        self.arguments.extend(["--s3".into(), url.into()]);
        self
    }

    /// With login required; the first user is `root`, its password `Milvus`.
    #[must_use]
    pub fn login(self) -> Self {
        self.set("common.security.authorizationEnabled", true)
    }

    /// With TLS where the server shows its certificate.
    #[must_use]
    pub fn tls(self, certificates: &Certificates) -> Self {
        self.set("common.security.tlsMode", 1)
            .set("tls.serverPemPath", certificates.server_cert().display())
            .set("tls.serverKeyPath", certificates.server_key().display())
            .set("tls.caPemPath", certificates.ca().display())
    }

    /// With TLS where both sides show a certificate.
    #[must_use]
    pub fn mutual_tls(self, certificates: &Certificates) -> Self {
        self.tls(certificates).set("common.security.tlsMode", 2)
    }
}

/// A running server; stopped, and its data removed, when this is dropped or the test program ends in any way.
#[derive(Debug)]
pub struct Guard {
    server: MilvusServer,
    supervisor: Child,
    _data: TempDir,
}

impl Guard {
    /// Where the server is.
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

/// Starts a server and waits until it is healthy; `None` where the tests run without real servers.
///
/// # Panics
/// Where the server does not start.
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
    Some(Guard { server: servers::parse(&line), supervisor, _data: data })
}
