//! Jobs over an engine against a simulated Milvus with its files on the local disk.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failure here is a failed test, and panicking says so"
)]

extern crate milvus_backup_jobs as jobs;

mod cancel;
mod claims;
mod data_dir;
mod lists;
mod panics;
mod queue;
mod repeated;
mod restart;
mod retention;
mod watch;
mod world;
