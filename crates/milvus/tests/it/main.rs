//! The client against real servers.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failure here is a failed test, and panicking says so"
)]

extern crate milvus_backup_milvus as milvus;

mod collections;
mod data;
mod imports;
mod security;
mod shop;
