//! The address, encryption, credentials and time limits of a connection to Milvus.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// The settings of a connection to one Milvus.
#[derive(Clone, Debug)]
pub struct ConnectConfig {
    /// The host name or IP address of the proxy, without a port.
    pub address: String,
    /// The gRPC port of the proxy, by default 19530.
    pub port: u16,
    /// The encryption of the connection.
    pub tls: Tls,
    /// The credentials of the client.
    pub auth: Auth,
    /// `host:port` or the URL of the management port (9091), through which garbage collection can be paused.
    pub management_endpoint: Option<String>,
    /// The time limits of calls and retries.
    pub limits: CallLimits,
}

/// The encryption of the connection.
#[derive(Clone, Debug)]
pub enum Tls {
    /// Plain text, without TLS.
    Disabled,
    /// TLS in which only the server presents a certificate.
    Server {
        /// A PEM file with the certificate authority of the server; by default those of the system.
        ca: Option<PathBuf>,
        /// The name that the certificate must contain; by default the address.
        server_name: Option<String>,
    },
    /// TLS in which server and client present certificates.
    Mutual {
        /// A PEM file with the certificate authority of the server; by default those of the system.
        ca: Option<PathBuf>,
        /// The name that the certificate of the server must contain; by default the address.
        server_name: Option<String>,
        /// A PEM file with the certificate of the client.
        cert: PathBuf,
        /// A PEM file with the private key of the client certificate.
        key: PathBuf,
    },
}

/// The credentials of the client.
#[derive(Clone, Debug)]
pub enum Auth {
    /// No credentials, for servers without authentication.
    None,
    /// A user name and a password.
    Password {
        /// The name of the user.
        user: String,
        /// The password of the user, which debug output omits.
        password: SecretString,
    },
    /// A token, such as `user:password`, or an API key.
    Token(SecretString),
}

/// Time limits of calls and their retries.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    /// Time limit for opening a connection, including all attempts; default 5 s.
    pub connect: Duration,
    /// Time limit of one attempt of a call; default 60 s.
    pub attempt: Duration,
    /// How long a call is retried while the server is unreachable or not ready; default 3 minutes, in which Milvus
    /// restarts.
    pub outage: Duration,
    /// How long a call is retried while the server asks for fewer requests; default 3 minutes.
    pub busy: Duration,
    /// How long a flush may take until its data is in the store; default 10 minutes.
    pub flush: Duration,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            attempt: Duration::from_mins(1),
            outage: Duration::from_mins(3),
            busy: Duration::from_mins(3),
            flush: Duration::from_mins(10),
        }
    }
}
