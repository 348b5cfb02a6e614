//! Where Milvus is and how to speak to it.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// How to reach one Milvus.
#[derive(Clone, Debug)]
pub struct ConnectConfig {
    /// A host name or an IP address.
    pub address: String,
    /// The port of the proxy; 19530 unless configured otherwise.
    pub port: u16,
    /// Encryption.
    pub tls: Tls,
    /// Who we are.
    pub auth: Auth,
    /// `host:port` or a URL of the metrics port (9091), where garbage collection can be paused.
    pub management_endpoint: Option<String>,
    /// How long calls may take.
    pub limits: Limits,
}

/// How the connection is encrypted.
#[derive(Clone, Debug)]
pub enum Tls {
    /// Not at all.
    Disabled,
    /// The server shows a certificate.
    Server {
        /// A PEM file with the authority that signed it; the system's own authorities if absent.
        ca: Option<PathBuf>,
        /// The name the certificate must hold; the address if absent.
        server_name: Option<String>,
    },
    /// Both sides show a certificate.
    Mutual {
        /// A PEM file with the authority that signed the server's; the system's own authorities if absent.
        ca: Option<PathBuf>,
        /// The name the server's certificate must hold; the address if absent.
        server_name: Option<String>,
        /// A PEM file with our certificate.
        cert: PathBuf,
        /// A PEM file with its key.
        key: PathBuf,
    },
}

/// How we prove who we are.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Not at all.
    None,
    /// By name and password.
    Password {
        /// The user.
        user: String,
        /// The user's password.
        password: SecretString,
    },
    /// By a token or an API key.
    Token(SecretString),
}

/// How long calls may take, and how long they are repeated.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To open a connection, all tries together.
    pub connect: Duration,
    /// One try of a call.
    pub attempt: Duration,
    /// How long a call is repeated while the server cannot be reached, or is not ready.
    pub outage: Duration,
    /// How long a call is repeated while the server asks to slow down.
    pub busy: Duration,
    /// From a flush to the moment that everything is on the store.
    pub flush: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            attempt: Duration::from_mins(1),
            outage: Duration::from_secs(30),
            busy: Duration::from_mins(3),
            flush: Duration::from_mins(10),
        }
    }
}
