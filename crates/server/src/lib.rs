//! The server: one process that serves REST and gRPC over the jobs and the engine.

mod accept;
mod audit;
mod bind;
mod busy;
mod caller;
mod door;
mod find;
mod grpc;
mod health;
mod listen;
mod metrics;
mod places;
mod process;
mod rest;
mod routes;
mod run;
mod service;
mod settings;
mod state;
mod tls;

pub use caller::{Role, UnknownRole};
pub use listen::{Listen, NoAddress};
pub use rest::ApiVersion;
pub use run::run;
pub use settings::{Access, Limits, Settings, TlsFiles, Token, User};

pub(crate) use audit::outliving;
pub(crate) use caller::Caller;
pub(crate) use door::{RequestId, grpc_timeout};
pub(crate) use find::Found;
pub(crate) use service::{Asked, Service};
pub(crate) use state::State;
