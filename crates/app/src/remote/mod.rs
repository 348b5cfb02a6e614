//! The client of a `milvus-backup server`: its other verbs call it over `/api/v2`.

mod client;
mod events;
mod follow;

use std::path::PathBuf;

use secrecy::SecretString;

pub(crate) use client::{Client, Submitted, query_flag};
pub(crate) use follow::{SignalAction, follow};

/// The address of a server and the credentials for it.
pub(crate) struct Server {
    /// The URL; `http://` may be omitted.
    pub url: String,
    /// The bearer token.
    pub token: Option<SecretString>,
    /// The file that the command line named for the token.
    pub token_file: Option<PathBuf>,
    /// A PEM file with the certificate authority of the server, if the system does not trust it.
    pub ca: Option<PathBuf>,
}
