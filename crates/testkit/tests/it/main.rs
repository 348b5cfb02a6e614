//! The test kit's own parts against the real thing.

#[cfg(feature = "milvus")]
mod seed;
mod server;
