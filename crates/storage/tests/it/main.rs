//! Tests of stores and of the mover on a disk, an S3 server in this process, and Ceph RGW.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it did not run"
)]

mod chain;
mod contract;
mod copies;
mod disk;
mod faults;
mod fixtures;
mod measured;
mod server;
