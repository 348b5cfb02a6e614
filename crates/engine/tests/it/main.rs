//! The engine against a simulated Milvus with its files on the local disk: every outcome, message and hint that needs
//! no real data. What a real Milvus does with real rows is shown end to end, in the tests of the program.
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
mod damage;
mod delete;
mod disk;
mod flushing;
mod foreign;
mod garbage;
mod imports;
mod marker;
mod names;
mod place;
mod plan;
mod restore;
mod server;
mod shop;
mod staging;
mod targets;
mod watch;
mod world;
