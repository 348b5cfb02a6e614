//! How the server is set up.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::caller::Role;
use super::listen::Listen;

/// What the configuration and the flags say about the server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The commit and target of this build, for `/metrics`.
    pub build: &'static str,
    /// Where REST, and gRPC too unless that has a place of its own, is served.
    pub listen: Listen,
    /// Where gRPC alone is served.
    pub grpc_listen: Option<Listen>,
    /// Where jobs are kept.
    pub data_dir: PathBuf,
    /// How many jobs run at once.
    pub max_running_jobs: NonZeroUsize,
    /// How many jobs wait at most.
    pub max_queued_jobs: usize,
    /// How long jobs that are over are kept.
    pub keep_jobs: Duration,
    /// Whether `/api/v1` answers 200 whatever happened, as the Go tool does.
    pub legacy_status: bool,
    /// Whether `/api/v1/list` leaves details out, as the Go tool's `http.simpleResponse` does.
    pub simple_response: bool,
    /// Whether restores keep their staged files.
    pub keep_staged: bool,
    /// Whether a request may name another backup root.
    pub allow_backup_root_path: bool,
    /// The path before `/api/v1` that a proxy adds, for the documentation pages.
    pub swagger_base_path: String,
    /// Who may do what.
    pub access: Access,
    /// TLS, unless connections are plain.
    pub tls: Option<TlsFiles>,
    /// How much and how long.
    pub limits: Limits,
}

/// Who may do what.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Whether everybody may do everything.
    pub open: bool,
    /// Bearer tokens.
    pub tokens: Vec<Token>,
    /// Users with passwords.
    pub users: Vec<User>,
    /// The roles of the names in client certificates.
    pub client_names: Vec<(String, Role)>,
    /// Whether `/metrics` needs nobody's name.
    pub metrics_open: bool,
}

impl Access {
    /// Whether anybody has a name here.
    pub fn has_keys(&self) -> bool {
        !(self.tokens.is_empty() && self.users.is_empty() && self.client_names.is_empty())
    }

    /// Open to everybody, where nobody has a name.
    pub(super) fn or_open(mut self) -> Self {
        self.open |= !self.has_keys();
        self
    }
}

/// A bearer token, as its hash.
#[derive(Clone, Debug)]
pub struct Token {
    /// Whose it is.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
}

/// A user with a password.
#[derive(Clone, Debug)]
pub struct User {
    /// The name to log in with.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// The password's hash in PHC form, `$argon2id$…`.
    pub hash: SecretString,
}

/// Where certificates lie, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate chain.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority of client certificates, where they are asked for.
    pub client_ca: Option<PathBuf>,
}

/// How much of everything, and how long.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest request body, bytes.
    pub max_body: usize,
    /// The largest head of a request, bytes.
    pub max_header: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long the head of a request may take to arrive.
    pub header_timeout: Duration,
    /// How long the body of a request may take to arrive.
    pub body_timeout: Duration,
    /// How long a request may take that does not last as long as a job.
    pub request_timeout: Duration,
    /// How long open requests may go on once the server was told to stop.
    pub shutdown_timeout: Duration,
    /// Connections at once.
    pub max_connections: usize,
    /// Connections of one client at once.
    pub max_connections_per_client: usize,
    /// Requests a second of one client, where limited.
    pub requests_per_second: Option<NonZeroU32>,
}

#[cfg(test)]
impl Settings {
    /// The settings of a server that requires no authentication, as the configuration's defaults give them.
    pub(crate) fn without_authentication() -> Self {
        Self {
            build: "test",
            listen: Listen { host: None, port: 0 },
            grpc_listen: None,
            data_dir: PathBuf::new(),
            max_running_jobs: NonZeroUsize::MIN,
            max_queued_jobs: 100,
            keep_jobs: Duration::from_hours(30 * 24),
            legacy_status: false,
            simple_response: false,
            keep_staged: false,
            allow_backup_root_path: false,
            swagger_base_path: String::new(),
            access: Access { open: true, ..Access::default() },
            tls: None,
            limits: Limits {
                max_body: 4 << 20,
                max_header: 64 << 10,
                handshake_timeout: Duration::from_secs(10),
                header_timeout: Duration::from_secs(30),
                body_timeout: Duration::from_secs(30),
                request_timeout: Duration::from_mins(2),
                shutdown_timeout: Duration::from_secs(30),
                max_connections: 4096,
                max_connections_per_client: 2048,
                requests_per_second: NonZeroU32::new(1000),
            },
        }
    }
}
