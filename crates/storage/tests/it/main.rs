//! Tests of stores and of the mover on a disk, an S3 server in this process, and Ceph RGW.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chain;
mod contract;
mod copies;
mod disk;
mod faults;
mod fixtures;
mod gateways;
mod measured;
mod server;
