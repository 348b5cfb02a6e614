//! Tests of the test kit with real servers.

mod replay;
#[cfg(feature = "milvus")]
mod seed;
mod server;
