//! Support for the tests of Milvus Backup: real and simulated servers, recorded data, certificates, unique names.
#![expect(clippy::expect_used, reason = "a failure here is a failed test, which a panic reports")]

#[cfg(all(feature = "fake", feature = "milvus"))]
pub mod all_types;
#[cfg(feature = "fake")]
pub mod fake;
pub mod fixtures;
pub mod gateway;
#[cfg(feature = "milvus")]
pub mod load;
pub mod milvus_server;
pub mod names;
#[cfg(feature = "fake")]
pub mod object_store;
pub mod process;
pub mod replay;
#[cfg(feature = "milvus")]
pub mod rows;
#[cfg(feature = "milvus")]
pub mod seed;
pub mod servers;
#[cfg(feature = "milvus")]
pub mod shape;
#[cfg(feature = "milvus")]
pub mod test_milvus;
pub mod tls;
