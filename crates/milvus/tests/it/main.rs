//! The client against real servers of 2.3.5 and 2.2.16, and against a fake one.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failure here is a failed test, and panicking says so"
)]

extern crate milvus_backup_milvus as milvus;

mod collections;
mod data;
mod faults;
mod imports;
mod security;
mod shop;
