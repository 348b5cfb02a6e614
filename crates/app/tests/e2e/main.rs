//! The binary against real servers: what an operator types, what comes back, and what Milvus holds then.
//!
//! Needs the servers of `scripts/servers`; see `testkit::servers` for what happens without them.
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod catalog;
mod fresh_collections;
mod go_backups;
mod interrupted;
mod old_server;
mod options;
mod rest_v1;
mod round_trip;
mod security;
mod serving;
mod source;
mod there;
mod tool;
mod wrong_place;
