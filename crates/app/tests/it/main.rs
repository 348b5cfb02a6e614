//! The program as seen by a shell and by clients of its server, in tests that need no real Milvus.
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test, and panicking says so")]

mod browser;
mod calling;
mod configuration;
mod deploy;
mod described;
mod documents;
mod flags;
mod grpc_calls;
mod grpc_door;
mod grpc_lists;
mod help;
mod rest_v1;
mod rest_v1_drop_in;
mod rest_v1_go_backups;
mod rest_v2;
mod rows_that_stay_away;
mod server_door;
mod server_hostile;
mod server_life;
mod server_limits;
mod server_roles;
mod server_tls;
mod server_watched;
mod serving;
mod terminal;
mod there;
mod tool;
