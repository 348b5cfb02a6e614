//! Tests of the engine with a simulated Milvus, whose files are on the local disk.
//!
//! They cover the outcomes, messages and hints that need no real data. The end-to-end tests of the program use a real
//! Milvus.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failure here is a failed test, and panicking says so"
)]

extern crate milvus_backup_engine as engine;

mod admission;
mod backup;
mod cancel;
mod catalog;
mod changes;
mod check;
mod cluster_flush;
mod damage;
mod definitions;
mod delete;
mod disk;
mod encryption;
mod flushing;
mod foreign;
mod garbage;
mod grpc_only;
mod imports;
mod insert_modes;
mod inserts;
mod location;
mod marker;
mod names;
mod plan;
mod rbac;
mod restore;
mod samples;
mod server;
mod snapshots;
mod staging;
mod targets;
mod truncation;
mod versions;
mod watch;
mod world;
