//! The server: one process that serves REST and gRPC over the jobs and the engine.

mod accept;
mod audit;
mod bind;
mod caller;
mod connection_limit;
mod find_backup;
mod grpc;
mod guard;
mod health;
mod listen_address;
mod metrics;
mod open_requests;
mod peer;
mod policy;
mod process;
mod request_id;
mod rest;
mod routes;
mod run;
mod server_state;
mod service;
mod settings;
mod tls;

pub use caller::{Role, UnknownRole};
pub use listen_address::{InvalidListenAddress, ListenAddress};
pub use rest::ApiVersion;
pub use run::run;
pub use settings::{Access, ServerLimits, Settings, TlsFiles, Token, User};

pub(crate) use audit::run_detached;
pub(crate) use caller::Caller;
pub(crate) use find_backup::FoundBackup;
pub(crate) use request_id::RequestId;
pub(crate) use server_state::ServerState;
pub(crate) use service::{RequestContext, Service};
