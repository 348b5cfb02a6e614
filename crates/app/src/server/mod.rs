//! The server: one process that serves REST and gRPC over the jobs and the engine, behind one door.

mod accept;
pub(crate) mod audit;
mod bind;
mod busy;
pub(crate) mod caller;
mod door;
mod find;
mod health;
mod listen;
mod metrics;
mod places;
mod process;
mod routes;
mod run;
pub(crate) mod service;
mod settings;
mod state;
mod tls;

pub(crate) use audit::outliving;
pub(crate) use caller::{Caller, Role, UnknownRole};
pub(crate) use door::{RequestId, grpc_timeout};
pub(crate) use find::Found;
pub(crate) use listen::{Listen, NoAddress};
pub(crate) use run::run;
pub(crate) use service::{Asked, Service};
pub(crate) use settings::{Access, Limits, Settings, TlsFiles, Token, User};
pub(crate) use state::State;
