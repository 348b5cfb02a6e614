//! The settings of the server.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::caller::Role;
use super::listen_address::ListenAddress;

/// The settings of the server, from the configuration and the flags.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The commit and target of this build, for `/metrics`.
    pub build: &'static str,
    /// The address for REST, and for gRPC unless `grpc_listen` is set.
    pub listen: ListenAddress,
    /// A separate address for gRPC.
    pub grpc_listen: Option<ListenAddress>,
    /// The directory of the job store.
    pub data_dir: PathBuf,
    /// The largest number of running jobs.
    pub max_running_jobs: NonZeroUsize,
    /// The largest number of queued jobs.
    pub max_queued_jobs: usize,
    /// The time for which finished jobs are kept.
    pub keep_jobs: Duration,
    /// Whether handlers of `/api/v1` respond with status 200 to failures too, as the Go tool does.
    pub legacy_status: bool,
    /// Whether `/api/v1/list` omits details, as the Go tool does with `http.simpleResponse`.
    pub simple_response: bool,
    /// Whether restores keep their staging directories.
    pub keep_staged: bool,
    /// Whether every backup replaces an unfinished one of its name whose run has ended.
    pub replace_unfinished: bool,
    /// Whether a request may choose another bucket or backup root.
    pub allow_backup_root_path: bool,
    /// The path that a proxy adds before `/api/v1`, for the documentation pages.
    pub swagger_base_path: String,
    /// The known callers and their roles.
    pub access: Access,
    /// The certificate files; `None` without TLS.
    pub tls: Option<TlsFiles>,
    /// The limits on requests and connections.
    pub limits: ServerLimits,
}

/// The known callers and their roles.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Whether authentication is disabled.
    pub open: bool,
    /// Bearer tokens.
    pub tokens: Vec<Token>,
    /// Users with passwords.
    pub users: Vec<User>,
    /// Names in client certificates, with their roles.
    pub client_names: Vec<(String, Role)>,
    /// Whether `/metrics` requires no authentication.
    pub metrics_open: bool,
}

impl Access {
    /// Returns whether any caller is configured.
    pub(crate) fn has_callers(&self) -> bool {
        !(self.tokens.is_empty() && self.users.is_empty() && self.client_names.is_empty())
    }

    /// Disables authentication if no caller is configured.
    pub(super) fn open_if_no_callers(mut self) -> Self {
        self.open |= !self.has_callers();
        self
    }
}

/// A bearer token.
#[derive(Clone, Debug)]
pub struct Token {
    /// The name of its owner.
    pub name: String,
    /// The role of its owner.
    pub role: Role,
    /// The SHA-256 hash of the token.
    pub sha256: [u8; 32],
}

/// A user with a password.
#[derive(Clone, Debug)]
pub struct User {
    /// The name of the user.
    pub name: String,
    /// The role of the user.
    pub role: Role,
    /// The argon2id hash of the password in PHC form, `$argon2id$…`.
    pub hash: SecretString,
}

/// The PEM files for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain of the server.
    pub cert: PathBuf,
    /// The private key of the server.
    pub key: PathBuf,
    /// The authority that client certificates are verified with; `None` to request no client certificates.
    pub client_ca: Option<PathBuf>,
}

/// The limits on requests and connections.
#[derive(Clone, Debug)]
pub struct ServerLimits {
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// The largest request head, in bytes.
    pub max_header: usize,
    /// The time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// The time within which the head of a request has to arrive.
    pub header_timeout: Duration,
    /// The time within which the body of a request has to arrive.
    pub body_timeout: Duration,
    /// The time for the response to a request that reads.
    pub request_timeout: Duration,
    /// The time for the shutdown.
    pub shutdown_timeout: Duration,
    /// The largest number of connections.
    pub max_connections: usize,
    /// The largest number of connections of one client.
    pub max_connections_per_client: usize,
    /// The requests per second of one client; `None` for no limit.
    pub requests_per_second: Option<NonZeroU32>,
}

#[cfg(test)]
impl Settings {
    /// The settings of a server that requires no authentication, as the configuration's defaults give them.
    pub(crate) fn without_authentication() -> Self {
        Self {
            build: "test",
            listen: ListenAddress { host: None, port: 0 },
            grpc_listen: None,
            data_dir: PathBuf::new(),
            max_running_jobs: NonZeroUsize::MIN,
            max_queued_jobs: 100,
            keep_jobs: Duration::from_hours(30 * 24),
            legacy_status: false,
            simple_response: false,
            keep_staged: false,
            replace_unfinished: false,
            allow_backup_root_path: false,
            swagger_base_path: String::new(),
            access: Access { open: true, ..Access::default() },
            tls: None,
            limits: ServerLimits {
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
