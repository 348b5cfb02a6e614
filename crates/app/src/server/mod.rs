//! The server: one process that serves REST and gRPC over the jobs and the engine, behind one door.

pub(crate) mod audit;
pub(crate) mod caller;
mod listen;
pub(crate) mod service;
mod settings;
mod state;

pub(crate) use caller::{Caller, Role};
pub(crate) use service::{Asked, Service};
pub(crate) use settings::{Access, Limits, Settings, TlsFiles, Token, User};
pub(crate) use state::State;
