//! A `milvus-backup server` as this program's other verbs use it: over `/api/v2`.

mod client;
mod events;
mod follow;
mod replay;

use std::path::PathBuf;

use secrecy::SecretString;

pub(crate) use client::{Client, Submitted};
pub(crate) use follow::{OnSignal, follow};
pub(crate) use replay::Replay;

/// Where a server is and how to be let in.
pub(crate) struct Server {
    /// Its URL; `http://` may be left out.
    pub url: String,
    /// A bearer token.
    pub token: Option<SecretString>,
    /// The file that the command line named for the token.
    pub token_file: Option<PathBuf>,
    /// A PEM file with the authority of its certificate, if that is none the system knows.
    pub ca: Option<PathBuf>,
}
