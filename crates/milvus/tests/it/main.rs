//! Tests of the client against real servers of Milvus 2.3.5 and 2.2.16, and against a fake server.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failure here is a failed test, and panicking says so"
)]

extern crate milvus_backup_milvus as milvus;

mod collections;
mod data;
mod faults;
mod fixtures;
mod imports;
mod rows;
mod security;
mod snapshots;
