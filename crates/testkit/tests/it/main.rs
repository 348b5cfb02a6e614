//! Tests of the test kit with real servers.

#[cfg(feature = "fake")]
mod exceptions;
#[cfg(feature = "fake")]
mod fake;
#[cfg(feature = "fake")]
mod import_options;
#[cfg(feature = "fake")]
mod replay;
#[cfg(feature = "milvus")]
mod seed;
mod server;
#[cfg(feature = "fake")]
mod snapshots;
