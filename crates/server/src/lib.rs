//! The server: one process that serves REST and gRPC over the jobs and the engine.

mod accept;
mod audit;
mod bind;
mod busy;
mod caller;
mod find;
mod grpc;
mod guard;
mod health;
mod listen;
mod metrics;
mod peer;
mod places;
mod policy;
mod process;
mod request_id;
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
pub(crate) use find::Found;
pub(crate) use request_id::RequestId;
pub(crate) use service::{Asked, Service};
pub(crate) use state::State;
