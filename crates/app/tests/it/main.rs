//! The program as seen by a shell and by clients of its server, in tests that need no real Milvus.
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test, and panicking says so")]

mod api_descriptions;
mod browser;
mod completion;
mod configuration;
mod deploy;
mod documents;
mod flags;
mod grpc_access;
mod grpc_backups;
mod grpc_calls;
mod grpc_client;
mod grpc_lists;
mod help;
mod hostile_clients;
mod lacking;
mod messages;
mod missing_rows;
mod names;
mod other_runs;
mod progress;
mod remote_commands;
mod rest_v1;
mod rest_v1_drop_in;
mod rest_v1_go_backups;
mod rest_v2;
mod server_access;
mod server_lifecycle;
mod server_limits;
mod server_monitoring;
mod server_roles;
mod server_tls;
mod serving;
mod terminal;
mod tool;
mod unreadable_backups;
