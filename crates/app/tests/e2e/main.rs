//! The program against real servers: commands, their output, and the content of Milvus afterwards.
//!
//! These tests need the servers of `scripts/servers`; `testkit::servers` describes what happens without them.
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod catalog;
mod duplicate_keys;
mod fresh_collections;
mod gateways;
mod go_backups;
mod inserts;
mod interrupted;
mod l0_segments;
mod old_server;
mod options;
mod privileges;
mod remote_commands;
mod rest_v1;
mod round_trip;
mod security;
mod serving;
mod source;
mod surplus_files;
mod tool;
mod wrong_place;
