//! Tests of the test kit with real servers.

#[cfg(feature = "milvus")]
mod seed;
mod server;
